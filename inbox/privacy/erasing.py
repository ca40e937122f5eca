"""Taking a person's words away, in one transaction: all of it, or nothing.

What happened, when, and how long it took stays, so that reports keep their figures.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, delete, func, select, update
from sqlmodel import Session

from inbox import closing
from inbox.db import after_commit, insert_into
from inbox.errors import Conflict
from inbox.privacy import apart, trail
from inbox.privacy.places import PLACES, Place
from inbox.privacy.subjects import Subject, find_subject, in_parts, subject_of
from inbox.queue import conversation_name
from inbox.store import searchmarks
from inbox.store.erased import mark_of, own_key
from inbox.templating import N_
from inbox.timeline import ERASED, Happened
from models import (
    Contact,
    Conversation,
    ErasedAddress,
    EventKind,
    LegalHold,
    Status,
    TriageTraining,
)
from models.base import columns

contacts = columns(Contact)
conversations = columns(Conversation)
holds = columns(LegalHold)
trainings = columns(TriageTraining)

HELD = N_("There is a reason to keep this person's data: lift it first.")
_DONE = (Status.RESOLVED, Status.SPAM, Status.MERGED)
TABLES = frozenset({place.name for place in PLACES})
_IN_TRAIL = {trail.EVENTS: "events", trail.ENTRIES: "audit_entries"}
# Under which table's name a dry run counts what has no key of its own.
_COUNTED = {
    "mails": "outbox",
    "sink": "sink_mails",
    "ledger": "mail_ledger",
    "alerts": "alert_messages",
    "notices": "notices",
    "answers": "idempotency_keys",
    "sheets": "sheet_rows",
    "sheet_files": "sheet_imports",
    "learning": "triage_predictions",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that holds a person's words, before any of it is changed."""

    subject: Subject
    rows: apart.Found
    trail: list[trail.Change]

    def counts(self, session: Session) -> dict[str, int]:
        """Return how many rows there are of each table; nothing that is none."""
        counted: Counter[str] = Counter()
        for place in PLACES:
            if place.by and place.words:
                counted[place.name] += sum(_count(session, place, self.subject))
        for name, table in _COUNTED.items():
            counted[table] += len(self.rows[name])
        for change in self.trail:
            counted[_IN_TRAIL[change.source]] += 1
        return {name: count for name, count in sorted(counted.items()) if count}


def look(session: Session, contact_id: int) -> Found:
    """Find everything of a person; nothing is changed."""
    return _look(session, find_subject(session, contact_id))


def look_at(session: Session, numbers: list[int]) -> Found:
    """Find everything in some conversations; nothing is changed."""
    return _look(session, subject_of(session, numbers))


def _look(session: Session, subject: Subject) -> Found:
    return Found(subject, apart.find(session, subject), trail.find_changes(session, subject))


def find_hold(session: Session, contact_ids: list[int]) -> LegalHold | None:
    """Return why the data of one of these must be kept, if there is a reason."""
    for some in in_parts(contact_ids):
        found: LegalHold | None = session.execute(
            select(LegalHold)
            .where(holds.contact_id.in_(some), holds.lifted_at.is_(None))
            .order_by(holds.id)
            .limit(1)
        ).scalar_one_or_none()
        if found is not None:
            return found
    return None


def wipe(
    session: Session,
    found: Found,
    now: datetime,
    *,
    by: int | None,
    for_good: bool = True,
) -> dict[str, int]:
    """Take the words out of everything that was found; return how many rows that were.

    ``for_good``: imports do not bring the person back either.

    Raises
    ------
    Conflict
        If the person's data must be kept.
    """
    subject = found.subject
    if find_hold(session, subject.contacts) is not None:
        raise Conflict(HELD)
    close_open(session, subject.numbers, now, by=by)
    fresh = Found(subject, found.rows, trail.find_changes(session, subject))
    counts = fresh.counts(session)
    if for_good:
        _remember(session, subject, now)
    apart.wipe(session, subject, found.rows, now)
    trail.redact(session, fresh.trail, now)
    for place in PLACES:
        if place.by:
            _take_out(session, place, subject)
    for some in in_parts(subject.contacts):
        session.execute(
            update(Contact)
            .where(contacts.id.in_(some))
            .values(erased_at=now, account_id=None, restricted_at=None)
        )
    searchmarks.mark(session, subject.touched)
    forget_training(session, now)
    after_commit(session, "list", *(conversation_name(one) for one in subject.touched))
    return counts


def close_open(session: Session, numbers: list[int], now: datetime, *, by: int | None) -> None:
    """End what is still open: nobody can answer whom nobody knows."""
    for some in in_parts(numbers):
        rows = session.execute(
            select(Conversation).where(
                conversations.id.in_(some), conversations.status.not_in(_DONE)
            )
        ).scalars()
        for row in rows.all():
            excused = Happened(EventKind.EXCUSED, now, {"reason": ERASED}, by)
            closing.finish(session, row, now, excused, by=by, why=ERASED)


def forget_training(session: Session, now: datetime) -> None:
    """Have a training that runs begin again: it may have read the words already."""
    session.execute(
        update(TriageTraining)
        .where(trainings.finished_at.is_(None), trainings.lease != "")
        .values(lease="", leased_until=now + timedelta(seconds=15), tries=0, step="")
    )


def _remember(session: Session, subject: Subject, now: datetime) -> None:
    """Keep marks of the addresses, so that no import brings the person back."""
    key = own_key(session)
    for kind, value in subject.identities:
        session.execute(
            insert_into(session, ErasedAddress)
            .values(mark=mark_of(key, kind, value), erased_at=now)
            .on_conflict_do_nothing()
        )


def _keys(place: Place, subject: Subject) -> Iterator[tuple[Column[Any], list[Any]]]:
    """Yield by which column the rows of a place are found, and by which keys."""
    table = columns(place.table)
    for name, whose in place.by:
        for some in in_parts(subject.keys(whose)):
            yield table[name], some


def _count(session: Session, place: Place, subject: Subject) -> Iterator[int]:
    for column, keys in _keys(place, subject):
        query = select(func.count()).select_from(place.table).where(column.in_(keys))
        yield int(session.execute(query).scalar_one())


def _take_out(session: Session, place: Place, subject: Subject) -> None:
    for column, keys in _keys(place, subject):
        if place.put:
            put: Mapping[str, Any] = place.put
            session.execute(update(place.table).where(column.in_(keys)).values(**put))
        else:
            session.execute(delete(place.table).where(column.in_(keys)))
