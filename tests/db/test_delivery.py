"""Sending: claimed, fenced, settled; never twice by itself, never silently lost."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import closing, courier, delivery
from inbox import conversations as service
from inbox.channels.base import OutboundMessage, Receipt
from inbox.courier import Courier
from inbox.db import Database
from inbox.delivery import CLAIM, LEASE, Job
from inbox.errors import Rejected, Unavailable, Unconfirmed
from models import DeliveryState, Outbox, OutboxKind, SLAState, Status
from models.base import columns
from tests.conftest import Clock
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    make_message,
    outbox_of,
    steps_of,
)

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class DiedError(BaseException):
    """The process ends here."""


class Wire:
    """The far side: takes mail, or fails before or after the fence."""

    def __init__(
        self, before: BaseException | None = None, after: BaseException | None = None
    ) -> None:
        self.before, self.after = before, after
        self.sent: list[OutboundMessage] = []

    async def send(
        self, message: OutboundMessage, fence: Callable[[], Awaitable[bool]]
    ) -> Receipt | None:
        if self.before is not None:
            raise self.before
        if not await fence():
            return None
        if self.after is not None:
            raise self.after
        self.sent.append(message)
        return Receipt("250 queued as 17")


async def _run(database: Database, wire: Wire, clock: Clock) -> list[Job]:
    """Do what the loop does with everything whose time has come."""
    jobs = await database.write(delivery.claim, clock.now, 20)
    sender = Courier(database)
    for job in jobs:
        await sender.deliver(wire, job)
    await sender.settle()
    return jobs


async def _row(database: Database, number: int, kind: OutboxKind) -> Outbox:
    (row,) = [row for row in await database.read(outbox_of, number) if row.kind is kind]
    found: Outbox = row
    return found


def _reply(session: Session, firm: Firm, number: int) -> None:
    row = conversation(session, number)
    service.reply(session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=NOW)


async def test_what_was_sent_is_written_down(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F23: with the words that went out and the server's answer."""
    number = await database.write(arrive, firm)
    wire = Wire()

    await _run(database, wire, clock)
    nothing = await _run(database, wire, clock)

    row = await _row(database, number, OutboxKind.ACKNOWLEDGEMENT)
    assert (row.state, row.sent_at, row.receipt) == (
        DeliveryState.SENT,
        NOW,
        "250 queued as 17",
    )
    assert [mail.message_id for mail in wire.sent] == [row.email_message_id]
    assert row.mail["text"] == wire.sent[0].text
    assert nothing == []


