"""Steps that a company sets up: what they do, whom they spare, and that each is done once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox import conversations as service
from inbox import corrections, waits
from inbox.alerting import taking
from inbox.db import Database
from inbox.escalating.due import MOST_CHANGES, next_moment
from inbox.escalation import fire_due_steps
from inbox.ladders import load_ladders
from inbox.rulebook import load_rulebook
from inbox.sla.history import Kind, Wait
from inbox.sla.ladder import Action, Moment, Step
from inbox.sla.rungs import write_steps
from models import (
    Agent,
    Correction,
    Event,
    EventKind,
    Ladder,
    Notice,
    SLAPolicy,
    SLAState,
    Urgency,
)
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    notices_of,
    prediction,
    steps_of,
)

MINUTE = timedelta(minutes=1)
FIRED = (EventKind.WARNED, EventKind.ESCALATED)
agents = columns(Agent)
policies = columns(SLAPolicy)


def _ladder(session: Session, steps: list[Step], *, is_default: bool = True) -> int:
    """Write a ladder; the company's usual one unless told otherwise."""
    ladder = Ladder(name=f"Thang {len(steps)}", steps=write_steps(steps), is_default=is_default)
    session.add(ladder)
    session.flush()
    return ladder.id


async def _at(database: Database, firm: Firm, minutes: float) -> int:
    return await database.write(fire_due_steps, firm.house, NOW + minutes * MINUTE)


async def _through(database: Database, firm: Firm, minutes: int) -> None:
    """Let time pass, looking every minute."""
    for minute in range(minutes + 1):
        while await _at(database, firm, minute):
            pass


async def _log(database: Database, number: int) -> list[tuple[float, str, list[str]]]:
    """Return the ladder's log: minute, step, who was told."""
    return [
        ((event.at - NOW) / MINUTE, event.data["step"], event.data["told"])
        for event in await database.read(events_of, number)
        if event.kind in FIRED
    ]


async def _set(database: Database, table: Any, number: int, **values: Any) -> None:
    def change(session: Session) -> None:
        session.execute(update(table).where(columns(table).id == number).values(**values))

    await database.write(change)


async def test_a_companys_own_steps_are_done_in_order(database: Database, firm: Firm) -> None:
    """F43, F44: shares and minutes, the owner, the team, a named person, who leads."""
    steps = [
        Step(Moment(25), (Action.OWNER,)),
        Step(Moment(minutes=-10), (Action.OWNER, Action.TEAM)),
        Step(Moment(minutes=20, plain=True), (Action.SUPERVISOR, f"person:{firm.admin.id}")),
    ]
    await database.write(_ladder, steps)
    number = await database.write(arrive, firm)

    await _through(database, firm, 100)

    assert await _log(database, number) == [
        (15, "p25", ["An"]),
        (50, "due-10", ["An", "Bình", "Dung"]),
        (80, "due+20plain", ["Dung", "Giang"]),
    ]
    roles = [(row.agent_id, row.audience) for row in await database.read(notices_of, number)]
    assert roles[1:] == [
        *((firm.an.id, "owner"), (firm.binh.id, "team"), (firm.dung.id, "team")),
        *((firm.dung.id, "supervisor"), (firm.admin.id, "named")),
    ]


async def test_a_group_is_told_again_and_again_each_time_once(
    database: Database, firm: Firm
) -> None:
    """F44: another team, at work, whosever request it is; without anybody, who leads."""
    group = f"group:{firm.tech}"
    steps = [Step(Moment(100), (group,), every=10, times=2)]
    await database.write(_ladder, steps)
    number = await database.write(arrive, firm)

    await _through(database, firm, 75)
    await _set(database, Agent, firm.chi.id, on_duty=False)
    await _set(database, Agent, firm.dung.id, on_duty=False)
    await _through(database, firm, 100)

    assert await _log(database, number) == [
        (60, "due", ["Chi", "Dung"]),
        (70, "due+10", ["Chi", "Dung"]),
        (80, "due+20", ["Dung"]),
    ]
    roles = [(row.agent_id, row.audience) for row in await database.read(notices_of, number)]
    assert roles[0] == (firm.chi.id, "group")
    assert roles[-1] == (firm.dung.id, "supervisor")


