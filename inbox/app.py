"""The web process: everything is put together here."""

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from litestar import Litestar
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.logging import LoggingConfig
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from inbox.clock import utcnow
from inbox.db import Database
from inbox.queue import Announcer, connect
from inbox.settings import Settings
from inbox.store.sessions import live_among
from inbox.templating import give_all
from inbox.views import assets, unchanged
from inbox.views.desk import Desk
from inbox.views.hub import Hub
from inbox.views.render import on_error
from inbox.views.room import Room
from inbox.views.routes import ROUTES
from inbox.views.security import admit, page_headers
from inbox.views.site import Site

MAX_BODY_BYTES = 2 * 1024 * 1024  # routes that take files allow more

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Litestar:
    """Make the web application; it opens its connections when it starts."""
    return assemble(make_site(settings))


def make_site(settings: Settings) -> Site:
    """Make what handlers share, from the settings; nothing is opened yet."""
    redis = connect(settings.redis_url) if settings.redis_url else None
    database = Database(settings.database, Announcer(redis))

    async def still_in(session_ids: Sequence[str]) -> set[str]:
        return await database.read(live_among, session_ids, utcnow())

    hub = Hub(redis, still_in)
    desk, room = Desk(database, hub), Room(hub.tell)
    hub.hear(room.hear)
    site = Site(settings, settings.secret, database, redis, hub, desk, room, assets.load())
    give_all(static=site.static)
    site.lists.on = hub.live
    hub.hear(site.lists.hear)
    return site


def assemble(site: Site) -> Litestar:
    """Put the routes together over a site: half a second's work, as there are many."""
    return Litestar(
        ROUTES,
        before_request=admit,
        exception_handlers={Exception: on_error},
        middleware=[with_headers, unchanged.spare],
        lifespan=[_living],
        state=State({"site": site}),
        openapi_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=LoggingConfig(configure_root_logger=False),
    )


@contextlib.asynccontextmanager
async def _living(app: Litestar) -> AsyncIterator[None]:
    site: Site = app.state.site
    site.hub.start()
    site.desk.start()
    site.room.start()
    try:
        yield
    finally:
        await site.room.stop()
        await site.desk.stop()
        await site.hub.stop()
        await site.database.close()
        if site.redis is not None:
            await site.redis.aclose()


def with_headers(app: ASGIApp) -> ASGIApp:
    """Put the security headers on every answer."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        site: Site = scope["litestar_app"].state.site
        headers = [
            (name.encode(), value.encode())
            for name, value in page_headers(site, _host(scope)).items()
        ]

        async def with_ours(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in headers if pair[0] not in there),
                ]
            await send(message)

        await app(scope, receive, with_ours)

    return call


def _host(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            return value.decode("latin-1")
    return ""
