"""Many arrivals, taken in and given out by several real workers; and what came of it."""

import asyncio
import multiprocessing
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session

from inbox.channels.webform import Posted, pack
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.giving import Give
from inbox.loops import TakeIn
from inbox.settings import Settings
from inbox.staging import Arrival, stage
from models import (
    Agent,
    ChannelKind,
    Conversation,
    Event,
    EventKind,
    RawMessage,
    RawState,
    Status,
    Team,
    TeamMember,
)
from models.base import columns
from tests.factories import SECRET, Firm, make_agent, make_firm

agents = columns(Agent)
teams = columns(Team)
conversations = columns(Conversation)
events = columns(Event)
raws = columns(RawMessage)

# name -> cap; An and Bình sell, Chi repairs, Em is in both teams
CAPS = {"An": 37, "Bình": 23, "Chi": 31, "Em": 29}
KINDS = ("product_advice", "technical_support")  # one of each team
LONGEST_S = 900.0


@dataclass(frozen=True)
class Race:
    """How long the workers took together, from when all were there, and what it cost them."""

    seconds: float
    cpu_s: float


@dataclass(frozen=True)
class Outcome:
    """What came of it: open conversations by person, and what must not be."""

    taken: int
    owned: dict[str, int]
    waiting: int
    over_cap: list[str]
    twice: int  # conversations that were given more than once


def make_crowd(session: Session, gives_by: str, count: int) -> Firm:
    """Make a company with small caps and stage as many form posts from as many people."""
    firm = make_firm(session)
    em = make_agent(session, "Em", firm.sales)
    session.add(TeamMember(team_id=firm.tech, agent_id=em.id))
    session.execute(update(Team).values(gives_by=gives_by))
    for name, cap in CAPS.items():
        session.execute(update(Agent).where(agents.name == name).values(open_cap=cap))
    now = utcnow()
    for number in range(count):
        posted = Posted(
            name="Lan",
            email=f"khach{number}@khach.example",
            body="Cho mình hỏi về máy lọc nước.",
            request_type=KINDS[number % len(KINDS)],
        )
        arrival = Arrival(firm.form, ChannelKind.FORM, f"crowd-{number}", pack(posted), {})
        stage(session, arrival, now)
    return firm


def _pending(session: Session) -> int:
    query = select(func.count()).where(raws.state == RawState.PENDING)
    return int(session.execute(query).scalar_one())


async def _work(url: str, data_dir: Path) -> None:
    settings = Settings.model_construct(
        data_dir=data_dir, base_url="http://127.0.0.1:8000", smtp_url="console://"
    )
    database = Database(url)
    take_in, give = TakeIn(database, settings, SECRET), Give(database)
    end = time.monotonic() + LONGEST_S
    try:
        while time.monotonic() < end:
            left: int = await database.read(_pending)
            if left == 0:
                break
            for once in (take_in.once, give.once):
                try:
                    await once()
                except DatabaseGone:  # too many wait; as the worker does, again
                    await asyncio.sleep(0.05)
    finally:
        await take_in.close()
        await database.close()


def _process(url: str, data_dir: str, ready: Any, used: Any) -> None:
    ready.wait(LONGEST_S)  # everybody has imported what they need
    before = time.process_time()
    asyncio.run(_work(url, Path(data_dir)))
    used.put(time.process_time() - before)


def run_workers(url: str, data_dir: Path, count: int) -> Race:
    """Let so many processes, once all are there, take in all there is."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by each
    ready, used = context.Barrier(count + 1), context.Queue()
    line = (url, str(data_dir), ready, used)
    workers = [context.Process(target=_process, args=line) for _ in range(count)]
    for worker in workers:
        worker.start()
    ready.wait(LONGEST_S)
    began = time.monotonic()
    for worker in workers:
        worker.join()
    seconds = time.monotonic() - began
    assert all(worker.exitcode == 0 for worker in workers), "a worker broke"
    return Race(seconds, sum(used.get() for _ in workers))


def outcome(session: Session) -> Outcome:
    """Count what everybody has, and how often each conversation was given."""
    names = {
        row.id: (row.name, row.open_cap) for row in session.execute(select(Agent)).scalars()
    }
    rows = session.execute(
        select(conversations.owner_id, func.count())
        .where(conversations.status == Status.OPEN)
        .group_by(conversations.owner_id)
    ).all()
    owned = {names[owner][0]: count for owner, count in rows if owner is not None}
    given = Counter(
        event.conversation_id
        for event in session.execute(
            select(Event).where(events.kind == EventKind.ASSIGNED)
        ).scalars()
        if event.data.get("to", {}).get("owner") is not None
    )
    return Outcome(
        taken=sum(count for _, count in rows),
        owned=owned,
        waiting=sum(count for owner, count in rows if owner is None),
        over_cap=[name for name, cap in names.values() if owned.get(name, 0) > cap],
        twice=sum(count > 1 for count in given.values()),
    )
