"""One team asks another: who may see it, what it does, and that it is warned of once (F124)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import asks, closing, conversations
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.reporting.closing import open_facts
from inbox.store import asks as rows
from inbox.store.conversations import get_for_agent
from inbox.store.people import Person
from models import Ask, Counted, Direction, EventKind
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    messages_of,
    notices_of,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def _ask(session: Session, firm: Firm, number: int, **more: Any) -> int:
    row = conversation(session, number)
    given = {"by": firm.an, "now": NOW, **more}
    return asks.ask(session, row, firm.tech, "Bảo hành mấy năm?", firm.house, **given).id


async def _told(database: Database, number: int) -> list[tuple[str, int]]:
    rows = await database.read(notices_of, number)
    return sorted((row.step.partition(":")[0], row.agent_id) for row in rows)


async def test_owner_and_clock_stay_and_the_other_team_hears_of_it(
    database: Database, firm: Firm
) -> None:
    """F124: its own due time is half of what is left: an hour to go, half an hour."""
    number = await database.write(arrive, firm)
    before = await database.read(clocks_of, number)
    await database.write(_ask, firm, number)

    (question,) = await database.read(everything, Ask)
    assert question.due_at == NOW + 30 * MINUTE
    row = await database.read(conversation, number)
    assert (row.owner_id, row.team_id) == (firm.an.id, firm.sales)
    after = await database.read(clocks_of, number)
    assert [(one.due_at, one.generation) for one in after] == [
        (one.due_at, one.generation) for one in before
    ]
    assert await _told(database, number) == [("asked", firm.chi.id), ("asked", firm.dung.id)]
    notice, _ = await database.read(notices_of, number)
    assert "Bảo hành mấy năm?" in notice.data["reason"]


async def test_without_time_left_it_is_a_working_day(database: Database, firm: Firm) -> None:
    """F124: overdue clocks give no half; eight working hours, over the lunch break."""
    number = await database.write(arrive, firm)
    late = NOW + timedelta(days=30)
    await database.write(_ask, firm, number, now=late)
    (question,) = await database.read(everything, Ask)
    assert question.due_at == late + timedelta(days=1)


async def test_those_asked_may_read_and_note_until_they_have_answered(
    database: Database, firm: Firm
) -> None:
    """F124, R50: nothing else of it, nothing before, nothing afterwards."""
    number = await database.write(arrive, firm)

    def read(session: Session, who: Person, **named: Any) -> int:
        return get_for_agent(session, number, who, **named).id

    with pytest.raises(NotFound):
        await database.read(read, firm.chi, or_asked=True)
    ask_id = await database.write(_ask, firm, number)
    assert await database.read(read, firm.chi, or_asked=True) == number
    with pytest.raises(NotFound):
        await database.read(read, firm.chi)
    asked = await database.read(rows.list_asked_of, firm.chi)
    assert [one.id for one in asked] == [ask_id]
    assert await database.read(rows.list_asked_of, firm.binh) == []
    by_an = await database.read(rows.list_asked_by, firm.an)
    assert [one.id for one in by_an] == [ask_id]
    await database.write(asks.answer, ask_id, "Hai năm.", firm.house, by=firm.chi, now=NOW)
    with pytest.raises(NotFound):
        await database.read(read, firm.chi, or_asked=True)


async def test_the_answer_is_a_note_and_who_asked_and_who_owns_it_hear_of_it(
    database: Database, firm: Firm
) -> None:
    """F124: a note with the question in it; no clock is met by it."""
    number = await database.write(arrive, firm)
    ask_id = await database.write(_ask, firm, number, by=firm.binh)
    await database.write(asks.take, ask_id, by=firm.chi, now=NOW)
    await database.write(
        asks.answer, ask_id, " Hai năm. ", firm.house, by=firm.chi, now=NOW + HOUR
    )
    note = (await database.read(messages_of, number))[-1]
    assert note.direction is Direction.NOTE
    assert note.text == "> Bảo hành mấy năm?\n\nHai năm."
    told = [one for one in await _told(database, number) if one[0] == "answered"]
    assert told == sorted([("answered", firm.an.id), ("answered", firm.binh.id)])
    assert all(one.met_at is None for one in await database.read(clocks_of, number))
    for again in (
        lambda s: asks.answer(s, ask_id, "Ba năm.", firm.house, by=firm.chi, now=NOW),
        lambda s: asks.take(s, ask_id, by=firm.dung, now=NOW),
        lambda s: asks.withdraw(s, ask_id, by=firm.an, now=NOW),
    ):
        with pytest.raises(Conflict):
            await database.write(again)


async def test_who_may_not(database: Database, firm: Firm) -> None:
    """The asking side cannot answer, those asked cannot withdraw, strangers see nothing."""
    number = await database.write(arrive, firm)
    ask_id = await database.write(_ask, firm, number)
    with pytest.raises(Conflict):
        await database.write(asks.answer, ask_id, "x", firm.house, by=firm.an, now=NOW)
    with pytest.raises(NotFound):
        await database.write(asks.withdraw, ask_id, by=firm.chi, now=NOW)
    stranger = replace(firm.chi, id=firm.chi.id, team_ids=frozenset())
    with pytest.raises(NotFound):
        await database.write(asks.take, ask_id, by=stranger, now=NOW)


@pytest.mark.parametrize("wrong", ["own team", "no team", "no question", "past", "far"])
async def test_what_cannot_be_asked(database: Database, firm: Firm, wrong: str) -> None:
    number = await database.write(arrive, firm)
    team = {"own team": firm.sales, "no team": 999}.get(wrong, firm.tech)
    text = "  " if wrong == "no question" else "Sao?"
    due = {"past": NOW - MINUTE, "far": NOW + timedelta(days=400)}.get(wrong)

    def work(session: Session) -> None:
        row = conversation(session, number)
        asks.ask(session, row, team, text, firm.house, by=firm.an, now=NOW, due_at=due)

    with pytest.raises(Invalid):
        await database.write(work)
    assert await database.read(everything, Ask) == []


async def test_two_colleagues_at_once_answer_once(database: Database, firm: Firm) -> None:
    """The second hears that it is answered; one note is kept."""
    number = await database.write(arrive, firm)
    ask_id = await database.write(_ask, firm, number)
    outcomes = await asyncio.gather(
        *(
            database.write(asks.answer, ask_id, text, firm.house, by=who, now=NOW)
            for who, text in ((firm.chi, "một"), (firm.dung, "hai"))
        ),
        return_exceptions=True,
    )
    assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True]
    notes = [m for m in await database.read(messages_of, number) if m.direction == "note"]
    assert len(notes) == 1


async def test_overdue_warns_both_sides_once(database: Database, firm: Firm) -> None:
    """F124: any number of workers at once, each person told once."""
    number = await database.write(arrive, firm)
    await database.write(_ask, firm, number, by=firm.binh)
    due = NOW + 30 * MINUTE
    assert await database.write(asks.warn_overdue, firm.house, due - MINUTE) == 0
    done = await asyncio.gather(
        *(database.write(asks.warn_overdue, firm.house, due + MINUTE) for _ in range(4))
    )
    assert sorted(done) == [0, 0, 0, 1]
    late = [one for one in await _told(database, number) if one[0] == "ask_late"]
    both = (firm.an, firm.binh, firm.chi, firm.dung)
    assert late == sorted(("ask_late", one.id) for one in both)
    assert await database.read(rows.next_due) is None


async def test_what_ends_takes_its_questions_back(database: Database, firm: Firm) -> None:
    """Done: nobody is kept waiting for an answer that nobody needs any more."""
    number = await database.write(arrive, firm)
    await database.write(_ask, firm, number)

    def resolve(session: Session) -> None:
        row = conversation(session, number)
        closing.resolve(session, row, by=firm.an, now=NOW + MINUTE, reason="duplicate")

    await database.write(resolve)
    (question,) = await database.read(everything, Ask)
    assert question.withdrawn_at == NOW + MINUTE
    kinds = [one.kind for one in await database.read(events_of, number)]
    assert kinds[-1] is EventKind.DEPARTMENT_ANSWERED


async def test_its_time_is_a_stage_and_its_lateness_a_cause(
    database: Database, firm: Firm
) -> None:
    """F95, F96, F124: twenty minutes with the other team; late while they were being asked."""
    number = await database.write(arrive, firm)
    ask_id = await database.write(_ask, firm, number, now=NOW + 50 * MINUTE)

    def go_on(session: Session) -> None:
        at = NOW + 70 * MINUTE
        asks.answer(session, ask_id, "Hai năm.", firm.house, by=firm.chi, now=at)
        row = conversation(session, number)
        conversations.reply(session, row, "Hai năm ạ.", firm.house, by=firm.an, now=at)
        closing.resolve(session, conversation(session, number), by=firm.an, now=at + MINUTE)

    await database.write(go_on)
    facts = {
        fact.what: fact for fact in await database.read(open_facts, NOW + timedelta(hours=5))
    }
    assert facts[Counted.SOLVED].department_s == 20 * 60
    assert facts[Counted.SOLVED].owner_s == 51 * 60
    assert facts[Counted.FIRST_RESPONSE].cause == "other_department"
