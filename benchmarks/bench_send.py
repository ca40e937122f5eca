"""What sending an acknowledgement costs: claimed, written, fenced, handed over, settled.

The worker's own loop in this process, with a Redis to announce to; the mail server that takes
everything is a process of its own, so that its processor time is not counted.
"""

import argparse
import cProfile
import pstats
import time
from contextlib import nullcontext

import uvloop
from sqlmodel import Session

from benchmarks.bench_intake_rate import redis
from benchmarks.company import databases, sample_company
from benchmarks.measure import figure, letter, loop_ms
from benchmarks.smtp import outside_process
from inbox.channels.mime import dedupe_key
from inbox.clock import utcnow
from inbox.db import Database
from inbox.loops import Send, TakeIn
from inbox.queue import Announcer, connect
from inbox.staging import Arrival, stage
from inbox.store.company import Door, list_doors
from models import ChannelKind

WARM_UP = 40
MAILS = 300
ROUNDS = 3  # the cheapest counts: the rest is what neighbours on the machine add


def _door(session: Session) -> Door:
    return list_doors(session, ChannelKind.EMAIL)[0]


def _stage(session: Session, door: Door, numbers: range) -> None:
    for number in numbers:
        sender, mail = letter(3 * number, door.handle)  # each from somebody else
        meta = {"from": sender, "rcpt": [door.handle], "peer": "127.0.0.1"}
        key = dedupe_key(door.id, mail)
        stage(session, Arrival(door.id, ChannelKind.EMAIL, key, mail, meta), utcnow())


async def drain(send: Send) -> tuple[float, float]:
    """Send everything; return seconds of processor and of wall time."""
    wall, used = time.monotonic(), time.process_time()
    while await send.once():
        pass
    return time.process_time() - used, time.monotonic() - wall


async def measure(name: str, database: Database, take_in: TakeIn, send: Send) -> None:
    """Queue acknowledgements and send them, some rounds of it."""
    door = await database.read(_door)
    spent = []
    for round_number, size in enumerate((WARM_UP, *(MAILS,) * ROUNDS)):
        first = 10_000 * round_number
        await database.write(_stage, door, range(first, first + size))
        while await take_in.once():
            pass
        used_s, wall_s = await drain(send)
        spent.append((used_s / size * 1000, wall_s / size * 1000))
    used_ms, wall_ms = min(spent[1:])
    figure(f"send_{name}", used_ms, "cpu_ms/mail", "<=4")
    figure(f"send_rate_{name}", 1000 / wall_ms, "mails/wall_s")


async def run(name: str, url: str | None, smtp_url: str) -> None:
    """Print what one mail costs on one kind of database."""
    async with sample_company(url) as (database, settings):
        with redis(settings.data_dir) as redis_url:
            client = connect(redis_url)
            database.announce = Announcer(client)
            sending = settings.model_copy(update={"smtp_url": smtp_url})
            take_in = TakeIn(database, settings, settings.secret)
            try:
                await measure(name, database, take_in, Send(database, sending))
            finally:
                await take_in.close()
                await client.aclose()


def main() -> None:
    """Measure on both; neither a database server's nor a mail server's time is counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    chosen = parser.parse_args()
    figure("python_loop", loop_ms(), "cpu_ms")
    profile = cProfile.Profile() if chosen.profile else None
    with databases() as found, outside_process() as port, profile or nullcontext():
        for name, target in found.items():
            if chosen.only in (None, name):
                uvloop.run(run(name, target.url, f"smtp://127.0.0.1:{port}"))
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
