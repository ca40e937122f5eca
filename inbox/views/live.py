"""GET /live: what changed, as server-sent events. Names travel, never content."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Response, get
from litestar.response import Stream

from inbox.views.site import HttpRequest, person, site


@get("/live", opt={"access": "agent"})
async def live(request: HttpRequest) -> Response[Any]:
    """Stream names of changed things; 204 when there is no Redis, and pages poll instead."""
    where = site(request)
    if not where.hub.live:
        return Response(b"", status_code=204)
    mine = f"notices-{person(request).id}"

    async def events() -> AsyncIterator[str]:
        yield "retry: 3000\n\n"
        async for name in where.hub.names(frozenset({mine})):
            if not name:
                yield ": still here\n\n"
                continue
            shown = "notices" if name == mine else name
            yield f"event: {shown}\ndata: 1\n\n"

    return Stream(
        events(),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )
