"""Mail as its sender laid it out: made safe before it was stored, shown in a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store.asks import asked_of
from inbox.store.counts import may_open
from inbox.store.people import Person
from models import Attachment, Blob, Conversation, Message, MessageHtml
from models.base import columns, core

designs = columns(MessageHtml)
messages = columns(Message)
conversations = columns(Conversation)
attachments = columns(Attachment)
blobs = columns(Blob)

MAX_PICTURES = 50
MAX_PICTURE_BYTES = 2 * 1024 * 1024  # of one; together at most four of these


@dataclass(frozen=True, slots=True)
class Design:
    """A mail's HTML and the pictures that came with it, by content id."""

    html: str
    pictures: dict[str, bytes]


_DESIGNED = (
    select(designs.message_id, designs.remote_images)
    .join(core(Message), messages.id == designs.message_id)
    .where(messages.conversation_id.in_(bindparam("numbers", expanding=True)))
)


def list_designed(session: Session, numbers: Sequence[int]) -> dict[int, int]:
    """Return which messages of conversations have a layout, with their remote pictures."""
    rows = session.execute(_DESIGNED, {"numbers": list(numbers)})
    return {row.message_id: row.remote_images for row in rows}


def get_design(session: Session, number: int, message_id: int, who: Person) -> Design:
    """Return how a message looks.

    Raises
    ------
    NotFound
        If it has no layout, is in another conversation, or not this person's to see.
    """
    html: str | None = session.execute(
        select(designs.html)
        .join(core(Message), messages.id == designs.message_id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(
            messages.id == message_id,
            conversations.id == number,
            or_(may_open(who), asked_of(who)),
        )
    ).scalar_one_or_none()
    if html is None:
        raise NotFound("There is nothing here.")
    return Design(html, _pictures(session, message_id) if 'src="cid:' in html else {})


def _pictures(session: Session, message_id: int) -> dict[str, bytes]:
    """Return the pictures of a message, as many as fit into a page."""
    rows = session.execute(
        select(attachments.content_id, attachments.size_bytes, attachments.blob_id)
        .where(
            attachments.message_id == message_id,
            attachments.content_id != "",
            attachments.size_bytes <= MAX_PICTURE_BYTES,
        )
        .order_by(attachments.id)
        .limit(MAX_PICTURES)
    )
    room = 4 * MAX_PICTURE_BYTES
    wanted: dict[str, str] = {}
    for row in rows:
        room -= row.size_bytes
        if room < 0:
            break
        wanted[row.blob_id] = row.content_id
    found = session.execute(select(blobs.id, blobs.content).where(blobs.id.in_(wanted)))
    return {wanted[row.id]: row.content for row in found}
