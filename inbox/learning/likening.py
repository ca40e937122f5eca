"""A worker compares what conversations begin with, so that pages can show what helped before.

Each conversation's first words are kept as 256 bits for the model that sorts; all of them lie
in this process's memory, 40 bytes each. A new one's nearest are compared exactly and kept as
rows. Another model is another vocabulary: everything is coded again then, the newest first.
Any number of workers may do this at once; they write the same. It costs several times what
taking a message in does, and can wait: while many wait to be taken in, nothing is compared.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import delete, func, insert, select
from sqlmodel import Session

from inbox.db import Database, insert_into
from inbox.learning.serving import Serving, Sorter, choose
from inbox.staging import count_waiting
from inbox.triage.features import Features, Row
from inbox.triage.similar import WORDS, Index, code_of, rank
from inbox.triage.text import prepare
from models import (
    Conversation,
    Direction,
    Message,
    MessageCode,
    SimilarMessage,
    Status,
)
from models.base import columns, core

codes = columns(MessageCode)
alike = columns(SimilarMessage)
conversations = columns(Conversation)
messages = columns(Message)

EVERY_S = 1.0
BUSY = 40  # messages that wait to be taken in
BATCH = 200  # conversations coded at a turn
COMPARED_AT_ONCE = 10
LOOKED_AT = 60  # nearest by bits, compared exactly
KEPT = 12
AT_LEAST = 0.3  # likeness
MOST_ROWS = 500  # that are remembered, some 5 kB each
MOST_CHARACTERS = 4000  # of a text


@dataclass(frozen=True, slots=True)
class Begun:
    """A conversation's first words; ``code`` if it has one for the model already."""

    number: int
    subject: str
    text: str
    code: bytes | None
    is_open: bool


class Liken:
    """Codes conversations, the newest first, and compares those that are open."""

    def __init__(self, database: Database, serving: Serving) -> None:
        self._database = database
        self._serving = serving
        self._looked = -EVERY_S
        self._begin(None, 0)

    def _begin(self, version_id: int | None, newest: int) -> None:
        self._version_id = version_id
        self._front = newest  # the newest that was seen
        self._back: int | None = newest + 1  # all from here on were seen; None: all were
        self._ids: list[int] = []
        self._codes: list[bytes] = []
        self._index = _index([], [])
        self._todo: list[int] = []
        self._rows: dict[int, Row] = {}

    async def once(self) -> bool:
        """Do a little; True if there is more."""
        if time.monotonic() - self._looked < EVERY_S:
            return False
        if await self._database.read(count_waiting, BUSY) == BUSY:
            self._looked = time.monotonic()
            return False
        sorter = await self._serving.sorter(await self._database.read(choose))
        if sorter.model is None or sorter.version_id is None:
            self._looked = time.monotonic()
            return False
        if sorter.version_id != self._version_id:
            self._begin(sorter.version_id, await self._database.read(_newest))
        if await self._code(sorter) or await self._compare(sorter):
            return True
        self._looked = time.monotonic()
        return False

    async def _code(self, sorter: Sorter) -> bool:
        """Give codes to new conversations, else to older ones; False if there are none."""
        if sorter.model is None or sorter.version_id is None:
            return False
        found = await self._database.read(list_after, self._front, sorter.version_id)
        if found:
            self._front = found[-1].number
        elif self._back is not None:
            found = await self._database.read(list_before, self._back, sorter.version_id)
            self._back = found[-1].number if found else None
        if not found:
            return False
        features = sorter.model.features
        made = await asyncio.to_thread(_codes, features, found)
        fresh = [
            (one.number, code)
            for one, code in zip(found, made, strict=True)
            if one.code is None
        ]
        if fresh:
            await self._database.write(keep_codes, sorter.version_id, fresh)
        self._ids += [one.number for one in found]
        self._codes += made
        self._todo += [one.number for one in found if one.is_open]
        return True

    async def _compare(self, sorter: Sorter) -> bool:
        """Find what is like some open conversations; False if none waits."""
        if sorter.model is None or not self._todo:
            return False
        if self._ids:
            self._index = self._index.with_more(_index(self._ids, self._codes))
            self._ids, self._codes = [], []
        some, self._todo = self._todo[:COMPARED_AT_ONCE], self._todo[COMPARED_AT_ONCE:]
        some = await self._database.read(without_rows, some)
        features = sorter.model.features
        known = {one.number: one for one in await self._database.read(load_begun, some)}
        for number in some:
            if number not in known:
                continue
            row = _row(features, known[number])
            near = await asyncio.to_thread(self._index.nearest, code_of(row), LOOKED_AT)
            near = [one for one in near if one != number]
            others = await self._database.read(load_begun, near)
            best = await asyncio.to_thread(self._best, features, row, others)
            await self._database.write(keep_alike, number, best)
        return True

    def _best(
        self, features: Features, row: Row, others: Sequence[Begun]
    ) -> list[tuple[int, float]]:
        """Compare exactly; who is near to one is near to the next, so rows are remembered."""
        if len(self._rows) > MOST_ROWS:
            self._rows.clear()
        rows = []
        for one in others:
            if one.number not in self._rows:
                self._rows[one.number] = _row(features, one)
            rows.append((one.number, self._rows[one.number]))
        return rank(row, rows, KEPT, AT_LEAST)


