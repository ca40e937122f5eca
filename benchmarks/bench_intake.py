"""What taking in a mail costs: claiming, reading in a child, sorting, storing, announcing."""

import os
import time

import uvloop
from sqlmodel import Session

from benchmarks.company import databases, sample_company
from benchmarks.measure import children_of, cpu_s, figure, letter, loop_ms
from inbox.channels.mime import dedupe_key
from inbox.clock import utcnow
from inbox.db import Database
from inbox.loops import TakeIn
from inbox.staging import Arrival, stage
from inbox.store.company import Door, list_doors
from models import ChannelKind

WARM_UP = 40
ALONE = 100
BACKLOG = 200
BACKLOGS = 3  # the cheapest counts: the rest is what neighbours on the machine add


def _door(session: Session) -> Door:
    return list_doors(session, ChannelKind.EMAIL)[0]


def _stage(session: Session, door: Door, numbers: range) -> None:
    for number in numbers:
        sender, mail = letter(number, door.handle)
        meta = {"from": sender, "rcpt": [door.handle], "peer": "127.0.0.1"}
        key = dedupe_key(door.id, mail)
        stage(session, Arrival(door.id, ChannelKind.EMAIL, key, mail, meta), utcnow())


class Meter:
    """Adds up processor time while it runs: ours exactly, the reading children's in ticks."""

    def __init__(self) -> None:
        self.used_s = 0.0
        self._own = 0.0
        self._children = 0.0

    def start(self) -> None:
        """Go on counting."""
        self._own = time.process_time()
        self._children = cpu_s(children_of(os.getpid()))

    def stop(self) -> None:
        """Stop counting."""
        self.used_s += time.process_time() - self._own
        self.used_s += cpu_s(children_of(os.getpid())) - self._children


async def measure(database: Database, take_in: TakeIn) -> tuple[float, float]:
    """Return milliseconds a mail, one by one and in a backlog."""
    door = await database.read(_door)
    await database.write(_stage, door, range(WARM_UP))
    while await take_in.once():
        pass
    alone = Meter()
    for number in range(1000, 1000 + ALONE):
        await database.write(_stage, door, range(number, number + 1))
        alone.start()
        await take_in.once()
        alone.stop()
    used_s = []
    for first in range(2000, 2000 + BACKLOGS * BACKLOG, BACKLOG):
        await database.write(_stage, door, range(first, first + BACKLOG))
        backlog = Meter()
        backlog.start()
        while await take_in.once():
            pass
        backlog.stop()
        used_s.append(backlog.used_s)
    return alone.used_s / ALONE * 1000, min(used_s) / BACKLOG * 1000


async def run(name: str, url: str | None) -> None:
    """Print what one mail costs alone, and in a backlog, on one kind of database."""
    async with sample_company(url) as (database, settings):
        take_in = TakeIn(database, settings, settings.secret)
        try:
            alone, backlog = await measure(database, take_in)
        finally:
            await take_in.close()
    figure(f"take_in_alone_{name}", alone, "cpu_ms/mail", "<=20")
    figure(f"take_in_backlog_{name}", backlog, "cpu_ms/mail", "<=8")


def main() -> None:
    """Measure on both; a database server's own processor time is not counted."""
    figure("python_loop", loop_ms(), "cpu_ms")
    with databases() as found:
        for name, target in found.items():
            uvloop.run(run(name, target.url))  # as the worker does


if __name__ == "__main__":
    main()
