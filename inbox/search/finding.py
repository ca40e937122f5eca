"""Find what a query asks for, and what a person may see of it, the latest first.

Words are asked of the index, everything else of the conversations themselves, so that a state
that changed a moment ago counts. Hits are looked through in portions that grow, up to a bound:
a page says so then, and where to go on.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select
from sqlmodel import Session

from inbox.search.asking import asked_of
from inbox.search.query import NAMED, Filter, Query, Term, Unclear
from inbox.store import search as rows
from inbox.store.people import Person
from inbox.store.search import HIGHEST, SHIFT, Portion
from inbox.templating import N_
from inbox.triage.text import fold
from models import (
    Agent,
    ChannelKind,
    Conversation,
    ConversationTag,
    Inbox,
    RequestType,
    Status,
    Tag,
    Team,
)
from models.base import columns

agents = columns(Agent)
conversations = columns(Conversation)
inboxes = columns(Inbox)
tagged = columns(ConversationTag)
tags = columns(Tag)
teams = columns(Team)
types = columns(RequestType)

PAGE_SIZE = 20
PORTIONS = (60, 4000, 60_000)  # hits that are looked through, until a page is full
APART = (Status.SPAM, Status.MERGED)  # only where they are asked for
NOBODY = N_("Nobody here is called “%(value)s”.")
UNKNOWN = N_("There is no “%(value)s” for %(operator)s here.")
_CHANNEL_WORDS = {
    "email": ("mail", "e-mail", "thu", "thu-dien-tu"),
    "form": ("bieu-mau", "bieu-mau-web", "web", "webform", "web-form"),
    "chat": ("tro-chuyen",),
    "phone": ("call", "dien-thoai", "goi"),
}
_ME = ("me", "toi")
_NOBODY = ("none", "nobody", "chua-giao", "-")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of places. ``next_place`` is None at the end; ``stopped``: at the bound."""

    places: tuple[int, ...]
    next_place: int | None = None
    stopped: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """The conversations, the latest first."""
        return tuple(map(rows.number_at, self.places))


def find(
    session: Session,
    query: Query,
    who: Person,
    *,
    zone: ZoneInfo,
    now: datetime,
    below: int | None = None,
    limit: int = PAGE_SIZE,
) -> Found:
    """Return the conversations that a query asks for and a person's list may show.

    Raises
    ------
    Unclear
        If an operator names somebody or something that is not here.
    """
    conditions, hidden = _conditions(session, query, who, now)
    if query.before is not None:
        conditions.append(conversations.created_at < _start_of(query.before, zone))
    above = 0
    if query.after is not None:
        above = max(0, int(_start_of(query.after, zone).timestamp())) << SHIFT
    asked = asked_of([*query.terms, *_has(query)])
    end = HIGHEST if below is None else below
    found: list[int] = []
    for size in PORTIONS:
        portion = Portion(asked, end, above, max(size, limit + 1))
        wanted = limit + 1 - len(found)
        found += rows.list_fitting(session, portion, who, wanted, hidden, conditions)
        if len(found) > limit:  # one more than a page: there is a next one
            return Found(tuple(found[:limit]), found[limit - 1])
        last = rows.find_last(session, portion)
        if last is None:
            return Found(tuple(found))
        end = last
    return Found(tuple(found), end, stopped=True)


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _has(query: Query) -> list[Term]:
    """Return what ``has:`` asks of the index."""
    return [
        Term(((f"h:{one.value}",),), one.negated) for one in query.filters if one.name == "has"
    ]


# ---- operators -------------------------------------------------------------------------


def _conditions(
    session: Session, query: Query, who: Person, now: datetime
) -> tuple[list[ColumnElement[bool]], tuple[Status, ...]]:
    """Return a condition for each operator, and states that nobody asked for.

    Of an operator any of its values, none of those with a minus.
    """
    found: list[ColumnElement[bool]] = []
    wanted: dict[str, list[ColumnElement[bool]]] = {}
    states: set[str] = set()
    for one in query.filters:
        if one.name == "has":
            continue
        condition = _condition(session, one, who, now)
        states |= {one.value} & {state.value for state in APART} if not one.negated else set()
        if one.negated:
            found.append(not_(func.coalesce(condition, false())))  # nobody's is not somebody's
        elif one.name == "is":
            found.append(condition)  # late and unassigned: both
        else:
            wanted.setdefault(one.name, []).append(condition)
    found += [or_(*some) for some in wanted.values()]
    return found, tuple(state for state in APART if state.value not in states)


