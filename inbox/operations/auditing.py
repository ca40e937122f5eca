"""Reading the audit trail against its seals: what was changed, removed, put in or forged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.db import Database
from inbox.store import seals
from inbox.store.seals import BATCH, FIRST, LAST, SOURCES, Link

LINKS_AT_ONCE = 20  # some 40 KB each
SEALS = "audit_seals"

CHANGED = "changed since it was sealed"
MISSING = "missing: it was sealed and is gone"
UNSEALED = "put in later: rows after it are sealed, this one is not"
GAP = "missing from the chain"
STRAY = "forged: the chain has no such number"
BROKEN = "changed, or the seal before it is: the chain does not continue here"
AFTER_GAP = "cannot be proved: the seal before it is missing"
UNREADABLE = "forged: it does not name rows of a table that is sealed"
OUT_OF_ORDER = "forged: it names rows that come before those of an earlier seal"
NOT_AS_NOTED = "not the seal that was noted: the chain was written anew"


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that is not as it was sealed, or a seal that is not in the chain."""

    table: str
    id: int
    what: str


@dataclass(slots=True)
class Verdict:
    """What a reading of the whole trail found."""

    seals: int = 0
    rows: int = 0  # proved by a seal
    redacted: int = 0  # of them: words were taken out, as a row of redactions says
    findings: int = 0
    waiting: dict[str, int] = field(default_factory=dict)  # newest rows, not sealed yet
    last: tuple[int, datetime, str] | None = None  # number, moment and hash of the last seal


Report = Callable[[Finding], None]


class Reading:
    """One walk along the chain; memory holds a few seals and the rows of one."""

    def __init__(
        self,
        database: Database,
        report: Report,
        progress: Callable[[int], None],
        noted: tuple[int, str] | None,
    ) -> None:
        self._database = database
        self._report = report
        self._progress = progress
        self._noted = noted
        self._verdict = Verdict()
        self._done = dict.fromkeys(SOURCES, FIRST)  # how far each source is covered
        self._expected = 1
        self._before: str | None = ""  # None after a gap

    async def run(self) -> Verdict:
        """Walk to the end."""
        verdict = self._verdict
        position = FIRST
        while links := await self._database.read(seals.list_links, position, LINKS_AT_ONCE):
            for link in links:
                if link.id < self._expected:  # the first has number 1
                    self._find(SEALS, link.id, STRAY)
                    continue
                self._check_link(link)
                await self._check_rows(link)
                verdict.seals += 1
            position = links[-1].id
            verdict.last = (links[-1].id, links[-1].at, links[-1].hash)
        if self._noted is not None and self._noted[0] > position:
            self._find(SEALS, self._noted[0], GAP)
        verdict.waiting = await self._database.read(_count_after, self._done)
        return verdict

    def _find(self, table: str, row_id: int, what: str) -> None:
        self._verdict.findings += 1
        self._report(Finding(table, row_id, what))

    def _check_link(self, link: Link) -> None:
        if link.id > self._expected:
            count = link.id - self._expected
            what = GAP if count == 1 else f"{GAP}, and the {count - 1} after it"
            self._find(SEALS, self._expected, what)
            self._before = None
        if (
            self._noted is not None
            and link.id == self._noted[0]
            and link.hash != self._noted[1]
        ):
            self._find(SEALS, link.id, NOT_AS_NOTED)
        if self._before is None:
            self._find(SEALS, link.id, AFTER_GAP)
        elif link.hash != seals.link_hash(
            self._before, link.id, link.at, link.source, link.rows
        ):
            self._find(SEALS, link.id, BROKEN)
        self._before = link.hash
        self._expected = link.id + 1

    async def _check_rows(self, link: Link) -> None:
        claimed = _claimed(link)
        if claimed is None:
            self._find(SEALS, link.id, UNREADABLE)
            return
        done, last = self._done[link.source], max(claimed)
        if min(claimed) <= done:
            self._find(SEALS, link.id, OUT_OF_ORDER)
            claimed = {key: value for key, value in claimed.items() if key > done}
        while rows := await self._database.read(
            seals.list_seals_of, link.source, after=done, upto=last, limit=BATCH
        ):
            redacted = await self._redacted(link.source, rows, claimed)
            for row_id, row_hash in rows:
                self._check_row(link.source, row_id, row_hash, claimed, redacted)
            done = rows[-1][0]
            self._progress(len(rows))
        for row_id in sorted(claimed):
            self._find(link.source, row_id, MISSING)
        self._done[link.source] = max(self._done[link.source], last)

    async def _redacted(
        self, source: str, rows: list[tuple[int, str]], claimed: dict[int, str]
    ) -> set[int]:
        """Return which of the rows differ from their seal by what erasure took out only."""
        odd = {key: value for key, value in rows if value and claimed.get(key, value) != value}
        if not odd:
            return set()
        told = await self._database.read(seals.list_redactions, source, list(odd))
        return {key for key in odd if _leads_to(claimed[key], odd[key], told.get(key, {}))}

    def _check_row(
        self,
        source: str,
        row_id: int,
        row_hash: str,
        claimed: dict[int, str],
        redacted: set[int],
    ) -> None:
        wanted = claimed.pop(row_id, None)
        if wanted is None:
            self._find(source, row_id, UNSEALED)
        elif row_id in redacted:
            self._verdict.rows += 1
            self._verdict.redacted += 1
        elif wanted != row_hash or not row_hash:
            self._find(source, row_id, CHANGED)
        else:
            self._verdict.rows += 1


def _leads_to(sealed: str, found: str, steps: dict[str, str]) -> bool:
    """Tell whether redactions, one after the other, lead from what was sealed to what is there.

    They are sealed themselves, and so are checked as rows of their own.
    """
    for _ in range(len(steps)):
        if sealed == found or sealed not in steps:
            break
        sealed = steps[sealed]
    return sealed == found


def _claimed(link: Link) -> dict[int, str] | None:
    """Return what a seal says of its rows; None if it is nothing of ours."""
    rows = link.rows
    if link.source not in SOURCES or not isinstance(rows, list) or not rows:
        return None
    if not all(_is_pair(one) for one in rows):
        return None
    return dict(rows)


def _is_pair(one: Any) -> bool:
    if not isinstance(one, list) or len(one) != 2:
        return False
    row_id, row_hash = one
    return isinstance(row_id, int) and isinstance(row_hash, str) and FIRST < row_id <= LAST


def _count_after(session: Session, done: dict[str, int]) -> dict[str, int]:
    return {name: seals.count_after(session, name, after) for name, after in done.items()}


def count_rows(session: Session) -> int:
    """Return how many rows there are to read."""
    return sum(_count_after(session, dict.fromkeys(SOURCES, FIRST)).values())


async def verify(
    database: Database,
    report: Report,
    progress: Callable[[int], None],
    *,
    noted: tuple[int, str] | None = None,
) -> Verdict:
    """Read every seal and every row that one names; ``report`` hears of each that is wrong.

    ``noted`` is number and hash of a seal as somebody wrote them down elsewhere: only that
    shows a chain that was made anew from its beginning.
    """
    return await Reading(database, report, progress, noted).run()
