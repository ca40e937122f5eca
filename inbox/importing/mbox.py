"""Mails out of an mbox file, or a folder of .eml files, one at a time in bounded memory."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inbox.errors import Invalid

LINE_BYTES = 1024 * 1024  # a longer line comes in pieces

_SEPARATOR = re.compile(rb"From [^\r\n]{0,1000}\r?\n?$")
_QUOTED = re.compile(rb">+From ")


@dataclass(frozen=True, slots=True)
class Found:
    """One mail of a file; ``raw`` is empty where it was larger than ``most`` bytes."""

    name: str  # file, and which mail of it
    raw: bytes
    size_bytes: int


def read_mails(path: Path, most: int, tell: Callable[[int], None]) -> Iterator[Found]:
    """Read every mail; ``tell`` gets how many bytes of the whole were read, now and then.

    Raises
    ------
    Invalid
        If there is no such file, or it holds no mail.
    """
    if path.is_dir():
        yield from _read_folder(path, most, tell)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        if path.suffix.lower() == ".eml":
            raw = file.read(most + 1)
            size = path.stat().st_size
            tell(size)
            yield Found(path.name, raw if size <= most else b"", size)
        else:
            yield from _read_mbox(file, path.name, most, tell)


def count_bytes(path: Path) -> int:
    """Return how much there is to read."""
    if path.is_dir():
        return sum(one.stat().st_size for one in _files(path))
    return path.stat().st_size if path.exists() else 0


def _files(path: Path) -> list[Path]:
    found = (one for one in path.rglob("*") if one.suffix.lower() == ".eml" and one.is_file())
    return sorted(found)


def _read_folder(path: Path, most: int, tell: Callable[[int], None]) -> Iterator[Found]:
    files = _files(path)
    if not files:
        raise Invalid(f"{path} holds no .eml file.")
    for file in files:
        name, size = str(file.relative_to(path)), file.stat().st_size
        tell(size)
        yield Found(name, file.read_bytes() if size <= most else b"", size)


def _read_mbox(
    file: BinaryIO, name: str, most: int, tell: Callable[[int], None]
) -> Iterator[Found]:
    first = file.readline(LINE_BYTES)
    if not first.startswith(b"From "):
        raise Invalid(f"{name} is no mbox file: it does not begin with a line 'From …'.")
    number, mail, told = 1, _Mail(most), len(first)
    is_start, after_blank = True, False  # of a line; a separator has a blank one before it
    while line := file.readline(LINE_BYTES):
        told += len(line)
        if is_start and after_blank and _SEPARATOR.match(line):
            tell(told)
            told = 0
            yield mail.found(f"{name} {number}")
            number, mail = number + 1, _Mail(most)
        elif is_start and _QUOTED.match(line):
            mail.add(line[1:])
        else:
            mail.add(line)
        after_blank = is_start and not line.strip(b"\r\n")
        is_start = line.endswith(b"\n")
    tell(told)
    yield mail.found(f"{name} {number}")


class _Mail:
    """One mail as far as it was read; no more than is allowed is kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> None:
        """Add a line."""
        self._size += len(line)
        if self._size <= self._most:
            self._lines.append(line)
        else:
            self._lines.clear()

    def found(self, name: str) -> Found:
        """Return the mail, without the blank line that ends it in the file."""
        raw = b"".join(self._lines)
        for end in (b"\r\n\r\n", b"\n\n"):
            if raw.endswith(end):
                raw = raw[: -len(end) // 2]
                break
        return Found(name, raw, self._size)
