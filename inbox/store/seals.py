"""The chain of seals over events and audit entries: its links, and what they are made of."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Select, Table, bindparam, func, select, text
from sqlmodel import Session

from inbox.db import insert_into
from inbox.store.rowdata import Row, canonical, plain_table, row_hash
from models import AuditEntry, AuditSeal, Event, Redaction
from models.base import columns, core

SOURCES: dict[str, Table] = {
    table.name: plain_table(table) for table in (core(Event), core(AuditEntry), core(Redaction))
}
BATCH = 500  # rows of one seal
FIRST, LAST = -(2**63), 2**63 - 1  # what an id can be, whoever gave it

seals = columns(AuditSeal)
redactions = columns(Redaction)
_SEAL = plain_table(core(AuditSeal))


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of the chain: its last link, and the last row sealed of each source."""

    id: int
    hash: str
    sealed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Link:
    """A seal as the database has it."""

    id: int
    at: datetime
    source: str
    rows: Any  # [[id, SHA-256 of the row], …], unless somebody has been at it
    hash: str


def link_hash(before: str, link_id: int, at: datetime, source: str, rows: Any) -> str:
    """Return the hash of a link: it covers the link before, and everything that it says."""
    return hashlib.sha256(canonical([before, link_id, at, source, rows])).hexdigest()


def _by_id(table: Table) -> Select[Any]:
    return _between(select(table), table.c.id)


def _ids(key: Column[Any]) -> Select[Any]:
    return _between(select(key), key)


def _between(query: Select[Any], key: Column[Any]) -> Select[Any]:
    return (
        query.where(
            key > bindparam("after", type_=BigInteger),
            key <= bindparam("upto", type_=BigInteger),
        )
        .order_by(key)
        .limit(bindparam("most"))
    )


_ROWS = {name: _by_id(table) for name, table in SOURCES.items()}
_HIGHEST = {name: select(func.max(table.c.id)) for name, table in SOURCES.items()}
_LINKS = _by_id(_SEAL)


def list_rows(session: Session, source: str, *, after: int, upto: int, limit: int) -> list[Row]:
    """Return rows of a source in the order of their ids, ``after`` excluded."""
    wanted = {"after": after, "upto": upto, "most": limit}
    return [tuple(row) for row in session.execute(_ROWS[source], wanted)]


def highest_ids(session: Session) -> dict[str, int]:
    """Return the newest row of each source, 0 where there is none."""
    return {name: session.execute(query).scalar() or 0 for name, query in _HIGHEST.items()}


def find_tip(session: Session) -> Tip:
    """Return the end of the chain; an empty chain ends at link 0."""
    last = session.execute(
        select(seals.id, seals.hash).order_by(seals.id.desc()).limit(1)
    ).one_or_none()
    sealed = {}
    for source in SOURCES:
        rows = session.execute(
            select(seals.rows).where(seals.source == source).order_by(seals.id.desc()).limit(1)
        ).scalar()
        sealed[source] = max((row[0] for row in rows or ()), default=0)
    return Tip(last.id, last.hash, sealed) if last is not None else Tip(0, "", sealed)


def add_link(session: Session, link: Link) -> bool:
    """Append a link; False if another worker has put one in its place."""
    values = {name: getattr(link, name) for name in Link.__dataclass_fields__}
    done = session.execute(
        insert_into(session, AuditSeal).values(values).on_conflict_do_nothing()
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def list_links(session: Session, after: int, limit: int) -> list[Link]:
    """Return links in their order, ``after`` excluded; ``rows`` is None if they are no JSON."""
    wanted = {"after": after, "upto": LAST, "most": limit}
    try:
        return [Link(*row) for row in session.execute(_LINKS, wanted)]
    except ValueError:
        ids = session.execute(_ids(seals.id), wanted).scalars()
        return [_link(session, link_id) for link_id in ids.all()]


def _link(session: Session, link_id: int) -> Link:
    try:
        wanted = {"after": link_id - 1, "upto": link_id, "most": 1}
        return Link(*session.execute(_LINKS, wanted).one())
    except ValueError:
        return Link(link_id, datetime.fromtimestamp(0, UTC), "", None, "")


def list_seals_of(
    session: Session, source: str, *, after: int, upto: int, limit: int
) -> list[tuple[int, str]]:
    """Return id and hash of rows; "" as the hash where a row cannot even be read."""
    key = SOURCES[source].c.id
    try:
        rows = list_rows(session, source, after=after, upto=upto, limit=limit)
        return [(row[0], row_hash(row).hex()) for row in rows]
    except ValueError:
        wanted = {"after": after, "upto": upto, "most": limit}
        ids = session.execute(_ids(key), wanted).scalars()
        return [(row_id, _hash_of(session, source, row_id)) for row_id in ids.all()]


def list_redactions(session: Session, source: str, ids: list[int]) -> dict[int, dict[str, str]]:
    """Return what was taken out of these rows: for each its hash before, and the one after."""
    rows = session.execute(
        select(redactions.row_id, redactions.before_hash, redactions.after_hash).where(
            redactions.source == source, redactions.row_id.in_(ids)
        )
    )
    found: dict[int, dict[str, str]] = {}
    for row_id, before, after in rows:
        found.setdefault(row_id, {})[before] = after
    return found


def _hash_of(session: Session, source: str, row_id: int) -> str:
    try:
        rows = list_rows(session, source, after=row_id - 1, upto=row_id, limit=1)
    except ValueError:
        return ""
    return row_hash(rows[0]).hex()


def count_after(session: Session, source: str, after: int) -> int:
    """Return how many rows of a source have a higher id."""
    key = SOURCES[source].c.id
    query = select(func.count()).where(key > bindparam(None, after, type_=BigInteger))
    return int(session.execute(query.select_from(SOURCES[source])).scalar_one())


def find_newest(session: Session) -> tuple[int, datetime, str] | None:
    """Return number, moment and hash of the last link."""
    row = session.execute(
        select(seals.id, seals.at, seals.hash).order_by(seals.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else (row.id, row.at, row.hash)


_SNAPSHOT = text(
    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint "
    "FROM pg_current_snapshot() AS s"
)


def running_span(session: Session) -> tuple[int, int]:
    """Return PostgreSQL's oldest running transaction, and the next one to begin.

    What writes later than now has a number from the second on; once the first has reached
    it, everything that was being written now is committed or gone.
    """
    oldest, following = session.execute(_SNAPSHOT).one()
    return int(oldest), int(following)
