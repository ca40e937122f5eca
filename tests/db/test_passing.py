"""Passing on: a reason, a count, the leaders at the third time, and the report (F125)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import conversations, passing
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.reporting.closing import open_facts
from models import Counted, Event, EventKind
from tests.factories import NOW, Firm, arrive, conversation, events_of, notices_of

MINUTE = timedelta(minutes=1)


async def _pass(
    database: Database,
    firm: Firm,
    number: int,
    team: int,
    reason: str = "wrong_team",
    **more: Any,
) -> None:
    def work(session: Session) -> None:
        row = conversation(session, number)
        given = {"by": firm.dung, "now": NOW, **more}
        passing.pass_on(session, row, team, reason, **given)

    await database.write(work)


async def _passed(database: Database, number: int) -> list[Event]:
    found = await database.read(events_of, number)
    return [one for one in found if one.kind is EventKind.PASSED_ON]


async def test_it_goes_to_the_other_team_with_its_reason(
    database: Database, firm: Firm
) -> None:
    """F125: to who has least open there; what it was and what it is stand in the event."""
    number = await database.write(arrive, firm)
    await _pass(database, firm, number, firm.tech, note=" máy  hỏng ")
    row = await database.read(conversation, number)
    assert (row.team_id, row.owner_id, row.passed_on) == (firm.tech, firm.chi.id, 1)
    (event,) = await _passed(database, number)
    assert event.data["times"] == 1
    assert event.data["reason"] == "wrong_team"
    assert event.data["text"] == "máy hỏng"
    assert event.data["from"] == {"team": firm.sales, "owner": firm.an.id}
    assert event.data["to"] == {"team": firm.tech, "owner": firm.chi.id}
    assert event.actor_id == firm.dung.id


@pytest.mark.parametrize(
    ("reason", "note"), [("", ""), ("because", ""), ("other", " "), ("no_room", "x" * 501)]
)
async def test_without_a_reason_it_stays(
    database: Database, firm: Firm, reason: str, note: str
) -> None:
    """F125: and "another reason" says which."""
    number = await database.write(arrive, firm)
    with pytest.raises(Invalid):
        await _pass(database, firm, number, firm.tech, reason, note=note)
    row = await database.read(conversation, number)
    assert (row.team_id, row.passed_on) == (firm.sales, 0)


async def test_not_to_where_it_is_nor_to_nowhere(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    for team in (firm.sales, 999):
        with pytest.raises(Invalid):
            await _pass(database, firm, number, team)
    with pytest.raises(Invalid):
        await _pass(database, firm, number, firm.tech, owner_id=firm.an.id)


async def test_the_third_time_tells_those_who_lead_once(database: Database, firm: Firm) -> None:
    """F125: both teams are led by Dung; a fourth time says nothing new for this due time."""
    number = await database.write(arrive, firm)
    for times, team in enumerate((firm.tech, firm.sales, firm.tech, firm.sales), 1):
        await _pass(database, firm, number, team, "no_room")
        told = [
            one for one in await database.read(notices_of, number) if one.step == "passed_on"
        ]
        assert [one.agent_id for one in told] == ([firm.dung.id] if times >= 3 else [])
    assert "3" in told[0].data["reason"]
    assert (await database.read(conversation, number)).passed_on == 4


async def test_giving_it_to_somebody_of_another_team_passes_it_on(
    database: Database, firm: Firm
) -> None:
    """F125: the owner changes, the team stays; leaders who step in pass nothing on."""
    number = await database.write(arrive, firm)

    def give(session: Session, to: int, **more: Any) -> None:
        row = conversation(session, number)
        conversations.assign(session, row, to, by=firm.dung, now=NOW, **more)

    await database.write(give, firm.binh.id)
    assert await _passed(database, number) == [], "a colleague of the team"
    with pytest.raises(Invalid):
        await database.write(give, firm.chi.id, reason="")
    await database.write(give, firm.chi.id, reason="needs_skill")
    row = await database.read(conversation, number)
    assert (row.team_id, row.owner_id, row.passed_on) == (firm.sales, firm.chi.id, 1)
    await database.write(give, firm.admin.id)
    await database.write(give, firm.chi.id)
    reasons = [one.data["reason"] for one in await _passed(database, number)]
    assert reasons == ["needs_skill", passing.UNSTATED]


async def test_it_counts_for_the_team_that_passed_it_on(database: Database, firm: Firm) -> None:
    """F125: the report says who sends work away, not who gets it."""
    number = await database.write(arrive, firm)
    await _pass(database, firm, number, firm.tech)
    facts = await database.read(open_facts, NOW + MINUTE)
    (fact,) = [one for one in facts if one.what is Counted.PASSED_ON]
    assert (fact.team_id, fact.conversation_id) == (firm.sales, number)


async def test_what_is_done_is_not_passed_on(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)

    def finish(session: Session) -> None:
        conversation(session, number).status = "resolved"  # type: ignore[assignment]

    await database.write(finish)
    with pytest.raises(Conflict):
        await _pass(database, firm, number, firm.tech)
