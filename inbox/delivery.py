"""Sending what waits in the outbox: claimed, rendered, fenced just before DATA, settled.

A claim is a lease; a fence is a commit. A row found fenced after its lease has an unknown
fate and is shown as unconfirmed, never resent. An answer of ours keeps its Message-ID over
all tries.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import delete, select, update
from sqlmodel import Session

from inbox import accountmail, clocks, record
from inbox.channels.base import OutboundMessage, Receipt, from_facts
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone, after_commit
from inbox.errors import Rejected, Unavailable, Unconfirmed
from inbox.failpoints import failpoint
from inbox.queue import CLOCKS, conversation_name
from inbox.store.changes import moved
from inbox.store.conversations import change, get_to_change
from inbox.templating import render
from inbox.timeline import Happened
from models import ClockKind, DeliveryState, EventKind, Message, Outbox, OutboxKind, Status
from models.base import columns

log = logging.getLogger(__name__)

outbox = columns(Outbox)
messages = columns(Message)

LEASE = timedelta(seconds=60)  # of a fenced mail; longer than any answer takes
CLAIM = timedelta(seconds=5)  # until the fence; renewed while others of the batch go out
GIVE_UP_AFTER = timedelta(days=5)
FIRST_RETRY_S, LONGEST_RETRY_S = 15, 4 * 3600
OWED = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING)


class Transport(Protocol):
    """One open connection that mails go over."""

    async def send(self, message: OutboundMessage, fence: Callable[[], Any]) -> Receipt | None:
        """Send one message; see ``inbox.channels.smtp``."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed outbox row."""

    id: int
    kind: str
    conversation_id: int | None
    message_id: int | None
    mail: dict[str, Any]
    attempts: int
    created_at: datetime


