"""GET /live: what changed, as server-sent events. Names travel, never content."""

import time
from collections.abc import AsyncIterator
from typing import Any

from litestar import Response, get
from litestar.response import Stream

from inbox.clock import utcnow
from inbox.queue import account_name, notices_name
from inbox.store import sessions
from inbox.views.site import HttpRequest, person, site

RECHECK_S = 9.0  # with a heartbeat 14: R46 says 15, also when Redis lost the name


@get("/live", opt={"access": "agent"})
async def live(request: HttpRequest) -> Response[Any]:
    """Stream names of changed things; 204 when there is no Redis, and pages poll instead."""
    where = site(request)
    if not where.hub.live:
        return Response(b"", status_code=204)
    who = person(request)
    mine, account, session_id = notices_name(who.id), account_name(who.id), who.session_id

    async def events() -> AsyncIterator[str]:
        yield "retry: 3000\n\n"
        checked = time.monotonic()
        async for name in where.hub.names(frozenset({mine, account})):
            if name == account or time.monotonic() - checked > RECHECK_S:
                checked = time.monotonic()
                if not await where.database.read(
                    sessions.is_session_live, session_id, utcnow()
                ):
                    return
            if not name or name == account:
                yield ": still here\n\n"
                continue
            shown = "notices" if name == mine else name
            yield f"event: {shown}\ndata: 1\n\n"

    return Stream(
        events(),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )
