"""GET /live: what changed, as server-sent events. Names travel, never content."""

import asyncio
import contextlib
from typing import Any

from litestar import Response, get
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from inbox.views.hub import Hub, Stream
from inbox.views.site import HttpRequest, person, site

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
END_S = 1.0


class Streaming(ASGIResponse):
    """An answer that goes on until the browser leaves or the hub ends it."""

    __slots__ = ("_agent_id", "_hub", "_session_id")

    _should_set_content_length = False

    def __init__(self, hub: Hub, agent_id: int, session_id: str) -> None:
        super().__init__(media_type="text/event-stream", headers=HEADERS)
        self._hub, self._agent_id, self._session_id = hub, agent_id, session_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the names that the hub tells."""

        async def put(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await self.start_response(send)
        await put(b"retry: 3000\n\n")
        stream = Stream(put, self._agent_id, self._session_id)
        self._hub.open(stream)
        left = asyncio.create_task(_leaves(receive))
        left.add_done_callback(lambda _: stream.over.set())
        try:
            await stream.over.wait()
        finally:
            left.cancel()
            self._hub.close(stream)
        with contextlib.suppress(TimeoutError):  # not for a browser that takes nothing
            async with asyncio.timeout(END_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Live(Response[bytes]):
    """Makes the stream when the answer is sent."""

    def __init__(self, hub: Hub, agent_id: int, session_id: str) -> None:
        super().__init__(b"", media_type="text/event-stream")
        self._stream = Streaming(hub, agent_id, session_id)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """Return what sends it."""
        return self._stream


@get("/live", opt={"access": "agent"})
async def live(request: HttpRequest) -> Response[Any]:
    """Stream names of changed things; 204 when there is no Redis, and pages poll instead."""
    where, who = site(request), person(request)
    if not where.hub.live:
        return Response(b"", status_code=204)
    return Live(where.hub, who.id, who.session_id)
