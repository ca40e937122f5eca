"""What taking in a mail costs: claiming, reading in a child, sorting, storing, announcing."""

import asyncio
import os
import time

from sqlmodel import Session

from benchmarks.company import sample_company
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
BACKLOG = 300


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
    alone, backlog = Meter(), Meter()
    for number in range(1000, 1000 + ALONE):
        await database.write(_stage, door, range(number, number + 1))
        alone.start()
        await take_in.once()
        alone.stop()
    await database.write(_stage, door, range(2000, 2000 + BACKLOG))
    backlog.start()
    while await take_in.once():
        pass
    backlog.stop()
    return alone.used_s / ALONE * 1000, backlog.used_s / BACKLOG * 1000


async def main() -> None:
    """Print what one mail costs alone, and in a backlog."""
    async with sample_company() as (database, settings):
        take_in = TakeIn(database, settings, settings.secret)
        try:
            alone, backlog = await measure(database, take_in)
        finally:
            await take_in.close()
    figure("python_loop", loop_ms(), "cpu_ms")
    figure("take_in_alone", alone, "cpu_ms/mail", "<=20")
    figure("take_in_backlog", backlog, "cpu_ms/mail", "<=10")


if __name__ == "__main__":
    asyncio.run(main())
