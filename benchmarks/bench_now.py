"""What the live page costs with 100,000 open conversations, and looking ahead for it."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from benchmarks import bench_list
from benchmarks.company import Browser, databases, sample_company
from benchmarks.measure import figure, loop_ms
from inbox import foresight
from inbox.app import create_app
from inbox.clock import utcnow
from inbox.db import Database

ROUNDS = 7


async def _took_ms(work: Callable[[], Any]) -> float:
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await work()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


def _sign_in(session: Session) -> None:
    bench_list.sign_in(session, "supervisor@demo.example")


async def _look_ahead(database: Database) -> int:
    now = utcnow()
    pace = await database.read(foresight.measure_paces, now)
    given = await database.read(foresight.gather, pace, now)
    return len(foresight.look_ahead(given, now).late)


async def _measure(name: str, url: str | None) -> None:
    async with sample_company(url) as (database, settings):
        await database.write(bench_list.fill)
        await database.write(_sign_in)
        app = create_app(settings)
        async with app.lifespan():
            browser = Browser(app, f"kip={bench_list.COOKIE}supervisor@demo.example")

            async def get(path: str) -> None:
                status, _ = await browser.get(path)
                assert status == 200, path

            figure(f"now_{name}", await _took_ms(lambda: get("/now")), "ms/page", "<=1000")
            for kind in ("late", "again", "silent"):
                value = await _took_ms(lambda kind=kind: get(f"/now/list?kind={kind}"))  # type: ignore[misc]
                figure(f"now_{name}_list_{kind}", value, "ms/page", "<=1000")
        value = await _took_ms(lambda: _look_ahead(database))
        figure(f"look_ahead_{name}", value, "ms/minute")


async def main() -> None:
    """Print what the page and the look ahead take on each database."""
    figure("python_loop", loop_ms(), "cpu_ms")
    with databases() as targets:
        for name, target in targets.items():
            await _measure(name, target.url)


if __name__ == "__main__":
    asyncio.run(main())
