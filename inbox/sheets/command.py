"""An import from its file to its end in one go, as ``kip import csv`` does it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Invalid
from inbox.sheets import work
from inbox.sheets.reading import MOST_BYTES
from inbox.sheets.words import file_sentence, row_sentence
from models import RowOutcome, SheetRow, SheetState
from models.base import columns

sheet_rows = columns(SheetRow)

MOST_SHOWN = 20  # wrong rows that are said one by one

Tell = Callable[[int, int], None]  # how many rows are done, and of how many


async def bring_file(
    database: Database,
    path: Path,
    encoding: str,
    *,
    dry_run: bool = False,
    skip_wrong: bool = False,
    tell: Tell = lambda _done, _total: None,
) -> dict[str, Any]:
    """Judge a file, and bring it in unless rows are wrong; return what came of it.

    Raises
    ------
    Invalid
        If the file as a whole cannot be used, or the import stopped on its way.
    """
    body = await asyncio.to_thread(_read, path)
    number = await database.write(work.begin, body, path.name, encoding, by=None, now=utcnow())
    read = 0

    def count(more: int) -> None:
        nonlocal read
        read += more
        tell(read, max(read, body.count(b"\n")) * 2)

    await work.check(database, number, count)
    found = await database.read(work.get_import, number)
    if found.state is SheetState.FAILED:
        await database.write(work.drop, number)
        raise Invalid(file_sentence(found.error, str))
    is_wrong = bool(found.counts.get(RowOutcome.WRONG.value))
    if dry_run or (is_wrong and not skip_wrong):
        facts = await database.read(_facts, number, written=False)
        await database.write(work.drop, number)
        return facts
    await database.write(work.accept, number, anyway=skip_wrong, by=None, now=utcnow())
    await _run(database, number, read, tell)
    facts = await database.read(_facts, number, written=True)
    await database.write(work.drop, number)
    return facts


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


async def _run(database: Database, number: int, total: int, tell: Tell) -> None:
    while True:
        done = await work.bring_batch(database, number)
        found = await database.read(work.get_import, number)
        tell(total + found.done, total * 2)
        if found.state is SheetState.FAILED:
            raise Invalid(file_sentence(found.error, str))
        if found.state is SheetState.DONE:
            return
        if not done:  # a worker has a batch in hand
            await asyncio.sleep(0.1)


def _facts(session: Session, number: int, *, written: bool) -> dict[str, Any]:
    found = work.get_import(session, number)
    wrong = session.execute(
        select(sheet_rows.line, sheet_rows.wrong)
        .where(sheet_rows.import_id == number, sheet_rows.outcome == RowOutcome.WRONG)
        .order_by(sheet_rows.id)
        .limit(MOST_SHOWN)
    )
    return {
        "rows": found.total,
        **{one.value: found.counts.get(one.value, 0) for one in RowOutcome},
        "written": written,
        "left_out": [heading for heading, name in found.columns if not name],
        "wrong_rows": [
            {"line": row.line, "why": row_sentence(row.wrong, str)} for row in wrong
        ],
    }