async def test_not_now_is_tried_again_later_under_the_same_id(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R20, F26: pauses double from 15 s to 4 h; the conversation is there all the while."""
    number = await database.write(arrive, firm)
    wire = Wire(before=Unavailable("The mail server did not answer."))
    pauses = []
    for _ in range(12):
        assert len(await _run(database, wire, clock)) == 1
        row = await _row(database, number, OutboxKind.ACKNOWLEDGEMENT)
        assert (row.state, row.error) == (DeliveryState.QUEUED, wire.before.message)  # type: ignore[union-attr]
        pause = row.leased_until - clock.now
        pauses.append(int(pause.total_seconds()))
        clock.forward(seconds=pause.total_seconds() - 1)
        assert await _run(database, wire, clock) == []
        clock.forward(seconds=1)
    wire.before = None

    await _run(database, wire, clock)

    row = await _row(database, number, OutboxKind.ACKNOWLEDGEMENT)
    assert pauses[:4] == [15, 30, 60, 120]
    assert pauses[-1] == 4 * 3600
    assert (row.state, row.attempts) == (DeliveryState.SENT, 13)
    assert wire.sent[0].message_id == row.email_message_id


async def test_after_five_days_it_is_given_up(
    database: Database, firm: Firm, clock: Clock
) -> None:
    number = await database.write(arrive, firm)
    clock.forward(days=5, seconds=1)

    await _run(database, Wire(before=Unavailable("no")), clock)

    row = await _row(database, number, OutboxKind.ACKNOWLEDGEMENT)
    assert row.state is DeliveryState.FAILED


async def test_who_dies_behind_the_fence_leaves_it_unconfirmed(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R19, F77: shown, and never sent again by itself."""
    number = await database.write(arrive, firm)
    with pytest.raises(DiedError):
        await _run(database, Wire(after=DiedError()), clock)

    clock.forward(seconds=LEASE.total_seconds() - 1)
    too_early = await _run(database, Wire(), clock)
    held = await _row(database, number, OutboxKind.ACKNOWLEDGEMENT)
    clock.forward(seconds=1)
    wire = Wire()
    for _ in range(3):
        await _run(database, wire, clock)
        clock.forward(hours=8)

    row = await _row(database, number, OutboxKind.ACKNOWLEDGEMENT)
    assert too_early == []
    assert held.state is DeliveryState.SENDING
    assert row.state is DeliveryState.UNCONFIRMED
    assert wire.sent == []


async def test_who_dies_before_the_fence_costs_only_the_lease(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R18: claimed is not sent."""
    await database.write(arrive, firm)
    wire = Wire()
    with pytest.raises(DiedError):
        await _run(database, Wire(before=DiedError()), clock)

    early = await _run(database, wire, clock)
    clock.forward(seconds=CLAIM.total_seconds())
    await _run(database, wire, clock)

    assert early == []
    assert len(wire.sent) == 1


async def test_a_connection_lost_after_data_is_unconfirmed(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """Unconfirmed counts as met."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number)

    await _run(database, Wire(after=Unconfirmed("The connection broke.")), clock)

    row = await _row(database, number, OutboxKind.REPLY)
    assert (row.state, row.error) == (DeliveryState.UNCONFIRMED, "The connection broke.")
    assert (await database.read(conversation, number)).next_due_at is None


async def test_a_worker_that_was_thought_dead_sends_nothing(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R18: its claim ran out, another one has the mail; the fence says no."""
    await database.write(arrive, firm)
    slow = await database.write(delivery.claim, clock.now, 20)
    clock.forward(seconds=CLAIM.total_seconds())
    quick, late = Wire(), Wire()
    await _run(database, quick, clock)

    await courier.deliver(database, late, slow[0])

    assert (len(quick.sent), len(late.sent)) == (1, 0)


async def test_a_claim_that_ran_out_passes_no_fence_though_the_mail_still_waits(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R18: claimed again by another worker, which has not come to it yet."""
    await database.write(arrive, firm)
    slow = await database.write(delivery.claim, clock.now, 20)
    clock.forward(seconds=CLAIM.total_seconds())
    other = await database.write(delivery.claim, clock.now, 20)
    wire = Wire()

    await courier.deliver(database, wire, slow[0])
    before = len(wire.sent)
    await courier.deliver(database, wire, other[0])

    assert (before, len(wire.sent)) == (0, 1)


async def test_concurrent_claims_share_nothing(database: Database, firm: Firm) -> None:
    for n in range(10):
        await database.write(arrive, firm, make_message(from_address=f"n{n}@khac.example"))

    claims = await asyncio.gather(*(database.write(delivery.claim, NOW, 4) for _ in range(4)))

    ids = [job.id for jobs in claims for job in jobs]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 4


async def test_a_renewed_claim_stays(database: Database, firm: Firm, clock: Clock) -> None:
    await database.write(arrive, firm)
    jobs = await database.write(delivery.claim, NOW, 20)
    await database.write(delivery.renew, jobs, NOW + CLAIM - SECOND)

    assert await database.write(delivery.claim, NOW + CLAIM, 20) == []
    assert len(await database.write(delivery.claim, NOW + 2 * CLAIM, 20)) == 1


async def test_a_refused_reply_takes_the_answer_back(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R21: said on the conversation, and the clock runs on from the arrival."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number)
    clock.forward(minutes=40)  # 10:10: half of the hour has passed meanwhile

    await _run(database, Wire(before=Rejected("550 no such user")), clock)

    def look(session: Session) -> None:
        row = conversation(session, number)
        assert row.next_due_at == NOW + HOUR
        assert row.first_responded_at is None
        assert row.sla_state is SLAState.ON_TIME
        first = clocks_of(session, number)[0]
        assert (first.met_at, first.generation) == (None, 2)
        waiting = [step for step in steps_of(session, number) if step.cancelled_at is None]
        assert [(step.step, step.is_late) for step in waiting] == [
            ("half_used", True),
            ("nearly_due", False),
            ("due", False),
            ("overdue", False),
        ]
        failed = events_of(session, number)[-1]
        assert (failed.kind.value, failed.data["reason"]) == (
            "reply_failed",
            "550 no such user",
        )

    await database.read(look)


async def test_a_refused_reply_opens_what_was_marked_done(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """F117: answered and done in one go; but the answer never left."""
    number = await database.write(arrive, firm)
    await database.write(_reply, firm, number)
    await database.write(
        lambda session: closing.resolve(
            session, conversation(session, number), by=firm.an, now=NOW
        )
    )

    await _run(database, Wire(before=Rejected("550 no such user")), clock)

    row = await database.read(conversation, number)
    assert (row.status, row.resolved_at) == (Status.OPEN, None)
    assert row.next_due_at == NOW + HOUR
    told = (await database.read(events_of, number))[-1].data  # F105
    assert (told["from"], told["to"]) == ({"status": "resolved"}, {"status": "open"})


async def test_a_refused_acknowledgement_changes_no_clock(
    database: Database, firm: Firm, clock: Clock
) -> None:
    number = await database.write(arrive, firm)
    before = await database.read(conversation, number)

    await _run(database, Wire(before=Rejected("550 no such user")), clock)

    row = await _row(database, number, OutboxKind.ACKNOWLEDGEMENT)
    after = await database.read(conversation, number)
    assert row.state is DeliveryState.FAILED
    assert (after.next_due_at, after.status) == (before.next_due_at, before.status)


async def test_one_that_cannot_be_written_holds_up_no_other(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R14, for the way out: a bug in one mail's facts."""
    broken = await database.write(arrive, firm)
    good = await database.write(arrive, firm)
    outbox = columns(Outbox)

    def spoil(session: Session) -> None:
        mail: dict[str, Any] = {**outbox_of(session, broken)[0].mail, "facts": {}}
        session.execute(
            update(Outbox).where(outbox.conversation_id == broken).values(mail=mail)
        )

    await database.write(spoil)
    wire = Wire()

    await _run(database, wire, clock)

    kept = await _row(database, broken, OutboxKind.ACKNOWLEDGEMENT)
    sent = await _row(database, good, OutboxKind.ACKNOWLEDGEMENT)
    assert sent.state is DeliveryState.SENT
    assert kept.state is DeliveryState.QUEUED
    assert kept.leased_until > clock.now
    assert "UndefinedError" in kept.error


async def test_waiting_is_seen_without_a_claim(
    database: Database, firm: Firm, clock: Clock
) -> None:
    assert not await database.read(delivery.waits, NOW)
    await database.write(arrive, firm)
    assert await database.read(delivery.waits, NOW)
    await _run(database, Wire(), clock)

    assert not await database.read(delivery.waits, NOW + HOUR)
    rows: list[Outbox] = await database.read(lambda session: everything(session, Outbox))
    assert len(rows) == 1
