"""Closed months are summed as a whole: the same figures, from fewer rows."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from inbox.db import Database
from inbox.reporting.closing import write_facts
from inbox.reporting.days import Days
from inbox.reporting.months import sum_next
from inbox.store import reports
from inbox.store.months import MONTH, months_summed, next_month, stretches, whole_months
from inbox.store.reports import Sums, Wanted
from models import Counted, Outcome, ReportClosing, ReportDay, ReportFact
from models.base import columns, core
from tests.factories import NOW, ZONE, Firm, arrive

days = columns(ReportDay)
DAYS = Days(ZoneInfo(ZONE), date(2026, 1, 1))
JANUARY = date(2026, 1, 1)
PERIODS = [
    Wanted(date(2026, 1, 1), date(2026, 3, 31)),
    Wanted(date(2026, 1, 15), date(2026, 4, 10)),
    Wanted(date(2026, 2, 1), date(2026, 2, 28)),
    Wanted(date(2026, 2, 2), date(2026, 2, 28)),
    Wanted(date(2025, 11, 3), date(2026, 12, 31)),
]


def _write_days(session: Session, firm: Firm, last: date) -> None:
    """Close days from the first of January on."""
    rng = random.Random(99)
    number = arrive(session, firm)
    day, source = JANUARY, 0
    while day <= last:
        found = []
        for what in (Counted.FIRST_RESPONSE, Counted.ANSWERED, Counted.SOLVED):
            at = DAYS.midnight(day).astimezone(UTC) + timedelta(seconds=rng.randrange(80_000))
            for _ in range(rng.randrange(3)):
                source += 1
                found.append(_fact(rng, firm, number, source, what, at))
        write_facts(session, found)
        closing = {"day": day, "closed_at": NOW, "last_event_id": 0}
        session.execute(insert(core(ReportClosing)), [closing])
        day += timedelta(days=1)


def _fact(
    rng: random.Random, firm: Firm, number: int, source: int, what: Counted, at: datetime
) -> ReportFact:
    decided = what is Counted.FIRST_RESPONSE
    missed = decided and rng.random() < 0.3
    outcome = Outcome.MISSED if missed else Outcome.MET if decided else Outcome.HAPPENED
    return ReportFact(
        what=what,
        source_id=source,
        conversation_id=number,
        day=DAYS.day_of(at),
        at=at,
        outcome=outcome,
        request_type=rng.choice(["complaint", "product_advice"]),
        team_id=rng.choice([firm.sales, firm.tech, None]),
        agent_id=rng.choice([firm.an.id, firm.chi.id, None]),
        channel=rng.choice(["email", "chat"]),
        tier="standard",
        slot=rng.randrange(168) if decided else None,
        cause="not_answered" if missed else "",
        worked_s=None if decided else rng.randrange(40_000),
        owner_s=3600 if what is Counted.SOLVED else None,
    )


def _every_way(session: Session, wanted: Wanted) -> dict[str, dict[Any, Sums]]:
    return {by: reports.sum_by(session, wanted, by, {}, with_times=True) for by in reports.BY}


async def _sum_all(database: Database) -> int:
    summed = 0
    while await sum_next(database):
        summed += 1
    return summed


async def test_a_summed_month_says_what_its_days_said(database: Database, firm: Firm) -> None:
    """F92, F94, F99: by every key, of any period, for one team or channel, with times."""
    await database.write(_write_days, firm, date(2026, 4, 12))
    narrow = [Wanted(one.first, one.last, firm.sales, "chat") for one in PERIODS]
    before = [await database.read(_every_way, one) for one in PERIODS + narrow]

    assert await _sum_all(database) == 3, "April is not over"

    after = [await database.read(_every_way, one) for one in PERIODS + narrow]
    assert after == before
    assert any(one["agent"] for one in before)
    read = await database.read(stretches, "agent", date(2026, 1, 15), date(2026, 4, 10))
    assert read == [
        ("agent", date(2026, 1, 15), date(2026, 1, 31)),
        (f"agent{MONTH}", date(2026, 2, 1), date(2026, 3, 1)),
        ("agent", date(2026, 4, 1), date(2026, 4, 10)),
    ]


async def test_a_year_is_read_without_its_days(database: Database, firm: Firm) -> None:
    """F99: a year costs its months; were a day read as well, it would count twice."""
    await database.write(_write_days, firm, date(2026, 3, 31))
    await _sum_all(database)
    before = await database.read(_every_way, PERIODS[0])

    def forget_days(session: Session) -> None:
        session.execute(delete(ReportDay).where(days.dimension.in_(["agent", "request_type"])))

    await database.write(forget_days)

    after = await database.read(_every_way, PERIODS[0])
    assert (after["agent"], after["type"]) == (before["agent"], before["type"])


async def test_many_workers_sum_a_month_once(database: Database, firm: Firm) -> None:
    """Any number of workers may look at once."""
    await database.write(_write_days, firm, date(2026, 1, 31))

    await asyncio.gather(*(sum_next(database) for _ in range(6)))

    def rows(session: Session) -> list[tuple[Any, ...]]:
        keys = (days.dimension, days.value, days.team_id, days.channel)
        found = session.execute(select(*keys).where(days.dimension.like(f"%{MONTH}")))
        return [tuple(row) for row in found]

    found = await database.read(rows)
    assert len(found) == len(set(found)) > 10
    assert await database.read(months_summed) == {JANUARY}


def test_whole_months_of_a_period() -> None:
    """From end to end only, over the end of a year and of February too."""
    assert whole_months(date(2027, 12, 2), date(2028, 3, 30)) == [
        date(2028, 1, 1),
        date(2028, 2, 1),
    ]
    assert whole_months(JANUARY, date(2026, 1, 31)) == [JANUARY]
    assert whole_months(JANUARY, date(2026, 1, 30)) == []
    assert next_month(date(2027, 12, 31)) == date(2028, 1, 1)
