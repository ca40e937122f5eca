"""What is known of a customer when a message comes: what of theirs is open, and what is late.

Asking for the third time is no fact here: it raises the request that waits (``later.asking``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, select, union
from sqlmodel import Session

from inbox import dialling
from inbox.channels.base import InboundMessage
from inbox.later.incoming import Incoming
from inbox.store import chat, messengers
from inbox.store.raw import Claimed
from inbox.triage.prediction import NO_FACTS, Facts
from inbox.triage.rules import raised
from models import ChannelKind, Contact, ContactIdentity, Conversation, RawMessage, Status
from models.base import columns

identities = columns(ContactIdentity)
conversations = columns(Conversation)

# Written once. Both lists may be empty; kinds and values are looked up by their index.
_OPEN = select(
    conversations.id,
    conversations.contact_id,
    conversations.request_type,
    conversations.promised_at,
    conversations.first_responded_at,
).where(
    conversations.status == Status.OPEN,
    conversations.contact_id.in_(
        union(
            select(identities.contact_id).where(
                identities.kind.in_(bindparam("kinds", expanding=True)),
                identities.value.in_(bindparam("values", expanding=True)),
            ),
            select(conversations.contact_id).where(
                conversations.id.in_(bindparam("numbers", expanding=True))
            ),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Matter:
    """An open conversation of a customer."""

    number: int
    contact_id: int
    request_type: str
    promised_at: datetime | None
    first_responded_at: datetime | None

    def is_late(self, at: datetime) -> bool:
        """Whether a first answer was promised for before ``at``, and never came."""
        promised = self.promised_at
        return promised is not None and promised < at and self.first_responded_at is None


Known = Mapping[int, Sequence[Matter]]
"""The open matters of customers, by contact."""


def look_up(session: Session, some: Iterable[Incoming]) -> Known:
    """Return what is open of everybody who wrote these messages, in one query."""
    kinds, values, numbers = {"email"}, set(), set()
    for one in some:
        if "conversation" in one.raw.meta:
            numbers.add(int(one.raw.meta["conversation"]))
            continue
        kind, value = writer_of(session, one.raw, one.message)
        if kind:
            kinds.add(kind)
            values.add(value)
    asked = {"kinds": sorted(kinds), "values": sorted(values), "numbers": sorted(numbers)}
    found: dict[int, list[Matter]] = {}
    for row in session.execute(_OPEN, asked):
        found.setdefault(row.contact_id, []).append(Matter(*row))
    return found


def writer_of(
    session: Session, raw: Claimed | RawMessage, message: InboundMessage
) -> tuple[str, str]:
    """Return by which kind of identity, and which value, its writer is known; or empty."""
    if raw.kind is ChannelKind.CHAT:
        return chat.KIND, chat.visitor_value(raw.inbox_id, str(raw.meta["visitor"]))
    if message.person:
        return raw.kind.value, messengers.value_of(raw.inbox_id, message.person)
    if message.from_address:
        return "email", message.from_address
    if message.phone:
        return "phone", dialling.kept(session, message.phone)
    return "", ""


def informed(
    incoming: Incoming, known: Known, contact: Contact, joined: int | None
) -> Incoming:
    """Return the message with an urgency that also follows from what is known.

    ``joined`` is the conversation that it goes on with. A machine's mail is as urgent as it
    reads.
    """
    if incoming.message.is_automatic or incoming.message.is_bounce:
        return incoming
    facts = _facts(incoming, known.get(contact.id, ()), contact, joined)
    said = raised(incoming.prediction, facts)
    return incoming if said is incoming.prediction else replace(incoming, prediction=said)


def _facts(
    incoming: Incoming, matters: Sequence[Matter], contact: Contact, joined: int | None
) -> Facts:
    """Gather the facts; whoever waits for one thing is not more urgent in another."""
    if not matters:
        return NO_FACTS
    said, arrived = incoming.prediction, incoming.raw.received_at
    same = [
        one for one in matters if joined == one.number or said.request_type == one.request_type
    ]
    return Facts(
        tier=contact.tier,
        open_matters=sum(one.number != joined for one in matters),
        promise_missed=any(one.is_late(arrived) for one in same),
    )
