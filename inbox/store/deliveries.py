"""How far the mails of a conversation have come, and which addresses take none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
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


_ROWS = select(*(outbox[name] for name in Delivery.__dataclass_fields__)).order_by(outbox.id)


def list_deliveries(session: Session, numbers: Sequence[int]) -> list[Delivery]:
    """Return the mails of conversations to their customer, in order."""
    rows = session.execute(
        _ROWS.where(outbox.conversation_id.in_(list(numbers)), outbox.kind.not_in(INSIDE))
    )
    return [Delivery(*row) for row in rows]


def list_marks(session: Session, contact_id: int) -> Sequence[AddressMark]:
    """Return the marks that hold on a contact's addresses."""
    found: Sequence[AddressMark] = (
        session.execute(
            select(AddressMark)
            .join(core(ContactIdentity), identities.value == marks.address)
            .where(
                identities.contact_id == contact_id,
                identities.kind == "email",
                marks.lifted_at.is_(None),
            )
            .order_by(marks.id)
        )
        .scalars()
        .all()
    )
    return found
