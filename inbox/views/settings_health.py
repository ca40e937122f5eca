"""Settings: how the work stands, for whoever looks after the installation."""

from typing import Any

from litestar import Response, get
from sqlmodel import Session

from inbox import __version__
from inbox.clock import utcnow
from inbox.store import health
from inbox.store.health import Numbers, Ways
from inbox.views.inbox import speaker_for
from inbox.views.present_health import Health, lines
from inbox.views.render import page
from inbox.views.site import HttpRequest, read, site


@get("/settings/health", opt={"access": "admin"})
async def show_health(request: HttpRequest) -> Response[Any]:
    """Show mailboxes and other ways, queues, lag, the model's version and the last backup."""
    speak = await speaker_for(request)
    where = site(request)
    numbers, ways = await read(request, _look)
    shown = lines(numbers, ways, await where.hub.answers(), speak)
    return await page(
        request,
        "settings/health.html",
        active="settings",
        lines=shown,
        wrong=sum(line.state is Health.WRONG for line in shown),
        version=__version__,
        database="SQLite" if where.database.is_sqlite else "PostgreSQL",
        looked_at=f"{speak.here(speak.now):%H:%M:%S}",
    )


def _look(session: Session) -> tuple[Numbers, Ways]:
    return health.look(session, utcnow()), health.list_ways(session)
