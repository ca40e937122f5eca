"""The audit trail as it is read: events of conversations and audit entries in one list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlmodel import Session

from models import AuditEntry, AuditThing, Event
from models.base import columns

events = columns(Event)
entries = columns(AuditEntry)

CONVERSATION = "conversation"  # beside the values of ``AuditThing``
THINGS = (CONVERSATION, *(thing.value for thing in AuditThing))
NOBODY = 0  # as a person: what the product or a command did


class Place(NamedTuple):
    """A place in the list, which is sorted by this, the newest first."""

    at: datetime
    source: str  # entries come before events of the same instant, read downwards
    id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to; None does not narrow."""

    person: int | None = None
    thing: str | None = None
    thing_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None  # excluded


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the list; exactly one of ``event`` and ``entry`` is there."""

    place: Place
    actor_id: int | None
    thing: str
    thing_id: str
    event: Event | None = None
    entry: AuditEntry | None = None

    def moves(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the fields that changed, as they were and as they are.

        An event may say ``to`` of somebody, as a forwarded message does: a field of that name.
        """
        if self.entry is not None:
            return self.entry.before, self.entry.after
        data = self.event.data if self.event is not None else {}
        return _fields("from", data.get("from")), _fields("to", data.get("to"))


def _fields(name: str, said: Any) -> dict[str, Any]:
    if said is None:
        return {}
    return said if isinstance(said, dict) else {name: said}


def list_trail(
    session: Session, wanted: Wanted, *, after: Place | None, limit: int
) -> list[Change]:
    """Return the next lines, the newest first."""
    found = [
        *_run(session, _events(wanted), "event", after, limit),
        *_run(session, _entries(wanted), "entry", after, limit),
    ]
    found.sort(key=lambda one: one.place, reverse=True)
    return found[:limit]


def _run(
    session: Session, query: Select[Any], source: str, after: Place | None, limit: int
) -> Iterator[Change]:
    own = events if source == "event" else entries
    if after is not None:
        query = query.where(_below(own, source, after))
    query = query.order_by(own.at.desc(), own.id.desc()).limit(limit)
    for row in session.execute(query).scalars():
        place = Place(row.at, source, row.id)
        if source == "event":
            number = str(row.conversation_id)
            yield Change(place, row.actor_id, CONVERSATION, number, event=row)
        else:
            yield Change(place, row.actor_id, row.thing.value, row.thing_id, entry=row)


def _below(own: Any, source: str, after: Place) -> ColumnElement[bool]:
    """Return what comes after a place, in the order of ``Place``."""
    older: ColumnElement[bool] = own.at < after.at
    if source > after.source:
        return older
    if source < after.source:
        return or_(older, own.at == after.at)
    return or_(older, and_(own.at == after.at, own.id < after.id))


def _events(wanted: Wanted) -> Select[Any]:
    query = select(Event).where(*_common(events, wanted))
    if wanted.thing not in (None, CONVERSATION):
        return query.where(false())
    if wanted.thing_id is not None:
        number = int(wanted.thing_id) if wanted.thing_id.isdecimal() else 0
        query = query.where(events.conversation_id == min(number, 2**31 - 1))
    return query


def _entries(wanted: Wanted) -> Select[Any]:
    query = select(AuditEntry).where(*_common(entries, wanted))
    if wanted.thing == CONVERSATION:
        return query.where(false())
    if wanted.thing is not None:
        query = query.where(entries.thing == wanted.thing)
    if wanted.thing_id is not None:
        query = query.where(entries.thing_id == wanted.thing_id)
    return query


def _common(own: Any, wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    conditions = []
    if wanted.person == NOBODY:
        conditions.append(own.actor_id.is_(None))
    elif wanted.person is not None:
        conditions.append(own.actor_id == wanted.person)
    if wanted.since is not None:
        conditions.append(own.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(own.at < wanted.until)
    return conditions
