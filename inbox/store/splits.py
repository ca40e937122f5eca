"""Conversations that were split from others."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session

from models import Conversation, Outbox
from models.base import columns, core

conversations = columns(Conversation)
outbox = columns(Outbox)

MOST_STEPS = 20  # of a chain: what was split off is split again
MOST_IDS = 20  # of a mail's references, the last ones first


def split_off(session: Session, number: int, contact_id: int) -> list[int]:
    """Return what was split from a conversation, of the same contact, also by way of others."""
    found: list[int] = []
    nearest = [number]
    for _ in range(MOST_STEPS):
        nearest = list(
            session.execute(
                select(conversations.id).where(
                    conversations.split_from_id.in_(nearest),
                    conversations.contact_id == contact_id,
                )
            ).scalars()
        )
        if not nearest:
            break
        found += nearest
    return found


def goes_on_in(session: Session, number: int, ids: Sequence[str]) -> int:
    """Return where an answer to a mail of ours belongs, whose id names ``number``.

    The mail may have been split off since; our ids and addresses keep the old number.
    """
    sent = session.execute(
        select(outbox.email_message_id, conversations.id, conversations.split_from_id)
        .join(core(Conversation), conversations.id == outbox.conversation_id)
        .where(outbox.email_message_id.in_(list(ids)[:MOST_IDS]))
    )
    by_id = {row[0]: (row[1], row[2]) for row in sent}
    now_in = next((by_id[one] for one in ids if one in by_id), None)
    if now_in is None or now_in[1] is None:
        return number
    place: int = now_in[0]
    source: int | None = now_in[1]
    for _ in range(MOST_STEPS):
        if source == number:
            return place
        if source is None:
            break
        source = session.execute(
            select(conversations.split_from_id).where(conversations.id == source)
        ).scalar_one_or_none()
    return number
