"""GET: the list, and one conversation."""

from typing import Any

from litestar import Response, get
from litestar.params import FromPath
from sqlalchemy import select
from sqlmodel import Session

from inbox.errors import Invalid
from inbox.store import conversations as rows
from inbox.store.conversations import Cursor
from inbox.store.people import Person
from inbox.views.api import shapes
from inbox.views.api.present import present_conversation, present_items
from inbox.views.api.requests import check_query, respond, shown
from inbox.views.present_list import read_cursor
from inbox.views.site import HttpRequest, number_of, person, read
from models import Conversation, Status
from models.base import columns

conversations = columns(Conversation)

MOST = 200


def _list(
    session: Session, who: Person, status: Status | None, after: Cursor | None, limit: int
) -> shapes.ConversationList:
    listed = rows.list_conversations(session, who, status=status, after=after, limit=limit)
    order = {row.id: n for n, row in enumerate(listed)}
    found = list(
        session.execute(select(Conversation).where(conversations.id.in_(list(order)))).scalars()
    )
    found.sort(key=lambda row: order[row.id])
    last = listed[-1] if len(listed) == limit else None
    cursor = Cursor(last.order_at, last.urgency_rank, last.id).text() if last else None
    return shapes.ConversationList(present_items(session, found), cursor)


@get("/api/v1/conversations", opt={"access": "token"})
async def list_conversations(request: HttpRequest) -> Response[Any]:
    """List conversations in the agents' order, a page at a time."""
    check_query(request, "status", "limit", "after")
    query = request.query_params
    status = query.get("status")
    limit = number_of(query.get("limit", "50")) or 0
    if status is not None and status not in list(Status):
        raise Invalid(f"status is one of {', '.join(Status)}.", {"status": "unknown"})
    if not 1 <= limit <= MOST:
        raise Invalid(f"limit is a number from 1 to {MOST}.", {"limit": f"1 to {MOST}"})
    wanted = Status(status) if status else None
    after = read_cursor(query.get("after"))
    return respond(shown(await read(request, _list, person(request), wanted, after, limit)))


def _one(session: Session, number: int, who: Person) -> shapes.Conversation:
    row = rows.get_for_agent(session, number, who, or_asked=True)
    return present_conversation(session, row)


@get("/api/v1/conversations/{number:int}", opt={"access": "token"})
async def get_conversation(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Give one conversation with its messages and events."""
    check_query(request)
    return respond(shown(await read(request, _one, number, person(request))))
