"""What every handler needs, and the shortest ways to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from litestar import Request
from litestar.datastructures import State
from redis.asyncio import Redis

from inbox.db import Database
from inbox.errors import Forbidden
from inbox.settings import Settings
from inbox.store.company import find_company
from inbox.store.people import Person
from inbox.views.desk import Desk
from inbox.views.hub import Hub
from inbox.views.room import Room
from inbox.views.unchanged import Lists
from models import Company

T = TypeVar("T")
HttpRequest = Request[Person | None, Any, State]

MOST_INT = 2**31 - 1  # what an integer column of either database holds
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_COMPANY_KEPT_S = 2.0


@dataclass(slots=True, eq=False)
class Site:
    """One web process's shared parts."""

    settings: Settings
    secret: bytes
    database: Database
    redis: Redis | None
    hub: Hub
    desk: Desk
    room: Room
    assets: dict[str, "Asset"] = field(default_factory=dict)
    looked: set[tuple[Any, ...]] = field(default_factory=set)  # of today; views.looking
    lists: Lists = field(default_factory=lambda: Lists(on=False))
    view_counts: dict[Any, tuple[float, list[str]]] = field(default_factory=dict)
    _company: Company | None = None
    _company_until: float = 0.0

    async def company(self) -> Company | None:
        """Return the company, read at most every two seconds."""
        if self._company is None or time.monotonic() > self._company_until:
            self._company = await self.database.read(find_company)
            self._company_until = time.monotonic() + _COMPANY_KEPT_S
        return self._company

    def forget_company(self) -> None:
        """Read the company anew next time: it was just changed here."""
        self._company_until = 0.0

    def origin(self, host: str) -> str:
        """Return our own origin as this browser knows it: the base URL's, whatever Host says.

        Only on a loopback installation are the other names of this machine accepted.
        """
        base = urlsplit(self.settings.base_url)
        name, port = _host_and_port(host)
        _, base_port = _host_and_port(base.netloc)
        if (base.hostname or "") in ("127.0.0.1", "localhost", "::1") and (
            name in _LOOPBACK and port == base_port
        ):
            return f"{base.scheme}://{host}"
        return f"{base.scheme}://{base.netloc}"

    def static(self, name: str) -> str:
        """Return the address of a static file, changing with its content."""
        return self.assets[name].url


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file, read once at start."""

    url: str
    content_type: str
    plain: bytes
    gzipped: bytes


def _host_and_port(netloc: str) -> tuple[str, str]:
    name, colon, port = netloc.rpartition(":")
    return (name, port) if colon and port.isdigit() else (netloc, "")


def site(request: HttpRequest) -> Site:
    """Return the process's shared parts."""
    found: Site = request.app.state.site
    return found


def number_of(text: str, most: int = MOST_INT) -> int | None:
    """Read a whole number; a larger one is ``most``, what a database holds. None if none."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return min(int(text), most)


def person(request: HttpRequest) -> Person:
    """Return who is signed in; the guard has let nobody else through.

    Raises
    ------
    Forbidden
        If the route was declared open and somebody anonymous came.
    """
    found: Person | None = request.scope.get("user")
    if found is None:
        raise Forbidden("Sign in first.")
    return found


async def reader_zone(request: HttpRequest) -> ZoneInfo:
    """Return the zone in which times are said to whoever looks, and in which they type them."""
    who: Person | None = request.scope.get("user")
    if who is not None and who.time_zone:
        return ZoneInfo(who.time_zone)
    company = await site(request).company()
    return ZoneInfo(company.time_zone if company is not None else "UTC")


async def read(request: HttpRequest, work: Callable[..., T], *args: Any, **named: Any) -> T:
    """Run a read; see Database.read."""
    return await site(request).database.read(work, *args, **named)


async def write(request: HttpRequest, work: Callable[..., T], *args: Any, **named: Any) -> T:
    """Run a write; see Database.write."""
    return await site(request).database.write(work, *args, **named)
