"""An import's way: its file is read and judged, somebody says yes, its rows are brought in.

Nothing is written before the yes. Each batch of rows is brought in by one transaction that
also says how far it went, so whoever goes on after a death begins where that one ended, and
the same file once more changes nothing.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database, is_away
from inbox.errors import Conflict, NotFound
from inbox.sheets.fields import Fault, Known
from inbox.sheets.judging import Seen, judge, load_known, read_cells
from inbox.sheets.reading import Line, Sheet, SheetError, open_sheet
from inbox.sheets.writing import write
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import (
    AuditAction,
    AuditThing,
    RowOutcome,
    SheetFile,
    SheetImport,
    SheetRow,
    SheetState,
)
from models.base import columns, insert_many

files = columns(SheetFile)
imports = columns(SheetImport)
sheet_rows = columns(SheetRow)

log = logging.getLogger(__name__)

TOGETHER = 1000  # rows in one unit of work: others write in between
LEASE = timedelta(minutes=2)
KEPT = timedelta(days=7)  # what nobody said yes to, and rows that could not be brought in
NOT_THERE = N_("There is no such import.")
NOT_READY = N_("This import is not waiting for a yes.")
SOME_WRONG = N_("Some rows cannot be brought in. Say whether the others are to be.")
Tell = Callable[[int], None]


def begin(
    session: Session,
    body: bytes,
    filename: str,
    encoding: str,
    *,
    by: int | None,
    now: datetime,
) -> int:
    """Store a file to be read; ``by`` None is a command's."""
    made = SheetImport(
        made_by_id=by,
        filename=filename[:200],
        encoding=encoding,
        created_at=now,
        leased_until=now,
    )
    session.add(made)
    session.flush()
    session.add(SheetFile(import_id=made.id, body=body))
    return made.id


def get_import(session: Session, number: int, *, to_change: bool = False) -> SheetImport:
    """Return an import.

    Raises
    ------
    NotFound
        If there is none.
    """
    found: SheetImport | None = session.get(
        SheetImport, number, populate_existing=True, with_for_update=to_change or None
    )
    if found is None:
        raise NotFound(NOT_THERE)
    return found


def accept(
    session: Session, number: int, *, anyway: bool, by: int | None, now: datetime
) -> None:
    """Say yes: its rows are brought in from now on; ``anyway`` without those that are wrong.

    Raises
    ------
    Conflict
        If it does not wait for that, or has wrong rows and ``anyway`` was not said.
    """
    found = get_import(session, number, to_change=True)
    stopped = found.state is SheetState.FAILED and found.after > 0
    if found.state is not SheetState.READY and not stopped:
        raise Conflict(NOT_READY)
    if found.counts.get(RowOutcome.WRONG.value) and not anyway:
        raise Conflict(SOME_WRONG)
    found.state, found.error = SheetState.RUNNING, {}
    session.add(found)
    session.execute(delete(SheetFile).where(files.import_id == number))
    thing, begun = AuditThing.IMPORT, AuditAction.CREATED
    after = {"file": found.filename, "rows": found.total}
    add_entry(session, thing, number, begun, now, by=by, after=after)


def drop(session: Session, number: int) -> None:
    """Forget an import that nobody said yes to, or that is over.

    Raises
    ------
    Conflict
        If it is being brought in.
    """
    found = get_import(session, number, to_change=True)
    if found.state is SheetState.RUNNING:
        raise Conflict(NOT_READY)
    _remove(session, [number])


def forget_old(session: Session, now: datetime) -> int:
    """Remove what was over or left lying some days ago; return how many imports."""
    old = select(imports.id).where(
        imports.created_at < now - KEPT, imports.state != SheetState.RUNNING
    )
    numbers = list(session.execute(old).scalars())
    _remove(session, numbers)
    return len(numbers)


def _remove(session: Session, numbers: Sequence[int]) -> None:
    if numbers:
        session.execute(delete(SheetRow).where(sheet_rows.import_id.in_(numbers)))
        session.execute(delete(SheetFile).where(files.import_id.in_(numbers)))
        session.execute(delete(SheetImport).where(imports.id.in_(numbers)))