def claim(session: Session, now: datetime, limit: int) -> list[Job]:
    """Lease rows whose time has come; those fenced by a worker that died become unconfirmed."""
    lost = session.execute(
        update(Outbox)
        .where(outbox.state == DeliveryState.SENDING, outbox.leased_until <= now)
        .values(state=DeliveryState.UNCONFIRMED, error="We were stopped while handing it over.")
        .returning(outbox.conversation_id)
    ).scalars()
    for number in lost:
        after_commit(session, "list", conversation_name(number or 0))
    ids = list(
        session.execute(
            select(outbox.id)
            .where(
                outbox.state.in_([DeliveryState.QUEUED, DeliveryState.CLAIMED]),
                outbox.leased_until <= now,
            )
            .order_by(outbox.leased_until, outbox.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    if not ids:
        return []
    session.execute(
        update(Outbox)
        .where(outbox.id.in_(ids))
        .values(
            state=DeliveryState.CLAIMED,
            leased_until=now + CLAIM,
            attempts=outbox.attempts + 1,
        )
    )
    rows = session.execute(
        select(
            outbox.id,
            outbox.kind,
            outbox.conversation_id,
            outbox.message_id,
            outbox.mail,
            outbox.attempts,
            outbox.created_at,
        )
        .where(outbox.id.in_(ids))
        .order_by(outbox.id)
    )
    return [Job(*row) for row in rows]


def compose(mail: dict[str, Any]) -> OutboundMessage:
    """Return the message of a row: as written, or rendered from its facts."""
    values = dict(mail)
    template = mail.get("template")
    if template:
        name = "acknowledgement" if template == "promise" else template
        for part in ("subject", "text"):
            words = render(mail["language"], f"emails/{name}.{part}", **mail["facts"])
            values[part] = words.strip() if part == "subject" else words.strip() + "\n"
    return from_facts(values)


async def deliver(database: Database, transport: Transport, job: Job) -> None:
    """Send one claimed mail and write down how it went. Raises nothing that can be settled."""
    message = await _written(database, job)
    if message is None:
        return

    async def fence() -> bool:
        ours = await database.write(_fence, job, message)
        failpoint("outbox.fenced")
        return ours

    try:
        receipt = await transport.send(message, fence)
    except Unavailable as error:
        await database.write(_postpone, job, error.message, utcnow())
    except Rejected as error:
        await database.write(_fail, job, error.message, utcnow())
    except Unconfirmed as error:
        await database.write(_settle, job, DeliveryState.UNCONFIRMED, error=error.message)
    else:
        if receipt is not None:
            failpoint("outbox.handed_over")
            await database.write(
                _settle, job, DeliveryState.SENT, receipt=receipt.reference, sent_at=utcnow()
            )
            failpoint("outbox.settled")


async def _written(database: Database, job: Job) -> OutboundMessage | None:
    """Return the mail in words; None if it is for nobody, or has to wait."""
    try:
        mail = await _words(database, job)
        return None if mail is None else compose(mail)
    except DatabaseGone:
        raise
    except Exception as error:  # a bug of ours in one mail must not hold up the others
        log.exception("mail %d cannot be written", job.id)
        reason = f"It could not be written: {type(error).__name__}."
        await database.write(_postpone, job, reason, utcnow())
        return None


async def _words(database: Database, job: Job) -> dict[str, Any] | None:
    """Return what the mail is made of; None if it is about an account that nobody has."""
    if job.kind != OutboxKind.ACCOUNT:
        return job.mail
    return await database.write(_account_words, job, utcnow())


def _account_words(session: Session, job: Job, now: datetime) -> dict[str, Any] | None:
    mail = accountmail.fill_in(session, job.mail, now)
    if mail is None:
        session.execute(delete(Outbox).where(outbox.id == job.id))
    return mail


def waits(session: Session, now: datetime) -> bool:
    """Tell whether there is something to send, without taking the writers' turn."""
    found = session.execute(
        select(outbox.id).where(outbox.state.in_(OWED), outbox.leased_until <= now).limit(1)
    ).first()
    return found is not None


def renew(session: Session, jobs: Sequence[Job], now: datetime) -> None:
    """Keep the claim on mails whose turn has not come."""
    session.execute(
        update(Outbox)
        .where(outbox.id.in_([job.id for job in jobs]), outbox.state == DeliveryState.CLAIMED)
        .values(leased_until=now + CLAIM)
    )


async def postpone(database: Database, jobs: Sequence[Job], reason: str) -> None:
    """Put claimed mails back, because there is no server to hand them to just now."""
    for job in jobs:
        await database.write(_postpone, job, reason, utcnow())


def _move(session: Session, job: Job, before: Sequence[DeliveryState], **values: Any) -> bool:
    """Change a row that is still ours (same attempt, expected state)."""
    done = session.execute(
        update(Outbox)
        .where(outbox.id == job.id, outbox.state.in_(before), outbox.attempts == job.attempts)
        .values(**values)
    )
    if job.conversation_id is not None:
        after_commit(session, conversation_name(job.conversation_id))
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _fence(session: Session, job: Job, message: OutboundMessage) -> bool:
    """Commit that DATA comes next, with the words that go out."""
    said = {**job.mail, "subject": message.subject, "text": message.text}
    if job.kind == OutboxKind.ACCOUNT:
        said = job.mail  # its link opens an account: kept nowhere
    ours = _move(
        session,
        job,
        [DeliveryState.CLAIMED],
        state=DeliveryState.SENDING,
        leased_until=utcnow() + LEASE,
        mail=said,
    )
    failpoint("outbox.fencing")
    return ours


def _settle(session: Session, job: Job, state: DeliveryState, **values: Any) -> None:
    _move(session, job, [DeliveryState.CLAIMED, DeliveryState.SENDING], state=state, **values)
    failpoint("outbox.settling")


def _postpone(session: Session, job: Job, reason: str, now: datetime) -> None:
    if now - job.created_at > GIVE_UP_AFTER:
        _fail(session, job, f"Given up after five days. {reason}", now)
        return
    pause = min(FIRST_RETRY_S * 2 ** (job.attempts - 1), LONGEST_RETRY_S)
    _move(
        session,
        job,
        [DeliveryState.CLAIMED, DeliveryState.SENDING],
        state=DeliveryState.QUEUED,
        leased_until=now + timedelta(seconds=pause),
        error=reason[:500],
    )


def _fail(session: Session, job: Job, reason: str, now: datetime) -> None:
    """Record that it will never leave; for an answer, its clocks run on from the arrival."""
    before = [DeliveryState.CLAIMED, DeliveryState.SENDING]
    if not _move(session, job, before, state=DeliveryState.FAILED, error=reason[:500]):
        return
    if job.kind != OutboxKind.REPLY or job.conversation_id is None:
        return
    number = job.conversation_id
    conversation = get_to_change(session, number)  # nobody answers or resolves it meanwhile
    if conversation is None:
        return
    data: dict[str, Any] = {"reason": reason[:300], "message": job.message_id}
    answered_at = session.execute(
        select(messages.created_at).where(messages.id == job.message_id)
    ).scalar_one_or_none()
    if answered_at is not None:
        data["answered_at"] = answered_at.isoformat()
    status = conversation.status
    opened: dict[str, Any] = {}
    happened = [Happened(EventKind.REPLY_FAILED, now, data)]
    if answered_at is not None and record.was_met(session, number, answered_at):
        # Who is owed an answer is not done with, and nobody waits for what was never asked.
        data |= moved({"status": status.value}, {"status": Status.OPEN.value})
        opened = {"status": Status.OPEN, "resolved_at": None}
        if status in (Status.WAITING, Status.SNOOZED):
            happened.insert(0, Happened(EventKind.RESUMED, now, {"reason": "reply_failed"}))
            opened |= {"waiting_until": None, "wait_reason": "", "followed_up_at": None}
    values = opened | record.keep(session, number, *happened, now=now)
    if clocks.list_live(session, number, [ClockKind.FIRST_RESPONSE]):
        values["first_responded_at"] = None
    change(session, number, **values)
    after_commit(session, "list", CLOCKS)
