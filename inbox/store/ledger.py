"""The mail ledger: each sighting of a mail is one row, and each row is in one state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from models import LedgerEntry, LedgerState, LedgerVia, RawMessage, RawState
from models.base import columns, core

entries = columns(LedgerEntry)
raws = columns(RawMessage)

MOST_CHARS = 300
PAGE = 50
DAYS = 7
LOOKED_THROUGH = 20_000  # entries that a search for words goes through


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail lies in a mailbox; the numbers are the server's."""

    mailbox_id: int
    uidvalidity: int
    uid: int


@cache
def _insert(dialect: str) -> Any:
    """Return the statement that writes one; what was left in the mailbox may come later."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(core(LedgerEntry))
    names = ("raw_id", "state", "sender", "subject", "reason")
    return statement.on_conflict_do_update(
        index_elements=["mailbox_id", "via", "uidvalidity", "uid"],
        set_={name: statement.excluded[name] for name in names},
        where=entries.raw_id.is_(None),
    )


_SETTLE = (
    update(core(LedgerEntry))
    .where(entries.raw_id == bindparam("number"), entries.state != LedgerState.DUPLICATE)
    .values(
        state=bindparam("now_is"),
        sender=bindparam("by"),
        subject=bindparam("about"),
        reason=bindparam("why"),
    )
)
_MOVE = (
    update(core(LedgerEntry))
    .where(entries.raw_id == bindparam("number"), entries.state != LedgerState.DUPLICATE)
    .values(state=bindparam("now_is"), reason=bindparam("why"))
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mail that was seen: where, and what became of it so far."""

    inbox_id: int
    state: LedgerState
    via: LedgerVia = LedgerVia.SMTP
    place: Place | None = None
    raw_id: int | None = None
    sender: str = ""
    subject: str = ""
    reason: str = ""


def sight(session: Session, seen: Sighting, now: datetime) -> None:
    """Write down that a mail was seen; the same place in a mailbox is written down once."""
    place = seen.place
    values = {
        "inbox_id": seen.inbox_id,
        "mailbox_id": place.mailbox_id if place else None,
        "via": seen.via,
        "uidvalidity": place.uidvalidity if place else None,
        "uid": place.uid if place else None,
        "raw_id": seen.raw_id,
        "state": seen.state,
        "sender": seen.sender[:MOST_CHARS],
        "subject": seen.subject[:MOST_CHARS],
        "reason": seen.reason[:MOST_CHARS],
        "seen_at": now,
    }
    session.execute(_insert(session.get_bind().dialect.name), values)


def settle(
    session: Session,
    raw_id: int,
    state: LedgerState,
    *,
    sender: str,
    subject: str,
    reason: str = "",
) -> None:
    """Write down what became of a mail that was read."""
    values = {"number": raw_id, "now_is": state, "why": reason[:MOST_CHARS]}
    words = {"by": sender[:MOST_CHARS], "about": subject[:MOST_CHARS]}
    session.execute(_SETTLE, values | words)


def move(session: Session, raw_id: int, state: LedgerState, reason: str = "") -> None:
    """Write down what became of a mail, read or not; copies of it stay copies."""
    values = {"number": raw_id, "now_is": state, "why": reason[:MOST_CHARS]}
    session.execute(_MOVE, values)


def wait_again(session: Session, inbox_id: int) -> None:
    """Write down that what was in quarantine for an inbox waits again."""
    waiting = select(raws.id).where(raws.inbox_id == inbox_id, raws.state == RawState.PENDING)
    session.execute(
        update(LedgerEntry)
        .where(
            entries.state == LedgerState.QUARANTINED,
            entries.inbox_id == inbox_id,
            entries.raw_id.in_(waiting),
        )
        .values(state=LedgerState.WAITING, reason="")
    )


def thin(session: Session, before: datetime, limit: int) -> int:
    """Forget lines without words from before a time, at most ``limit``; return how many.

    Those are of sent mail that was none of our business, and of copies. What lies in a
    mailbox stays, or it would be missed there and fetched again.
    """
    old = (
        select(entries.id)
        .where(
            entries.seen_at < before,
            entries.state.in_([LedgerState.IGNORED, LedgerState.DUPLICATE]),
            entries.via != LedgerVia.IMAP,
            entries.sender == "",
            entries.subject == "",
        )
        .order_by(entries.seen_at)
        .limit(limit)
    )
    done = session.execute(delete(LedgerEntry).where(entries.id.in_(old)))
    return int(done.rowcount)  # type: ignore[attr-defined]


