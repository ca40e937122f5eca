"""GET: the list, and one conversation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.params import FromPath
from sqlalchemy import select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound
from inbox.search.finding import find
from inbox.search.query import Filter, Query, parse
from inbox.store import conversations as rows
from inbox.store.conversations import Cursor
from inbox.store.people import Person
from inbox.store.search import HIGHEST
from inbox.views.api import shapes
from inbox.views.api.present import present_conversation, present_items
from inbox.views.api.requests import check_query, respond, shown
from inbox.views.present_list import read_cursor
from inbox.views.site import HttpRequest, number_of, person, read, reader_zone
from models import Conversation, Status
from models.base import columns

conversations = columns(Conversation)

MOST = 200


def _list(
    session: Session, who: Person, status: Status | None, after: Cursor | None, limit: int
) -> shapes.ConversationList:
    listed = rows.list_conversations(session, who, status=status, after=after, limit=limit)
    last = listed[-1] if len(listed) == limit else None
    cursor = Cursor(last.order_at, last.urgency_rank, last.id).text() if last else None
    found = _in_order(session, [row.id for row in listed])
    return shapes.ConversationList(present_items(session, found), cursor)


def _in_order(session: Session, numbers: Sequence[int]) -> list[Conversation]:
    order = {number: n for n, number in enumerate(numbers)}
    found = session.execute(select(Conversation).where(conversations.id.in_(list(order))))
    return sorted(found.scalars(), key=lambda row: order[row.id])


def _search(
    session: Session, who: Person, query: Query, zone: ZoneInfo, below: int | None, limit: int
) -> shapes.ConversationList:
    found = find(session, query, who, zone=zone, now=utcnow(), below=below, limit=limit)
    cursor = str(found.next_place) if found.next_place is not None else None
    items = present_items(session, _in_order(session, found.numbers))
    return shapes.ConversationList(items, cursor)


async def _searched(request: HttpRequest, text: str, limit: int) -> Response[Any]:
    """Answer what a search finds, what was said last first."""
    query, zone = request.query_params, await reader_zone(request)
    asked = parse(text, utcnow().astimezone(zone).date())
    if asked.is_empty:
        raise Invalid("q holds no word to look for.", {"q": "no word"})
    if status := query.get("status"):
        asked = replace(asked, filters=(*asked.filters, Filter("status", status)))
    below = number_of(query["after"], HIGHEST) if query.get("after") else None
    if query.get("after") and below is None:
        raise NotFound("This page of the list is not known. Start at its top.")
    found = await read(request, _search, person(request), asked, zone, below, limit)
    return respond(shown(found))


@get("/api/v1/conversations", opt={"access": "token"})
async def list_conversations(request: HttpRequest) -> Response[Any]:
    """List conversations in the agents' order, or those that ``q`` finds, page by page."""
    check_query(request, "status", "limit", "after", "q")
    query = request.query_params
    status = query.get("status")
    limit = number_of(query.get("limit", "50")) or 0
    if status is not None and status not in list(Status):
        raise Invalid(f"status is one of {', '.join(Status)}.", {"status": "unknown"})
    if not 1 <= limit <= MOST:
        raise Invalid(f"limit is a number from 1 to {MOST}.", {"limit": f"1 to {MOST}"})
    wanted = Status(status) if status else None
    if "q" in query:
        return await _searched(request, query["q"], limit)
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
