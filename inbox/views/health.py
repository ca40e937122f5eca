"""For machines: is this process alive, can it do its work, and the numbers behind it."""

from ipaddress import ip_address
from typing import Any

from litestar import Response, get
from sqlalchemy import text
from sqlmodel import Session

from inbox.auth import hash_token
from inbox.clock import utcnow
from inbox.db import DatabaseGone, DatabaseReplaced
from inbox.errors import Forbidden, InboxError
from inbox.store import health
from inbox.store.sessions import find_token_person
from inbox.views import metrics
from inbox.views.security import Unauthorised
from inbox.views.site import HttpRequest, read, site
from models import Scope

# Any of these says that somebody stands between us and whoever asks.
PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@get("/health/live", opt={"access": "link"}, media_type="text/plain")
async def live() -> str:
    """Say that the process answers."""
    return "ok"


def _ping(session: Session) -> None:
    session.execute(text("SELECT 1"))


@get("/health/ready", opt={"access": "link"})
async def ready(request: HttpRequest) -> Response[Any]:
    """Say whether this process can serve; 503 when the database does not answer.

    With ``?work=1`` also whether the work behind it gets done: 503 when messages, mails or
    clocks have waited for more than a minute, or an inbox's mailbox or own sending server
    fails for so long (whoever may see the numbers is told which). That is for whoever
    watches, not for a load balancer: a web process without a worker still takes messages.
    """
    try:
        await read(request, _ping)
        if "work" not in request.query_params:
            return Response("ok", media_type="text/plain")
        late = (await read(request, health.look, utcnow())).late_work()
        failing = await read(request, health.failing_ways, utcnow())
    except DatabaseReplaced:
        return _unready("The database's file was replaced or deleted: stop Kịp and look at it.")
    except DatabaseGone as error:
        return _unready(error.message)
    said = "".join(f"{name}: nothing done for {age:.0f} s\n" for name, age in late.items())
    named = await _is_scraper(request)
    for name, addresses in failing.items():
        if addresses:
            who = ", ".join(addresses) if named else str(len(addresses))
            said += f"{name} failing: {who}\n"
    return Response(said or "ok", media_type="text/plain", status_code=503 if said else 200)


async def _is_scraper(request: HttpRequest) -> bool:
    """Tell whether whoever asks may know the inboxes' addresses."""
    try:
        await _demand_scraper(request)
    except InboxError:
        return False
    return True


def _unready(sentence: str) -> Response[Any]:
    return Response(f"{sentence}\n", media_type="text/plain", status_code=503)


@get("/metrics", opt={"access": "link"})
async def show_metrics(request: HttpRequest) -> Response[Any]:
    """Give Prometheus its numbers: to this machine itself, else for an admin's token."""
    await _demand_scraper(request)
    where = site(request)
    numbers = await read(request, health.look, utcnow())
    backend = "sqlite" if where.database.is_sqlite else "postgresql"
    said = metrics.render(numbers, metrics.measure_process(), database=backend)
    return Response(
        said.encode(),
        headers={"content-type": metrics.CONTENT_TYPE, "cache-control": "no-store"},
    )


async def _demand_scraper(request: HttpRequest) -> None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        who = await read(request, find_token_person, hash_token(token.strip()))
        if who is None:
            raise Unauthorised("This token is unknown or was revoked.")
        if who.scope is not Scope.ADMIN:
            raise Forbidden("The numbers need a token with the scope admin.")
        return
    proxied = any(name in request.headers for name in PROXY_HEADERS)
    if proxied or not _is_loopback(request.client.host if request.client else ""):
        raise Unauthorised("Send a token with the scope admin: Authorization: Bearer ….")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
