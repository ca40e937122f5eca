"""Sealing the audit trail: each second, what is new in it gets a link of a hash chain.

A seal names rows by id and hash and covers the seal before it, so that a row changed, removed
or put in later shows, as long as the last hash is known from elsewhere (docs/audit.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.store import seals
from inbox.store.seals import BATCH, Link, Tip

MOST_LINKS = 8  # of one turn
# An INSERT takes its number a moment before its transaction is seen to run.
SETTLED_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the sources went at a moment, and what PostgreSQL ran then."""

    highest: dict[str, int]
    at: datetime
    following: int  # the first transaction that had not begun; 0 on SQLite


class Seal:
    """Appends seals. Any number of workers may: a link has one place, and the first gets it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tip: Tip | None = None  # kept: a link that is forged meanwhile is not built upon
        self._mark: Mark | None = None

    async def once(self) -> bool:
        """Seal what has settled; True if there may be more."""
        now = utcnow()
        if self._tip is None:
            self._tip = await self._database.read(seals.find_tip)
        mark = await self._database.read(self._settled, self._tip, now)
        if mark is None:
            return False
        links = await self._database.read(_make_links, self._tip, mark.highest, now)
        if links and not await self._database.write(_append, links):
            self._tip = None  # another worker was faster
            return True
        if links:
            self._tip = _moved_on(self._tip, links)
        if len(links) == MOST_LINKS:
            return True
        self._mark = None
        return False

    def _settled(self, session: Session, tip: Tip, now: datetime) -> Mark | None:
        """Return how far no row can come in between any more; None if nothing is new there.

        On SQLite writers take turns, so ids come in their order. On PostgreSQL a row may be
        committed after one with a higher id: we wait until every transaction that ran when we
        looked is over.
        """
        if self._mark is None:
            highest = seals.highest_ids(session)  # first: what is seen here began before
            following = 0 if self._database.is_sqlite else seals.running_span(session)[1]
            if not _is_ahead(highest, tip.sealed):
                return None
            self._mark = Mark(highest, now, following)
        if self._database.is_sqlite:
            return self._mark
        over = seals.running_span(session)[0] >= self._mark.following
        return self._mark if over and now - self._mark.at >= SETTLED_AFTER else None


def _is_ahead(highest: dict[str, int], sealed: dict[str, int]) -> bool:
    return any(number > sealed[source] for source, number in highest.items())


def _make_links(session: Session, tip: Tip, upto: dict[str, int], now: datetime) -> list[Link]:
    """Return the next links: at most ``MOST_LINKS``, ``BATCH`` rows each."""
    links: list[Link] = []
    before = tip.hash
    for source, rows in _batches(session, tip.sealed, upto):
        number = tip.id + len(links) + 1
        link_hash = seals.link_hash(before, number, now, source, rows)
        links.append(Link(number, now, source, rows, link_hash))
        before = link_hash
        if len(links) == MOST_LINKS:
            break
    return links


def _batches(
    session: Session, sealed: dict[str, int], upto: dict[str, int]
) -> Iterator[tuple[str, list[Any]]]:
    for source, last in upto.items():
        after = sealed[source]
        while rows := seals.list_seals_of(session, source, after=after, upto=last, limit=BATCH):
            yield source, [list(row) for row in rows]
            after = rows[-1][0]


def _append(session: Session, links: list[Link]) -> bool:
    """Store the links; False if another worker has the first one's place, and so the rest."""
    return all(seals.add_link(session, link) for link in links)


def _moved_on(tip: Tip, links: list[Link]) -> Tip:
    sealed = tip.sealed | {link.source: link.rows[-1][0] for link in links}
    return Tip(links[-1].id, links[-1].hash, sealed)