def first_uid(session: Session, mailbox_id: int, uidvalidity: int) -> int | None:
    """Return the first number of a folder of sent mail that the ledger has."""
    found: int | None = session.execute(
        select(func.min(entries.uid)).where(
            entries.mailbox_id == mailbox_id,
            entries.via == LedgerVia.SENT,
            entries.uidvalidity == uidvalidity,
        )
    ).scalar_one()
    return found


def known_uids(
    session: Session,
    mailbox_id: int,
    uidvalidity: int,
    first: int,
    last: int,
    via: LedgerVia = LedgerVia.IMAP,
) -> set[int]:
    """Return which of a mailbox's numbers the ledger has, from ``first`` to ``last``."""
    found = session.execute(
        select(entries.uid).where(
            entries.mailbox_id == mailbox_id,
            entries.via == via,
            entries.uidvalidity == uidvalidity,
            entries.uid.between(first, last),
        )
    )
    return set(found.scalars())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries a page shows; None and "" mean all."""

    state: LedgerState | None = None
    inbox_id: int | None = None
    words: str = ""
    before: int | None = None  # an entry's number: those older than it


def list_entries(session: Session, wanted: Wanted) -> Sequence[LedgerEntry]:
    """Return entries, newest first, one more than a page has where there are more."""
    query = select(LedgerEntry).order_by(entries.id.desc()).limit(PAGE + 1)
    if wanted.state is not None:
        query = query.where(entries.state == wanted.state)
    if wanted.inbox_id is not None:
        query = query.where(entries.inbox_id == wanted.inbox_id)
    if wanted.before is not None:
        query = query.where(entries.id < wanted.before)
    if wanted.words:
        newest = session.execute(select(func.max(entries.id))).scalar_one() or 0
        start = min(newest, wanted.before or newest)
        said = f"%{_plain(wanted.words.lower())}%"
        query = query.where(
            entries.id > start - LOOKED_THROUGH,
            or_(
                func.lower(entries.sender).like(said, escape="\\"),
                func.lower(entries.subject).like(said, escape="\\"),
            ),
        )
    return session.execute(query).scalars().all()


def _plain(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def count_days(
    session: Session, bounds: Sequence[datetime]
) -> dict[int, dict[LedgerState, int]]:
    """Count entries by day and state; day n lies from ``bounds[n]`` to the next."""
    day = case(
        *((entries.seen_at < end, number) for number, end in enumerate(bounds[1:])),
        else_=-1,
    ).label("day")
    found = session.execute(
        select(day, entries.state, func.count().label("n"))
        .where(entries.seen_at >= bounds[0], entries.seen_at < bounds[-1])
        .group_by(day, entries.state)
    )
    counts: dict[int, dict[LedgerState, int]] = {n: {} for n in range(len(bounds) - 1)}
    for row in found:
        counts[row.day][row.state] = row.n
    return counts


def count_mailbox(
    session: Session, mailbox_id: int, uidvalidity: int, first: int
) -> Mapping[LedgerState, int]:
    """Count a mailbox's entries by state, from a number on."""
    found = session.execute(
        select(entries.state, func.count().label("n"))
        .where(
            entries.mailbox_id == mailbox_id,
            entries.via == LedgerVia.IMAP,
            entries.uidvalidity == uidvalidity,
            entries.uid >= first,
        )
        .group_by(entries.state)
    )
    return {row.state: row.n for row in found}


def find_entry(session: Session, entry_id: int) -> LedgerEntry | None:
    """Return an entry."""
    return session.get(LedgerEntry, entry_id)


def find_copies(session: Session, raw_ids: Iterable[int]) -> dict[int, LedgerEntry]:
    """Return, for each stored mail, the entry that is no copy."""
    found = session.execute(
        select(LedgerEntry).where(
            entries.raw_id.in_(list(raw_ids)), entries.state != LedgerState.DUPLICATE
        )
    )
    return {one.raw_id: one for one in found.scalars() if one.raw_id is not None}
