"""For machines: is this process alive, can it do its work."""

from typing import Any

from litestar import Response, get
from sqlalchemy import text
from sqlmodel import Session

from inbox.views.site import HttpRequest, read


@get("/health/live", opt={"access": "link"}, media_type="text/plain")
async def live() -> str:
    """Say that the process answers."""
    return "ok"


def _ping(session: Session) -> None:
    session.execute(text("SELECT 1"))


@get("/health/ready", opt={"access": "link"})
async def ready(request: HttpRequest) -> Response[Any]:
    """Say whether the database answers; 503 when it does not."""
    await read(request, _ping)
    return Response("ok", media_type="text/plain")
