"""Taking words out of the audit trail, so that its seals still prove what is left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.privacy import words
from inbox.privacy.places import WORDS_OF_EVENTS
from inbox.privacy.subjects import Subject, in_parts
from inbox.store import seals
from inbox.store.rowdata import row_hash
from inbox.store.seals import LAST, SOURCES
from models import AuditEntry, AuditThing, Event, EventKind, Redaction
from models.base import columns, core

EVENTS, ENTRIES = str(Event.__tablename__), str(AuditEntry.__tablename__)
BATCH = 1000
KEPT = frozenset(
    {"tier", "language", "status", "kind", "value", "product_groups", "restricted"}
)
"""Fields of an entry about a person or their account that are ours and stay readable."""

events = columns(Event)
_TABLES = {EVENTS: core(Event), ENTRIES: core(AuditEntry)}


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the trail, and what it says once the words are out."""

    source: str
    row: Sequence[Any]  # in the order of the table's columns
    values: dict[str, Any]


def find_changes(session: Session, subject: Subject) -> list[Change]:
    """Return the rows of the trail that hold words of a person, and what is to stand there."""
    return [*_events(session, subject), *_entries(session, subject)]


def _events(session: Session, subject: Subject) -> Iterator[Change]:
    table = SOURCES[EVENTS]
    needles = _needles(subject)
    for some in in_parts(subject.touched):
        rows = session.execute(select(table).where(table.c.conversation_id.in_(some)))
        for row in rows:
            keys = WORDS_OF_EVENTS.get(EventKind(row.kind), frozenset())
            after = words.without(row.data, keys, needles)
            if after != row.data:
                yield Change(EVENTS, tuple(row), {"data": after})


def _entries(session: Session, subject: Subject) -> Iterator[Change]:
    """Look through all entries: a person may stand in a rule, an import, a mark, anywhere."""
    if not subject.contacts:
        return  # only conversations: entries are about none
    needles = _needles(subject)
    about = {
        AuditThing.CONTACT.value: {str(one) for one in subject.contacts},
        AuditThing.ACCOUNT.value: {str(one) for one in subject.accounts},
    }
    names = list(SOURCES[ENTRIES].columns.keys())
    after = 0
    while rows := seals.list_rows(session, ENTRIES, after=after, upto=LAST, limit=BATCH):
        for row in rows:
            values = _redacted(dict(zip(names, row, strict=True)), about, needles)
            if values:
                yield Change(ENTRIES, row, values)
        after = rows[-1][0]


def _redacted(
    row: dict[str, Any], about: dict[str, set[str]], needles: list[str]
) -> dict[str, Any]:
    """Return what changes of an entry."""
    is_theirs = row["thing_id"] in about.get(row["thing"], ())
    found: dict[str, Any] = {}
    for name in ("before", "after"):
        if is_theirs:
            found[name] = words.without_all(row[name], KEPT)
        else:
            found[name] = words.without(row[name], (), needles)
    if words.holds(row["thing_id"], needles):
        found["thing_id"] = words.BLANK
    return {name: value for name, value in found.items() if value != row[name]}


def _needles(subject: Subject) -> list[str]:
    return [one for one in subject.addresses if len(one) >= words.SHORTEST]


def redact(session: Session, changes: Sequence[Change], now: datetime) -> int:
    """Take the words out; each row is named, with both its hashes, before it is changed."""
    for change in changes:
        names = list(SOURCES[change.source].columns.keys())
        after = [
            change.values.get(name, value)
            for name, value in zip(names, change.row, strict=True)
        ]
        session.add(
            Redaction(
                source=change.source,
                row_id=change.row[0],
                at=now,
                before_hash=row_hash(change.row).hex(),
                after_hash=row_hash(after).hex(),
            )
        )
    session.flush()
    for change in changes:
        table = _TABLES[change.source]
        session.execute(
            update(table).where(table.c.id == change.row[0]).values(**change.values)
        )
    return len(changes)
