"""The ladder at work: each step once, in order, to whom it concerns, late ones marked."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import conversations as service
from inbox import corrections
from inbox.alerting.gathering import send_alerts
from inbox.db import Database
from inbox.delivery import compose
from inbox.escalating.due import next_moment
from inbox.escalation import fire_due_steps
from inbox.rulebook import load_rulebook
from models import Agent, Notice, OutboxKind, SLAState
from models.base import columns
from tests.conftest import Announced
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    kinds_of,
    make_message,
    notices_of,
    outbox_of,
    steps_of,
)

MINUTE = timedelta(minutes=1)


async def _at(database: Database, firm: Firm, minutes: float) -> int:
    return await database.write(fire_due_steps, firm.house, NOW + minutes * MINUTE)


async def _told(database: Database, number: int) -> list[tuple[str, int, str]]:
    rows = await database.read(notices_of, number)
    return [(row.step, row.agent_id, row.audience) for row in rows]


async def test_owner_supervisor_and_backup_are_told_in_turn(
    database: Database, firm: Firm, announced: Announced
) -> None:
    """F43, F44: one hour's work from 09:30: 10:00, 10:18, 10:30, 10:45."""
    number = await database.write(arrive, firm)

    fired = [await _at(database, firm, minute) for minute in (29, 30, 47, 48, 59, 60, 74, 75)]

    assert fired == [0, 1, 0, 1, 0, 1, 0, 1]
    assert await _told(database, number) == [
        ("half_used", firm.an.id, "owner"),
        ("nearly_due", firm.an.id, "owner"),
        ("due", firm.an.id, "owner"),
        ("due", firm.dung.id, "supervisor"),
        ("overdue", firm.chi.id, "backup"),
        ("overdue", firm.an.id, "owner"),
    ]
    assert (await database.read(kinds_of, number))[-5:] == [
        *["warned", "warned", "escalated", "covered", "escalated"]
    ]
    assert (await database.read(conversation, number)).owner_id == firm.chi.id
    assert {f"notices-{firm.an.id}", f"notices-{firm.chi.id}"} <= set(announced.names)


