"""POST and DELETE on a conversation's merge: one of two, and two again."""

from typing import Any

from litestar import Response, delete, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.errors import Invalid
from inbox.store import conversations as rows
from inbox.store.idempotency import Answer
from inbox.views.api import shapes
from inbox.views.api.present import present_conversation
from inbox.views.api.requests import check_query, post_once, read_body, respond, shown
from inbox.views.merges import merge_two, take_out
from inbox.views.site import HttpRequest, person, site, write


def _show(session: Session, number: int) -> Answer:
    session.flush()
    session.expire_all()
    return shown(present_conversation(session, rows.get(session, number)))


@post("/api/v1/conversations/{number:int}/merge", opt={"access": "token"})
async def post_merge(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Make one of this and another; answers with the one that goes on."""
    check_query(request)
    body = await read_body(request, shapes.NewPart)
    who, where = person(request), site(request)

    def work(session: Session) -> Answer:
        both = number, body.other
        return _show(session, merge_two(session, *both, who, where.settings, where.secret))

    return await post_once(request, body, work)


@delete("/api/v1/conversations/{number:int}/merge", opt={"access": "token"}, status_code=200)
async def delete_merge(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Let it be on its own again."""
    check_query(request)
    if await request.body():
        raise Invalid("A body is not asked for here.")
    who = person(request)

    def work(session: Session) -> Answer:
        take_out(session, number, who)
        return _show(session, number)

    return respond(await write(request, work))
