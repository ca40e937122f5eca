"""What the ladder's sweep costs beside a million open conversations.

An empty look, as every worker has once a second, and a thousand steps that are due at once:
processor time of our process, and time by the clock. `OPEN=100000` makes it smaller.
"""

import asyncio
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from benchmarks.company import databases
from benchmarks.measure import figure
from inbox.clock import utcnow
from inbox.db import Database
from inbox.escalating.due import next_moment
from inbox.escalation import fire_due_steps
from inbox.migrations import migrate
from inbox.processes import keep_loaded
from models import Conversation, EscalationStep, SLAClock
from models.base import columns
from tests.factories import Firm, arrive, make_firm

OPEN = int(os.environ.get("OPEN", "1000000"))
DUE = 1_000
WARM = 20
LOOKS = 200
SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most})"


def _copy(session: Session, table: Any, most: int, where: str, **instead: str) -> None:
    """Copy the rows that hold ``where`` once for each number up to ``most``."""
    names = [name for name in columns(table).keys() if name != "id" or "id" in instead]  # noqa: SIM118
    values = ", ".join(instead.get(name, f"t.{name}") for name in names)
    session.execute(
        text(
            f"INSERT INTO {table.__tablename__} ({', '.join(names)}) "  # noqa: S608
            f"{SERIES.format(most=most)} SELECT {values} FROM {table.__tablename__} t, n "
            f"WHERE {where}"
        )
    )


def fill(session: Session, firm: Firm, most: int) -> int:
    """Take one message in, and let ``most`` others be as it; return its number."""
    now = utcnow()
    first = arrive(session, firm, at=now, now=now)
    session.flush()
    name = "'bench-' || CAST(n.i AS TEXT)"
    _copy(
        session, Conversation, most, f"t.id = {first}", id=f"{first} + n.i", public_token=name
    )
    clock = "SELECT min(id) FROM sla_clocks"
    number = f"{first} + n.i"
    _copy(
        session,
        SLAClock,
        most,
        f"t.id = ({clock})",
        id=f"1000000 + {number}",
        conversation_id=number,
    )
    _copy(
        session,
        EscalationStep,
        most,
        f"t.conversation_id = {first}",
        conversation_id=number,
        clock_id=f"1000000 + {number}",
        at=_shifted(session),
    )
    return first


def _shifted(session: Session) -> str:
    """Return the SQL of a step's moment, spread over the days to come."""
    if session.get_bind().dialect.name == "sqlite":
        return "strftime('%Y-%m-%d %H:%M:%f000', t.at, '+' || (n.i % 400000) || ' seconds')"
    return "t.at + (n.i % 400000) * interval '1 second'"


def _make_due(session: Session, after: int, step: str, count: int) -> None:
    """Let the moment of so many conversations' step be a second ago."""
    session.execute(
        EscalationStep.__table__.update()  # type: ignore[attr-defined]
        .where(
            columns(EscalationStep).conversation_id.between(after + 1, after + count),
            columns(EscalationStep).step == step,
        )
        .values(at=utcnow() - timedelta(seconds=1))
    )


async def _fire(database: Database, firm: Firm) -> tuple[int, float, float]:
    """Fire all that is due; return how many, processor seconds and seconds."""
    cpu, start, fired = time.process_time(), time.perf_counter(), 0
    while some := await database.write(fire_due_steps, firm.house, utcnow()):
        fired += some
    return fired, time.process_time() - cpu, time.perf_counter() - start


async def measure(name: str, database: Database) -> None:
    """Print the figures of one database."""
    await migrate(database)
    firm = await database.write(make_firm)
    first = await database.write(fill, firm, OPEN)
    await database.write(lambda session: session.execute(text("ANALYZE")))
    await database.read(next_moment)
    cpu = time.process_time()
    for _ in range(LOOKS):
        await database.read(next_moment)
    figure(f"sweep_empty_{name}", (time.process_time() - cpu) / LOOKS * 1000, "ms_cpu", "<=1")
    for step, goal in (("half_used", "<=200"), ("due", "-")):
        await database.write(_make_due, first + DUE, step, WARM)
        await _fire(database, firm)  # a worker compiles its statements once in its life
        await database.write(_make_due, first, step, DUE)
        fired, cpu_s, took_s = await _fire(database, firm)
        assert fired == DUE, fired
        figure(f"sweep_{DUE}_{step}_{name}", cpu_s * 1000, "ms_cpu", goal)
        figure(f"sweep_{DUE}_{step}_{name}_by_the_clock", took_s * 1000, "ms")


async def main() -> None:
    """Measure on each database."""
    keep_loaded()  # as a role does, once it is loaded
    with databases() as found:
        for name, target in found.items():
            with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
                url = target.url or f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
                database = Database(url)
                try:
                    await measure(name, database)
                finally:
                    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
