"""A customer's time line over every channel: messages, notes and files, the newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store.accountpage import Whose
from inbox.store.conversations import SHOWN_NAME
from inbox.store.people import Person
from models import (
    AccountFile,
    AccountNote,
    Attachment,
    ChannelKind,
    Contact,
    Conversation,
    Direction,
    Message,
    Status,
)
from models.base import columns, core

notes = columns(AccountNote)
uploads = columns(AccountFile)
attachments = columns(Attachment)
contacts = columns(Contact)
conversations = columns(Conversation)
messages = columns(Message)

PAGE = 30
SHOWN_CHARS = 1200  # of a message; the rest is on its conversation's page
CHANNELS = tuple(kind.value for kind in ChannelKind)
NOTES = "notes"
ONLY = ("", *CHANNELS, NOTES)
MESSAGE, NOTE, FILE = "message", "note", "file"
KINDS = (FILE, MESSAGE, NOTE)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the line; the greater, the newer."""

    at: datetime
    kind: str
    id: int

    def text(self) -> str:
        """Write the place for an address."""
        return f"{self.at.isoformat()}~{self.kind}~{self.id}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Read a place from an address.

        Raises
        ------
        NotFound
            If it is not one of ours.
        """
        try:
            at, kind, number = text.split("~")
            when, found = datetime.fromisoformat(at), int(number)
            if when.tzinfo is None or kind not in KINDS or not 1900 < when.year < 9900:
                raise ValueError(text)
            if not 0 < found < 2**31:
                raise ValueError(text)
        except ValueError as error:
            raise NotFound("This page of the list is not known. Start at its top.") from error
        return cls(when, kind, found)


@dataclass(frozen=True, slots=True)
class Said:
    """A message, with the conversation that it belongs to."""

    id: int
    number: int
    subject: str
    direction: Direction
    channel: ChannelKind
    author_id: int | None
    sender_address: str
    is_machine: bool
    text: str  # at most ``SHOWN_CHARS``
    chars: int  # that there are
    notes: list[str]
    created_at: datetime
    contact_id: int
    contact_name: str


@dataclass(frozen=True, slots=True)
class Line:
    """A page of the time line."""

    items: list[Said | AccountNote | AccountFile]
    files: dict[int, list[tuple[str, str, int]]]  # message id -> (blob id, name, bytes)
    next: Place | None


_SHOWN = func.coalesce(func.nullif(messages.visible_text, ""), messages.text)
_SAID = (
    select(
        messages.id,
        messages.conversation_id,
        conversations.subject,
        messages.direction,
        messages.channel,
        messages.author_id,
        messages.sender_address,
        messages.is_machine,
        func.substr(_SHOWN, 1, SHOWN_CHARS),
        func.length(_SHOWN),
        messages.notes,
        messages.created_at,
        conversations.contact_id,
        SHOWN_NAME,
    )
    .join(core(Conversation), conversations.id == messages.conversation_id)
    .join(core(Contact), contacts.id == conversations.contact_id)
)


def load_line(
    session: Session, whose: Whose, who: Person, *, only: str = "", after: Place | None = None
) -> Line:
    """Return a page of the time line after a place; ``only`` is a channel or ``notes``."""
    places = _message_places(session, whose, who, only, after)
    if only in ("", NOTES):
        places += _own_places(session, whose, AccountNote, NOTE, after)
    if not only:
        places += _own_places(session, whose, AccountFile, FILE, after)
    places.sort(reverse=True)
    shown, more = places[:PAGE], places[PAGE:]
    ids = {kind: [one.id for one in shown if one.kind == kind] for kind in KINDS}
    found: dict[tuple[str, int], Said | AccountNote | AccountFile] = {
        (MESSAGE, said.id): said for said in _said(session, ids[MESSAGE])
    }
    found |= {(NOTE, row.id): row for row in _rows(session, AccountNote, ids[NOTE])}
    found |= {(FILE, row.id): row for row in _rows(session, AccountFile, ids[FILE])}
    return Line(
        [found[one.kind, one.id] for one in shown if (one.kind, one.id) in found],
        _files(session, ids[MESSAGE]),
        shown[-1] if more else None,
    )


def _message_places(
    session: Session, whose: Whose, who: Person, only: str, after: Place | None
) -> list[Place]:
    """Find them in an index alone: what a long message says is not read for its place."""
    query = (
        select(messages.created_at, messages.id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(whose.conversations(who), conversations.status != Status.SPAM)
    )
    if only in CHANNELS:
        query = query.where(conversations.channel == only)
    elif only == NOTES:
        query = query.where(messages.direction == Direction.NOTE)
    return _newest(session, query, messages, MESSAGE, after)


def _own_places(
    session: Session, whose: Whose, table: Any, kind: str, after: Place | None
) -> list[Place]:
    own = columns(table)
    query = select(own.created_at, own.id).where(whose.things(own))
    return _newest(session, query, own, kind, after)


def _newest(
    session: Session, query: Select[Any], own: Any, kind: str, after: Place | None
) -> list[Place]:
    if after is not None:
        query = query.where(follows(own.created_at, own.id, kind, after))
    rows = session.execute(query.order_by(own.created_at.desc(), own.id.desc()).limit(PAGE + 1))
    return [Place(row.created_at, kind, row.id) for row in rows]


def follows(at: Any, number: Any, kind: str, place: Place) -> ColumnElement[bool]:
    """Return the condition for what stands after a place; see ``Place`` for the order."""
    earlier: ColumnElement[bool] = at < place.at
    if kind > place.kind:
        return earlier
    same = at == place.at
    if kind == place.kind:
        same = and_(same, number < place.id)
    return or_(earlier, same)


def _said(session: Session, ids: list[int]) -> Iterable[Said]:
    if not ids:
        return []
    return [Said(*row) for row in session.execute(_SAID.where(messages.id.in_(ids)))]


def _rows(session: Session, table: Any, ids: list[int]) -> Iterable[Any]:
    if not ids:
        return []
    return session.execute(select(table).where(columns(table).id.in_(ids))).scalars()


def _files(session: Session, ids: list[int]) -> dict[int, list[tuple[str, str, int]]]:
    found: dict[int, list[tuple[str, str, int]]] = {}
    if not ids:
        return found
    rows = session.execute(
        select(
            attachments.message_id,
            attachments.blob_id,
            attachments.filename,
            attachments.size_bytes,
        )
        .where(attachments.message_id.in_(ids))
        .order_by(attachments.id)
    )
    for row in rows:
        found.setdefault(row.message_id, []).append((row.blob_id, row.filename, row.size_bytes))
    return found
