"""Clocks in rows: what starts, meets and moves them, and what the list shows of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox import clocks, record
from inbox import conversations as service
from inbox.company import installation
from inbox.db import Database
from inbox.rulebook import Promise, load_rulebook
from inbox.sla.policy import Targets
from inbox.timeline import Happened
from models import Calendar, ClockKind, EventKind, SLAClock, SLAPolicy, SLAState, Urgency
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    everything,
    prediction,
    steps_of,
)

HOUR = timedelta(hours=1)
DUE = NOW + HOUR  # of a question about a product that came at NOW
MOMENT = timedelta(microseconds=1)


def _reply(session: Session, firm: Firm, number: int, at: datetime) -> None:
    row = conversation(session, number)
    service.reply(session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=at)


def _promise(session: Session, **targets: Any) -> Promise:
    promise = load_rulebook(session).promise(("product_advice",), "normal")
    return replace(promise, targets=Targets(**{**_NONE, **targets}))


_NONE = {"first_response_s": None, "next_response_s": None, "resolution_s": None}


async def test_three_clocks_stand_apart(database: Database, firm: Firm) -> None:
    """F28, F29: answering meets the first response and leaves the resolution running."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number, NOW + HOUR / 2)

    first, resolution = await database.read(clocks_of, number)
    assert (first.kind, first.met_at) == (ClockKind.FIRST_RESPONSE, NOW + HOUR / 2)
    assert (resolution.kind, resolution.met_at) == (ClockKind.RESOLUTION, None)


@pytest.mark.parametrize(
    ("at", "state"),
    [(DUE, SLAState.ON_TIME), (DUE + MOMENT, SLAState.BREACHED)],
)
async def test_exactly_on_due_is_kept_a_moment_later_is_not(
    database: Database, firm: Firm, at: datetime, state: SLAState
) -> None:
    """F39: by the times themselves, whenever a worker happens to look."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number, at)

    row = await database.read(conversation, number)
    assert row.sla_state is state
    assert (row.next_due_at, row.order_at) == (None, clocks.NEVER)


async def test_a_note_meets_nothing(database: Database, firm: Firm) -> None:
    """F37."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        row = conversation(session, number)
        service.note(session, row, "Khách quen.", by=firm.an, now=NOW)

    await database.write(work)

    row = await database.read(conversation, number)
    assert row.next_due_at == DUE
    assert row.first_responded_at is None
    assert [clock.met_at for clock in await database.read(clocks_of, number)] == [None, None]


async def test_a_policy_may_have_no_such_clock(database: Database, firm: Firm) -> None:
    """F29."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        promise = _promise(session, first_response_s=60, next_response_s=120)
        record.keep(session, number, now=NOW, promise=promise)
        record.keep(session, number, Happened(EventKind.REPLIED, NOW, {}), now=NOW)
        record.keep(session, number, Happened(EventKind.ASKED, NOW, {}), now=NOW)

    await database.write(work)
    first, resolution, following = await database.read(clocks_of, number)
    assert (first.due_at, first.met_at) == (NOW + timedelta(minutes=1), NOW)
    assert (resolution.cancelled_at, resolution.excuse) == (NOW, "policy")
    assert following.due_at == NOW + timedelta(minutes=2)


async def test_a_conversation_has_one_live_clock_of_a_kind(
    database: Database, firm: Firm
) -> None:
    """F38: the tables refuse a second one."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        promise = _promise(session, first_response_s=60)
        again = clocks.set_up([ClockKind.FIRST_RESPONSE], promise, NOW)
        clocks.write(session, number, again, promise.calendar, NOW)

    with pytest.raises(IntegrityError):
        await database.write(work)


async def test_the_ladder_stands_at_its_parts_of_working_time(
    database: Database, firm: Firm
) -> None:
    """F43: 50 %, 80 %, due, a quarter later; four hours of work from 09:30, over lunch."""
    number = await database.write(arrive, firm, None, prediction("complaint"))

    steps = await database.read(steps_of, number)
    times = [(step.step, step.at - NOW) for step in steps]
    assert times == [
        ("half_used", 2 * HOUR),  # 11:30
        ("nearly_due", timedelta(hours=4, minutes=12)),  # 13:42
        ("due", 5 * HOUR),  # 14:30
        ("overdue", 6 * HOUR),
    ]
    assert [step.audience for step in steps] == [
        *["owner", "owner", "owner,supervisor", "backup,hand_over"]
    ]


