"""The forecast from rows, told once, by one worker at a time; slow stages (F95, F98)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import conversations, foresight, slowness
from inbox.db import Database
from inbox.foresight import Foresee
from inbox.settings import Settings
from inbox.sla.pace import Slow
from inbox.slowness import Key, Norm, SlowStage
from inbox.store import now as live
from models import Agent, Counted, Notice, Outcome, Outlook, ReportFact
from tests.factories import (
    NOW,
    SECRET,
    Firm,
    arrive,
    conversation,
    everything,
    make_message,
    notices_of,
)

MINUTE = timedelta(minutes=1)


def _six_for_an(session: Session, firm: Firm) -> list[int]:
    """Give An six answers to give within the hour; Bình and Chi have nothing."""
    numbers = []
    for n in range(6):
        message = make_message(subject=f"Đơn {n}", from_address=f"k{n}@khach.example")
        number = arrive(session, firm, message, at=NOW + n * MINUTE)
        conversation(session, number).owner_id = firm.an.id
        numbers.append(number)
    return numbers


def _look(session: Session, firm: Firm, settings: Settings, pace_s: float) -> list[int]:
    pace = {one.id: pace_s for one in (firm.an, firm.binh, firm.chi, firm.dung)}
    now = NOW + 6 * MINUTE
    found = foresight.look_ahead(foresight.gather(session, pace, now), now)
    foresight.keep(session, found, None, now, settings, SECRET)
    return [one.number for one in found.late]


async def test_what_does_not_fit_is_foreseen_and_told_once(
    database: Database, firm: Firm, settings: Settings
) -> None:
    """F98: each clock looks fine; at twelve minutes an answer the fifth and sixth are late."""
    numbers = await database.write(_six_for_an, firm)
    for _ in range(2):
        assert await database.write(_look, firm, settings, 720) == numbers[4:]
    told = [one for one in await database.read(everything, Notice) if one.step == "forecast"]
    assert sorted((one.conversation_id, one.agent_id) for one in told) == sorted(
        (number, who) for number in numbers[4:] for who in (firm.an.id, firm.dung.id)
    )
    assert {one.kind for one in told} == {"forecast"}
    assert all(one.data["reason"] for one in told)
    assert all("foreseen" in one.data for one in told)
    (outlook,) = await database.read(everything, Outlook)
    assert [one[0] for one in outlook.data["late"]] == numbers[4:]
    room = outlook.data["room"]
    assert room[str(firm.an.id)] < room[str(firm.binh.id)]
    assert await database.write(_look, firm, settings, 60) == []
    (outlook,) = await database.read(everything, Outlook)
    assert outlook.data["late"] == []


async def test_who_is_away_gives_no_answers(
    database: Database, firm: Firm, settings: Settings
) -> None:
    """F98: what belongs to somebody absent is the team's; with nobody there all is late."""
    numbers = await database.write(_six_for_an, firm)

    def away(session: Session, *who: int) -> None:
        for one in who:
            session.get_one(Agent, one).on_duty = False

    await database.write(away, firm.an.id)
    assert await database.write(_look, firm, settings, 60) == [], "Bình answers for An"
    await database.write(away, firm.binh.id, firm.dung.id)
    assert await database.write(_look, firm, settings, 60) == numbers


async def test_the_pace_is_measured_from_answers_given(database: Database, firm: Firm) -> None:
    """F98: twenty answers of An's, six minutes each; others have the team's."""

    def answer(session: Session) -> None:
        for n in range(20):
            message = make_message(subject=f"Đơn {n}", from_address=f"k{n}@khach.example")
            row = conversation(session, arrive(session, firm, message, at=NOW))
            at = NOW + (n + 1) * 6 * MINUTE
            conversations.reply(session, row, "Dạ.", firm.house, by=firm.an, now=at)

    await database.write(answer)
    found = await database.read(foresight.measure_paces, NOW + timedelta(hours=3))
    assert {found[firm.an.id], found[firm.binh.id], found[firm.chi.id]} == {360}


async def test_one_worker_at_a_time_looks(
    database: Database, firm: Firm, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F98: four workers, one row; the next look is a minute later."""
    await database.write(_six_for_an, firm)
    moment = [NOW + 6 * MINUTE]
    monkeypatch.setattr(foresight, "utcnow", lambda: moment[0])
    workers = [Foresee(database, settings, SECRET) for _ in range(4)]
    for _ in range(2):
        await asyncio.gather(*(one.once() for one in workers))
    (first,) = await database.read(everything, Outlook)
    assert first.made_at == moment[0]
    moment[0] += MINUTE
    await asyncio.gather(*(one.once() for one in workers))
    (again,) = await database.read(everything, Outlook)
    assert (again.id, again.made_at) == (first.id, moment[0])
    assert await database.read(live.find_outlook) is not None


def _solved(number: int, team: int, **stages: Any) -> ReportFact:
    return ReportFact(
        what=Counted.SOLVED,
        source_id=number,
        conversation_id=number,
        day=NOW.date(),
        at=NOW,
        outcome=Outcome.HAPPENED,
        request_type="general",
        team_id=team,
        channel="email",
        tier="standard",
        **stages,
    )


def test_a_stage_is_slow_for_one_team() -> None:
    """F95: half of today's took over an hour with the owner, where half an hour is usual."""
    today = [_solved(n, 1, owner_s=4000 + n, backup_s=0) for n in range(6)]
    today += [_solved(n, 2, owner_s=4000) for n in range(6)]
    norms: dict[Key, Norm] = {(1, "owner_s"): Norm(1800, 50), (2, "owner_s"): Norm(3000, 50)}
    (found,) = slowness.slow_of(today, norms)
    assert (found.team_id, found.stage, found.number) == (1, "owner_s", 5)


async def test_leaders_hear_of_a_slow_stage_once_a_day(database: Database, firm: Firm) -> None:
    """F95: once a day for team and stage, however often it is looked at."""
    number = await database.write(arrive, firm)
    stages = [SlowStage(firm.sales, one, Slow(4000, 1800, 6), number) for one in ("owner_s",)]

    def tell(session: Session, days: int) -> None:
        slowness.tell_slow(session, stages, NOW + timedelta(days=days))

    for day in (0, 0, 1, 1):
        await database.write(tell, day)
    told = await database.read(notices_of, number)
    assert [one.agent_id for one in told] == [firm.dung.id] * 2
    assert [one.step[-10:] for one in told] == ["2026-03-02", "2026-03-03"]
    assert "67" in told[0].data["reason"]
