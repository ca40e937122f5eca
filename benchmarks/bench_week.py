"""A working week on a stopped clock: does everything get an answer in time, whatever breaks?

Five people, three days of absence, 2,000 messages over mail, form, chat and API; a Redis that
is emptied and goes away, a worker that dies in the midst of it. All code is the product's
own, its own report says how many first answers were in time; the same letters, people and
paces answered in plain order of arrival are what that is measured against (tests/week.py).
"""

import argparse
import asyncio
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis.asyncio import Redis

from benchmarks.company import databases
from benchmarks.measure import figure, loop_ms
from inbox import redis_server
from inbox.db import Database
from inbox.migrations import migrate
from inbox.queue import Announcer, connect
from inbox.settings import Settings
from tests.factories import make_firm
from tests.week import HERE, Seen, Trouble, Week, hire, write_letters

SEED = 7
FIRST = datetime(2026, 3, 2, tzinfo=HERE).astimezone(UTC)  # a Monday's midnight
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KILLS = {
    9.2: "intake.taken",
    10.3: "ladder.fired",
    33.5: "intake.committed",
    34.3: "outbox.fenced",
    57.5: "ladder.committed",
    58.5: "alerts.written",
    82.0: "outbox.handed_over",
    95.8: "cover.committed",
}  # hours after the first midnight, and where the worker dies
ZERO = ("lost", "doubled", "waiting", "unowned", "undated", "steps_twice", "steps_missed")


class Store:
    """A Redis of this run's own, which can be emptied and taken away."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir / "redis"
        self.path = redis_server.socket_path(data_dir)
        self.client: Redis = connect(redis_server.url(self.path))
        self.start()

    def start(self) -> None:
        """Run it."""
        self._server = subprocess.Popen(redis_server.command(self._data_dir, self.path))
        redis_server.wait_until_ready(self.path)

    async def wipe(self) -> None:
        """Empty it."""
        await self.client.flushall()

    async def leave(self) -> None:
        """End it as a crash does."""
        self._server.kill()
        self._server.wait()

    async def come_back(self) -> None:
        """Start it again."""
        self.start()


async def live(url: str | None, letters: int) -> Seen:
    """Live through the week on one database."""
    with tempfile.TemporaryDirectory(prefix="kip-week-") as folder:
        data = Path(folder)
        store = Store(data)
        database = Database(
            url or f"sqlite+aiosqlite:///{data}/kip.db", Announcer(store.client)
        )
        try:
            await migrate(database)
            return await _live(database, store, data, letters)
        finally:
            await database.close()
            with suppress(Exception):
                await store.client.aclose()
            await store.leave()


async def _live(database: Database, store: Store, data: Path, count: int) -> Seen:
    settings = Settings.model_construct(
        data_dir=data, base_url="http://127.0.0.1:8000", smtp_url="console://"
    )
    firm = await database.write(make_firm)
    staff = await database.write(hire, firm)
    staff[1].away = (FIRST + DAY, FIRST + 3 * DAY)  # sells; Tuesday and Wednesday
    staff[4].away = (FIRST + 3 * DAY, FIRST + 4 * DAY)  # a technician; Thursday
    letters = write_letters(count, [FIRST + n * DAY for n in range(5)], SEED)
    troubles = [Trouble(FIRST + at * HOUR, failpoint=name) for at, name in KILLS.items()]
    troubles += [
        Trouble(FIRST + 35 * HOUR, happen=store.wipe),
        Trouble(FIRST + 83 * HOUR, happen=store.leave),
        Trouble(FIRST + 84 * HOUR, happen=store.come_back),
    ]
    week = Week(database, settings, firm, letters, staff, troubles)
    return await week.run(FIRST + 4 * DAY + 22 * HOUR)


def main() -> None:
    """Live through it on SQLite, or where told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=2000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = parser.parse_args()
    figure("python_loop", loop_ms(), "cpu_ms")
    began = time.process_time()
    with databases() as found:
        seen = asyncio.run(live(found[chosen.database].url, chosen.letters))
    name = chosen.database
    said = asdict(seen)
    for what in ZERO:
        figure(f"week_{what}_{name}", said[what], "-", "0")
    figure(f"week_all_full_{name}", said["all_full"], "conversations")
    figure(f"week_deaths_{name}", len(seen.deaths), "-", str(len(KILLS)))
    figure(f"week_unconfirmed_{name}", seen.unconfirmed, "mails", f"<={len(KILLS)}")
    figure(f"week_steps_{name}", seen.steps, "each once")
    figure(f"week_moved_{name}", seen.moved, "to backups")
    figure(f"week_in_time_{name}", 100 * seen.share, f"% of {seen.decided}")
    figure(f"week_plain_order_{name}", 100 * seen.plain_share, "%")
    gain = 100 * (seen.share - seen.plain_share)
    figure(f"week_gain_{name}", gain, "points", ">=10")
    figure(f"week_took_{name}", time.process_time() - began, "cpu_s")


if __name__ == "__main__":
    main()
