"""Webhooks of a messenger into `kip run`, replayed, out of order, its worker killed meanwhile.

Each event is one message of one of many people. A tenth is told again, some come late; whoever
is told anything but 200 tells it again, as the provider does. In the end each message is there
once. ``--events 100000`` for the large run.
"""

import argparse
import asyncio
import http.client
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from benchmarks.bench_run import free_ports, name_of, product
from benchmarks.measure import family_of, figure
from inbox.clock import utcnow
from inbox.db import Database
from inbox.messaging import connecting
from inbox.vault import Vault
from models import ChannelKind, Direction, Inbox, Message, RawMessage, RawState
from models.base import columns
from tests.standins import facebook
from tests.standins.calls import Delivery
from tests.standins.facebook import Page, page_server

KEY = "ba-na-na"
REPLAYED, REORDERED = 0.10, 0.05
MESSAGES_EACH = 10  # of one person
SENDERS = 8
LATE_BY = 50  # events
TAKEN_IN_WITHIN_S = 3600.0

messages = columns(Message)
raws = columns(RawMessage)


@dataclass
class Telling:
    """What is left to tell, and how often it had to be told."""

    port: int
    left: list[Delivery]
    again: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self) -> None:
        """Tell one after the other, over one connection, until nothing is left."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while True:
            with self.lock:
                if not self.left:
                    return
                headers, body = self.left.pop()
            if not _told(connection, headers, body):
                connection.close()
                with self.lock:
                    self.again += 1
                    self.left.insert(0, (headers, body))
                time.sleep(0.05)


def _told(connection: http.client.HTTPConnection, headers: dict[str, str], body: bytes) -> bool:
    try:
        connection.request("POST", f"/hooks/messenger/{KEY}", body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    return answer.status == 200


def make_events(page: Page, count: int, chance: random.Random) -> list[Delivery]:
    """Make messages in their order, then put some later, and tell some again."""
    people = max(count // MESSAGES_EACH, 1)
    at = int(time.time() * 1000)
    told = []
    for number in range(count):
        user = str(7_000_000_000 + number % people)
        said = {"mid": f"m_{number}", "text": f"Đơn hàng {number} tới đâu rồi ạ?"}
        page.open_to.add(user)
        told.append(page.tell(page.event(user, at, message=said)))
    for _ in range(int(count * REORDERED)):
        one = chance.randrange(count)
        other = min(one + chance.randrange(1, LATE_BY), count - 1)
        told[one], told[other] = told[other], told[one]
    for _ in range(int(count * REPLAYED)):
        one = chance.randrange(len(told))
        told.insert(min(one + chance.randrange(1, 500), len(told)), told[one])
    return told


def _connect(session: Session, secret: bytes) -> None:
    door = Inbox(kind=ChannelKind.MESSENGER, handle=KEY, name="Fanpage", created_at=utcnow())
    session.add(door)
    session.flush()
    given = {
        "app_id": facebook.APP,
        "app_secret": facebook.APP_SECRET,
        "page_token": facebook.TOKEN,
        "human_agent": "",
    }
    connecting.save(session, door.id, given, Vault(secret), by=1, now=utcnow())


def _waiting(session: Session) -> int:
    found = select(func.count()).where(raws.state == RawState.PENDING)
    return int(session.execute(found).scalar_one())


def _texts(session: Session) -> Counter[str]:
    rows = session.execute(
        select(messages.text).where(
            messages.channel == ChannelKind.MESSENGER,
            messages.direction == Direction.INBOUND,
        )
    ).scalars()
    return Counter(rows)


def _kill_workers(
    supervisor: int, over: threading.Event, every_s: float, done: list[int]
) -> None:
    while not over.wait(every_s):
        for pid in family_of(supervisor):
            if name_of(pid, supervisor) == "worker":
                os.kill(pid, signal.SIGKILL)
                done.append(pid)


async def _run(arguments: argparse.Namespace) -> None:
    chance = random.Random(arguments.seed)
    port, smtp_port = free_ports(2)
    killed: list[int] = []
    with tempfile.TemporaryDirectory(prefix="kip-webhooks-") as name, page_server() as page:
        data = Path(name)
        told = make_events(page, arguments.events, chance)
        told.reverse()  # they are taken from the end
        count = len(told)
        with product(data, port, smtp_port, "--no-traffic", KIP_MESSENGER_URL=page.url) as (
            supervisor,
            _,
        ):
            database = Database(f"sqlite+aiosqlite:///{data / 'kip.db'}")
            secret = (data / "secret.key").read_bytes().strip()
            await database.write(_connect, secret)
            over = threading.Event()
            rest = (supervisor, over, arguments.kill_every, killed)
            killer = threading.Thread(target=_kill_workers, args=rest)
            killer.start()
            telling, start = Telling(port, told), time.monotonic()
            threads = [threading.Thread(target=telling.tell) for _ in range(SENDERS)]
            for thread in threads:
                thread.start()
            await asyncio.gather(*(asyncio.to_thread(one.join) for one in threads))
            told_s = time.monotonic() - start
            over.set()
            killer.join()
            await _until_taken_in(database)
            taken_s = time.monotonic() - start
            texts = await database.read(_texts)
            await database.close()
    _figures(arguments.events, count, texts, telling.again, killed, told_s, taken_s)


async def _until_taken_in(database: Database) -> None:
    end = time.monotonic() + TAKEN_IN_WITHIN_S
    while await database.read(_waiting):
        assert time.monotonic() < end, "it is never taken in"
        await asyncio.sleep(0.5)


def _figures(
    events: int,
    requests: int,
    texts: Counter[str],
    again: int,
    killed: Sequence[int],
    told_s: float,
    taken_s: float,
) -> None:
    figure("webhook_events", events, "messages")
    figure("webhook_requests", requests + again, "requests")
    figure("webhook_worker_kills", len(killed), "kills")
    figure("webhook_lost", events - len(texts), "messages", "<=0")
    figure("webhook_doubled", sum(texts.values()) - len(texts), "messages", "<=0")
    figure("webhook_told", requests / told_s, "requests/s")
    figure("webhook_taken_in", events / taken_s, "messages/s")


def main(argv: Sequence[str] | None = None) -> Any:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kill-every", type=float, default=10.0, help="seconds")
    parser.add_argument("--seed", type=int, default=7)
    asyncio.run(_run(parser.parse_args(argv)))


if __name__ == "__main__":
    main()
