"""F99: what the report costs over 1,000,000 clocks of a year, and the inbox meanwhile."""

import argparse
import asyncio
import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, text
from sqlmodel import Session

from benchmarks.company import Browser, databases, sample_company
from benchmarks.measure import figure, loop_ms
from inbox.app import create_app
from inbox.auth import hash_token
from inbox.clock import utcnow
from inbox.db import Database
from inbox.reporting.closing import write_facts
from inbox.reporting.days import Days
from inbox.reporting.months import sum_next
from inbox.store import people, sessions
from models import (
    Agent,
    Calendar,
    ClockKind,
    Conversation,
    Counted,
    Outcome,
    ReportClosing,
    ReportFact,
    RequestType,
    SLAClock,
    Team,
)
from models.base import columns, core

CLOCKS = 1_000_000
DAYS = 365
COOKIE = "a session of this benchmark"
ROUNDS = 5
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
WHATS = (Counted.FIRST_RESPONSE, Counted.NEXT_RESPONSE, Counted.RESOLUTION)
HAPPENED = (Counted.RECEIVED, Counted.ANSWERED, Counted.SOLVED, Counted.PROMISE)


class Year:
    """Writes a year of closed days: conversations, their clocks, and what a day counts."""

    def __init__(self, session: Session, today: Any) -> None:
        self.rng = random.Random(99)
        self.days = Days(ZONE, today - timedelta(days=DAYS))
        self.owners = list(session.execute(select(columns(Agent).id)).scalars())
        self.teams = list(session.execute(select(columns(Team).id)).scalars())
        self.types = list(session.execute(select(columns(RequestType).key)).scalars())
        self.calendar = session.execute(select(columns(Calendar).id)).scalars().first()
        last = session.execute(text("SELECT max(id) FROM conversations")).scalar_one()
        clock = session.execute(text("SELECT max(id) FROM sla_clocks")).scalar_one()
        self.number, self.clock = last + 1_000, clock + 1_000

    def write_day(self, session: Session, index: int) -> None:
        """Write one day, a third of its clocks of each kind."""
        talks: list[dict[str, Any]] = []
        clocks: list[dict[str, Any]] = []
        facts: list[ReportFact] = []
        day = self.days.open_from + timedelta(days=index)
        for _ in range(CLOCKS // DAYS // 3 + 1):
            self.number += 1
            start = self.days.midnight(day) + timedelta(seconds=self.rng.randrange(86_000))
            talk = self._talk(start.astimezone(UTC))
            talks.append(talk)
            for what in (*WHATS, *HAPPENED):
                facts.append(self._fact(talk, what))
                if what in WHATS:
                    clocks.append(self._clock(talk, what, facts[-1]))
        session.execute(insert(core(Conversation)), talks)
        session.execute(insert(core(SLAClock)), clocks)
        write_facts(session, facts)
        done = {"day": day, "closed_at": utcnow(), "last_event_id": 0}
        session.execute(insert(core(ReportClosing)), [done])

    def _talk(self, at: datetime) -> dict[str, Any]:
        rng = self.rng
        return {
            "id": self.number,
            "public_token": f"year-{self.number}",
            "inbox_id": 1,
            "contact_id": 1,
            "channel": rng.choice(["email", "form", "chat"]),
            "subject": "",
            "language": "vi",
            "status": "resolved",
            "request_type": rng.choice(self.types),
            "request_type_confidence": 0.9,
            "urgency": "normal",
            "urgency_rank": 2,
            "urgency_confidence": 0.9,
            "triage": "auto",
            "team_id": rng.choice(self.teams),
            "owner_id": rng.choice(self.owners),
            "order_at": datetime(9000, 1, 1, tzinfo=UTC),
            "sla_state": "on_time",
            "wait_reason": "",
            "passed_on": 0,
            "asked_again": 0,
            "created_at": at,
            "version": 1,
        }

    def _fact(self, talk: dict[str, Any], what: Counted) -> ReportFact:
        at = talk["created_at"]
        missed = self.rng.random() < 0.08
        decided = what in WHATS or what is Counted.PROMISE
        timed = what in (Counted.ANSWERED, Counted.SOLVED)
        self.clock += 1
        fact = ReportFact(
            what=what,
            source_id=self.clock if what in WHATS else talk["id"],
            conversation_id=talk["id"],
            day=self.days.day_of(at),
            at=at,
            outcome=Outcome.HAPPENED,
            request_type=talk["request_type"],
            team_id=talk["team_id"],
            agent_id=talk["owner_id"],
            channel=talk["channel"],
            tier=self.rng.choice(["standard", "vip"]),
            worked_s=int(self.rng.expovariate(1 / 5400)) if timed else None,
        )
        if decided:
            fact.outcome = Outcome.MISSED if missed else Outcome.MET
            fact.slot = self.days.slot_of(at)
            fact.started_at, fact.due_at = at, at
            fact.cause = "not_answered" if missed else ""
        if what is Counted.SOLVED:
            fact.owner_s, fact.nobody_s, fact.customer_s = 9000, 600, 3000
        return fact

    def _clock(self, talk: dict[str, Any], what: Counted, fact: ReportFact) -> dict[str, Any]:
        return {
            "id": fact.source_id,
            "conversation_id": talk["id"],
            "kind": ClockKind(what.value),
            "policy": "bench",
            "calendar_id": self.calendar,
            "target_s": 7200,
            "started_at": fact.at,
            "due_at": fact.at + timedelta(hours=2),
            "generation": 1,
            "pauses": [],
            "met_at": fact.at + timedelta(hours=1),
            "excuse": "",
        }


def _start(session: Session) -> Year:
    return Year(session, utcnow().astimezone(ZONE).date())


def _analyze(session: Session) -> None:
    session.execute(text("ANALYZE"))


def _sign_in(session: Session) -> None:
    who = people.find_agent_by_email(session, "supervisor@demo.example")
    assert who is not None
    sessions.open_session(session, hash_token(COOKIE), who.id, epoch=who.epoch, now=utcnow())


async def _fill(database: Database) -> None:
    year = await database.read(_start)
    for index in range(DAYS):
        await database.write(year.write_day, index)
    while await sum_next(database):
        pass
    await database.write(_analyze)
    await database.write(_sign_in)


async def _took_s(browser: Browser, path: str) -> float:
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        status, _ = await browser.get(path)
        took.append(time.perf_counter() - start)
        assert status == 200, path
    return statistics.median(took)


async def _inbox_ms(browser: Browser, stop: asyncio.Event) -> list[float]:
    took = []
    while not stop.is_set():
        start = time.perf_counter()
        status, _ = await browser.get("/inbox")
        took.append((time.perf_counter() - start) * 1000)
        assert status == 200
        await asyncio.sleep(0.02)
    return took


async def _measure(name: str, url: str | None) -> None:
    async with sample_company(url) as (database, settings):
        await _fill(database)
        app = create_app(settings)
        async with app.lifespan():
            browser = Browser(app, f"kip={COOKIE}")
            year = "p=366"
            for label, path in (
                ("year", f"/reports/sla?{year}"),
                ("year_by_type", f"/reports/sla?{year}&by=type"),
                ("year_by_agent", f"/reports/sla?{year}&by=agent"),
                ("year_one_channel", f"/reports/sla?{year}&channel=email"),
                ("quarter", "/reports/sla?p=90"),
                ("list", f"/reports/sla/list?what=first_response&outcome=missed&{year}"),
            ):
                figure(f"reports_{name}_{label}", await _took_s(browser, path), "s", "<=2")
            for label, path in (("alone", ""), ("beside_reports", f"/reports/sla?{year}")):
                stop = asyncio.Event()
                watching = asyncio.create_task(_inbox_ms(browser, stop))
                await (_took_s(browser, path) if path else asyncio.sleep(3))
                stop.set()
                median = statistics.median(await watching)
                figure(f"inbox_{name}_{label}", median, "ms/page")


async def main() -> None:
    """Print what a year of reports costs on each database, or on the one asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    asked = parser.parse_args()
    figure("python_loop", loop_ms(), "cpu_ms")
    with databases() as targets:
        for name, target in targets.items():
            if asked.only in (None, name):
                await _measure(name, target.url)


if __name__ == "__main__":
    asyncio.run(main())
