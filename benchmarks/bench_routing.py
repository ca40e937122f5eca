"""Eight workers take in and give out 2,000 arrivals at once: how long, and do the caps hold?

Every worker is the product's own take-in and giving out, in a process of its own, on one
SQLite file and on PostgreSQL with fsync at every commit.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks.company import Target, databases
from benchmarks.measure import cpu_s, figure
from inbox.db import Database
from inbox.migrations import migrate
from tests.crowd import CAPS, Race, make_crowd, outcome, run_workers

WORKERS, ARRIVALS = 8, 2000


async def _make(url: str, gives_by: str, count: int) -> None:
    database = Database(url)
    try:
        await migrate(database)
        await database.write(make_crowd, gives_by, count)
    finally:
        await database.close()


async def _report(name: str, url: str, race: Race, server_s: float) -> None:
    database = Database(url)
    try:
        found = await database.read(outcome)
    finally:
        await database.close()
    share = 1000 / max(found.taken, 1)
    figure(f"routing_{name}_taken", found.taken / race.seconds, "arrivals/wall_s")
    figure(f"routing_{name}_workers", race.cpu_s * share, "cpu_ms/arrival")
    figure(f"routing_{name}_server", server_s * share, "cpu_ms/arrival")
    figure(f"routing_{name}_over_cap", len(found.over_cap), "people", "0")
    figure(f"routing_{name}_given_twice", found.twice, "conversations", "0")
    print(f"# {found.owned} of {CAPS}, {found.waiting} wait, {race.seconds:.1f} s")


def main() -> None:
    """Run on each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrivals", type=int, default=ARRIVALS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--gives-by", default="least_open")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    with databases() as targets:
        for name, target in targets.items():
            if options.only in (None, name):
                _race(name, target, options)


def _race(name: str, target: Target, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
        url = target.url or f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
        asyncio.run(_make(url, options.gives_by, options.arrivals))
        before = _server_s(target)
        race = run_workers(url, Path(folder), options.workers)
        asyncio.run(_report(name, url, race, _server_s(target) - before))


def _server_s(target: Target) -> float:
    """Return what the database's server and its children that ended have used so far."""
    return cpu_s([target.server_pid], ended=True) if target.server_pid else 0.0


if __name__ == "__main__":
    main()