def _index(ids: Sequence[int], found: Sequence[bytes]) -> Index:
    flat = np.frombuffer(b"".join(found), np.uint64).reshape(-1, WORDS)
    return Index(np.array(ids, np.int64), flat)


def _row(features: Features, one: Begun) -> Row:
    return features.row(prepare(one.subject, one.text[:MOST_CHARACTERS]).forms)


def _codes(features: Features, found: Sequence[Begun]) -> list[bytes]:
    return [one.code or code_of(_row(features, one)).tobytes() for one in found]


# ---- rows ------------------------------------------------------------------------------


def _newest(session: Session) -> int:
    return int(session.execute(select(func.max(conversations.id))).scalar_one() or 0)


def list_after(session: Session, number: int, version_id: int) -> list[Begun]:
    """Return the next conversations after one, the oldest of them first."""
    query = select(conversations.id).where(conversations.id > number)
    some = session.execute(query.order_by(conversations.id).limit(BATCH)).scalars().all()
    return sorted(_begun(session, list(some), version_id), key=lambda one: one.number)


def list_before(session: Session, number: int, version_id: int) -> list[Begun]:
    """Return the next conversations before one, the newest of them first."""
    query = select(conversations.id).where(conversations.id < number)
    newest = query.order_by(conversations.id.desc()).limit(BATCH)
    some = session.execute(newest).scalars().all()
    return sorted(_begun(session, list(some), version_id), key=lambda one: -one.number)


def load_begun(session: Session, numbers: Sequence[int]) -> list[Begun]:
    """Return first words; an erased person's are none."""
    return [one for one in _begun(session, list(numbers), None) if one.text.strip()]


def _begun(session: Session, numbers: list[int], version_id: int | None) -> list[Begun]:
    if not numbers:
        return []
    coded: dict[int, bytes] = {}
    if version_id is not None:
        kept = session.execute(
            select(codes.conversation_id, codes.code).where(
                codes.conversation_id.in_(numbers), codes.version_id == version_id
            )
        )
        coded = {row.conversation_id: row.code for row in kept}
    texts = _texts(session, [one for one in numbers if one not in coded])
    found = session.execute(
        select(conversations.id, conversations.subject, conversations.status).where(
            conversations.id.in_(numbers)
        )
    )
    return [
        Begun(
            row.id,
            row.subject,
            texts.get(row.id, ""),
            coded.get(row.id),
            row.status is Status.OPEN,
        )
        for row in found
    ]


def _texts(session: Session, numbers: list[int]) -> dict[int, str]:
    first = (
        select(func.min(messages.id))
        .where(messages.conversation_id.in_(numbers), messages.direction == Direction.INBOUND)
        .group_by(messages.conversation_id)
    )
    rows = session.execute(
        select(messages.conversation_id, messages.visible_text, messages.text).where(
            messages.id.in_(first)
        )
    )
    return {row.conversation_id: row.visible_text or row.text for row in rows}


def keep_codes(session: Session, version_id: int, found: list[tuple[int, bytes]]) -> None:
    """Keep codes of a model; those of another one go."""
    for number, code in found:
        values = {"version_id": version_id, "code": code}
        add = insert_into(session, MessageCode).values(conversation_id=number, **values)
        session.execute(
            add.on_conflict_do_update(index_elements=[codes.conversation_id], set_=values)
        )


def without_rows(session: Session, numbers: list[int]) -> list[int]:
    """Return those of which nobody has kept what is like them."""
    known = set(
        session.execute(
            select(alike.conversation_id).where(alike.conversation_id.in_(numbers)).distinct()
        ).scalars()
    )
    return [number for number in numbers if number not in known]


def keep_alike(session: Session, number: int, found: list[tuple[int, float]]) -> None:
    """Keep what is like a conversation, in place of what was."""
    session.execute(delete(SimilarMessage).where(alike.conversation_id == number))
    rows = [
        {"conversation_id": number, "other_id": other, "likeness": round(likeness, 4)}
        for other, likeness in found
    ]
    if rows:
        session.execute(insert(core(SimilarMessage)), rows)
