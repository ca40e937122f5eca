"""Sending what waits in the outbox: claimed, rendered, fenced just before DATA, settled.

A claim is a lease; a fence is a commit. A row found fenced after its lease has an unknown
fate and is shown as unconfirmed, never resent. An answer of ours keeps its Message-ID over
all tries. What talks to the mail server is ``inbox.courier``. Pauses between tries double
from 15 seconds to four hours, are never shorter than the server asked for, and end after
five days.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session

from inbox import accountmail
from inbox.channels.base import OutboundFile, OutboundMessage, from_facts
from inbox.clock import utcnow
from inbox.db import after_commit
from inbox.errors import ChannelError
from inbox.failpoints import failpoint
from inbox.outgoing import marks, ownmail, stops
from inbox.outgoing.again import take_back
from inbox.queue import CLOCKS, conversation_name
from inbox.store.conversations import change, get_to_change
from models import Attachment, Blob, DeliveryState, Outbox, OutboxKind
from models.base import columns, core

outbox = columns(Outbox)
attachments = columns(Attachment)
blobs = columns(Blob)

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
    .values(
        state=DeliveryState.SENT,
        receipt=bindparam("reference"),
        sent_at=bindparam("at"),
        error=bindparam("refused"),
    )
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
    to_address: str = ""
    asked_at: datetime | None = None

    @property
    def tries(self) -> int:
        """How often it was tried since a person last asked for it."""
        return self.attempts - int(self.mail.get("tries_before", 0))

    @property
    def domain(self) -> str:
        """Of whom it is for: what servers are slow about."""
        return self.to_address.rpartition("@")[2]


_JOB = select(*(outbox[name] for name in Job.__dataclass_fields__)).order_by(outbox.id)


def _due(now: datetime, slow: Collection[str], *states: DeliveryState) -> list[Any]:
    """Return the conditions for what may be sent now: nothing to the ``slow`` domains."""
    return [
        outbox.state.in_(states),
        outbox.leased_until <= now,
        *(outbox.to_address.not_like(f"%@{domain}") for domain in sorted(slow)),
    ]


def claim(session: Session, now: datetime, limit: int, slow: Collection[str] = ()) -> list[Job]:
    """Lease rows whose time has come; those fenced by a worker that died become unconfirmed.

    What may not leave any more (``outgoing.stops``) is taken back here. Domains that are
    ``slow`` are left alone.
    """
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
            .where(*_due(now, slow, DeliveryState.QUEUED, DeliveryState.CLAIMED))
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
    jobs = [Job(*row) for row in session.execute(_JOB.where(outbox.id.in_(ids)))]
    stopped = stops.stop(session, jobs, now)
    return [job for job in jobs if job.id not in stopped]


def load_files(session: Session, job: Job) -> tuple[OutboundFile, ...]:
    """Return the files of the message that a mail carries."""
    named = job.mail.get("blobs")  # of a mail that forwards others' messages
    of_it = attachments.message_id == job.message_id
    rows = session.execute(
        select(attachments.filename, attachments.content_type, blobs.content)
        .join(core(Blob), blobs.id == attachments.blob_id)
        .where(attachments.blob_id.in_(named) if named else of_it)
        .order_by(attachments.id)
    )
    return tuple(OutboundFile(*row) for row in rows)


def compose(mail: dict[str, Any]) -> OutboundMessage:
    """Return the message of a row: as written, or rendered from its facts."""
    said = ownmail.write(mail) if mail.get("template") else {}
    return from_facts({**mail, **said})


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that the far side has taken, and which is not written down yet."""

    job: Job
    reference: str
    at: datetime
    refused: tuple[tuple[str, str], ...] = ()  # of the copies: whose, and what was said


def account_words(session: Session, job: Job, now: datetime) -> dict[str, Any] | None:
    """Return what a mail about an account is made of; None if nobody has that account."""
    mail = accountmail.fill_in(session, job.mail, now)
    if mail is None:
        session.execute(delete(Outbox).where(outbox.id == job.id))
    return mail


def waits(session: Session, now: datetime, slow: Collection[str] = ()) -> bool:
    """Tell whether there is something to send, without taking the writers' turn."""
    return (
        session.execute(select(outbox.id).where(*_due(now, slow, *OWED)).limit(1)).first()
        is not None
    )


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
    said.pop("undo", None)  # too late for that
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
    not_for = "; ".join(f"{address}: {said}" for address, said in sent.refused)
    values = {"reference": sent.reference, "at": sent.at, "refused": not_for[:500]}
    session.execute(_SENT, {"number": job.id, "attempt": job.attempts, **values})
    _announce(session, job)
    failpoint("outbox.settling")


def doubt(session: Session, job: Job, reason: str) -> None:
    """Record that it may have been sent."""
    _move(session, job, _HELD, state=DeliveryState.UNCONFIRMED, error=reason)


def _announce(session: Session, job: Job) -> None:
    if job.conversation_id is not None:
        after_commit(session, conversation_name(job.conversation_id))


def put_off(
    session: Session, job: Job, reason: str, now: datetime, at_least_s: int = 0
) -> None:
    """Try it again after a pause that doubles, for five days."""
    if now - (job.asked_at or job.created_at) > GIVE_UP_AFTER:
        fail(session, job, f"Given up after five days. {reason}", now)
        return
    pause = min(FIRST_RETRY_S * 2 ** min(job.tries - 1, 20), LONGEST_RETRY_S)
    _move(
        session,
        job,
        _HELD,
        state=DeliveryState.QUEUED,
        leased_until=now + timedelta(seconds=max(pause, at_least_s)),
        error=reason[:500],
    )


def fail(
    session: Session,
    job: Job,
    reason: str,
    now: datetime,
    error: ChannelError | None = None,
) -> None:
    """Record that it will never leave; for an answer, its clocks run on from the arrival.

    Where the server would not have the address, that is marked.
    """
    if not _move(session, job, _HELD, state=DeliveryState.FAILED, error=reason[:500]):
        return
    number = job.conversation_id
    if number is None:
        return
    conversation = get_to_change(session, number)  # nobody answers or resolves it meanwhile
    if conversation is None:
        return
    about_address = error is not None and error.of_recipient and marks.is_hard(error.enhanced)
    to_customer = job.kind == OutboxKind.REPLY or job.kind in stops.TO_CUSTOMERS
    if error is not None and about_address and to_customer:
        marks.mark(session, number, job.to_address, error.enhanced, error.said, now)
    if job.kind == OutboxKind.REPLY:
        values = take_back(
            session, conversation, job.message_id, job.asked_at, reason, None, now
        )
        change(session, number, **values)
    after_commit(session, "list", CLOCKS)
