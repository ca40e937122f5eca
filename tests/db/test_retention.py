"""Retention and restriction: shown before it deletes; kept, and nothing else done (F107)."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from inbox import closing, conversations, delivery
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.privacy import restricting, retention
from inbox.store.conversations import get_for_agent
from inbox.store.counts import visible_to
from models import (
    Contact,
    Conversation,
    DeliveryState,
    LegalHold,
    RetentionRun,
    Status,
)
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_message,
    messages_of,
    outbox_of,
)

MONTHS_25 = NOW + timedelta(days=770)


def _finished(session: Session, firm: Firm, email: str, at: datetime = NOW) -> int:
    """Take a message in and mark it as done at once; return its number."""
    message = make_message("Hết rồi ạ.", from_address=email)
    number = arrive(session, firm, message, at=at)
    row = conversation(session, number)
    closing.resolve(session, row, by=firm.dung, now=at, reason="duplicate")
    return number


async def _act(database: Database, now: datetime) -> None:
    while await database.read(retention.is_due, now):
        await database.write(retention.act, now)


async def test_what_is_old_is_shown_for_three_days_and_then_goes(
    database: Database, firm: Firm
) -> None:
    """F107: the right ones go, held and changed ones stay, and it was shown before."""

    def set_up(session: Session) -> list[int]:
        old = [_finished(session, firm, f"khach{n}@vidu.example") for n in range(4)]
        young = _finished(session, firm, "moi@vidu.example", MONTHS_25 - timedelta(days=9))
        is_open = arrive(session, firm, make_message(from_address="mo@vidu.example"))
        held = conversation(session, old[1]).contact_id
        session.add(LegalHold(contact_id=held, reason="kiện", created_at=NOW))
        retention.set_rule(session, None, "resolved", 730, by=firm.admin.id, now=NOW)
        return [*old, young, is_open]

    numbers = await database.write(set_up)
    first, held, reopened, last, young, is_open = numbers
    preview = await database.read(retention.preview, None, Status.RESOLVED, 730, MONTHS_25)
    assert (preview.count, preview.numbers) == (3, [first, reopened, last])

    assert await database.write(retention.plan, NOW) == 0
    assert await database.write(retention.plan, MONTHS_25) == 1
    assert await database.write(retention.plan, MONTHS_25) == 0  # shown already
    (run,) = await database.read(everything, RetentionRun)
    assert run.numbers == [first, reopened, last]
    assert not await database.read(retention.is_due, MONTHS_25 + timedelta(days=2))
    await database.write(_touch, reopened, MONTHS_25)
    await _act(database, MONTHS_25 + timedelta(days=3))

    (run,) = await database.read(everything, RetentionRun)
    assert (run.done, run.erased, run.finished_at is not None) == (3, 2, True)

    def left(session: Session) -> dict[int, bool]:
        return {one: bool(messages_of(session, one)[0].text) for one in numbers}

    assert await database.read(left) == {
        **{first: False, last: False},
        **{held: True, reopened: True, young: True, is_open: True},
    }
    row = await database.read(conversation, first)
    person = await database.read(lambda session: session.get_one(Contact, row.contact_id))
    assert (row.subject, person.name, person.erased_at is not None) == ("", "", True)
    assert await database.read(events_of, first)  # what happened stays


def _touch(session: Session, number: int, now: datetime) -> None:
    row = conversation(session, number)
    row.last_inbound_at = now
    session.flush()


async def test_a_run_can_be_stopped_and_a_rule_ends_its_run(
    database: Database, firm: Firm
) -> None:
    def plan(session: Session, now: datetime) -> RetentionRun:
        assert retention.plan(session, now) == 1
        return retention.list_runs(session)[0]

    await database.write(_finished, firm, "khach@vidu.example")
    rule = await database.write(retention.set_rule, firm.mail, "resolved", 30, by=None, now=NOW)
    later = NOW + timedelta(days=40)
    run = await database.write(plan, later)
    await database.write(retention.stop_run, run.id, by=firm.admin.id, now=later)
    with pytest.raises(Conflict):
        await database.write(retention.stop_run, run.id, by=firm.admin.id, now=later)
    assert await database.write(retention.plan, later) == 0  # not again today
    await database.write(plan, later + timedelta(days=1))
    await database.write(retention.end_rule, rule, by=None, now=later)
    with pytest.raises(NotFound):
        await database.write(retention.end_rule, rule, by=None, now=later)

    await _act(database, later + timedelta(days=9))

    assert {run.erased for run in await database.read(everything, RetentionRun)} == {0}


async def test_an_inbox_with_a_rule_of_its_own_follows_that(
    database: Database, firm: Firm
) -> None:
    await database.write(_finished, firm, "khach@vidu.example")
    now = NOW + timedelta(days=40)
    for inbox_id, days in ((None, 30), (firm.mail, 90)):
        rule = (inbox_id, "resolved", days)
        await database.write(retention.set_rule, *rule, by=None, now=NOW)
    count = await database.read(retention.preview, None, Status.RESOLVED, 30, now)
    assert count.count == 0
    with pytest.raises(Invalid):
        await database.write(retention.set_rule, None, "open", 30, by=None, now=NOW)
    with pytest.raises(Invalid):
        await database.write(retention.set_rule, None, "spam", 0, by=None, now=NOW)


async def test_of_who_is_restricted_nothing_is_shown_or_sent(
    database: Database, firm: Firm
) -> None:
    """No mail leaves while it holds, also none that waited; what comes later is shown."""
    number = await database.write(arrive, firm)
    later = NOW + timedelta(minutes=1)

    def restrict(session: Session, on: bool) -> None:
        contact = conversation(session, number).contact_id
        restricting.restrict(session, contact, on=on, by=firm.admin.id, now=later)

    await database.write(restrict, True)
    with pytest.raises(Conflict):
        await database.write(restrict, True)

    def seen(session: Session) -> int:
        query = select(func.count()).select_from(Conversation).where(visible_to(firm.dung))
        return int(session.execute(query).scalar_one())

    assert await database.read(seen) == 0
    with pytest.raises(NotFound):
        await database.read(get_for_agent, number, firm.an)
    assert (await database.read(get_for_agent, number, firm.admin)).id == number

    def answer(session: Session) -> None:
        row = conversation(session, number)
        conversations.reply(session, row, "Chào chị", firm.house, by=firm.admin, now=later)

    with pytest.raises(Conflict):
        await database.write(answer)
    claimed = await database.write(delivery.claim, later, 10)
    mails = await database.read(outbox_of, number)
    assert claimed == []
    assert {one.state for one in mails} == {DeliveryState.CANCELLED}

    after = later + timedelta(minutes=1)
    again = await database.write(
        lambda session: arrive(session, firm, make_message("Còn một việc"), at=after)
    )
    assert (await database.read(get_for_agent, again, firm.dung)).id == again
    await database.write(restrict, False)
    await database.write(answer)
    assert await database.read(seen) >= 1
