"""What the chat's socket says, and what is read to say it."""

from datetime import datetime
from typing import Literal
from urllib.parse import quote
from uuid import UUID

import msgspec
from sqlmodel import Session

from inbox.auth import sign
from inbox.channels.chat import Code
from inbox.chatting.greeting import Greeting, greet
from inbox.store import chat as rows
from inbox.store import people
from inbox.store.company import Door
from inbox.views.render import short_name
from models import ChannelKind, Direction, Message

FROM = {Direction.OUTBOUND: "agent", Direction.AUTOMATIC: "auto", Direction.INBOUND: "visitor"}
MOST_CHARS = 8000  # of a mail that is shown in the chat


class Welcome(msgspec.Struct, tag="welcome", tag_field="type"):
    """Who you are from now on, and when somebody answers."""

    token: str
    company: str
    open: bool
    promise: str | None
    ask: str


class Accepted(msgspec.Struct, tag="accepted", tag_field="type"):
    """A line is stored."""

    id: UUID


class SentFile(msgspec.Struct):
    """A file of a line; ``path`` is to be asked of our origin."""

    name: str
    size: int
    path: str


class Told(msgspec.Struct, tag="message", tag_field="type", omit_defaults=True):
    """A line of the conversation."""

    id: int
    sender: str = msgspec.field(name="from")
    text: str
    at: datetime
    name: str = ""
    client_id: str = ""
    via: Literal["", "email"] = ""
    files: list[SentFile] = msgspec.field(default_factory=list)


class Writing(msgspec.Struct, tag="typing", tag_field="type"):
    """Somebody of ours writes, or has stopped."""

    on: bool


class Seen(msgspec.Struct, tag="seen", tag_field="type"):
    """Somebody of ours has read everything up to this moment."""

    at: datetime


class Pong(msgspec.Struct, tag="pong", tag_field="type"):
    """Somebody is there."""


class Sorry(msgspec.Struct, tag="error", tag_field="type", omit_defaults=True):
    """Something was not done; ``id`` says which message, where it was one."""

    code: Code
    id: UUID | None = None


Answer = Welcome | Accepted | Told | Writing | Seen | Pong | Sorry


class Coming(msgspec.Struct, frozen=True):
    """What a hello finds."""

    greeting: Greeting
    is_known: bool


class News(msgspec.Struct, frozen=True):
    """What is there for a visitor; ``number`` is the conversation that it is about."""

    lines: list[Told]
    number: int
    read_at: datetime | None


def come(session: Session, door: Door, value: str, language: str, now: datetime) -> Coming:
    """Return what a hello finds."""
    greeting = greet(session, door, language, now)
    return Coming(greeting, rows.find_visitor(session, value) is not None)


def newer(session: Session, value: str, after: int, own: bool, files: "FileLinks") -> News:
    """Return what a visitor has not got yet."""
    found = rows.list_newer(session, value, after, own=own)
    names = people.list_colleagues(session) if found else {}
    sent = rows.files_of(session, [one.id for one in found])
    told = []
    for one in found:
        author = names.get(one.author_id or 0)
        told.append(
            Told(
                id=one.id,
                sender=FROM[one.direction],
                text=_text(one),
                at=one.created_at,
                name=short_name(author.name) if author is not None else "",
                client_id=_client_id(one),
                via="email" if one.channel is ChannelKind.EMAIL else "",
                files=[
                    SentFile(name, size, files.path(blob))
                    for blob, name, size in sent.get(one.id, [])
                ],
            )
        )
    number, read_at = rows.current_state(session, value)
    return News(told, number, read_at)


def _text(one: Message) -> str:
    if one.channel is ChannelKind.EMAIL and one.direction is Direction.INBOUND:
        return (one.visible_text or one.text)[:MOST_CHARS]
    return one.text


def _client_id(one: Message) -> str:
    if one.direction is not Direction.INBOUND or one.channel is not ChannelKind.CHAT:
        return ""
    return (one.client_key or "").rpartition(":")[2]


class FileLinks:
    """Addresses of a chat's files: good for one key, and only for whom we told them."""

    def __init__(self, secret: bytes, key: str, inbox_id: int) -> None:
        self._secret, self._key, self._inbox_id = secret, key, inbox_id

    def mark(self, blob_id: str) -> str:
        """Return what proves that we told the address."""
        return sign(self._secret, "chat-file", f"{self._inbox_id}:{blob_id}")

    def path(self, blob_id: str) -> str:
        """Return where a file is fetched."""
        return f"/chat/{quote(self._key, safe='')}/files/{blob_id}?mark={self.mark(blob_id)}"
