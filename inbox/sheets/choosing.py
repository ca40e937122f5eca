"""A person says which column of a sheet is what; the file is then read again by that."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlmodel import Session

from inbox.errors import Conflict, Invalid
from inbox.sheets.fields import is_field
from inbox.sheets.work import NOT_READY, get_import
from inbox.templating import N_
from models import SheetFile, SheetImport, SheetRow, SheetState
from models.base import columns

files = columns(SheetFile)
sheet_rows = columns(SheetRow)

NO_COLUMN = N_("There is no such column. Load the page again.")


def may_choose(session: Session, found: SheetImport) -> bool:
    """Tell whether somebody may still say what an import's columns are."""
    waits = found.state in (SheetState.READY, SheetState.FAILED)
    file = select(files.import_id).where(files.import_id == found.id)
    return waits and bool(found.columns) and session.execute(file).first() is not None


def choose_columns(session: Session, number: int, names: Sequence[str]) -> None:
    """Say which field each column is ("": left out); the file is read again by that.

    Raises
    ------
    Conflict
        If it is brought in already.
    Invalid
        If there are not as many names as columns, or one is none of ours.
    """
    found = get_import(session, number, to_change=True)
    if not may_choose(session, found):
        raise Conflict(NOT_READY)
    if len(names) != len(found.columns) or not all(map(is_field, names)):
        raise Invalid(NO_COLUMN)
    pairs = zip(found.columns, names, strict=True)
    found.columns = [[heading, name] for (heading, _), name in pairs]
    found.state, found.error, found.counts = SheetState.CHECKING, {}, {}
    found.total = found.done = 0
    session.execute(delete(SheetRow).where(sheet_rows.import_id == number))
    session.add(found)
