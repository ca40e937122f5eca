"""A promise that passed: one honest message, and a new time on the customer's page."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import amends, conversations
from inbox.db import Database
from inbox.delivery import compose
from models import ChannelKind, Conversation, EventKind, OutboxKind
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    make_message,
    messages_of,
    outbox_of,
)

LATE = NOW + timedelta(hours=2)


def _broken(session: Session, number: int) -> list[dict[str, object]]:
    return [
        event.data
        for event in events_of(session, number)
        if event.kind is EventKind.PROMISE_BROKEN
    ]


async def _own_up(database: Database, firm: Firm, now: datetime = LATE) -> int:
    return await database.write(amends.own_up, firm.house, now)


async def test_the_customer_is_told_once_with_a_new_time(
    database: Database, firm: Firm
) -> None:
    """F25: what was promised stays in the record, and stays what is measured."""
    number = await database.write(arrive, firm)
    before = (await database.read(conversation, number)).promised_at
    assert before is not None
    assert not await database.read(amends.has_broken, before - timedelta(seconds=1))
    assert await database.read(amends.has_broken, before)

    assert await _own_up(database, firm) == 1
    assert await _own_up(database, firm) == 0
    assert not await database.read(amends.has_broken, LATE)

    row = await database.read(conversation, number)
    assert row.promised_at == before
    assert row.expected_at is not None
    assert row.expected_at >= LATE
    (sent,) = [
        one for one in await database.read(outbox_of, number) if one.kind is OutboxKind.LATE
    ]
    mail = compose(sent.mail)
    assert "xin lỗi" in mail.text
    assert str(number) in mail.subject
    assert mail.automatic
    told = {"expected_at": row.expected_at.isoformat(), "is_told": True}
    assert await database.read(_broken, number) == [told]


async def test_the_new_time_is_the_target_over_again_in_working_hours(
    database: Database, firm: Firm
) -> None:
    number = await database.write(arrive, firm)
    evening = datetime(2026, 3, 2, 9, 45, tzinfo=UTC)  # Monday 16:45 there

    await _own_up(database, firm, evening)

    row = await database.read(conversation, number)
    assert row.expected_at is not None
    # one hour of product advice: until 17:00, and the rest on Tuesday morning
    assert row.expected_at == datetime(2026, 3, 3, 1, 45, tzinfo=UTC)


async def test_nobody_is_told_who_has_an_answer(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        row = conversation(session, number)
        conversations.reply(session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=NOW)

    await database.write(work)

    assert await _own_up(database, firm) == 0


async def test_a_chat_is_told_in_the_chat(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        rows = columns(Conversation)
        change = update(Conversation).where(rows.id == number)
        session.execute(change.values(channel=ChannelKind.CHAT))

    await database.write(work)
    await _own_up(database, firm)

    last = (await database.read(messages_of, number))[-1]
    assert "xin lỗi" in last.text
    kinds = [one.kind for one in await database.read(outbox_of, number)]
    assert OutboxKind.LATE not in kinds


async def test_who_was_never_told_a_time_is_not_told_that_it_passed(
    database: Database, firm: Firm
) -> None:
    """A mail that asks for no automatic answer gets none of this kind either."""
    message = make_message(suppress_auto_response=True)
    number = await database.write(arrive, firm, message)

    assert await _own_up(database, firm) == 1

    assert await database.read(outbox_of, number) == []
    (said,) = await database.read(_broken, number)
    assert said["is_told"] is False


@pytest.mark.parametrize("after", [timedelta(hours=25), timedelta(days=30)])
async def test_after_a_long_outage_people_speak(
    database: Database, firm: Firm, after: timedelta
) -> None:
    number = await database.write(arrive, firm)
    promised = (await database.read(conversation, number)).promised_at
    assert promised is not None

    assert not await database.read(amends.has_broken, promised + after)
    assert await _own_up(database, firm, promised + after) == 0
