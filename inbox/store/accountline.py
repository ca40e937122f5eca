"""A customer's time line over every channel: messages, notes and files, the newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlmodel import Session

from inbox.clock import read_time
from inbox.errors import NotFound
from inbox.store.accountpage import Shape, Whose
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
_ONE_CHANNEL = "channel"
MESSAGE, NOTE, FILE = "message", "note", "file"
KINDS = (FILE, MESSAGE, NOTE)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the line; the greater, the newer."""

    at: datetime
    kind: str
    id: int

    def given(self) -> dict[str, Any]:
        """Return the parameters of ``follows``."""
        return {"after_at": self.at, "after_id": self.id}

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
            when, found = read_time(at), int(number)
            if when.tzinfo is None or kind not in KINDS:
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


_IDS: ColumnElement[int] = bindparam("ids", expanding=True)
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
    .where(messages.id.in_(_IDS))
)
_NOTES = select(AccountNote).where(notes.id.in_(_IDS))
_UPLOADS = select(AccountFile).where(uploads.id.in_(_IDS))
_FILES = select(
    attachments.id,
    attachments.message_id,
    attachments.blob_id,
    attachments.filename,
    attachments.size_bytes,
).where(
    attachments.message_id.in_(_IDS)
)  # sorted here: asked for in their order, SQLite may walk all there are


def load_line(
    session: Session, whose: Whose, who: Person, *, only: str = "", after: Place | None = None
) -> Line:
    """Return a page of the time line after a place; ``only`` is a channel or ``notes``."""
    query = _places(
        whose.shape,
        only if only in ("", NOTES) else _ONE_CHANNEL,
        after.kind if after is not None else "",
    )
    given = {**whose.given(who), "channel": only, **(after.given() if after else {})}
    # Sorted as rows, which is cheaper than as places, and the same.
    places = sorted(map(tuple, session.execute(query, given)), reverse=True)
    shown, more = [Place(*one) for one in places[:PAGE]], places[PAGE:]
    ids = {kind: [one.id for one in shown if one.kind == kind] for kind in KINDS}
    found: dict[tuple[str, int], Said | AccountNote | AccountFile] = {
        (MESSAGE, row[0]): Said(*row) for row in _rows(session, _SAID, ids[MESSAGE])
    }
    found |= {(NOTE, row[0].id): row[0] for row in _rows(session, _NOTES, ids[NOTE])}
    found |= {(FILE, row[0].id): row[0] for row in _rows(session, _UPLOADS, ids[FILE])}
    files: dict[int, list[tuple[str, str, int]]] = {}
    for _, message_id, *file in sorted(map(tuple, _rows(session, _FILES, ids[MESSAGE]))):
        files.setdefault(message_id, []).append((file[0], file[1], file[2]))
    return Line(
        [found[one.kind, one.id] for one in shown if (one.kind, one.id) in found],
        files,
        shown[-1] if more else None,
    )


def _rows(session: Session, query: Select[Any], ids: list[int]) -> Iterable[Any]:
    return session.execute(query, {"ids": ids}) if ids else ()


@cache
def _places(shape: Shape, only: str, after: str) -> Any:
    """Return the query for the newest places of each kind after one of kind ``after``.

    A message's place is found in an index alone: what a long one says is not read for it.
    """
    said = (
        select(*_place(messages, MESSAGE))
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(shape.conversations(), conversations.status != Status.SPAM)
    )
    if only == _ONE_CHANNEL:
        said = said.where(conversations.channel == bindparam("channel"))
    elif only == NOTES:
        said = said.where(messages.direction == Direction.NOTE)
    parts = [_newest(said, messages, MESSAGE, after)]
    if only in ("", NOTES):
        own = select(*_place(notes, NOTE)).where(shape.things(notes))
        parts.append(_newest(own, notes, NOTE, after))
    if not only:
        own = select(*_place(uploads, FILE)).where(shape.things(uploads))
        parts.append(_newest(own, uploads, FILE, after))
    return union_all(*(select(part.subquery()) for part in parts))


def _place(own: Any, kind: str) -> tuple[ColumnElement[Any], ...]:
    return own.created_at, kind_of(kind), own.id


def kind_of(kind: str) -> ColumnElement[str]:
    """Return a kind as a column, for a query of several."""
    return literal_column(f"'{kind}'").label("kind")


def _newest(query: Select[Any], own: Any, kind: str, after: str) -> Select[Any]:
    if after:
        query = query.where(follows(own.created_at, own.id, kind, after))
    return query.order_by(own.created_at.desc(), own.id.desc()).limit(PAGE + 1)


def follows(at: Any, number: Any, kind: str, after: str) -> ColumnElement[bool]:
    """Return the condition for what stands after a place of kind ``after``; see ``Place``."""
    last: ColumnElement[datetime] = bindparam("after_at")
    earlier: ColumnElement[bool] = at < last
    if kind > after:
        return earlier
    same = at == last
    if kind == after:
        same = and_(same, number < bindparam("after_id"))
    return or_(earlier, same)
