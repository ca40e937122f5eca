"""How much mail a minute the roles take in durably, and how soon a backlog is worked off.

One ``kip smtp`` and one ``kip worker`` on a real Redis, on SQLite and on PostgreSQL with fsync
at every commit. Mail is offered at a given rate, whether or not the last one was answered. A
rate holds when every mail got its 250, nearly all within a second. Afterwards every mail that
got one has to be there, once. Processor time is the roles' own and, apart, the database's.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import Session

from benchmarks.company import Target, databases, sample_company
from benchmarks.measure import cpu_s, family_of, figure, letter, loop_ms
from benchmarks.smtp import Outside, free_port, offer
from inbox import redis_server
from inbox.db import Database
from inbox.demo.traffic import SUPPORT
from inbox.settings import Settings
from models import DeliveryState, Message, Outbox, RawMessage, RawState
from models.base import columns

RATES = (100, 150, 200, 250, 300, 400)  # mails a second
PROBE_S = 6.0
ANSWER_S = 1.0  # the 95th of a hundred answers comes within
START_S = 30.0
DRAIN_S = 1800.0

raws = columns(RawMessage)
messages = columns(Message)
outbox = columns(Outbox)


class Roles:
    """The processes under test, by name; the database's server is only measured."""

    def __init__(self, log: Path, settings: dict[str, str], server_pid: int | None) -> None:
        self._log = log
        kept = {key: text for key, text in os.environ.items() if key[:4] != "KIP_"}
        self._environment = kept | settings
        self._server_pid = server_pid
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *options: str) -> None:
        """Start one role."""
        command = [sys.executable, "-P", "-m", "inbox.cli", name, *options]
        with self._log.open("ab") as output:
            self._processes[name] = subprocess.Popen(
                command, stdout=output, stderr=output, env=self._environment
            )

    def last_words(self) -> str:
        """Return the end of what they logged."""
        return self._log.read_text("utf-8", "replace")[-4000:]

    def cpu(self) -> dict[str, float]:
        """Return the processor time of each, its children included, in seconds."""
        pids = {name: one.pid for name, one in self._processes.items()}
        if self._server_pid is not None:
            pids["server"] = self._server_pid
        return {name: cpu_s(family_of(pid)) for name, pid in pids.items()}

    def stop(self) -> None:
        """End them."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(timeout=20)


@contextmanager
def redis(data_dir: Path) -> Iterator[str]:
    """Run a Redis as ``kip run`` does; yield its address."""
    path = redis_server.socket_path(data_dir)
    server = subprocess.Popen(redis_server.command(data_dir / "redis", path))
    try:
        redis_server.wait_until_ready(path)
        yield redis_server.url(path)
    finally:
        server.terminate()
        server.wait(timeout=20)


def pending(session: Session) -> int:
    waiting = raws.state == RawState.PENDING
    return int(session.execute(select(func.count()).where(waiting)).scalar_one())


def _to_send(session: Session) -> int:
    still = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING)
    left = outbox.state.in_(still)
    return int(session.execute(select(func.count()).where(left)).scalar_one())


def _kept(session: Session) -> list[str]:
    """Return the Message-ID of every mail taken in, as often as it is there."""
    rows = session.execute(
        select(messages.email_message_id).where(messages.email_message_id.like("bench-%"))
    )
    return list(rows.scalars())


@dataclass
class Trial:
    """One rate tried for some time."""

    rate: int
    answered: int
    refused: int
    seconds: float
    p95_s: float

    @property
    def holds(self) -> bool:
        """Whether everything was taken, and soon."""
        return self.refused == 0 and self.p95_s <= ANSWER_S


class Bench:
    """Offers mail to one installation and remembers what was promised."""

    def __init__(self, database: Database, port: int) -> None:
        self._database = database
        self._port = port
        self._next = 0
        self.promised: list[str] = []

    async def try_rate(self, rate: int, seconds: float) -> Trial:
        """Offer mail at a rate for some seconds."""
        count = int(rate * seconds)
        letters = [letter(number, SUPPORT) for number in range(self._next, self._next + count)]
        began = time.monotonic()
        answers = await offer(self._port, letters, rate)
        for number, (code, _) in enumerate(answers, self._next):
            if code == 250:
                self.promised.append(f"bench-{number}@customers.example")
        self._next += count
        waits = sorted(waited for _, waited in answers)
        taken = sum(code == 250 for code, _ in answers)
        passed = time.monotonic() - began
        return Trial(rate, taken, count - taken, passed, waits[int(len(waits) * 0.95)])

    async def gone(self, count: Callable[[Session], int]) -> None:
        """Wait until nothing of it is left."""
        end = time.monotonic() + DRAIN_S
        while await self._database.read(count):
            assert time.monotonic() < end, "it does not get less"
            await asyncio.sleep(0.1)

    async def settle(self) -> None:
        """Wait until everything is taken in and sent."""
        await self.gone(pending)
        await self.gone(_to_send)

    async def backlog(self) -> int:
        """Return how many mails are not yet taken in."""
        return await self._database.read(pending)

    async def prove(self) -> tuple[int, int]:
        """Return how many promised mails are not there, and how many are there twice."""
        kept = await self._database.read(_kept)
        lost = len(set(self.promised) - set(kept))
        return lost, len(kept) - len(set(kept))


async def _highest(bench: Bench) -> int:
    """Return the highest of the rates that holds for some seconds."""
    best = RATES[0]
    for rate in RATES:
        trial = await bench.try_rate(rate, PROBE_S)
        await bench.settle()
        if not trial.holds:
            break
        best = rate
    return best


async def measure(name: str, bench: Bench, roles: Roles, seconds: float, rate: int) -> None:
    """Find the rate, unless it is given; hold it, work off what it left, and count."""
    rate = rate or await _highest(bench)
    while True:
        before = roles.cpu()
        trial = await bench.try_rate(rate, seconds)
        offered = roles.cpu()
        backlog = await bench.backlog()
        if trial.holds or rate <= RATES[0]:
            break
        await bench.settle()
        rate = max(one for one in RATES if one < rate)
    figure(f"durable_{name}", trial.answered / trial.seconds, "mails/wall_s", ">=100")
    figure(f"answered_p95_{name}", trial.p95_s * 1000, "wall_ms")
    figure(f"backlog_{name}", backlog, "mails")
    began = time.monotonic()
    await bench.gone(pending)
    drained_s = time.monotonic() - began
    await bench.settle()
    after = roles.cpu()
    figure(f"drained_{name}", backlog / drained_s, "mails/wall_s")
    share = 1000 / trial.answered
    figure(f"staging_{name}", (offered["smtp"] - before["smtp"]) * share, "cpu_ms/mail")
    for role in sorted(set(after) - {"smtp"}):
        figure(f"{role}_{name}", (after[role] - before[role]) * share, "cpu_ms/mail")
    lost, doubled = await bench.prove()
    figure(f"lost_{name}", lost + trial.refused, "mails", "0")
    figure(f"doubled_{name}", doubled, "mails", "0")


async def run(name: str, target: Target, seconds: float, rate: int) -> None:
    """Measure on one kind of database."""
    async with sample_company(target.url) as (database, settings), Outside() as outside:
        with redis(settings.data_dir) as redis_url:
            shared = _shared(settings, redis_url, f"smtp://127.0.0.1:{outside.port}")
            roles = Roles(settings.data_dir / "roles.log", shared, target.server_pid)
            port = free_port()
            roles.start("smtp", "--port", str(port))
            roles.start("worker")
            try:
                await _listens(port)
                bench = Bench(database, port)
                await bench.try_rate(50, 2.0)  # nothing is loaded before the first mail
                await bench.settle()
                await measure(name, bench, roles, seconds, rate)
            except BaseException:
                print(roles.last_words(), file=sys.stderr)
                raise
            finally:
                roles.stop()


def _shared(settings: Settings, redis_url: str, smtp_url: str) -> dict[str, str]:
    return {
        "KIP_DATA_DIR": str(settings.data_dir),
        "KIP_DATABASE_URL": settings.database,
        "KIP_REDIS_URL": redis_url,
        "KIP_SMTP_URL": smtp_url,
    }


async def _listens(port: int) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert time.monotonic() < end, "nobody listens"
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def main() -> None:
    """Measure on both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of mail at the rate found")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--rate", type=int, default=0, help="begin with this one; else find it")
    chosen = parser.parse_args()
    figure("python_loop", loop_ms(), "cpu_ms")
    with databases() as found:
        for name, target in found.items():
            if chosen.only in (None, name):
                asyncio.run(run(name, target, chosen.seconds, chosen.rate))


if __name__ == "__main__":
    main()
