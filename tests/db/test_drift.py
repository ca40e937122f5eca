"""Waits end, once, and nothing is left without a date."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox import closing, conversations, drift, waits
from inbox.company.installation import office_hours
from inbox.db import Database
from inbox.delivery import compose
from inbox.errors import Conflict, Invalid
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.history import Wait
from inbox.store.adrift import ADRIFT, list_adrift
from models import (
    ChannelKind,
    ClockKind,
    Company,
    Conversation,
    Direction,
    OutboxKind,
    SLAPolicy,
    SLAState,
    Status,
)
from models.base import core
from tests.factories import (
    HOURS,
    NOW,
    ZONE,
    Firm,
    arrive,
    clocks_of,
    conversation,
    kinds_of,
    make_message,
    messages_of,
    outbox_of,
)

HOUR = timedelta(hours=1)
LATER = NOW + timedelta(hours=2)
NEXT = NOW + timedelta(hours=4)  # two hours from an hour later, and one for lunch


async def _waiting(
    database: Database, firm: Firm, reason: Wait = Wait.CUSTOMER, **how: Any
) -> int:
    """Make an answered conversation wait until ``LATER``."""
    number = await database.write(arrive, firm, **how)

    def work(session: Session) -> None:
        row = conversation(session, number)
        conversations.reply(session, row, "Số máy?", firm.house, by=firm.an, now=NOW)
        row = conversation(session, number)
        waits.wait(session, row, reason, LATER, by=firm.an, now=NOW)

    await database.write(work)
    return number


def _settings(session: Session, **said: Any) -> None:
    session.execute(update(core(Company)).values(settings={"waits": said}))


async def _end(database: Database, firm: Firm, now: datetime) -> int:
    return await database.write(drift.end_waits, firm.house, now)


async def test_waiting_stops_what_is_chosen_until_a_date(
    database: Database, firm: Firm
) -> None:
    """F32, F33, F117: three working days unless somebody says otherwise."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        row = conversation(session, number)
        waits.reply_and_wait(
            session,
            row,
            text="Số máy?",
            house=firm.house,
            by=firm.an,
            now=NOW,
            seen=None,
            key="k",
        )

    await database.write(work)
    await database.write(work)  # the same click again

    row = await database.read(conversation, number)
    thursday = NOW + timedelta(days=3)
    assert (row.status, row.waiting_until, row.order_at) == (Status.WAITING, thursday, thursday)
    assert (row.sla_state, row.resolution_due_at) == (SLAState.PAUSED, None)
    assert (await database.read(kinds_of, number)).count("waited") == 1
    resolution = (await database.read(clocks_of, number))[1]
    assert (resolution.kind, resolution.paused_at) == (ClockKind.RESOLUTION, NOW)


async def test_the_customers_answer_ends_it(database: Database, firm: Firm) -> None:
    """F32: the clocks run on, the wait was counted, and an answer is owed."""
    number = await _waiting(database, firm)
    await database.write(arrive, firm, meta={"conversation": number}, at=NOW + HOUR)

    row = await database.read(conversation, number)
    resolution = (await database.read(clocks_of, number))[1]
    assert (row.status, row.waiting_until, row.wait_reason) == (Status.OPEN, None, "")
    assert row.next_due_at == NEXT
    assert resolution.pauses == [[NOW.isoformat(), (NOW + HOUR).isoformat()]]
    assert await _end(database, firm, LATER + HOUR) == 0


async def test_somebody_elses_silence_does_not_hide_the_customer(
    database: Database, firm: Firm
) -> None:
    """Waiting for a third party goes on, but the customer is answered; then it waits again."""
    number = await _waiting(database, firm, Wait.THIRD_PARTY)
    await database.write(arrive, firm, meta={"conversation": number}, at=NOW + HOUR)
    asked = await database.read(conversation, number)

    def reply(session: Session) -> None:
        row = conversation(session, number)
        conversations.reply(session, row, "Đang chờ ạ.", firm.house, by=firm.an, now=NOW + HOUR)

    await database.write(reply)
    answered = await database.read(conversation, number)
    assert (asked.status, asked.next_due_at) == (Status.OPEN, NEXT)
    assert (answered.status, answered.waiting_until) == (Status.WAITING, LATER)
    assert await _end(database, firm, LATER) == 1
    over = await database.read(conversation, number)
    assert (over.status, over.wait_reason) == (Status.OPEN, "")


@pytest.mark.parametrize("closes", [False, True])
async def test_nobody_answers(database: Database, firm: Firm, closes: bool) -> None:
    """F117: asked once more in their language, then given back, or closed with a notice."""
    number = await _waiting(database, firm, message=make_message(language="en"))
    await database.write(_settings, closes=closes)
    await asyncio.gather(*(_end(database, firm, LATER) for _ in range(3)))

    row = await database.read(conversation, number)
    mails = [one for one in await database.read(outbox_of, number) if one.kind == "follow_up"]
    assert (row.status, row.followed_up_at, len(mails)) == (Status.WAITING, LATER, 1)
    mail = compose(mails[0].mail)
    assert mail.subject == f"Do you still need our help? (request {number})"
    assert "We are waiting for your answer" in mail.text
    assert row.waiting_until is not None

    await asyncio.gather(*(_end(database, firm, row.waiting_until) for _ in range(3)))

    over = await database.read(conversation, number)
    kinds = await database.read(kinds_of, number)
    sent = [one.kind for one in await database.read(outbox_of, number)]
    assert kinds.count("followed_up") == 1
    assert over.waiting_until is None
    if closes:
        assert (over.status, sent.count(OutboxKind.CLOSING)) == (Status.RESOLVED, 1)
    else:
        assert (over.status, over.owner_id) == (Status.OPEN, firm.an.id)
        assert kinds.count("resumed") == 1
        assert over.resolution_due_at is not None


