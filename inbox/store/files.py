"""Files: of conversations, and those that colleagues put on a customer's page."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, or_, select, true, union_all
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store import merges
from inbox.store.accountline import FILE, MESSAGE, Place, follows, kind_of
from inbox.store.accountpage import Shape, Whose, page_of
from inbox.store.asks import asked_of
from inbox.store.conversations import SHOWN_NAME, get_for_agent
from inbox.store.counts import may_open
from inbox.store.people import Person
from models import (
    AccountFile,
    Attachment,
    Blob,
    Contact,
    Conversation,
    Direction,
    Message,
    Status,
)
from models.base import columns, core

attachments = columns(Attachment)
blobs = columns(Blob)
contacts = columns(Contact)
conversations = columns(Conversation)
messages = columns(Message)
uploads = columns(AccountFile)

NO_FILE = "There is no such file."
UPLOADED = "uploaded"


@dataclass(frozen=True, slots=True)
class File:
    """A file and whose it is; ``contact_id`` is None of one that belongs to an account only."""

    filename: str
    content: bytes
    contact_id: int | None
    number: int | None  # of its conversation


def get_file(session: Session, blob_id: str, who: Person) -> File:
    """Return a file that this person may see.

    Raises
    ------
    NotFound
        If there is none, or they may not.
    """
    row = session.execute(
        select(
            *(attachments.filename, blobs.content),
            *(conversations.contact_id, messages.conversation_id),
        )
        .join(core(Blob), blobs.id == attachments.blob_id)
        .join(core(Message), messages.id == attachments.message_id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(attachments.blob_id == blob_id, or_(may_open(who), asked_of(who)))
    ).one_or_none()
    row = row or _of_part(session, blob_id, who) or _of_page(session, blob_id, who)
    if row is None:
        raise NotFound(NO_FILE)
    return File(*row)


def _of_part(session: Session, blob_id: str, who: Person) -> Any:
    """Return a file of what was merged into a conversation that this person may see."""
    row = session.execute(
        select(
            *(attachments.filename, blobs.content),
            *(conversations.contact_id, messages.conversation_id),
        )
        .join(core(Blob), blobs.id == attachments.blob_id)
        .join(core(Message), messages.id == attachments.message_id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(attachments.blob_id == blob_id)
    ).one_or_none()
    if row is None:
        return None
    part = session.get_one(Conversation, row.conversation_id)
    whole = merges.find_whole(session, part)
    if whole.id == part.id:
        return None
    get_for_agent(session, whole.id, who, or_asked=True)
    return row


def _of_page(session: Session, blob_id: str, who: Person) -> Any:
    """Return a file that was put on a page that this person may see."""
    row = session.execute(
        select(uploads.filename, blobs.content, uploads.account_id, uploads.contact_id)
        .join(core(Blob), blobs.id == uploads.blob_id)
        .where(uploads.blob_id == blob_id)
    ).one_or_none()
    if row is None:
        return None
    page_of(session, row, who)
    return row.filename, row.content, row.contact_id, None


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of an account or a person; ``number`` is 0 of one that a colleague put there."""

    place: Place
    blob_id: str
    filename: str
    size_bytes: int
    number: int
    subject: str
    is_ours: bool  # sent, not received
    author_id: int | None
    who: str  # the customer whose conversation it is

    @property
    def is_upload(self) -> bool:
        """Whether a colleague put it on the page."""
        return self.number == 0


def list_files(
    session: Session,
    whose: Whose,
    who: Person,
    limit: int,
    *,
    source: str = "",
    after: Place | None = None,
) -> list[FileRow]:
    """Return files, the newest first; ``source`` is received, sent, uploaded or "" for all."""
    query = _listing(whose.shape, source, after.kind if after is not None else "")
    given = {**whose.given(who), "most": limit, **(after.given() if after else {})}
    found = [
        FileRow(Place(at, kind, number), *rest)
        for at, kind, number, *rest in session.execute(query, given)
    ]
    return sorted(found, key=lambda row: row.place, reverse=True)[:limit]


@cache
def _listing(shape: Shape, source: str, after: str) -> Any:
    """Return the query for the newest files of a source after a place of kind ``after``."""
    parts = []
    if source != UPLOADED:
        parts.append(_of_messages(shape, source, after))
    if source in ("", UPLOADED):
        parts.append(_uploaded(shape, after))
    return union_all(*(select(part.subquery()) for part in parts))


def _of_messages(shape: Shape, source: str, after: str) -> Select[Any]:
    at = messages.created_at
    newest = (
        select(attachments.id)
        .join(core(Message), messages.id == attachments.message_id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(shape.conversations(), conversations.status != Status.SPAM)
        .order_by(at.desc(), attachments.id.desc())
        .limit(bindparam("most"))
    )
    if source == "received":
        newest = newest.where(messages.direction == Direction.INBOUND)
    elif source == "sent":
        newest = newest.where(messages.direction != Direction.INBOUND)
    if after:
        newest = newest.where(follows(at, attachments.id, MESSAGE, after))
    return (
        select(
            *(at, kind_of(MESSAGE), attachments.id.label("file_id"), attachments.blob_id),
            *(attachments.filename, attachments.size_bytes, conversations.id),
            conversations.subject,
            (messages.direction != Direction.INBOUND).label("is_ours"),
            messages.author_id,
            SHOWN_NAME.label("who"),
        )
        .join(core(Message), messages.id == attachments.message_id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(attachments.id.in_(newest))
    )


def _uploaded(shape: Shape, after: str) -> Select[Any]:
    at = uploads.created_at
    query = (
        select(
            *(at, kind_of(FILE), uploads.id, uploads.blob_id),
            *(uploads.filename, uploads.size_bytes, literal_column("0").label("number")),
            literal_column("''").label("subject"),
            true().label("is_ours"),
            uploads.author_id,
            literal_column("''").label("who"),
        )
        .where(shape.things(uploads))
        .order_by(at.desc(), uploads.id.desc())
        .limit(bindparam("most"))
    )
    return query.where(follows(at, uploads.id, FILE, after)) if after else query
