"""CSV that a spreadsheet shows as text, whatever a stranger wrote into a cell (S27)."""

import csv
import io
from collections.abc import Iterable, Sequence

BOM = "\ufeff"  # at the beginning of a file: tells spreadsheets that it is UTF-8
# What makes a spreadsheet compute a cell; the wide forms are folded to these by some.
_TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def defused(cell: str) -> str:
    """Return a cell that is no formula: a leading apostrophe where it would be one."""
    return f"'{cell}" if cell.startswith(_TRIGGERS) else cell


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Return lines of CSV with every cell defused and quoted."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([[defused(cell) for cell in row] for row in rows])
    return out.getvalue()