async def test_in_a_chat_it_is_a_line(database: Database, firm: Firm) -> None:
    number = await _waiting(
        database,
        firm,
        channel=ChannelKind.CHAT,
        meta={"visitor": "v", "key": "v1"},
        message=make_message(language="vi"),
    )
    await _end(database, firm, LATER)

    last = (await database.read(messages_of, number))[-1]
    assert last.direction is Direction.AUTOMATIC
    assert last.text.startswith("Anh/chị còn cần hỗ trợ không?")


async def test_a_crash_leaves_it_to_the_next(database: Database, firm: Firm) -> None:
    """F117: nothing is half done; the next worker does it, once."""
    number = await _waiting(database, firm)

    def dies(session: Session) -> None:
        drift.end_waits(session, firm.house, LATER)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await database.write(dies)
    assert await _end(database, firm, LATER) == 1
    assert (await database.read(kinds_of, number)).count("followed_up") == 1


async def test_a_snooze_ends_at_its_time_however_late_the_worker(
    database: Database, firm: Firm
) -> None:
    """F33, F80: the pause is as long as was said."""
    number = await _waiting(database, firm, Wait.SNOOZED)
    assert (await database.read(conversation, number)).status is Status.SNOOZED
    await _end(database, firm, LATER + 5 * HOUR)

    resolution = (await database.read(clocks_of, number))[1]
    assert resolution.pauses == [[NOW.isoformat(), LATER.isoformat()]]


async def test_a_snooze_hides_no_deadline_and_ends_with_the_customers_word(
    database: Database, firm: Firm
) -> None:
    """F80: the reply clock of an unanswered request goes on; what they write brings it back."""
    number = await database.write(arrive, firm)
    before = (await database.read(clocks_of, number))[0]

    def put_off(session: Session) -> None:
        row = conversation(session, number)
        waits.wait(session, row, Wait.SNOOZED, LATER, by=firm.an, now=NOW)

    await database.write(put_off)
    reply = (await database.read(clocks_of, number))[0]
    assert (reply.kind, reply.due_at, reply.pauses) == (before.kind, before.due_at, [])
    assert reply.paused_at is None

    await database.write(arrive, firm, meta={"conversation": number}, at=NOW + HOUR)
    row = await database.read(conversation, number)
    assert (row.status, row.waiting_until) == (Status.OPEN, None)
    assert (await database.read(clocks_of, number))[0].due_at == before.due_at


async def test_waits_that_cannot_be(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)

    def wait(session: Session, until: datetime) -> None:
        row = conversation(session, number)
        waits.wait(session, row, Wait.CUSTOMER, until, by=firm.an, now=NOW)

    for until in (NOW, NOW - HOUR, NOW + timedelta(days=500)):
        with pytest.raises(Invalid):
            await database.write(wait, until)

    def resume(session: Session) -> None:
        waits.resume(session, conversation(session, number), by=firm.an, now=NOW)

    def done(session: Session) -> None:
        row = conversation(session, number)
        closing.resolve(session, row, by=firm.an, now=NOW, reason="spam")

    with pytest.raises(Conflict):
        await database.write(resume)
    await database.write(done)
    with pytest.raises(Conflict):
        await database.write(wait, LATER)


async def test_the_nightly_look_gives_a_date_to_what_has_none(
    database: Database, firm: Firm
) -> None:
    """F117: a policy without a resolution time, answered: nothing would bring it back."""
    await database.write(
        lambda session: session.execute(update(core(SLAPolicy)).values(resolution_s=None))
    )
    number = await database.write(arrive, firm)
    fine = await database.write(arrive, firm, make_message(from_address="hai@khach.example"))

    def reply(session: Session) -> None:
        row = conversation(session, number)
        conversations.reply(session, row, "Dạ còn.", firm.house, by=firm.an, now=NOW)

    await database.write(reply)
    assert await database.read(list_adrift, 50) == [number]

    assert await database.write(drift.look_nightly, "2026-03-03", LATER) == 1

    row = await database.read(conversation, number)
    assert (row.status, row.wait_reason) == (Status.WAITING, "customer")
    assert row.waiting_until is not None
    assert row.waiting_until > LATER
    assert await database.read(list_adrift, 50) == []
    assert (await database.read(conversation, fine)).status is Status.OPEN
    assert await database.write(drift.look_nightly, "2026-03-03", LATER) is None

    def all_dated(session: Session) -> bool:
        return session.execute(select(core(Conversation)).where(ADRIFT)).first() is None

    assert await database.read(all_dated)


def test_working_days_pass_over_the_weekend() -> None:
    """Friday and three working days on is Wednesday, at the same time of day."""
    calendar = WorkingCalendar.from_spec(office_hours(ZONE, HOURS, 5, []))
    friday = datetime(2026, 3, 6, 3, 0, tzinfo=UTC)
    assert waits.working_days_on(calendar, friday, 3) == friday + timedelta(days=5)
    night = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)  # 21:00
    assert waits.working_days_on(calendar, night, 1) == datetime(2026, 3, 10, 1, tzinfo=UTC)
