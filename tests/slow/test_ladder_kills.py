"""Steps fall all the time while the worker is killed: each fires once, and soon."""

import asyncio
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.escalating.due import WAITING
from models import EscalationStep, Event, EventKind, Notice, SLAClock
from models.base import columns
from tests.machine import postgres_programs
from tests.postgres import start_cluster
from tests.slow.product import Product, running, until
from tests.weather.history import ON_A_BUSY_MACHINE_S
from tests.weather.ledger import Ledger

pytestmark = pytest.mark.slow
logger = logging.getLogger("ladder")

STEADY_S = 5.0  # after a step's moment, with a worker at work beside much other work
UP_S = 20.0  # until a step that nobody killed has fired, on a busy machine

steps = columns(EscalationStep)
clocks = columns(SLAClock)
events = columns(Event)
notices = columns(Notice)


@contextmanager
def _product(folder: Path, kind: str) -> Iterator[tuple[Product, Ledger]]:
    """Run the sample company on one of the databases."""
    data = folder / "data"
    if kind == "sqlite":
        with running(data) as product:
            yield product, Ledger(f"sqlite+aiosqlite:///{data / 'kip.db'}")
        return
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with start_cluster() as cluster:
        asyncio.run(cluster.server.execute("CREATE DATABASE ladder"))
        url = cluster.server.url("ladder")
        with running(data, env={"KIP_DATABASE_URL": url}) as product:
            yield product, Ledger(url)


def _spread(session: Session, most: int, every_s: float) -> list[int]:
    """Let steps that wait fall one after the other from soon on; return their ids."""
    found = (
        session.execute(
            select(steps.id)
            .join(SLAClock, clocks.id == steps.clock_id)
            .where(*WAITING, steps.at > utcnow() + timedelta(minutes=10))
            .order_by(steps.at)
            .limit(most)
        )
        .scalars()
        .all()
    )
    begin = utcnow() + timedelta(seconds=1)
    for place, number in enumerate(found):
        at = begin + timedelta(seconds=place * every_s)
        session.execute(update(EscalationStep).where(steps.id == number).values(at=at))
    return list(found)


def _fell(session: Session, ids: list[int]) -> list[tuple[float, float | None, bool]]:
    """Return of each step when it was to fall, when it did, and whether it was silenced."""
    rows = session.execute(
        select(steps.at, steps.fired_at, steps.cancelled_at).where(steps.id.in_(ids))
    )
    return [
        (row.at.timestamp(), row.fired_at and row.fired_at.timestamp(), bool(row.cancelled_at))
        for row in rows
    ]


def _doubled(session: Session, ids: list[int]) -> list[object]:
    """Return what was logged, or told to one person, more than once."""
    ours = session.execute(select(steps.clock_id, steps.step).where(steps.id.in_(ids))).all()
    logged = Counter(
        (data["clock"], data["step"])
        for data in session.execute(
            select(events.data).where(events.kind.in_([EventKind.WARNED, EventKind.ESCALATED]))
        ).scalars()
    )
    told = Counter(
        tuple(row)
        for row in session.execute(
            select(notices.clock_id, notices.generation, notices.step, notices.agent_id)
        )
    )
    wrong: list[object] = [tuple(one) for one in ours if logged[tuple(one)] > 1]
    return wrong + [one for one, times in told.items() if times > 1]


def _kill_and_look(
    folder: Path, kind: str, *, kills: int, every_s: float, most: int
) -> tuple[float, float]:
    """Kill the worker while steps fall; return the worst lateness, steady and after a kill.

    Both are counted from the step's moment, which may be while there is no worker.
    """
    with _product(folder, kind) as (product, ledger):
        ids = ledger.write(_spread, most, every_s)
        assert len(ids) >= kills * 2
        lasts = len(ids) * every_s
        died: list[tuple[float, float]] = []
        for _ in range(kills):
            time.sleep(lasts / (kills + 1))  # the pace of the killing, and no proof
            old = product.pid("worker")
            at = time.time()
            os.kill(old, signal.SIGKILL)
            product.pid("worker", other_than=old)
            died.append((at, time.time()))

        def all_fell() -> bool:
            fell = ledger.read(_fell, ids)
            return all(fired or silent for _, fired, silent in fell)

        until(all_fell, lasts + UP_S, "every step fired", 0.5)
        fell = [(at, fired) for at, fired, _ in ledger.read(_fell, ids) if fired]
        assert ledger.read(_doubled, ids) == []
    assert len(fell) >= len(ids) * 0.8  # an earlier one may have moved a later one
    killed, count = 0.0, len(fell)
    for down, up in died:
        # From the kill until the next worker has fired its first step, it was away.
        ready = min((fired for _, fired in fell if fired > up), default=up)
        away = [(at, fired) for at, fired in fell if down - 1 <= at <= ready]
        killed = max([killed, *(fired - at for at, fired in away if fired > up)])
        fell = [one for one in fell if one not in away]
    steady = max((fired - at for at, fired in fell), default=0.0)
    logger.info(
        "%s: %d steps, %d kills, late by %.2f s steady, %.2f s after a kill",
        *(kind, count, kills, steady, killed),
    )
    return steady, killed


@pytest.mark.parametrize("kind", [pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def test_each_step_fires_once_and_soon_while_the_worker_dies(tmp_path: Path, kind: str) -> None:
    """R22, F45: three kills in twelve seconds of a step every 0.3 s."""
    steady, killed = _kill_and_look(tmp_path, kind, kills=3, every_s=0.3, most=40)

    assert killed <= ON_A_BUSY_MACHINE_S
    assert steady <= STEADY_S


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_twenty_kills(tmp_path: Path, kind: str) -> None:
    """R22, F45."""
    steady, killed = _kill_and_look(tmp_path, kind, kills=20, every_s=1.5, most=80)

    assert killed <= ON_A_BUSY_MACHINE_S
    assert steady <= STEADY_S
