"""Raw first: a message is stored and committed before its sender is told yes."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from inbox.channels.addresses import normalise
from inbox.channels.headers import split_head
from inbox.db import DatabaseGone, after_commit
from inbox.errors import InboxError
from inbox.queue import INTAKE
from inbox.store import ledger
from inbox.store.ledger import Place, Sighting
from models import ChannelKind, LedgerState, LedgerVia, RawMessage, RawState
from models.base import columns, core

raws = columns(RawMessage)

# What every way in keeps to, so that a mail refused by one is not taken by another.
MAX_MAIL_BYTES = 35 * 1024 * 1024
MAX_BACKLOG = 50_000  # messages not yet taken in; with more, senders keep theirs
MIN_FREE_BYTES = 100 * 1024 * 1024
HEAD_BYTES = 64 * 1024
MOST_TOGETHER = 50  # arrivals in one commit


class NoRoom(InboxError):
    """Nothing more is taken until there is room on the disk again; senders keep theirs."""

    status = 503


def has_room(data_dir: Path) -> bool:
    """Tell whether the data directory's disk has room for more; true where there is none."""
    return not data_dir.exists() or shutil.disk_usage(data_dir).free >= MIN_FREE_BYTES


def demand_room(data_dir: Path) -> None:
    """Refuse to take more on a disk that is nearly full.

    Raises
    ------
    NoRoom
        With a sentence for whoever wrote.
    """
    if not has_room(data_dir):
        raise NoRoom("We cannot take messages just now. Please try again in a few minutes.")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came in, how to know it again, and where mail was seen."""

    inbox_id: int
    kind: ChannelKind
    dedupe_key: str
    body: bytes
    meta: dict[str, Any]
    public_token: str | None = None
    via: LedgerVia = LedgerVia.SMTP
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Staged:
    """The stored row; not ``is_new`` when it was there already, ``is_same`` by its bytes."""

    id: int
    public_token: str | None
    is_new: bool
    is_same: bool = True


@cache
def _insert(dialect: str) -> Any:
    """Return the statement that stores one; made once, as making it costs more than running."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(core(RawMessage))
    return statement.on_conflict_do_nothing(index_elements=["dedupe_key"]).returning(raws.id)


def stage(session: Session, arrival: Arrival, now: datetime) -> Staged:
    """Store a raw message once; the same one again returns the first row."""
    values = {
        "inbox_id": arrival.inbox_id,
        "kind": arrival.kind,
        "dedupe_key": arrival.dedupe_key,
        "body": arrival.body,
        "meta": arrival.meta,
        "public_token": arrival.public_token,
        "received_at": now,
        "state": RawState.PENDING,
        "attempts": 0,
        "failures": 0,
        "leased_until": now,
        "error": "",
    }
    statement = _insert(session.get_bind().dialect.name)
    new = session.execute(statement, values).scalar_one_or_none()
    after_commit(session, INTAKE)
    if new is not None:
        _sight(session, arrival, new, LedgerState.WAITING, now)
        return Staged(new, arrival.public_token, is_new=True)
    row = session.execute(
        select(raws.id, raws.public_token, raws.body).where(
            raws.dedupe_key == arrival.dedupe_key
        )
    ).one()
    _sight(session, arrival, row.id, LedgerState.DUPLICATE, now)
    return Staged(row.id, row.public_token, is_new=False, is_same=row.body == arrival.body)


def _sight(
    session: Session, arrival: Arrival, raw_id: int, state: LedgerState, now: datetime
) -> None:
    """Write mail into the ledger; who sent a copy is read now, as nobody reads it again."""
    if arrival.kind is not ChannelKind.EMAIL:
        return
    words = head_words(arrival.body) if state is LedgerState.DUPLICATE else {}
    inbox_id, via, place = arrival.inbox_id, arrival.via, arrival.place
    ledger.sight(session, Sighting(inbox_id, state, via, place, raw_id, **words), now)


def head_words(raw: bytes) -> dict[str, str]:
    """Return a mail's sender and subject for the ledger, as far as its head can be read."""
    headers, _ = split_head(raw[:HEAD_BYTES])
    senders = headers.addresses("from")
    return {
        "sender": normalise(senders[0].address) if senders else "",
        "subject": headers.text("subject"),
    }


def count_waiting(session: Session, most: int) -> int:
    """Count messages not yet taken in, up to ``most``."""
    some = select(raws.id).where(raws.state == RawState.PENDING).limit(most).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one())


_Waiting = tuple[list[Arrival], asyncio.Future[None]]


class Together:
    """Commits together what arrives at the same time: one trip to the disk serves them all.

    ``commit`` stores arrivals in one unit of work. While it runs, others gather.
    """

    def __init__(self, commit: Callable[[list[Arrival]], Awaitable[None]]) -> None:
        self._commit = commit
        self._waiting: list[_Waiting] = []
        self._work: asyncio.Task[None] | None = None

    async def keep(self, arrivals: list[Arrival]) -> None:
        """Return once these are committed; raises what committing them raises."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrivals, done))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            try:
                await self._commit([one for arrivals, _ in some for one in arrivals])
            except Exception as error:
                if len(some) == 1 or isinstance(error, DatabaseGone):
                    _settle(some, error)
                else:  # what is wrong with one is not the others' trouble
                    await self._apart(some)
            else:
                _settle(some)

    async def _apart(self, some: list[_Waiting]) -> None:
        for one in some:
            try:
                await self._commit(one[0])
            except Exception as error:
                _settle([one], error)
            else:
                _settle([one])


def _settle(some: list[_Waiting], error: Exception | None = None) -> None:
    """Tell everybody, except senders who left, how it went."""
    for _, done in some:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
