"""One run of bad weather over a whole product: senders, killer, sink, and what came of it."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.staging import Arrival, stage
from models import Calendar, ChannelKind, Inbox, SLAPolicy
from models.base import columns
from tests.slow.product import Product, running, until
from tests.weather.history import History, complaints, lateness, share
from tests.weather.killer import Killer
from tests.weather.ledger import Ledger
from tests.weather.senders import SHORT, Log, Sender
from tests.weather.sink import Sink

logger = logging.getLogger("weather")

SHORT_TARGET_S = 12
TWICE = 0.1  # so many messages are sent again though they were accepted


@dataclass(frozen=True)
class Size:
    """How much of everything; ``mail`` to ``chat`` are messages a sender."""

    mail: int
    form: int
    api: int
    chat: int
    poison: int
    rounds: int
    pace_s: float
    senders: tuple[int, int, int, int] = (3, 3, 3, 2)  # of mail, form, API and chat
    short: int = 3  # of a sender's first messages, with short targets
    kill_pause_s: tuple[float, float] = (0.3, 1.0)
    settled_s: float = 120.0

    @property
    def clocks_due(self) -> int:
        """How many conversations have targets of seconds; each is told of once at least."""
        _, forms, calls, _ = self.senders
        return (forms + calls) * self.short


SMALL = Size(mail=86, form=30, api=30, chat=30, poison=5, rounds=3, pace_s=0.15)
LARGE = Size(
    mail=1_000,
    form=500,
    api=500,
    chat=475,
    poison=100,
    rounds=20,
    pace_s=0.05,
    senders=(4, 5, 5, 2),
    short=20,
    kill_pause_s=(1.0, 3.0),
    settled_s=600.0,
)


@dataclass
class Storm:
    """A running product with its surroundings."""

    product: Product
    sink: Sink
    ledger: Ledger
    log: Log
    zero: float
    seed: int
    poisoned: list[str] = field(default_factory=list)

    def run(self, size: Size) -> History:
        """Send and kill at once, wait until all has settled, and return the history."""
        self.ledger.write(_shorten)
        killer = Killer(self.product, self.seed, self.zero, size.kill_pause_s)
        stop = threading.Event()
        with ThreadPoolExecutor(sum(size.senders) + 2) as pool:
            killing = pool.submit(killer.run, size.rounds, stop)
            working = [killing, *self._send(pool, size)]
            try:
                for one in working:
                    one.result(timeout=1800)
            finally:
                stop.set()
        logger.info("sent and killed by second %.0f", self.log.now())
        until(self._settled, size.settled_s, "everything is taken in, told and sent", 0.5)
        logger.info("settled by second %.0f", self.log.now())
        history = History(
            told=self.log.told,
            tried=self.log.tried,
            worker_kills=killer.worker_kills,
            worker_starts=killer.worker_starts,
        )
        self.ledger.fill(history, self.zero)
        history.received += self.sink.received
        return history

    def _send(self, pool: ThreadPoolExecutor, size: Size) -> list[Future[Any]]:
        senders = [
            Sender(self.product, self.log, self.seed + number, size.pace_s, TWICE)
            for number in range(sum(size.senders))
        ]
        mails, forms, calls, chats = size.senders
        work = [pool.submit(senders[n].mail, str(n), size.mail) for n in range(mails)]
        work += [
            pool.submit(senders[n].form, str(n), size.form, size.short)
            for n in range(mails, mails + forms)
        ]
        work += [
            pool.submit(senders[n].api, str(n), size.api, size.short)
            for n in range(mails + forms, mails + forms + calls)
        ]
        work += [
            pool.submit(senders[n].chat, str(n), size.chat)
            for n in range(mails + forms + calls, mails + forms + calls + chats)
        ]
        work.append(pool.submit(self._poison, size.poison, size.pace_s))
        return work

    def _poison(self, count: int, pace_s: float) -> None:
        """Store what no reader can read, as a fault of an older version might have."""
        for number in range(count):
            key = f"poison-{number}"
            self.log.try_("poison", key)
            self.ledger.write(_store_poison, key)
            self.log.yes("poison", key)
            time.sleep(pace_s)

    def _settled(self) -> bool:
        """Tell whether nothing waits any more that could be done now."""
        (row,) = self.ledger.rows(
            "SELECT (SELECT count(*) FROM raw_messages WHERE state = 'pending'),"
            " (SELECT count(*) FROM outbox WHERE state IN ('queued', 'claimed')),"
            " (SELECT count(*) FROM escalation_steps JOIN sla_clocks"
            "   ON sla_clocks.id = escalation_steps.clock_id"
            "  WHERE fired_at IS NULL AND escalation_steps.cancelled_at IS NULL"
            "   AND sla_clocks.target_s = :target)",
            target=SHORT_TARGET_S,
        )
        return not any(row)


def _shorten(session: Session) -> None:
    """Give one topic a target of seconds, around the clock, as a company may."""
    always = session.execute(
        select(Calendar).where(columns(Calendar).name == "24/7")
    ).scalar_one()
    done = session.execute(
        update(SLAPolicy)
        .where(columns(SLAPolicy).request_type == SHORT)
        .values(first_response_s=SHORT_TARGET_S, calendar_id=always.id)
    )
    assert done.rowcount == 1  # type: ignore[attr-defined]


def _store_poison(session: Session, key: str) -> None:
    door = columns(Inbox)
    form = session.execute(select(door.id).where(door.kind == ChannelKind.FORM)).scalar_one()
    stage(session, Arrival(form, ChannelKind.FORM, key, b"{not a form", {}), utcnow())


@contextmanager
def storm(folder: Path, seed: int, url: str | None = None) -> Iterator[Storm]:
    """Start a product on its own folder and ports, with a sink outside."""
    data = folder / "data"
    with Sink().open() as sink:
        env = {"KIP_SMTP_URL": sink.url}
        if url is not None:
            env["KIP_DATABASE_URL"] = url
        with running(data, env=env) as product:
            zero = time.time()
            log = Log(folder / "senders.jsonl", zero)
            ledger = Ledger(url or f"sqlite+aiosqlite:///{data / 'kip.db'}")
            try:
                yield Storm(product, sink, ledger, log, zero, seed)
            finally:
                log.close()


def report(history: History, killer_seed: int) -> str:
    """Say in a few lines what a run was like."""
    late = lateness(history)
    unknown = sum(one.state in ("sending", "unconfirmed") for one in history.posted)
    return (
        f"seed {killer_seed}: {len(history.tried)} messages, {len(history.told)} times told "
        f"yes, {history.worker_kills} kills of the worker, {unknown} mails of unknown fate, "
        f"{len(history.steps)} steps, late by {median(late) if late else 0:.2f} s (median), "
        f"{share(late, 0.99):.2f} s (p99), {share(late, 1.0):.2f} s (most)"
    )


def demand_good(history: History, seed: int) -> None:
    """Fail with every complaint and the seed that repeats the run."""
    said = complaints(history)
    logger.info(report(history, seed))
    assert not said, "\n".join([f"seed {seed}", *said[:40]])
