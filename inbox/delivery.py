"""Sending what waits in the outbox: claimed, rendered, fenced just before DATA, settled.

A claim is a lease; a fence is a commit. A row found fenced after its lease has an unknown
fate and is shown as unconfirmed, never resent. An answer of ours keeps its Message-ID over
all tries. What talks to the mail server is ``inbox.courier``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session

from inbox import accountmail, clocks, record
from inbox.channels.base import OutboundMessage, from_facts
from inbox.clock import utcnow
from inbox.db import after_commit
from inbox.failpoints import failpoint
from inbox.queue import CLOCKS, conversation_name
from inbox.store.changes import moved
from inbox.store.conversations import change, get_to_change
from inbox.templating import render
from inbox.timeline import Happened
from models import ClockKind, DeliveryState, EventKind, Message, Outbox, OutboxKind, Status
from models.base import columns, core

outbox = columns(Outbox)
messages = columns(Message)

LEASE = timedelta(seconds=60)  # of a fenced mail; longer than any answer takes
CLAIM = timedelta(seconds=5)  # until the fence; renewed while others of the batch go out
GIVE_UP_AFTER = timedelta(days=5)
FIRST_RETRY_S, LONGEST_RETRY_S = 15, 4 * 3600
OWED = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING)

_HELD = (DeliveryState.CLAIMED, DeliveryState.SENDING)

# Written once: making a statement costs more than running it.
_OURS = outbox.attempts == bindparam("attempt")
_FENCE = (
    update(core(Outbox))
    .where(outbox.id == bindparam("number"), outbox.state == DeliveryState.CLAIMED, _OURS)
    .values(
        state=DeliveryState.SENDING, leased_until=bindparam("until"), mail=bindparam("said")
    )
)
_SENT = (
    update(core(Outbox))
    .where(outbox.id == bindparam("number"), outbox.state == DeliveryState.SENDING, _OURS)
    .values(state=DeliveryState.SENT, receipt=bindparam("reference"), sent_at=bindparam("at"))
)


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


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that the far side has taken, and which is not written down yet."""

    job: Job
    reference: str
    at: datetime


def account_words(session: Session, job: Job, now: datetime) -> dict[str, Any] | None:
    """Return what a mail about an account is made of; None if nobody has that account."""
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


def _move(session: Session, job: Job, before: Sequence[DeliveryState], **values: Any) -> bool:
    """Change a row that is still ours (same attempt, expected state)."""
    done = session.execute(
        update(Outbox)
        .where(outbox.id == job.id, outbox.state.in_(before), outbox.attempts == job.attempts)
        .values(**values)
    )
    _announce(session, job)
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def fence(session: Session, job: Job, message: OutboundMessage, before: Sent | None) -> bool:
    """Commit that DATA comes next, with the words that go out; and how the one before went."""
    if before is not None:
        settle(session, before)
    said = {**job.mail, "subject": message.subject, "text": message.text}
    if job.kind == OutboxKind.ACCOUNT:
        said = job.mail  # its link opens an account: kept nowhere
    done = session.execute(
        _FENCE,
        {
            "number": job.id,
            "attempt": job.attempts,
            "until": utcnow() + LEASE,
            "said": said,
        },
    )
    _announce(session, job)
    failpoint("outbox.fencing")
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def settle(session: Session, sent: Sent) -> None:
    """Record that the far side has taken a mail."""
    job = sent.job
    values = {"reference": sent.reference, "at": sent.at}
    session.execute(_SENT, {"number": job.id, "attempt": job.attempts, **values})
    _announce(session, job)
    failpoint("outbox.settling")


def doubt(session: Session, job: Job, reason: str) -> None:
    """Record that it may have been sent."""
    _move(session, job, _HELD, state=DeliveryState.UNCONFIRMED, error=reason)


def _announce(session: Session, job: Job) -> None:
    if job.conversation_id is not None:
        after_commit(session, conversation_name(job.conversation_id))


def put_off(session: Session, job: Job, reason: str, now: datetime) -> None:
    """Try it again after a pause that doubles, for five days."""
    if now - job.created_at > GIVE_UP_AFTER:
        fail(session, job, f"Given up after five days. {reason}", now)
        return
    pause = min(FIRST_RETRY_S * 2 ** (job.attempts - 1), LONGEST_RETRY_S)
    _move(
        session,
        job,
        _HELD,
        state=DeliveryState.QUEUED,
        leased_until=now + timedelta(seconds=pause),
        error=reason[:500],
    )


def fail(session: Session, job: Job, reason: str, now: datetime) -> None:
    """Record that it will never leave; for an answer, its clocks run on from the arrival."""
    if not _move(session, job, _HELD, state=DeliveryState.FAILED, error=reason[:500]):
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
