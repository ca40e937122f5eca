"""A file's bytes as rows: its encoding, its separator, its columns, and its lines.

Read strictly. A file that cannot be read to its end is refused as a whole, with the line at
which it broke, before anything is written.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.sheets.fields import MOST_FIELDS, OWN, clean, column_of, has_key

MOST_BYTES = 64 * 1024 * 1024
MOST_ROWS = 300_000
MOST_COLUMNS = 100
ENCODINGS = ("utf-8", "windows-1258", "windows-1252")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = ",;\t"


class SheetError(ValueError):
    """The file as a whole cannot be used: why (one of ``REASONS``), where, and about what.

    ``columns`` are there where it is about them alone: somebody may say what they are.
    """

    def __init__(
        self, reason: str, line: int = 0, about: str = "", columns: "tuple[Column, ...]" = ()
    ) -> None:
        super().__init__(reason)
        self.reason, self.line, self.about, self.columns = reason, line, about, columns


REASONS = frozenset(
    {
        *("empty", "encoding", "no_columns", "no_key", "twice", "quotes", "too_many_rows"),
        *("too_large", "too_many_columns", "binary"),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its heading has it, and the field that it was taken for ("": left out)."""

    heading: str
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row that says something: its line in the file, and its cells by field.

    ``is_long``: it has more cells than there are columns, so that none can be trusted.
    """

    line: int
    cells: dict[str, str]
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that can be read."""

    columns: tuple[Column, ...]
    text: str
    separator: str

    def lines(self) -> Iterator[Line]:
        """Yield the rows that are not empty.

        Raises
        ------
        SheetError
            At the line from which on it cannot be read.
        """
        reader = _reader(self.text, self.separator)
        begins, number = 1, 0
        try:
            for row in reader:
                first, begins = begins, reader.line_num + 1
                if first == 1 or not any(map(str.strip, row)):
                    continue
                number += 1
                if number > MOST_ROWS:
                    raise SheetError("too_many_rows", first, str(MOST_ROWS))
                yield self._line(first, row)
        except csv.Error as error:
            raise SheetError("quotes", begins) from error

    def _line(self, number: int, row: list[str]) -> Line:
        cells = {
            column.name: clean(cell)
            for column, cell in zip(self.columns, row, strict=False)
            if column.name
        }
        more = any(cell.strip() for cell in row[len(self.columns) :])
        return Line(number, cells, more)


def _reader(text: str, separator: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def open_sheet(body: bytes, encoding: str = "utf-8", chosen: Sequence[str] = ()) -> Sheet:
    """Read a file's head; a mark at its beginning says more than ``encoding``.

    ``chosen`` is the field of each column where a person said so ("": left out); without it
    the headings say.

    Raises
    ------
    SheetError
        If it is no sheet that we can bring in.
    """
    if len(body) > MOST_BYTES:
        raise SheetError("too_large", 0, str(MOST_BYTES >> 20))
    text = decode(body, encoding)
    if not text.strip():
        raise SheetError("empty")
    if "\0" in text:
        raise SheetError("binary", text.count("\n", 0, text.index("\0")) + 1)
    first = text.lstrip("\n\r").split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        heads = next(_reader(text, separator))
    except csv.Error as error:
        raise SheetError("quotes", 1) from error
    return Sheet(_columns(heads, chosen), text, separator)


def _columns(heads: list[str], chosen: Sequence[str]) -> tuple[Column, ...]:
    if len(heads) > MOST_COLUMNS:
        raise SheetError("too_many_columns", 1, str(MOST_COLUMNS))
    meant = chosen if len(chosen) == len(heads) else [column_of(head) for head in heads]
    pairs = zip(heads, meant, strict=True)
    found = tuple(Column(clean(head)[:60], name) for head, name in pairs)
    names = [one.name for one in found if one.name]
    if not names:
        raise SheetError("no_columns", 1, columns=found)
    for name in names:
        if names.count(name) > 1:
            raise SheetError("twice", 1, name, found)
    if not has_key(names):
        raise SheetError("no_key", 1, columns=found)
    if sum(name.startswith(OWN) for name in names) > MOST_FIELDS:
        raise SheetError("too_many_columns", 1, str(MOST_FIELDS), found)
    return found


def decode(body: bytes, encoding: str) -> str:
    """Return a file's text; raises ``SheetError`` with the line that is in another encoding."""
    chosen = next((name for mark, name in _MARKS if body.startswith(mark)), encoding)
    try:
        return body.decode(chosen)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise SheetError("encoding", line, encoding) from error
