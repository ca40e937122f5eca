"""What a list may be asked for: a closed set of filters, each question with a bounded cost.

A page looks at the first rows of the list's order, at ``WINDOWS[-1]`` of them at most, and
says where it stopped: what is rare costs another page instead of a walk through everything.
The filter that leaves fewest rows, by what it is and for tags by counting a few, chooses the
index to walk along.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, select
from sqlmodel import Session

from inbox.clock import read_day
from inbox.errors import NotFound
from inbox.store.conversations import LIST_SIZE, Cursor, Listed, beyond, list_by_number
from inbox.store.counts import MOST, looker, seen_by
from inbox.store.people import Person
from inbox.triage.text import fold
from models import (
    URGENCY_RANK,
    Contact,
    Conversation,
    ConversationTag,
    Follower,
    OwnValue,
    Urgency,
)
from models.base import columns, core

conversations = columns(Conversation)
contacts = columns(Contact)
carried = columns(ConversationTag)
followers = columns(Follower)
values = columns(OwnValue)

STATES = ("open", "waiting", "snoozed", "resolved")
WAITS = ("customer", "third_party", "snoozed")
URGENCIES = tuple(one.value for one in URGENCY_RANK)
WINDOWS = (200, 2000)
COUNTED = 400  # rows that a view's number looks at
FEW = 1000
MOST_ID = 2**31 - 1
LONGEST = 120
UNKNOWN = "This filter is not known. Start at the list’s top."


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked of a list; every field "" or 0 asks nothing, but ``state``, which is open.

    ``owner`` is an id, "me" or "none". ``since`` and ``until`` are ISO dates of the company,
    both included, on which it arrived. ``field`` is an own field's id and ``value`` what it is
    to hold. ``late``, ``again``, ``unanswered`` and ``followed`` are "1" where asked.
    """

    state: str = ""
    owner: str = ""
    team: int = 0
    inbox: int = 0
    channel: str = ""
    type: str = ""
    urgency: str = ""
    tier: str = ""
    product: str = ""
    tag: int = 0
    account: int = 0
    late: str = ""
    waiting: str = ""
    since: str = ""
    until: str = ""
    again: str = ""
    unanswered: str = ""
    followed: str = ""
    field: int = 0
    value: str = ""

    def asked(self) -> dict[str, str]:
        """Return what is asked, as an address and a saved view keep it."""
        return {name: str(value) for name in NAMES if (value := getattr(self, name))}


PLAIN = Filters()
NAMES = tuple(one.name for one in fields(Filters))
_NUMBERS = frozenset(one.name for one in fields(Filters) if one.type is int)
_ONE_OF = {"state": STATES, "waiting": WAITS, "urgency": URGENCIES}
_FLAGS = ("late", "again", "unanswered", "followed")


def read(given: Mapping[str, str]) -> Filters:
    """Read filters from an address, a form or a saved view; other names are not ours.

    Raises
    ------
    NotFound
        If one has a value that it cannot have.
    """
    found: dict[str, Any] = {}
    for name in NAMES:
        text = given.get(name, "").strip()
        if not text or (name == "state" and text == "open"):
            continue
        found[name] = _number(text) if name in _NUMBERS else _text(name, text)
    if not found.get("field") or "value" not in found:
        found.pop("field", None)
        found.pop("value", None)
    return Filters(**found)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise NotFound(UNKNOWN)
    return min(int(text), MOST_ID)


def _text(name: str, text: str) -> str:
    wrong = len(text) > LONGEST or "\0" in text
    wrong |= name in _ONE_OF and text not in _ONE_OF[name]
    wrong |= name in _FLAGS and text != "1"
    wrong |= name == "owner" and text not in ("me", "none") and not text.isascii()
    if name == "owner" and text not in ("me", "none"):
        _number(text)
    if name in ("since", "until"):
        try:
            read_day(text)
        except ValueError as error:
            raise NotFound(UNKNOWN) from error
    if wrong:
        raise NotFound(UNKNOWN)
    return text


# ---- conditions: each with its own parameter, so that a statement is written once -----------

DRIVERS = ("account", "owner", "product", "inbox", "type", "team", "urgency")
"""Filters with an index in the list's order, those that leave fewest rows first."""
COUNTABLE = ("tag", "field", "followed")
"""Filters over tables of their own: few of them are looked up, many are walked past."""


