"""A worker turned by hand under a clock that stands still: days of work in seconds.

Everything is the product's own but the time, the arq process and the network: a wire takes
what leaves. Steps of the ladder, absences, alerts and the rest happen at the turn that finds
them due, as they do in a worker that looks every second.
"""

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any

from inbox import clock as real_clock
from inbox import delivery, failpoints
from inbox.alerting.gathering import Alerts
from inbox.amends import Amends
from inbox.asks import Chase
from inbox.channels.base import OutboundMessage, Receipt
from inbox.company.covering import Cover
from inbox.courier import Courier
from inbox.db import Database
from inbox.delivery import Job
from inbox.drift import Drift
from inbox.foresight import Foresee
from inbox.giving import Give
from inbox.loops import TakeIn, Watch
from inbox.reporting.closing import Close
from inbox.settings import Settings
from tests.conftest import Clock

MOST_TURNS = 100  # of one moment: what goes on for longer goes on for ever


class DiedError(BaseException):
    """The worker ends here, as by a kill."""


@dataclass
class Wire:
    """The far side of the mail; remembers what it took, and when."""

    clock: Clock
    taken: list[tuple[datetime, OutboundMessage]] = field(default_factory=list)

    async def send(
        self, message: OutboundMessage, fence: Callable[[], Awaitable[bool]]
    ) -> Receipt | None:
        """Take a mail, once it is fenced."""
        if not await fence():
            return None
        self.taken.append((self.clock.now, message))
        return Receipt("250 taken")

    def to(self, address: str) -> list[tuple[datetime, OutboundMessage]]:
        """Return what somebody got."""
        return [(at, mail) for at, mail in self.taken if mail.to == address]


class Worker:
    """What ``kip worker`` does, one look at a time."""

    def __init__(
        self, database: Database, settings: Settings, secret: bytes, wire: Wire
    ) -> None:
        self._database = database
        self._wire = wire
        self._take_in = TakeIn(database, settings, secret)
        self._courier = Courier(database)
        with_house = (Watch, Cover, Amends, Chase, Foresee, Drift, Alerts)
        self._looks: list[Callable[[], Awaitable[bool]]] = [
            self._take_in.once,
            *(made(database, settings, secret).once for made in with_house),
            Give(database).once,
            Close(database).once,
            self._send,
        ]

    async def at(self, moment: datetime) -> None:
        """Let time pass up to a moment, and look."""
        self._wire.clock.now = moment
        await self.turn()

    async def turn(self) -> None:
        """Do everything that is due now, and what follows from it."""
        for _ in range(MOST_TURNS):
            if not any([await look() for look in self._looks]):
                break
        else:
            raise AssertionError("something is never done")

    async def _send(self) -> bool:
        claim = delivery.claim
        jobs: list[Job] = await self._database.write(claim, self._wire.clock.now, 20)
        for job in jobs:
            await self._courier.deliver(self._wire, job)
        await self._courier.settle()
        return bool(jobs)

    async def close(self) -> None:
        """End what it has started."""
        await self._take_in.close()


def _users_of(name: str, original: Any) -> list[ModuleType]:
    """Return the product's modules that call something by this name."""
    return [
        module
        for path, module in list(sys.modules.items())
        if path.startswith("inbox.") and getattr(module, name, None) is original
    ]


@contextmanager
def stopped(clock: Clock) -> Iterator[None]:
    """Let everything of the product that reads the time read this clock."""
    original = real_clock.utcnow
    users = _users_of("utcnow", original)
    try:
        for module in users:
            module.utcnow = clock  # type: ignore[attr-defined]
        yield
    finally:
        for module in users:
            module.utcnow = original  # type: ignore[attr-defined]


@dataclass
class Killer:
    """Ends the worker once at each of some failpoints, at its next passage."""

    waiting: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        if self.waiting and name == self.waiting[0]:
            self.done.append(self.waiting.pop(0))
            raise DiedError(name)


@contextmanager
def deadly(killer: Killer) -> Iterator[None]:
    """Let the product's failpoints ask the killer; what was not committed is undone."""
    original = failpoints.failpoint
    users = _users_of("failpoint", original)
    try:
        for module in users:
            module.failpoint = killer  # type: ignore[attr-defined]
        yield
    finally:
        for module in users:
            module.failpoint = original  # type: ignore[attr-defined]
