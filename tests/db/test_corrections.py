"""What people say of the sorting: policy, team, owner, due times and promise follow at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import conversations as service
from inbox import corrections
from inbox.db import Database
from inbox.delivery import compose
from inbox.errors import Invalid
from inbox.escalation import fire_due_steps
from inbox.rulebook import load_rulebook
from models import ClockKind, Correction, OutboxKind, SLAState, Triage
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    kinds_of,
    outbox_of,
    prediction,
)

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def _correct(
    session: Session, firm: Firm, number: int, at: datetime = NOW + MINUTE, **values: Any
) -> None:
    corrections.correct(
        session,
        conversation(session, number),
        load_rulebook(session),
        firm.house,
        by=firm.an,
        now=at,
        **values,
    )


async def _promises(database: Database, number: int) -> list[Any]:
    rows = await database.read(outbox_of, number)
    return [row for row in rows if row.kind is OutboxKind.PROMISE]


async def test_a_corrected_type_resets_policy_team_owner_and_due_together(
    database: Database, firm: Firm
) -> None:
    """F57, F58."""
    number = await database.write(arrive, firm, None, prediction("complaint"))

    await database.write(_correct, firm, number, request_type="product_advice")

    def look(session: Session) -> None:
        row = conversation(session, number)
        assert (row.request_type, row.triage) == ("product_advice", Triage.CORRECTED)
        assert (row.team_id, row.owner_id) == (firm.sales, firm.an.id)
        assert row.next_due_at == row.first_response_due_at == NOW + HOUR
        first, resolution = clocks_of(session, number)
        assert first.policy == resolution.policy == "Tư vấn sản phẩm"
        assert (first.target_s, resolution.target_s) == (3600, 16 * 3600)
        assert first.started_at == NOW
        (said,) = everything(session, Correction)
        assert (said.field, said.old, said.new) == (
            "request_type",
            "complaint",
            "product_advice",
        )
        assert (said.agent_id, said.at) == (firm.an.id, NOW + MINUTE)
        kinds = kinds_of(session, number)
        assert {"corrected", "promised_again"} <= set(kinds)
        assert kinds.count("assigned") == 2

    await database.read(look)


async def test_a_much_earlier_due_time_is_promised_once(database: Database, firm: Firm) -> None:
    """F25: both promises stay in the record, and a third one is never sent."""
    number = await database.write(arrive, firm, None, prediction("complaint"))

    for request_type in ("technical_support", "complaint", "product_advice"):
        await database.write(_correct, firm, number, request_type=request_type)

    (mail,) = await _promises(database, number)
    said = compose(mail.mail)
    row = await database.read(conversation, number)
    kept = [
        event.data["promised_at"]
        for event in await database.read(events_of, number)
        if event.kind in ("acknowledged", "promised_again")
    ]
    assert "11:30 hôm nay" in said.text
    assert said.automatic
    assert (row.promised_at, row.next_due_at) == (NOW + 2 * HOUR, NOW + HOUR)
    assert kept == [(NOW + 5 * HOUR).isoformat(), (NOW + 2 * HOUR).isoformat()]


async def test_a_later_due_time_stays_as_promised(database: Database, firm: Firm) -> None:
    """Our mistake makes no customer wait longer."""
    number = await database.write(arrive, firm)

    await database.write(_correct, firm, number, request_type="complaint")

    row = await database.read(conversation, number)
    first, resolution = await database.read(clocks_of, number)
    assert row.next_due_at == row.promised_at == NOW + HOUR
    assert first.policy == "Khiếu nại"
    # Three days of eight hours from Monday 09:30: only the answer was promised.
    assert resolution.due_at == NOW + timedelta(days=3)
    assert await _promises(database, number) == []


async def test_half_an_hour_earlier_is_not_worth_a_mail(database: Database, firm: Firm) -> None:
    """Only by more than 30 minutes; due moves, the promise stands."""
    number = await database.write(arrive, firm)

    await database.write(_correct, firm, number, urgency="urgent")

    row = await database.read(conversation, number)
    assert (row.next_due_at, row.promised_at) == (NOW + HOUR / 2, NOW + HOUR)
    assert row.urgency_rank == 0
    assert await _promises(database, number) == []


async def test_after_the_answer_nothing_is_promised(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm, None, prediction("complaint"))

    def answer(session: Session) -> None:
        row = conversation(session, number)
        service.reply(session, row, "Dạ.", firm.house, by=firm.chi, now=NOW)

    await database.write(answer)
    await database.write(_correct, firm, number, request_type="product_advice")

    row = await database.read(conversation, number)
    assert row.next_due_at is None
    assert row.promised_at == NOW + 5 * HOUR
    assert await _promises(database, number) == []


async def test_a_promise_that_would_have_passed_is_not_made(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm, None, prediction("complaint"))

    late = NOW + 2 * HOUR
    await database.write(_correct, firm, number, late, request_type="product_advice")

    row = await database.read(conversation, number)
    assert row.next_due_at == NOW + HOUR
    assert await _promises(database, number) == []


async def test_a_breach_that_was_told_stays(database: Database, firm: Firm) -> None:
    """F35."""
    number = await database.write(arrive, firm)
    await database.write(fire_due_steps, firm.house, NOW + HOUR)
    await database.write(_correct, firm, number, NOW + HOUR, request_type="complaint")

    row = await database.read(conversation, number)
    assert row.sla_state is SLAState.BREACHED


async def test_the_same_type_confirms(database: Database, firm: Firm) -> None:
    said = prediction(needs_review=True)
    number = await database.write(arrive, firm, None, said)
    before = await database.read(conversation, number)

    await database.write(_correct, firm, number, request_type="product_advice")

    row = await database.read(conversation, number)
    (word,) = await database.read(lambda session: everything(session, Correction))
    assert (row.triage, row.request_type_confidence) == (Triage.CONFIRMED, 1.0)
    assert (row.owner_id, row.next_due_at) == (before.owner_id, before.next_due_at)
    assert word.old == word.new == "product_advice"


async def test_agreeing_twice_is_recorded_once(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm, None, prediction(needs_review=True))

    def agree(session: Session) -> None:
        corrections.agree(session, conversation(session, number), by=firm.an, now=NOW)

    await database.write(agree)
    await database.write(agree)

    row = await database.read(conversation, number)
    said = await database.read(lambda session: everything(session, Correction))
    assert row.triage is Triage.CONFIRMED
    assert [one.field for one in said] == ["request_type", "urgency"]
    assert (await database.read(kinds_of, number)).count("confirmed") == 1


async def test_urgency_alone_does_not_say_that_the_type_was_looked_at(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm, None, prediction(needs_review=True))

    await database.write(_correct, firm, number, urgency="high")

    row = await database.read(conversation, number)
    assert (row.urgency, row.triage) == ("high", Triage.NEEDS_REVIEW)


@pytest.mark.parametrize("values", [{"request_type": "nothing"}, {"urgency": "very"}])
async def test_what_does_not_exist_changes_nothing(
    database: Database, firm: Firm, values: dict[str, str]
) -> None:
    """F66."""
    number = await database.write(arrive, firm)
    before = await database.read(conversation, number)

    with pytest.raises(Invalid):
        await database.write(_correct, firm, number, **values)

    assert await database.read(conversation, number) == before


async def test_the_next_answers_clock_follows_too(database: Database, firm: Firm) -> None:
    """What was promised for the first answer does not cap a later one."""
    number = await database.write(arrive, firm)

    def answer(session: Session) -> None:
        row = conversation(session, number)
        service.reply(session, row, "Dạ.", firm.house, by=firm.an, now=NOW)

    await database.write(answer)
    asked = NOW + HOUR / 2
    await database.write(arrive, firm, meta={"conversation": number}, at=asked)
    await database.write(_correct, firm, number, asked, request_type="technical_support")

    row = await database.read(conversation, number)
    live = [clock for clock in await database.read(clocks_of, number) if not clock.met_at]
    assert row.next_due_at == asked + 5 * HOUR, "four of work, over lunch"
    assert {clock.kind for clock in live} == {ClockKind.NEXT_RESPONSE, ClockKind.RESOLUTION}


async def test_what_was_told_is_not_told_again_under_the_new_due_time(
    database: Database, firm: Firm
) -> None:
    """F35, F46: a late request that is moved to a stricter type stays late, quietly."""
    number = await database.write(arrive, firm, None, prediction("product_advice"))
    late = NOW + 2 * HOUR  # due after one, a quarter later the backup
    while await database.write(fire_due_steps, firm.house, late):
        pass
    told = await database.read(kinds_of, number)

    await database.write(_correct, firm, number, at=late, urgency="high")

    assert await database.write(fire_due_steps, firm.house, late + MINUTE) == 0
    assert "escalated" in told
    assert (await database.read(kinds_of, number))[: len(told)] == told
