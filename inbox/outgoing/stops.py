"""Automatic mail that does not leave: to an address that takes none, or too often.

It is asked when a mail is about to be sent, whatever wrote it and for whatever reason, and
needs no detection of machines: two that write to each other stop here at the latest.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import func, or_, select, update
from sqlmodel import Session

from inbox.acknowledgement import Caps
from inbox.outgoing.marks import find_marked
from inbox.store.changes import add_event, changed
from inbox.store.company import find_company
from models import Contact, Conversation, DeliveryState, EventKind, Outbox, OutboxKind
from models.base import columns, core

contacts = columns(Contact)
conversations = columns(Conversation)
outbox = columns(Outbox)

TO_CUSTOMERS = (
    OutboxKind.ACKNOWLEDGEMENT,
    OutboxKind.PROMISE,
    OutboxKind.LATE,
    OutboxKind.FOLLOW_UP,
    OutboxKind.CLOSING,
    OutboxKind.SURVEY,
)
BOUNCED, TOO_MANY, RESTRICTED = "bounced", "too_many", "restricted"
SAID = {
    RESTRICTED: "This person’s data is restricted: nothing is sent to them.",
    BOUNCED: "This address takes no mail.",
    TOO_MANY: "This address got enough automatic mail for an hour.",
}
HOUR = timedelta(hours=1)
_LOOKED_AT = timedelta(days=5)
_GONE = (DeliveryState.SENT, DeliveryState.SENDING, DeliveryState.UNCONFIRMED)


class Waiting(Protocol):
    """A mail that was just claimed."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def conversation_id(self) -> int | None: ...
    @property
    def to_address(self) -> str: ...


def stop(session: Session, jobs: Sequence[Waiting], now: datetime) -> set[int]:
    """Take back what may not leave, and say so on its conversation; return their ids."""
    outward = [job for job in jobs if job.kind in (*TO_CUSTOMERS, OutboxKind.REPLY)]
    restricted = _restricted(session, outward)
    ours = [job for job in outward if job.kind in TO_CUSTOMERS and job.id not in restricted]
    if not ours and not restricted:
        return set()
    addresses = sorted({job.to_address for job in ours})
    marked = find_marked(session, addresses)
    company = find_company(session)
    most = Caps.of(company.settings if company else {}).automatic_an_hour
    had = _had(session, addresses, now)
    stopped = dict.fromkeys(sorted(restricted), RESTRICTED)
    for job in ours:
        if job.to_address in marked:
            stopped[job.id] = BOUNCED
        elif had[job.to_address] >= most:
            stopped[job.id] = TOO_MANY
        else:
            had[job.to_address] += 1
            continue
    for job in outward:
        if job.id in stopped and job.conversation_id is not None:
            data = {"kind": str(job.kind), "reason": stopped[job.id]}
            add_event(session, job.conversation_id, EventKind.MAIL_STOPPED, now, data)
            changed(session, job.conversation_id)
    for reason in set(stopped.values()):
        ids = [one for one, why in stopped.items() if why == reason]
        session.execute(
            update(Outbox)
            .where(outbox.id.in_(ids))
            .values(state=DeliveryState.CANCELLED, error=SAID[reason])
        )
    return set(stopped)


def _restricted(session: Session, jobs: Sequence[Waiting]) -> set[int]:
    """Return which of the mails would go to somebody whose data is restricted."""
    numbers = {job.conversation_id for job in jobs if job.conversation_id is not None}
    if not numbers:
        return set()
    found = set(
        session.execute(
            select(conversations.id)
            .join(core(Contact), contacts.id == conversations.contact_id)
            .where(conversations.id.in_(numbers), contacts.restricted_at.is_not(None))
        ).scalars()
    )
    return {job.id for job in jobs if job.conversation_id in found}


def _had(session: Session, addresses: Sequence[str], now: datetime) -> Counter[str]:
    """Return how many automatic mails each address got within the hour."""
    rows = session.execute(
        select(outbox.to_address, func.count())
        .where(
            outbox.to_address.in_(addresses),
            outbox.kind.in_(TO_CUSTOMERS),
            outbox.created_at > now - _LOOKED_AT,
            outbox.state.in_(_GONE),
            or_(outbox.sent_at.is_(None), outbox.sent_at > now - HOUR),
        )
        .group_by(outbox.to_address)
    )
    return Counter({address: int(count) for address, count in rows})
