"""Looking for a person byte by byte after they were erased: in the database's files and models.

What is looked for is held in memory only, and never longer than the erasure takes.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, String, Table, cast, func, or_, select
from sqlmodel import Session, SQLModel

from inbox.privacy.subjects import Subject, in_parts
from inbox.privacy.words import SHORTEST, spellings
from inbox.triage.text import fold
from models import Attachment, Conversation, Message
from models.base import columns

attachments = columns(Attachment)
conversations = columns(Conversation)
messages = columns(Message)

CHUNK = 8 * 1024 * 1024
MOST_SAID = 60  # lines of messages that are looked for, the longest
LINE = 60  # characters of each
SHORTEST_LINE = 20  # shorter ones stand in many people's messages


def needles(session: Session, subject: Subject) -> frozenset[str]:
    """Return what must not be found any more: addresses, full names, lines, names of files."""
    found = {one for one in subject.addresses if len(one) >= SHORTEST}
    found.update(name for name in subject.names if " " in name.strip())
    lines: set[str] = set()
    for some in in_parts(subject.numbers):
        rows = session.execute(select(conversations.subject).where(conversations.id.in_(some)))
        lines.update(rows.scalars())
    for some in in_parts(subject.messages):
        said = session.execute(
            select(messages.visible_text).where(
                messages.id.in_(some), messages.author_id.is_(None)
            )
        ).scalars()
        lines.update(line.strip()[:LINE].strip() for text in said for line in text.splitlines())
        rows = session.execute(
            select(attachments.filename).where(attachments.message_id.in_(some))
        )
        lines.update(rows.scalars())
    long = sorted((one for one in lines if len(one) >= SHORTEST_LINE), key=len, reverse=True)
    return frozenset(found | set(long[:MOST_SAID]))


def _pattern(wanted: Iterable[str]) -> tuple[re.Pattern[bytes], int] | None:
    """Return what finds any of the texts in bytes, and the length of the longest."""
    every = sorted({one for text in wanted for one in spellings(text)}, key=len, reverse=True)
    if not every:
        return None
    return re.compile(b"|".join(re.escape(one) for one in every)), len(every[0])


def count_in_file(path: Path, wanted: Iterable[str]) -> int:
    """Return how often any of the texts stands in a file, as UTF-8 or as JSON escapes it."""
    looking = _pattern(wanted)
    if looking is None or not path.is_file():
        return 0
    pattern, longest = looking
    count, rest = 0, b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            both = rest + chunk
            end = 0
            for found in pattern.finditer(both):
                count += 1
                end = found.end()
            rest = both[max(end, len(both) - longest + 1) :]
    return count


def count_in_files(paths: Iterable[Path], wanted: frozenset[str]) -> int:
    """Return how often any of the texts stands in these files together."""
    return sum(count_in_file(path, wanted) for path in paths)


def count_in_words(vocabulary: Iterable[str], wanted: Iterable[str]) -> int:
    """Return how many features of a model are, or hold, one of the texts."""
    folded = [fold(one) for one in wanted]
    return sum(any(one in name for one in folded) for name in vocabulary)


def _text_columns(table: Table) -> list[Column[Any]]:
    kinds = (String, JSON)
    return [one for one in table.columns if isinstance(one.type, kinds)]


def count_in_rows(session: Session, wanted: frozenset[str]) -> dict[str, int]:
    """Return how many rows of each table still name one of the texts, whoever wrote them.

    JSON is compared as the database shows it, bytes are not looked into.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    place_of = func.instr if is_sqlite else func.strpos
    found = {}
    for table in SQLModel.metadata.sorted_tables if wanted else ():
        holds = [
            place_of(cast(column, String), text) > 0
            for column in _text_columns(table)
            for text in sorted(wanted)
        ]
        if not holds:
            continue
        query = select(func.count()).select_from(table).where(or_(*holds))
        count = int(session.execute(query).scalar_one())
        if count:
            found[table.name] = count
    return found


def database_files(path: Path) -> list[Path]:
    """Return a SQLite database's files: its pages, its log, its journal."""
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-journal"))]


def other_files(data_dir: Path, database: Path | None) -> list[Path]:
    """Return every file of the data directory but the database's and the models'."""
    own = set() if database is None else {one.resolve() for one in database_files(database)}
    return [
        path
        for path in sorted(data_dir.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and path.suffix != ".npz"
        and path.resolve() not in own
    ]