async def test_the_list_says_how_it_stands(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    states = []
    for minute in (0, 30, 60, 75):
        await _at(database, firm, minute)
        states.append((await database.read(conversation, number)).sla_state)

    assert states == [
        SLAState.ON_TIME,
        SLAState.WARNED,
        SLAState.BREACHED,
        SLAState.BREACHED,
    ]


async def test_each_notice_is_also_a_mail(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    await _at(database, firm, 30)
    await database.write(send_alerts, firm.house, NOW + 30 * MINUTE)

    mail = (await database.read(outbox_of, number))[-1]
    written = compose(mail.mail)
    assert (mail.kind, mail.to_address) == (OutboxKind.NOTICE, firm.an.email)
    assert str(number) in written.subject
    assert "10:30" in written.text + written.subject
    assert f"/inbox/{number}" in written.text


async def test_two_sweeps_at_once_fire_each_step_once(database: Database, firm: Firm) -> None:
    """R22, F45."""
    customers = [make_message(from_address=f"khach{n}@vidu.example") for n in range(6)]
    numbers = [await database.write(arrive, firm, one) for one in customers]

    fired = await asyncio.gather(*(_at(database, firm, 30) for _ in range(4)))

    assert sum(fired) == len(numbers)
    rows: list[Notice] = await database.read(lambda session: everything(session, Notice))
    assert sorted(row.conversation_id or 0 for row in rows) == numbers


async def test_after_a_night_without_workers_steps_fire_in_order_marked_late(
    database: Database, firm: Firm
) -> None:
    """F53."""
    first = await database.write(arrive, firm)
    second = await database.write(arrive, firm, at=NOW + MINUTE)

    fired = await _at(database, firm, 600)

    rows: list[Notice] = await database.read(lambda session: everything(session, Notice))
    order = [(row.step, row.conversation_id) for row in rows]
    steps = await database.read(steps_of, first)
    late = [
        event.data["late"]
        for event in await database.read(events_of, first)
        if event.kind in ("warned", "escalated")
    ]
    assert fired == 8
    assert list(dict.fromkeys(order)) == [
        (step, number)
        for step in ("half_used", "nearly_due", "due", "overdue")
        for number in (first, second)
    ]
    assert [step.is_late for step in steps] == [True] * 4
    assert late == [True] * 4


async def test_what_fires_in_its_minute_is_not_late(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    await _at(database, firm, 30.05)

    assert not (await database.read(steps_of, number))[0].is_late


async def test_steps_past_at_take_in_are_one_late_step(database: Database, firm: Firm) -> None:
    """F53: nobody is told four times of one old mail."""
    number = await database.write(arrive, firm, at=NOW, now=NOW + 70 * MINUTE)

    fired = await _at(database, firm, 70)

    assert fired == 1
    assert await _told(database, number) == [
        ("due", firm.an.id, "owner"),
        ("due", firm.dung.id, "supervisor"),
    ]
    assert (await database.read(steps_of, number))[0].is_late


async def test_an_answer_stops_the_ladder(database: Database, firm: Firm) -> None:
    """F46."""
    number = await database.write(arrive, firm)

    def answer(session: Session) -> None:
        row = conversation(session, number)
        service.reply(session, row, "Dạ.", firm.house, by=firm.an, now=NOW + 20 * MINUTE)

    await database.write(answer)

    assert await _at(database, firm, 600) == 0
    assert await database.read(next_moment) is None


async def test_opening_stops_nothing(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)

    def look(session: Session) -> None:
        service.mark_read(session, conversation(session, number), NOW + MINUTE)

    await database.write(look)

    assert await _at(database, firm, 30) == 1


@pytest.mark.parametrize("minutes", [0, 35])
async def test_a_moved_due_time_moves_its_steps(
    database: Database, firm: Firm, minutes: int
) -> None:
    """F46: nothing fires at the old moment, and what has fired is not fired again late."""
    number = await database.write(arrive, firm)
    await _at(database, firm, minutes)
    now = NOW + minutes * MINUTE

    def hurry(session: Session) -> None:
        row = conversation(session, number)
        corrections.correct(
            session,
            row,
            load_rulebook(session),
            firm.house,
            urgency="high",
            by=firm.an,
            now=now,
        )

    await database.write(hurry)
    row = await database.read(conversation, number)
    assert row.next_due_at == NOW + 30 * MINUTE

    moments = [
        (step.generation, step.cancelled_at is None, step.fired_at is None)
        for step in await database.read(steps_of, number)
    ]
    await _at(database, firm, 600)
    later = {
        step.generation
        for step in await database.read(steps_of, number)
        if step.fired_at is not None and step.fired_at > now
    }
    assert (1, True, True) not in moments
    assert later == {2}


async def test_without_owner_everyone_on_duty_in_the_team_is_told(
    database: Database, firm: Firm
) -> None:
    """With nobody at work, those who lead are told."""
    agents = columns(Agent)

    def on_duty(session: Session, value: bool) -> None:
        session.execute(
            update(Agent).where(agents.id.in_([firm.an.id, firm.binh.id])).values(on_duty=value)
        )

    await database.write(on_duty, False)
    number = await database.write(arrive, firm)
    await database.write(
        lambda session: session.execute(
            update(Agent).where(agents.id == firm.dung.id).values(on_duty=False)
        )
    )
    await _at(database, firm, 30)
    await database.write(on_duty, True)
    await _at(database, firm, 48)

    assert await _told(database, number) == [
        ("half_used", firm.dung.id, "supervisor"),
        ("nearly_due", firm.an.id, "team"),
        ("nearly_due", firm.binh.id, "team"),
    ]


async def test_the_next_moment_is_known_without_firing(database: Database, firm: Firm) -> None:
    assert await database.read(next_moment) is None
    await database.write(arrive, firm)

    moment: datetime | None = await database.read(next_moment)
    assert moment == NOW + 30 * MINUTE
