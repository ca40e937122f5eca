"""What a look of each room of the worker costs when nothing is due, beside 100,000 open.

A room looks once a second or so: what a look costs must not grow with what is open. Processor
time of our process, and time by the clock, which shows what the database does meanwhile.
"""

import asyncio
import logging
import os
import tempfile
import time
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from benchmarks.bench_sweep import fill
from benchmarks.company import databases
from benchmarks.measure import figure, loop_ms
from inbox.db import Database
from inbox.migrations import migrate
from inbox.settings import Settings
from inbox.worker import Closing, make_rooms
from tests.factories import make_firm

OPEN = int(os.environ.get("OPEN", "100000"))
LOOKS = 10
WORK_S = 20.0  # at most, until a room has done what the filling left it
SHOWN_MS = 1.0  # what costs less is only in the sum


def _settle(session: Session) -> None:
    """Let everything have an owner and a type, so that nothing waits for anybody."""
    session.execute(
        text(
            "UPDATE conversations SET triage = 'confirmed', owner_id = "
            "(SELECT min(id) FROM agents) WHERE status = 'open'"
        )
    )
    session.execute(text("ANALYZE"))


async def measure(kind: str, database: Database, folder: Path) -> None:
    """Print what a look costs in one database, the most expensive rooms first."""
    await migrate(database)
    firm = await database.write(make_firm)
    await database.write(fill, firm, OPEN)
    await database.write(_settle)
    settings = Settings(data_dir=folder, database_url=str(database.url))
    found = []
    for name, (room, _) in make_rooms(database, settings, b"0" * 32).items():
        end = time.monotonic() + WORK_S
        while (busy := await room.once()) and time.monotonic() < end:
            pass
        cpu, start = time.process_time(), time.perf_counter()
        for _ in range(LOOKS):
            await room.once()
        cost = (time.process_time() - cpu) / LOOKS * 1000
        took = (time.perf_counter() - start) / LOOKS * 1000
        shown = f"idle_{kind}_{name.replace(' ', '_')}{'_at_work' if busy else ''}"
        found.append((took, cost, shown))
        if isinstance(room, Closing):
            await room.close()
    for took, cost, shown in sorted(found, reverse=True):
        if took >= SHOWN_MS:
            figure(shown, cost, "cpu_ms", "-")
            figure(f"{shown}_by_the_clock", took, "ms", "-")
    figure(f"idle_{kind}", sum(cost for _, cost, _ in found), "cpu_ms", "-")
    figure(f"idle_{kind}_by_the_clock", sum(took for took, *_ in found), "ms", "-")


async def main() -> None:
    """Measure on each database."""
    logging.disable(logging.WARNING)
    figure("python_loop", loop_ms(), "cpu_ms")
    with databases() as found:
        for kind, target in found.items():
            with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
                url = target.url or f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
                database = Database(url)
                try:
                    await measure(kind, database, Path(folder))
                finally:
                    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