class Bring:
    """The worker's part: judges files, and brings in what somebody said yes to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> bool:
        """Judge one file, or bring in one batch; True if there is more."""
        found = await self._database.read(_find_work, utcnow())
        if found is None:
            return False
        number, state = found
        if state is SheetState.RUNNING:
            await bring_batch(self._database, number)
        else:
            await check(self._database, number)
        return True


def _find_work(session: Session, now: datetime) -> tuple[int, SheetState] | None:
    found = session.execute(
        select(imports.id, imports.state)
        .where(
            imports.state.in_([SheetState.CHECKING, SheetState.RUNNING]),
            imports.leased_until <= now,
        )
        .order_by(imports.id)
        .limit(1)
    ).first()
    return (found.id, found.state) if found is not None else None


# ---- judged ------------------------------------------------------------------------------


async def check(database: Database, number: int, tell: Tell | None = None) -> None:
    """Read a file to its end and judge each row; nothing else is written.

    ``tell`` hears how many rows more were read. Whoever is second leaves it to the first.
    """
    lease = utcnow() + LEASE
    body, encoding = await database.write(_claim, number, lease)
    if body is None:
        return
    try:
        known = (await database.read(get_import, number)).columns
        chosen = [str(name) for _, name in known]  # by a person, or by a check that died
        sheet = await asyncio.to_thread(open_sheet, body, encoding, chosen)
        await _judge_all(database, number, sheet, lease, tell)
    except SheetError as error:
        await database.write(_refuse, number, error)


async def _judge_all(
    database: Database, number: int, sheet: Sheet, lease: datetime, tell: Tell | None
) -> None:
    await database.write(_start_over, number, sheet)
    lines, seen = sheet.lines(), Seen()
    coming = asyncio.create_task(_read_next(database, lines))
    try:
        while (some := await coming).rows:
            # The database has its own work with these; we read on meanwhile.
            coming = asyncio.create_task(_read_next(database, lines))
            renewed = utcnow() + LEASE
            if not await database.write(_keep, number, some, seen, lease, renewed):
                return  # another has it in hand
            lease = renewed
            if tell is not None:
                tell(len(some.rows))
    finally:
        coming.cancel()
        await asyncio.wait([coming])
    await database.write(_end_check, number)


class _Read(NamedTuple):
    """Rows as their cells alone say, and whom and what these could name at that moment."""

    rows: list[tuple[Line, list[Fault]]]
    known: Known


async def _read_next(database: Database, lines: Iterator[Line]) -> _Read:
    known = await database.read(load_known)
    return _Read(await asyncio.to_thread(read_cells, islice(lines, TOGETHER), known), known)


def _claim(session: Session, number: int, lease: datetime) -> tuple[bytes | None, str]:
    claimed = session.execute(
        update(SheetImport)
        .where(
            imports.id == number,
            imports.state == SheetState.CHECKING,
            imports.leased_until <= lease - LEASE,
        )
        .values(leased_until=lease)
        .returning(imports.encoding)
    ).first()
    file = session.get(SheetFile, number) if claimed is not None else None
    if claimed is None or file is None:
        return None, ""
    return file.body, claimed.encoding


def _start_over(session: Session, number: int, sheet: Sheet) -> None:
    session.execute(delete(SheetRow).where(sheet_rows.import_id == number))
    found = get_import(session, number, to_change=True)
    found.columns = [[one.heading, one.name] for one in sheet.columns]
    found.counts, found.done = {}, 0
    found.total = max(sheet.text.count("\n"), 1)  # about; said exactly when it is read
    session.add(found)


def _keep(
    session: Session,
    number: int,
    some: _Read,
    seen: Seen,
    lease: datetime,
    renewed: datetime,
) -> bool:
    """Write down what some rows would do; False if it is another's turn by now."""
    judged = judge(session, some.rows, some.known, seen)
    counts = Counter(one.outcome.value for one in judged)
    found = session.execute(
        select(SheetImport)
        .where(imports.id == number, imports.state == SheetState.CHECKING)
        .with_for_update()
    ).scalar_one_or_none()
    if found is None or found.leased_until != lease:
        return False
    found.counts = dict(Counter(found.counts) + counts)
    found.done, found.leased_until = found.done + len(some.rows), renewed
    session.add(found)
    session.execute(
        insert_many(SheetRow),
        [
            {
                "import_id": number,
                "line": one.line,
                "cells": one.cells,
                "outcome": one.outcome,
                "says": one.says(),
                "wrong": [list(fault) for fault in one.wrong],
            }
            for one in judged
        ],
    )
    return True