def _condition(name: str, at: str) -> ColumnElement[bool]:
    """Return the condition of one filter; ``at`` is added to its parameters' names."""
    value: ColumnElement[Any] = bindparam(f"f_{name}{at}")
    if name in _PLAIN:
        return conversations[_PLAIN[name]] == value
    found: ColumnElement[bool] = _OTHERS[name](value, at)
    return found


_PLAIN = {
    "state": "status",
    "owner": "owner_id",
    "team": "team_id",
    "inbox": "inbox_id",
    "channel": "channel",
    "type": "request_type",
    "urgency": "urgency_rank",
    "product": "product_group",
    "account": "account_id",
    "waiting": "wait_reason",
}
_OTHERS: dict[str, Any] = {
    "nobody": lambda _value, _at: conversations.owner_id.is_(None),
    "late": lambda value, _: conversations.next_due_at <= value,
    "since": lambda value, _: conversations.created_at >= value,
    "until": lambda value, _: conversations.created_at < value,
    "again": lambda _value, _: conversations.asked_again > 0,
    "unanswered": lambda _value, _: conversations.first_responded_at.is_(None),
    "tier": lambda value, _: exists().where(
        contacts.id == conversations.contact_id, contacts.tier == value
    ),
    "tag": lambda value, _: exists().where(
        carried.conversation_id == conversations.id, carried.tag_id == value
    ),
    "followed": lambda value, _: exists().where(
        followers.conversation_id == conversations.id, followers.agent_id == value
    ),
    "field": lambda value, at: exists().where(
        values.conversation_id == conversations.id,
        values.field_id == value,
        values.folded == bindparam(f"f_value{at}"),
    ),
}


def _few(name: str, at: str) -> ColumnElement[bool]:
    """Return the condition for what few rows of another table name."""
    value: ColumnElement[Any] = bindparam(f"f_{name}{at}")
    found: Select[Any] = {
        "tag": select(carried.conversation_id).where(carried.tag_id == value),
        "followed": select(followers.conversation_id).where(followers.agent_id == value),
        "field": select(values.conversation_id).where(
            values.field_id == value, values.folded == bindparam(f"f_value{at}")
        ),
    }[name]
    return conversations.id.in_(found)


class Question(NamedTuple):
    """How a question is written; its values come with each asking."""

    names: tuple[str, ...]  # filters that are asked besides the state
    driver: str  # the one whose index is walked; "" is the list's own
    few: bool  # the driver names few rows
    sees_all: bool


def _inner(question: Question, at: str, size: str, *, after: bool) -> Select[Any]:
    query = (
        select(conversations.id, conversations.order_at, conversations.urgency_rank)
        .where(_condition("state", at), seen_by(question.sees_all))
        .order_by(conversations.order_at, conversations.urgency_rank, conversations.id)
        .limit(bindparam(size))
    )
    if question.driver:
        way = _few if question.few else _condition
        query = query.where(way(question.driver, at))
    return query.where(beyond()) if after else query


def _matching(question: Question, at: str, size: str, most: str, *, after: bool) -> Select[Any]:
    window = _inner(question, at, size, after=after).subquery()
    place = window.c.order_at, window.c.urgency_rank, window.c.id
    rest = [_condition(name, at) for name in question.names if name != question.driver]
    return (
        select(*place)
        .join(core(Conversation), conversations.id == window.c.id)
        .where(*rest)
        .order_by(*place)
        .limit(bindparam(most))
    )


@lru_cache(maxsize=256)
def _page_query(question: Question, *, after: bool) -> Select[Any]:
    return _matching(question, "", "size", "most", after=after)


@lru_cache(maxsize=256)
def _end_query(question: Question, *, after: bool) -> Select[Any]:
    """Return the place of the window's last row, if it is full."""
    query = _inner(question, "", "one", after=after)
    return query.offset(bindparam("before_last"))


# ---- asking --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and where the next one begins. ``looked`` short: the next may have more."""

    rows: list[Listed]
    after: Cursor | None
    is_partial: bool = False  # it stopped looking before it was full


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, when, and in which zone days begin."""

    who: Person
    now: datetime
    zone: ZoneInfo


def find(
    session: Session, asking: Asking, filters: Filters, after: Cursor | None = None
) -> Found:
    """Return a page of what is asked for, in the list's order."""
    question = _question(session, asking, filters)
    given = _values(asking, filters, "") | looker(asking.who)
    if after is not None:
        given |= {"at": after.order_at, "rank": after.urgency_rank, "id": after.id}
    places: list[Cursor] = []
    last: Cursor | None = None
    for size in WINDOWS:
        query = _page_query(question, after=after is not None)
        places = [
            Cursor(*row)
            for row in session.execute(query, {**given, "size": size, "most": LIST_SIZE})
        ]
        rows = list_by_number
        if len(places) == LIST_SIZE:
            return Found(rows(session, [one.id for one in places]), places[-1])
        ends = {**given, "one": 1, "before_last": size - 1}
        end = session.execute(_end_query(question, after=after is not None), ends).one_or_none()
        if end is None:
            return Found(rows(session, [one.id for one in places]), None)
        last = Cursor(end.order_at, end.urgency_rank, end.id)
    return Found(rows(session, [one.id for one in places]), last, is_partial=True)