async def test_a_policy_names_its_ladder(database: Database, firm: Firm) -> None:
    """F44: the rule's own ladder holds for what it rules; everything else has the usual one."""
    own = await database.write(_ladder, [Step(Moment(10), (Action.OWNER,))], is_default=False)

    def name_it(session: Session) -> None:
        session.execute(
            update(SLAPolicy)
            .where(policies.request_type == "product_advice")
            .values(ladder_id=own)
        )

    await database.write(name_it)
    advice = await database.write(arrive, firm)
    other = await database.write(arrive, firm, None, prediction("complaint"))

    assert [one.step for one in await database.read(steps_of, advice)] == ["p10", "p10"]
    assert {one.ladder_id for one in await database.read(clocks_of, advice)} == {own}
    assert (await database.read(steps_of, other))[0].step == "half_used"


async def test_the_time_to_solve_has_steps_too(database: Database, firm: Firm) -> None:
    """F44: they leave how the answer stands as it is."""
    kinds = frozenset({Kind.RESOLUTION})
    await database.write(_ladder, [Step(Moment(1), (Action.OWNER,), kinds)])
    number = await database.write(arrive, firm)

    await _through(database, firm, 15)

    (fired,) = [one for one in await database.read(events_of, number) if one.kind in FIRED]
    assert (fired.data["of"], fired.data["step"]) == ("resolution", "p1")
    assert (await database.read(conversation, number)).sla_state is SLAState.ON_TIME


async def test_a_silent_owner_loses_it_once(database: Database, firm: Firm) -> None:
    """F52: at 125 % out of the box; both are told, and the log says so."""
    number = await database.write(arrive, firm)

    await _through(database, firm, 200)

    row = await database.read(conversation, number)
    covered = [
        event
        for event in await database.read(events_of, number)
        if event.kind is EventKind.COVERED
    ]
    assert (row.owner_id, row.covered_for_id) == (firm.chi.id, firm.an.id)
    assert [(one.data["reason"], one.data["owner"]) for one in covered] == [
        ("silent", firm.chi.id)
    ]
    assert (await _log(database, number))[-1] == (75, "overdue", ["An", "Chi"])


async def test_with_nobody_left_it_waits_for_the_team_and_those_who_lead_hear(
    database: Database, firm: Firm
) -> None:
    """F50, F52."""
    await _set(database, Agent, firm.chi.id, on_duty=False)
    number = await database.write(arrive, firm)

    await _through(database, firm, 80)

    row = await database.read(conversation, number)
    assert (row.owner_id, row.team_id) == (None, firm.sales)
    assert (await _log(database, number))[-1] == (75, "overdue", ["An", "Dung"])


async def test_an_owner_who_noted_something_keeps_it(database: Database, firm: Firm) -> None:
    """F52: silent is who did nothing; the backup is told all the same."""
    number = await database.write(arrive, firm)

    def note(session: Session) -> None:
        row = conversation(session, number)
        service.note(session, row, "Đang hỏi kho.", by=firm.an, now=NOW + 5 * MINUTE)

    await database.write(note)
    await _through(database, firm, 80)

    last = [one for one in await database.read(events_of, number) if one.kind in FIRED][-1]
    assert (await database.read(conversation, number)).owner_id == firm.an.id
    assert (last.data["told"], last.data["kept"]) == (["Chi"], firm.an.id)


async def test_who_has_it_only_since_just_now_keeps_it(database: Database, firm: Firm) -> None:
    """F52: somebody who was given it shortly before is not who left it lying."""
    number = await database.write(arrive, firm)
    await _through(database, firm, 70)

    def give(session: Session) -> None:
        row = conversation(session, number)
        service.assign(session, row, firm.binh.id, by=firm.dung, now=NOW + 72 * MINUTE)

    await database.write(give)
    await _through(database, firm, 80)

    assert (await database.read(conversation, number)).owner_id == firm.binh.id


async def _have_it(database: Database, person: Any, number: int, minutes: float) -> None:
    """Say "I have it" to everything told of a conversation so far."""
    at = NOW + minutes * MINUTE
    assert await database.write(taking.take_of_conversation, person.id, number, at)


async def test_i_have_it_gives_one_step_of_grace(database: Database, firm: Firm) -> None:
    """F131, F52: the next step leaves them alone, the one after does not."""
    number = await database.write(arrive, firm)
    await _through(database, firm, 50)
    await _have_it(database, firm.an, number, 51)

    await _through(database, firm, 80)

    events = [one for one in await database.read(events_of, number) if one.kind in FIRED]
    assert [one.data.get("grace") for one in events] == [None, None, [firm.an.id], None]
    assert events[2].data["told"] == ["Dung"]
    assert (await database.read(conversation, number)).owner_id == firm.chi.id