def _end_check(session: Session, number: int) -> None:
    found = get_import(session, number, to_change=True)
    if not found.done:
        _refuse(session, number, SheetError("empty"))
        return
    found.total, found.done = found.done, 0
    found.state, found.leased_until = SheetState.READY, found.created_at
    session.add(found)


def _refuse(session: Session, number: int, error: SheetError) -> None:
    session.execute(delete(SheetRow).where(sheet_rows.import_id == number))
    found = get_import(session, number, to_change=True)
    if error.columns:  # somebody may say what they are, and have it read again
        found.columns = [[one.heading, one.name] for one in error.columns]
        found.leased_until = found.created_at
    else:
        session.execute(delete(SheetFile).where(files.import_id == number))
    found.state = SheetState.FAILED
    found.error = {"reason": error.reason, "line": error.line, "about": error.about}
    session.add(found)


# ---- brought in ----------------------------------------------------------------------------


async def bring_batch(database: Database, number: int) -> int:
    """Bring in the next rows; return how many, 0 at the end.

    What cannot be brought in for a reason that nobody foresaw stops the import where it is;
    somebody may have it go on.
    """
    try:
        return await database.write(_bring, number, utcnow())
    except Exception as error:
        if is_away(error):
            raise
        log.exception("import %d stopped", number)
        await database.write(_stop, number)
        return 0


def _bring(session: Session, number: int, now: datetime) -> int:
    found = session.execute(
        select(SheetImport)
        .where(imports.id == number, imports.state == SheetState.RUNNING)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if found is None:
        return 0
    some = session.execute(
        select(*(sheet_rows.id, sheet_rows.line, sheet_rows.cells, sheet_rows.outcome))
        .where(
            sheet_rows.import_id == number,
            sheet_rows.id > found.after,
            sheet_rows.outcome != RowOutcome.WRONG,
        )
        .order_by(sheet_rows.id)
        .limit(TOGETHER)
    ).all()
    if not some:
        found.state, found.finished_at, found.done = SheetState.DONE, now, found.total
        session.add(found)
        return 0
    lines = [Line(row.line, row.cells) for row in some]
    known = load_known(session)
    judged = judge(session, read_cells(lines, known, again=True), known, Seen())
    write(session, judged, by=found.made_by_id, now=now)
    late = {row.id: one.wrong for row, one in zip(some, judged, strict=True) if one.wrong}
    for row_id, wrong in late.items():
        values = {"outcome": RowOutcome.WRONG, "wrong": [list(one) for one in wrong]}
        session.execute(update(SheetRow).where(sheet_rows.id == row_id).values(**values))
    session.execute(  # those that were wrong before, or are now, stay to be seen
        delete(SheetRow).where(
            sheet_rows.import_id == number,
            sheet_rows.id.between(some[0].id, some[-1].id),
            sheet_rows.outcome != RowOutcome.WRONG,
        )
    )
    said = Counter(row.outcome.value for row in some if row.id in late)
    found.counts = dict(
        Counter(found.counts) - said + Counter({RowOutcome.WRONG.value: len(late)})
    )
    found.after, found.done = some[-1].id, found.done + len(some)
    session.add(found)
    return len(some)


def _stop(session: Session, number: int) -> None:
    found = get_import(session, number, to_change=True)
    found.state = SheetState.FAILED
    found.after = max(found.after, 1)  # it may go on, also from its first row
    found.error = {"reason": "stopped", "line": 0, "about": ""}
    session.add(found)