def _question(session: Session, asking: Asking, filters: Filters) -> Question:
    names = _names(filters)
    driver, few = next((name for name in DRIVERS if name in names), ""), False
    if "nobody" in names:
        driver = "nobody"
    for name in COUNTABLE:
        if name in names and _is_few(session, name, _values(asking, filters, "")):
            driver, few = name, True
            break
    return Question(names, driver, few, asking.who.sees_all)


def _names(filters: Filters) -> tuple[str, ...]:
    names = [name for name in filters.asked() if name not in ("state", "value")]
    if filters.owner == "none":
        names[names.index("owner")] = "nobody"
    return tuple(names)


def _values(asking: Asking, filters: Filters, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {"state": filters.state or "open"}
    found |= {name: getattr(filters, name, None) for name in _names(filters)}
    if filters.owner and filters.owner != "none":
        found["owner"] = asking.who.id if filters.owner == "me" else int(filters.owner)
    if filters.urgency:
        found["urgency"] = URGENCY_RANK[Urgency(filters.urgency)]
    found |= {"followed": asking.who.id, "late": asking.now}
    for name, days in (("since", 0), ("until", 1)):
        if name in found:
            found[name] = _midnight(found[name], asking.zone, days)
    if filters.field:
        found["value"] = fold(filters.value)
    return {f"f_{name}{at}": value for name, value in found.items()}


def _midnight(day: str, zone: ZoneInfo, days: int) -> datetime:
    found = date.fromisoformat(day) + timedelta(days=days)
    return datetime(found.year, found.month, found.day, tzinfo=zone).astimezone(UTC)


@cache
def _few_query(name: str) -> Select[Any]:
    some: dict[str, Select[Any]] = {
        "tag": select(carried.conversation_id).where(carried.tag_id == bindparam("f_tag")),
        "followed": select(followers.conversation_id).where(
            followers.agent_id == bindparam("f_followed")
        ),
        "field": select(values.conversation_id).where(
            values.field_id == bindparam("f_field"), values.folded == bindparam("f_value")
        ),
    }
    found = some[name].limit(FEW + 1).subquery()
    return select(func.count()).select_from(found)


def _is_few(session: Session, name: str, given: Mapping[str, Any]) -> bool:
    return bool(session.execute(_few_query(name), dict(given)).scalar_one() <= FEW)


def count(session: Session, asking: Asking, several: Sequence[Filters]) -> list[str]:
    """Return how many each of several questions finds, as shown, in one statement.

    "99+" is a hundred or more; "7+" are seven among the first rows, and perhaps others.
    """
    if not several:
        return []
    given: dict[str, Any] = {**looker(asking.who), "size": COUNTED, "most": MOST + 1}
    asked = []
    for n, one in enumerate(several):
        names = _names(one)
        driver = next((name for name in DRIVERS if name in names), "")
        driver = "nobody" if "nobody" in names else driver
        asked.append(Question(names, driver, False, asking.who.sees_all))
        given |= _values(asking, one, f"_{n}")
    row = session.execute(_count_query(tuple(asked)), given).one()
    return [_shown(row[2 * n], row[2 * n + 1]) for n in range(len(several))]


def _shown(found: int, looked: int) -> str:
    if found > MOST:
        return f"{MOST}+"
    return f"{found}+" if looked >= COUNTED else str(found)


@lru_cache(maxsize=64)
def _count_query(questions: tuple[Question, ...]) -> Select[Any]:
    parts: list[ColumnElement[int]] = []
    for n, question in enumerate(questions):
        matching = _matching(question, f"_{n}", "size", "most", after=False).subquery()
        looked = _inner(question, f"_{n}", "size", after=False).subquery()
        parts += [
            select(func.count()).select_from(one).scalar_subquery()
            for one in (matching, looked)
        ]
    return cast("Select[Any]", select(*parts))
