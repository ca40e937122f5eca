"""An import: a file's mails stored and taken in, some at a time, each once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlmodel import Session

from inbox.channels.headers import split_head
from inbox.channels.imapwords import recipients_of
from inbox.channels.mime import dedupe_key
from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.importing.mbox import Found, read_mails
from inbox.importing.taking import IMPORTED
from inbox.staging import HEAD_BYTES, MAX_MAIL_BYTES, Arrival, head_words, stage
from inbox.store import ledger
from inbox.store.erased import find_erased
from inbox.store.ledger import Sighting
from inbox.store.raw import MAX_FAILURES, Claimed
from models import (
    Agent,
    ChannelKind,
    Inbox,
    LedgerState,
    LedgerVia,
    RawMessage,
    RawState,
    RequestType,
)
from models.base import columns

agents = columns(Agent)
inboxes = columns(Inbox)
raws = columns(RawMessage)

TOGETHER = 20  # mails in one unit of work
TOGETHER_BYTES = 32 * 1024 * 1024
LEASE = timedelta(minutes=10)  # after which a worker goes on where we were killed
OLDEST = datetime.fromisoformat("1990-01-01T00:00:00+00:00")

Take = Callable[[list[Claimed]], Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where mails go and what they are; ``by`` vouches for ``request_type``."""

    inbox_id: int
    is_open: bool = False
    request_type: str = ""
    by: int | None = None


@dataclass(slots=True)
class Count:
    """What came of the mails of a file."""

    read: int = 0
    imported: int = 0
    known: int = 0
    quarantined: int = 0

    def facts(self) -> dict[str, int]:
        """Return it as JSON has it."""
        return asdict(self)


def make_plan(
    session: Session, inbox: str, *, is_open: bool, request_type: str, by: str
) -> Plan:
    """Find what an import names.

    Raises
    ------
    Invalid
        If one of them is not there.
    Conflict
        If the inbox is closed.
    """
    row = session.execute(
        select(Inbox).where(
            inboxes.kind == ChannelKind.EMAIL,
            or_(inboxes.handle == inbox.strip().lower(), inboxes.name == inbox.strip()),
        )
    ).scalar_one_or_none()
    if row is None:
        raise Invalid(f"No inbox has the address or name {inbox!r}.")
    if not row.is_active:
        raise Conflict(f"{row.handle} is closed. Open it first.")
    if not request_type:
        return Plan(row.id, is_open)
    if session.get(RequestType, request_type) is None:
        raise Invalid(f"There is no request type {request_type!r}.")
    agent = session.execute(
        select(agents.id).where(agents.email == by.lower(), agents.is_active.is_(True))
    ).scalar_one_or_none()
    if agent is None:
        raise Invalid("Say with --as who of your people vouches for the request type.")
    return Plan(row.id, is_open, request_type, agent)


async def run_import(
    database: Database, take: Take, plan: Plan, path: Path, tell: Callable[[int], None]
) -> Count:
    """Import every mail of a file or folder; what is known already is left alone.

    ``take`` takes leased messages in, in their order. Whoever is killed in between runs the
    import again: what was stored is known, and a worker takes it in.
    """
    count = Count()
    async for some in _batches(read_mails(path, MAX_MAIL_BYTES, tell)):
        arrivals = await asyncio.to_thread(_arrivals, plan, some)
        too_large = [one for one in some if not one.raw]
        claimed = await database.write(_stage_all, plan, arrivals, too_large, utcnow())
        new = [one.id for one in claimed]
        for _ in range(MAX_FAILURES):
            if claimed:
                await take(claimed)
                waiting = await database.write(_lease_again, new, utcnow())
                claimed = [one for one in claimed if one.id in waiting]
        held = len(too_large) + await database.read(_count_held, new)
        count.read += len(some)
        count.known += len(arrivals) - len(new)
        count.quarantined += held
        count.imported += len(new) + len(too_large) - held
    return count


async def _batches(mails: Iterator[Found]) -> AsyncIterator[list[Found]]:
    while some := await asyncio.to_thread(_next, mails):
        yield some


def _next(mails: Iterator[Found]) -> list[Found]:
    some: list[Found] = []
    size = 0
    for one in islice(mails, TOGETHER):
        some.append(one)
        size += len(one.raw)
        if size > TOGETHER_BYTES:
            break
    return some


def _arrivals(plan: Plan, some: list[Found]) -> list[tuple[Arrival, datetime]]:
    """Return what is stored, each with its own date, as far as that can be believed."""
    now, arrivals = utcnow(), []
    how = {"is_open": plan.is_open, "request_type": plan.request_type, "by": plan.by}
    for one in some:
        if not one.raw:
            continue
        head, _ = split_head(one.raw[:HEAD_BYTES])
        said = head.date()
        at = said if said is not None and OLDEST <= said <= now else now
        meta = {"peer": "import", "rcpt": recipients_of(one.raw), IMPORTED: how}
        key = dedupe_key(plan.inbox_id, one.raw)
        arrival = Arrival(
            plan.inbox_id, ChannelKind.EMAIL, key, one.raw, meta, via=LedgerVia.IMPORTED
        )
        arrivals.append((arrival, at))
    return arrivals


def _stage_all(
    session: Session,
    plan: Plan,
    arrivals: list[tuple[Arrival, datetime]],
    too_large: list[Found],
    now: datetime,
) -> list[Claimed]:
    """Store mails under a lease of ours, and return those that were not known."""
    claimed = []
    for arrival, at in _of_nobody_erased(session, arrivals):
        staged = stage(session, arrival, at)
        if not staged.is_new:
            continue
        session.execute(
            update(RawMessage)
            .where(raws.id == staged.id)
            .values(leased_until=now + LEASE, attempts=1)
        )
        facts = (arrival.inbox_id, arrival.kind, arrival.body, arrival.meta)
        claimed.append(Claimed(staged.id, *facts, None, at, 1))
    for one in too_large:
        reason = f"{one.name} has {one.size_bytes >> 20} MiB; we take 35."
        state, via = LedgerState.QUARANTINED, LedgerVia.IMPORTED
        ledger.sight(session, Sighting(plan.inbox_id, state, via, reason=reason), now)
    return claimed


def _of_nobody_erased(
    session: Session, arrivals: list[tuple[Arrival, datetime]]
) -> list[tuple[Arrival, datetime]]:
    """Leave out what is from or to somebody who was erased."""
    about = [
        {head_words(arrival.body)["sender"], *arrival.meta["rcpt"]} for arrival, _ in arrivals
    ]
    erased = find_erased(session, "email", set().union(*about))
    if not erased:
        return arrivals
    return [one for one, said in zip(arrivals, about, strict=True) if not said & erased]


def _lease_again(session: Session, ids: list[int], now: datetime) -> set[int]:
    """Keep what is still to be taken in from workers; return its ids."""
    done = session.execute(
        update(RawMessage)
        .where(raws.id.in_(ids), raws.state == RawState.PENDING)
        .values(leased_until=now + LEASE)
        .returning(raws.id)
    )
    return set(done.scalars())


def _count_held(session: Session, ids: list[int]) -> int:
    held = select(func.count()).where(raws.id.in_(ids), raws.state == RawState.QUARANTINED)
    return int(session.execute(held).scalar_one())