async def test_the_grace_may_be_that_nothing_is_taken_away(
    database: Database, firm: Firm
) -> None:
    """F131, F52: said after the due time, it keeps the conversation."""
    number = await database.write(arrive, firm)
    await _through(database, firm, 60)
    await _have_it(database, firm.an, number, 65)

    await _through(database, firm, 200)

    last = [one for one in await database.read(events_of, number) if one.kind in FIRED][-1]
    assert (await database.read(conversation, number)).owner_id == firm.an.id
    assert (last.data["step"], last.data["grace"], last.data["told"]) == (
        *("overdue", [firm.an.id]),
        ["Chi"],
    )


RAISES = [
    Step(Moment(50), (Action.RAISE, Action.OWNER)),
    Step(Moment(90), (Action.RAISE, Action.SUPERVISOR)),
    Step(Moment(100), (Action.RAISE,)),
    Step(Moment(125), (Action.OWNER,)),
]


async def test_a_step_raises_urgency_and_everything_follows(
    database: Database, firm: Firm
) -> None:
    """F44, F46: due is counted anew from the arrival; recorded as done by the ladder."""
    await database.write(_ladder, RAISES[:1] + RAISES[3:])
    number = await database.write(arrive, firm, None, prediction(urgency="low"))

    await _through(database, firm, 29)
    assert (await database.read(conversation, number)).urgency is Urgency.LOW
    await _through(database, firm, 30)

    row = await database.read(conversation, number)
    corrected = [
        event
        for event in await database.read(events_of, number)
        if event.kind is EventKind.CORRECTED
    ]
    assert (row.urgency, row.urgency_rank) == (Urgency.NORMAL, 2)
    assert row.first_response_due_at == NOW + 60 * MINUTE  # low never lengthens
    assert [(one.actor_id, one.data["by"], one.data["new"]) for one in corrected] == [
        (None, "ladder", "normal")
    ]
    assert await database.read(lambda session: everything(session, Correction)) == []


async def test_raising_ends_at_urgent_and_never_goes_round(
    database: Database, firm: Firm
) -> None:
    """F44, F45: three steps raise normal twice; each fires once for the clock, then silence."""
    await database.write(_ladder, RAISES)
    number = await database.write(arrive, firm)

    await _through(database, firm, 300)

    row = await database.read(conversation, number)
    raised = [
        event.data["new"]
        for event in await database.read(events_of, number)
        if event.kind is EventKind.CORRECTED
    ]
    steps = await database.read(steps_of, number)
    fired = [(one.clock_id, one.step) for one in steps if one.fired_at]
    assert row.urgency is Urgency.URGENT
    assert raised == ["high", "urgent"]
    assert len(fired) == len(set(fired))
    assert row.first_response_due_at == NOW + 30 * MINUTE
    assert await database.read(next_moment) is None


async def test_what_was_done_is_not_done_again_when_due_moves_later(
    database: Database, firm: Firm
) -> None:
    """F46: armed again at its new moment, a step tells again, but changes nothing twice."""
    step = Step(Moment(1), (Action.OWNER, Action.RAISE), frozenset({Kind.RESOLUTION}))
    await database.write(_ladder, [step])
    number = await database.write(arrive, firm, None, prediction(urgency="low"))
    await _through(database, firm, 10)  # one per cent of 16 hours
    assert (await database.read(conversation, number)).urgency is Urgency.NORMAL

    def correct(session: Session) -> None:
        row = conversation(session, number)
        book = load_rulebook(session)
        now = NOW + 11 * MINUTE
        corrections.correct(
            session, row, book, firm.house, request_type="general", by=firm.an, now=now
        )

    await database.write(correct)
    await _through(database, firm, 30)  # one per cent of 40 hours

    fired = [one for one in await database.read(steps_of, number) if one.fired_at]
    assert [((one.at - NOW) / MINUTE, one.audience) for one in fired] == [
        (9.6, "owner,raise"),
        (24, "owner"),
    ]
    assert (await database.read(conversation, number)).urgency is Urgency.NORMAL


async def test_nothing_falls_while_it_stands_still(database: Database, firm: Firm) -> None:
    """F46, R28: ten waits of a minute, and the next step falls ten minutes later."""
    await database.write(
        _ladder, [Step(Moment(5), (Action.OWNER,), frozenset({Kind.RESOLUTION}))]
    )
    number = await database.write(arrive, firm, None, prediction("complaint"))

    def wait(session: Session, minute: int) -> None:
        row = conversation(session, number)
        now = NOW + minute * MINUTE
        until = now + timedelta(days=1)
        waits.wait(session, row, Wait.CUSTOMER, until, by=firm.chi, now=now)

    def go_on(session: Session, minute: int) -> None:
        row = conversation(session, number)
        waits.resume(session, row, by=firm.chi, now=NOW + minute * MINUTE)

    for minute in range(10):
        await database.write(wait, 2 * minute)
        assert await database.read(next_moment) is None
        assert await _at(database, firm, 2 * minute + 0.5) == 0
        await database.write(go_on, 2 * minute + 1)

    assert await database.read(next_moment) == NOW + 82 * MINUTE  # of 24 hours
    assert await _at(database, firm, 81) == 0
    assert await _at(database, firm, 82) == 1