async def test_an_answer_silences_the_steps_that_have_not_fired(
    database: Database, firm: Firm
) -> None:
    """F46."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number, NOW)

    steps = await database.read(steps_of, number)
    assert [step.cancelled_at for step in steps] == [NOW] * 4


async def test_the_next_clock_has_a_time_of_its_own(database: Database, firm: Firm) -> None:
    """F29: advice is answered in one hour, and in two each time it asks again."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number, NOW)
    at = NOW + HOUR / 2

    meta = {"conversation": number}
    await database.write(arrive, firm, meta=meta, at=at)

    row = await database.read(conversation, number)
    assert (row.next_response_due_at, row.next_due_at) == (at + 2 * HOUR, at + 2 * HOUR)


async def test_a_clock_taken_back_runs_on_from_its_start_unless_there_is_a_newer(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number, NOW)

    def take_back(session: Session) -> None:
        data = {"answered_at": NOW.isoformat()}
        failed = Happened(EventKind.REPLY_FAILED, NOW + HOUR / 4, data)
        record.keep(session, number, failed, now=NOW + HOUR / 4)
        record.keep(session, number, failed, now=NOW + HOUR / 4)  # again is harmless

    await database.write(take_back)

    first = (await database.read(clocks_of, number))[0]
    steps = [
        step for step in await database.read(steps_of, number) if step.cancelled_at is None
    ]
    assert (first.met_at, first.due_at, first.generation) == (None, DUE, 2)
    assert [(step.generation, step.step) for step in steps] == [
        (2, "half_used"),
        (2, "nearly_due"),
        (2, "due"),
        (2, "overdue"),
    ]


async def test_rules_are_asked_in_their_order(database: Database, firm: Firm) -> None:
    """F34: type and urgency, urgency, type, any; targets and calendar apart."""

    def work(session: Session) -> list[tuple[int | None, int, str]]:
        always = Calendar(
            name="24/7",
            spec={
                "timezone": "UTC",
                "hours": {day: [["00:00", "24:00"]] for day in installation.WEEKDAYS},
            },
        )
        session.add(always)
        session.flush()
        session.add_all(
            [
                SLAPolicy(name="Khẩn", urgency=Urgency.URGENT, calendar_id=always.id),
                SLAPolicy(
                    name="Lỗi khẩn",
                    request_type="technical_support",
                    urgency=Urgency.URGENT,
                    first_response_s=600,
                ),
            ]
        )
        session.flush()
        book = load_rulebook(session)
        asked = [
            book.promise((key,), urgency)
            for key, urgency in (
                ("technical_support", "urgent"),
                ("complaint", "urgent"),
                ("complaint", "normal"),
            )
        ]
        assert {one.calendar_id for one in asked[:2]} == {always.id}
        return [
            (one.targets.first_response_s, one.calendar_id - always.id, one.policy)
            for one in asked
        ]

    urgent_technical, urgent, plain = await database.write(work)
    assert urgent_technical == (600, 0, "Khẩn · Lỗi khẩn")
    assert urgent[0] == 30 * 60
    assert urgent[2].startswith("Khẩn · ")
    assert plain[0] == 4 * 3600
    assert plain[1] != 0


async def test_cancelled_clocks_leave_every_count(database: Database, firm: Firm) -> None:
    """F118: no answer is owed, so none was late."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> dict[str, Any]:
        excused = Happened(EventKind.EXCUSED, DUE + HOUR, {"reason": "duplicate"})
        return record.keep(session, number, excused, now=DUE + HOUR)

    values = await database.write(work)
    assert values["sla_state"] is SLAState.NONE
    assert values["next_due_at"] is None
    assert len(await database.read(lambda session: everything(session, SLAClock))) == 2
