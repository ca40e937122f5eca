"""Eight workers take in and give out 2,000 arrivals at once: how long, and do the caps hold?

Every worker is the product's own take-in and giving out, in a process of its own, on one
SQLite file and on PostgreSQL with fsync at every commit.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks.company import databases
from benchmarks.measure import figure
from inbox.db import Database
from inbox.migrations import migrate
from tests.crowd import CAPS, make_crowd, outcome, run_workers

WORKERS, ARRIVALS = 8, 2000


async def _make(url: str, gives_by: str, count: int) -> None:
    database = Database(url)
    try:
        await migrate(database)
        await database.write(make_crowd, gives_by, count)
    finally:
        await database.close()


async def _report(name: str, url: str, seconds: float) -> None:
    database = Database(url)
    try:
        found = await database.read(outcome)
    finally:
        await database.close()
    figure(f"routing_{name}_taken", found.taken / seconds, "arrivals/s")
    figure(f"routing_{name}_over_cap", len(found.over_cap), "people", "0")
    figure(f"routing_{name}_given_twice", found.twice, "conversations", "0")
    print(f"# {found.owned} of {CAPS}, {found.waiting} wait, {seconds:.1f} s")


def main() -> None:
    """Run on each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrivals", type=int, default=ARRIVALS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--gives-by", default="least_open")
    options = parser.parse_args()
    with databases() as targets:
        for name, target in targets.items():
            with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
                url = target.url or f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
                asyncio.run(_make(url, options.gives_by, options.arrivals))
                seconds = run_workers(url, Path(folder), options.workers)
                asyncio.run(_report(name, url, seconds))


if __name__ == "__main__":
    main()