async def test_the_last_step_is_repeated(database: Database, firm: Firm) -> None:
    """F44: told every half hour, three times, and never handed over twice."""
    last = Step(Moment(100), (Action.HAND_OVER, Action.SUPERVISOR), every=30, times=3)
    await database.write(_ladder, [Step(Moment(50), (Action.OWNER,)), last])
    number = await database.write(arrive, firm)

    await _through(database, firm, 400)

    assert (await _log(database, number))[1:] == [
        (60, "due", ["An", "Chi", "Dung"]),
        (90, "due+30", ["Chi", "Dung"]),
        (120, "due+60", ["Chi", "Dung"]),
        (150, "due+90", ["Chi", "Dung"]),
    ]


async def test_quiet_hours_may_not_apply(database: Database, firm: Firm) -> None:
    """F48: unless the ladder says so, in which case the notice says that it does not wait."""
    steps = [
        Step(Moment(50), (Action.OWNER,)),
        Step(Moment(60), (Action.OWNER,), loud=True),
    ]
    await database.write(_ladder, steps)
    number = await database.write(arrive, firm)

    await _through(database, firm, 40)

    assert [one.outside_hours for one in await database.read(notices_of, number)] == [
        *(False, True)
    ]


async def test_a_ladder_that_cannot_be_read_stops_no_message(
    database: Database, firm: Firm
) -> None:
    def break_it(session: Session) -> None:
        session.add(Ladder(name="Hỏng", steps=[{"at": "noon"}], is_default=True))

    await database.write(break_it)
    number = await database.write(arrive, firm)

    assert len(await database.read(steps_of, number)) == 4
    assert not (await database.read(load_ladders)).by_id


async def test_an_old_mail_takes_nothing_from_whom_it_is_just_given_to(
    database: Database, firm: Firm
) -> None:
    """F52, F53: all steps are past at take-in; they are one, late, and nobody loses it."""
    number = await database.write(arrive, firm, at=NOW, now=NOW + 90 * MINUTE)

    await _at(database, firm, 90)

    (fired,) = [one for one in await database.read(events_of, number) if one.kind in FIRED]
    assert (fired.data["step"], fired.data["late"]) == ("overdue", True)
    assert (await database.read(conversation, number)).owner_id == firm.an.id


@pytest.mark.parametrize("workers", [1, 4])
async def test_many_hand_overs_are_done_in_turns_and_once_each(
    database: Database, firm: Firm, workers: int
) -> None:
    """F45, F53, R22: after an outage, in order of due time, whoever and however many fire."""
    count = MOST_CHANGES + 3

    def many(session: Session) -> list[int]:
        return [arrive(session, firm, at=NOW + n * MINUTE / 60) for n in range(count)]

    numbers = await database.write(many)

    async def sweep() -> int:
        fired = 0
        while some := await _at(database, firm, 600):
            fired += some
        return fired

    fired = await asyncio.gather(*(sweep() for _ in range(workers)))

    assert sum(fired) == 4 * count
    rows: list[Event] = await database.read(lambda session: everything(session, Event))
    covered = [one.conversation_id for one in rows if one.kind is EventKind.COVERED]
    assert sorted(covered) == numbers
    if workers == 1:
        steps = [one.data["at"] for one in rows if one.kind in FIRED]
        assert steps == sorted(steps)
    told = await database.read(_counted)
    assert max(told) == 1


def _counted(session: Session) -> list[int]:
    """Return how often each person was told of each step of each clock."""
    rows = columns(Notice)
    found = session.execute(select(rows.clock_id, rows.step, rows.agent_id)).all()
    keys = [tuple(row) for row in found]
    return [keys.count(key) for key in set(keys)]


async def test_moving_the_clock_back_fires_nothing_twice(
    database: Database, firm: Firm
) -> None:
    """R26: and forward fires only what is then due."""
    number = await database.write(arrive, firm)
    fired = [await _at(database, firm, minutes) for minutes in (30, -30, 30, 60, 0, 60)]

    assert fired == [1, 0, 0, 2, 0, 0]
    assert [step for _, step, _ in await _log(database, number)] == [
        *("half_used", "nearly_due", "due")
    ]
