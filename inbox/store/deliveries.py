"""How far the mails of a conversation have come, and which addresses take none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from models import MESSENGERS, AddressMark, ContactIdentity, Outbox, OutboxKind
from models.base import columns, core

outbox = columns(Outbox)
marks = columns(AddressMark)
identities = columns(ContactIdentity)

_BEHIND = tuple(f".{kind.value}" for kind in sorted(MESSENGERS))  # no such domains exist
INSIDE = (OutboxKind.NOTICE, OutboxKind.ACCOUNT)  # to people of ours, not the customer


@dataclass(frozen=True, slots=True)
class Delivery:
    """A mail to the customer. ``receipt`` is the server's yes, ``error`` its last no.

    ``next_at`` is when it is tried (again), where it waits.
    """

    id: int
    message_id: int | None
    conversation_id: int
    kind: OutboxKind
    state: str
    error: str
    receipt: str
    attempts: int
    leased_until: datetime
    created_at: datetime
    sent_at: datetime | None
    to_address: str
    copies: dict[str, Any]

    @property
    def by_messenger(self) -> bool:
        """Whether a messenger's provider brings it, not a mail server."""
        return self.to_address.endswith(_BEHIND)


_ROWS = (
    select(*(outbox[name] for name in Delivery.__dataclass_fields__))
    .where(
        outbox.conversation_id.in_(bindparam("numbers", expanding=True)),
        outbox.kind.not_in(INSIDE),
    )
    .order_by(outbox.id)
)
_MARKS = (
    select(AddressMark)
    .join(core(ContactIdentity), identities.value == marks.address)
    .where(
        identities.contact_id == bindparam("contact_id"),
        identities.kind == "email",
        marks.lifted_at.is_(None),
    )
    .order_by(marks.id)
)


def list_deliveries(session: Session, numbers: Sequence[int]) -> list[Delivery]:
    """Return the mails of conversations to their customer, in order."""
    return [Delivery(*row) for row in session.execute(_ROWS, {"numbers": list(numbers)})]


def list_marks(session: Session, contact_id: int) -> Sequence[AddressMark]:
    """Return the marks that hold on a contact's addresses."""
    return session.execute(_MARKS, {"contact_id": contact_id}).scalars().all()
