"""Addresses that take no mail: marked by a hard bounce, lifted by a person.

Anybody can send a mail that looks like a bounce. So it marks an address only where it came
back by an id or address that we signed, and only an address that the same conversation had
written to.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from inbox.db import insert_into
from inbox.errors import Conflict, Invalid
from inbox.store.audit import add_entry
from inbox.store.changes import add_event, changed
from models import AddressMark, AuditAction, AuditThing, Conversation, EventKind, Outbox
from models.base import columns

marks = columns(AddressMark)
outbox = columns(Outbox)

MAX_SAID = 300
# Of permanent failures, those that say nothing against the address: the letter box is full,
# the mail too big, not understood, or not liked.
_NOT_THE_ADDRESS = ("5.2.2", "5.2.3", "5.3.", "5.5.", "5.6.", "5.7.")


def is_hard(code: str) -> bool:
    """Tell whether a status of RFC 3463 says that mail to an address will never arrive."""
    return code.startswith("5.") and not code.startswith(_NOT_THE_ADDRESS)


def note_bounce(
    session: Session,
    conversation_id: int,
    addresses: Iterable[str],
    code: str,
    said: str,
    now: datetime,
) -> list[str]:
    """Mark those of the addresses that this conversation wrote to; return them."""
    if not is_hard(code):
        return []
    written_to = _written_to(session, conversation_id)
    hit = [one for one in dict.fromkeys(addresses) if one in written_to]
    for address in hit:
        mark(session, conversation_id, address, code, said, now)
    return hit


def _written_to(session: Session, number: int) -> set[str]:
    rows = session.execute(
        select(outbox.to_address, outbox.copies).where(outbox.conversation_id == number)
    )
    found: set[str] = set()
    for to_address, copies in rows:
        found |= {to_address, *copies.get("cc", ()), *copies.get("bcc", ())}
    return found


def mark(
    session: Session,
    conversation_id: int | None,
    address: str,
    code: str,
    said: str,
    now: datetime,
) -> None:
    """Mark an address; nothing automatic goes there until a person lifts it."""
    values = {
        "code": code,
        "said": said[:MAX_SAID],
        "conversation_id": conversation_id,
        "marked_at": now,
        "lifted_at": None,
        "lifted_by_id": None,
        "lift_reason": "",
    }
    statement = insert_into(session, AddressMark).values(address=address, times=1, **values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["address"], set_={**values, "times": marks.times + 1}
        )
    )
    if conversation_id is not None:
        data = {"address": address, "code": code, "said": said[:MAX_SAID]}
        add_event(session, conversation_id, EventKind.ADDRESS_BOUNCED, now, data)
        changed(session, conversation_id)


_MARKED = select(marks.address).where(
    marks.address.in_(bindparam("addresses", expanding=True)), marks.lifted_at.is_(None)
)


def find_marked(session: Session, addresses: Sequence[str]) -> set[str]:
    """Return which of these addresses a mark holds for."""
    if not addresses:
        return set()
    return set(session.execute(_MARKED, {"addresses": list(addresses)}).scalars())


def lift(
    session: Session,
    conversation: Conversation,
    address: str,
    reason: str,
    *,
    by: int,
    now: datetime,
) -> None:
    """Let mail go to an address again, for a reason that is kept.

    Raises
    ------
    Invalid
        Without a reason.
    Conflict
        If it is not marked, or a colleague was faster.
    """
    reason = " ".join(reason.split())[:MAX_SAID]
    if not reason:
        raise Invalid("Say why mail arrives there again.", {"reason": "Say why."})
    done = session.execute(
        update(AddressMark)
        .where(marks.address == address, marks.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by_id=by, lift_reason=reason)
        .returning(marks.id, marks.code)
    ).one_or_none()
    if done is None:
        raise Conflict("This address is not marked any more.")
    add_entry(
        session,
        AuditThing.ADDRESS,
        done.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"marked": done.code},
        after={"marked": "", "reason": reason},
    )
    data = {"address": address, "reason": reason}
    add_event(session, conversation.id, EventKind.ADDRESS_CLEARED, now, data, by=by)
    changed(session, conversation.id)