def _condition(
    session: Session, one: Filter, who: Person, now: datetime
) -> ColumnElement[bool]:
    if one.name == "is":
        return _state(one.value, who, now)
    if one.name == "status":
        return conversations.status == one.value
    if one.name == "urgency":
        return conversations.urgency == one.value
    if one.name == "channel":
        return conversations.channel == _channel(one)
    if one.name == "owner":
        return _owner(session, one, who)
    column, ids = _named(session, one)
    if not ids:
        raise Unclear(UNKNOWN, value=one.said, operator=one.operator)
    if one.name == "tag":
        ids = select(tagged.conversation_id).where(tagged.tag_id.in_(ids))
    fits: ColumnElement[bool] = column.in_(ids)
    return fits


def _state(value: str, who: Person, now: datetime) -> ColumnElement[bool]:
    is_open = conversations.status == Status.OPEN
    if value == "late":
        return and_(is_open, conversations.next_due_at <= now)
    if value == "unassigned":
        return conversations.owner_id.is_(None)
    if value == "mine":
        return conversations.owner_id == who.id
    if value == "unread":
        return and_(
            conversations.last_inbound_at.is_not(None),
            or_(
                conversations.read_at.is_(None),
                conversations.read_at < conversations.last_inbound_at,
            ),
        )
    return conversations.status == value


def _channel(one: Filter) -> str:
    bare = one.value.replace(" ", "-")
    known = [kind.value for kind in ChannelKind]
    for kind in known:
        if bare == kind or bare in _CHANNEL_WORDS.get(kind, ()):
            return kind
    raise Unclear(UNKNOWN, value=one.said, operator=one.operator)


def _owner(session: Session, one: Filter, who: Person) -> ColumnElement[bool]:
    bare = one.value.replace(" ", "-")
    if bare in _ME:
        return conversations.owner_id == who.id
    if bare in _NOBODY:
        return conversations.owner_id.is_(None)
    known = session.execute(select(agents.id, agents.name, agents.email))
    ids = [
        row.id
        for row in known
        if row.email == one.value or one.value in (fold(row.name), row.email.split("@")[0])
    ] or _holding(session, one.value, agents.id, agents.name)
    if not ids:
        raise Unclear(NOBODY, value=one.said)
    return conversations.owner_id.in_(ids)


def _holding(session: Session, value: str, key: Any, *named: Any) -> list[Any]:
    """Return the keys of rows one of whose names holds a value, folded."""
    found = session.execute(select(key, *named))
    return [row[0] for row in found if any(value in fold(name or "") for name in row[1:])]


def _named(session: Session, one: Filter) -> tuple[Any, Any]:
    """Return which column, and its values that a name may mean."""
    value = one.value
    assert one.name in NAMED  # noqa: S101 -- the parser knows no other
    if one.name == "type":
        spaced = value.replace("-", " ").replace("_", " ")
        key = spaced.replace(" ", "_")
        if session.get(RequestType, key) is not None:
            return conversations.request_type, [key]
        named = (types.name_vi, types.name_en)
        return conversations.request_type, _holding(session, spaced, types.key, *named)
    if one.name == "team":
        return conversations.team_id, _holding(session, value, teams.id, teams.name)
    if one.name == "inbox":
        return conversations.inbox_id, _holding(
            session, value, inboxes.id, inboxes.handle, inboxes.name
        )
    return conversations.id, _holding(session, value, tags.id, tags.name)


# ---- names -----------------------------------------------------------------------------


def as_typed(query: Query) -> Query:
    """Return the query of somebody who still types: its last word may go on."""
    if not query.terms or query.terms[-1].negated or query.text.endswith('"'):
        return query
    return replace(query, terms=(*query.terms[:-1], replace(query.terms[-1], prefix=True)))
