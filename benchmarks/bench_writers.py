"""Does a page's write get through while three processes write flat out? On one SQLite file."""

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.queues import Queue
from pathlib import Path

from sqlalchemy import insert
from sqlmodel import Session

from benchmarks.measure import figure
from inbox.clock import utcnow
from inbox.db import Database
from inbox.migrations import migrate
from models import SinkMail
from models.base import core

BUSY = 3
SECONDS = 15.0
EVERY_S = 0.2
BODY = b"x" * 4000


def _write(session: Session) -> None:
    row = {"to_address": "a", "from_address": "b", "body": BODY, "at": utcnow()}
    session.execute(insert(core(SinkMail)), row)


async def _work(url: str, pause_s: float) -> list[float]:
    """Write for the time, with a pause after each write; return how long each took."""
    database = Database(url)
    took = []
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            start = time.perf_counter()
            await database.write(_write)  # raises if it is locked out
            took.append((time.perf_counter() - start) * 1000)
            await asyncio.sleep(pause_s)
    finally:
        await database.close()
    return took


def _process(url: str, pause_s: float, out: "Queue[tuple[float, list[float], str]]") -> None:
    try:
        out.put((pause_s, asyncio.run(_work(url, pause_s)), ""))
    except Exception as error:
        out.put((pause_s, [], f"{type(error).__name__}: {error} ({error.__cause__})"))


async def _make(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


def main() -> None:
    """Print how long the writes of the fourth process took, and how many failed."""
    with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
        asyncio.run(_make(url))
        context = multiprocessing.get_context("spawn")
        out: Queue[tuple[float, list[float], str]] = context.Queue()
        pauses = [0.0] * BUSY + [EVERY_S]
        started = [
            context.Process(target=_process, args=(url, pause_s, out)) for pause_s in pauses
        ]
        for process in started:
            process.start()
        found = [out.get(timeout=SECONDS + 60) for _ in started]
        for process in started:
            process.join()
    errors = [error for _, _, error in found if error]
    for error in errors:
        print("#", error)
    seldom = [took for pause_s, several, _ in found if pause_s for took in several]
    often = sum(len(several) for pause_s, several, _ in found if not pause_s)
    figure("writer_among_busy_p95", statistics.quantiles(seldom, n=20)[18], "wall_ms", "<=100")
    figure("writer_among_busy_max", max(seldom), "wall_ms")
    figure("writers_busy_rate", often / SECONDS, "commits/s")
    figure("writers_locked_out", len(errors), "processes", "0")


if __name__ == "__main__":
    main()
