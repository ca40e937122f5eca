"""Messengers: the company's accounts, who writes there, and how answers go out."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from models.base import Table, json_column, stored_as_value


class Messenger(Table, table=True):
    """The account behind an inbox of a messenger, and how it does.

    ``account`` is the provider's id of it. ``secrets`` is sealed JSON of what was entered, and
    of the word that the provider gives back to us; ``access_token`` is sealed too. Whoever
    renews it has it alone until ``renewing_until``. ``failing_since`` is the first of the
    failures that no success followed.
    """

    __tablename__ = "messengers"

    inbox_id: int = Field(foreign_key="inboxes.id", unique=True)
    account: str = ""
    account_name: str = ""
    facts: dict[str, Any] = Field(default={}, sa_column=json_column())
    secrets: str = ""
    access_token: str = ""
    access_until: datetime | None = None
    renewing_until: datetime | None = None
    connected_at: datetime | None = None  # when the provider last said whose access it is
    last_event_at: datetime | None = None
    last_sent_at: datetime | None = None
    failing_since: datetime | None = None
    last_error: str = ""
    created_at: datetime


class MessengerPerson(Table, table=True):
    """Somebody who wrote through a messenger; ``value`` is that of their identity.

    All that was sent to them before ``delivered_until`` has arrived, before ``read_until`` it
    was read. ``named_at`` is when their name was asked for, ``left_at`` since when they take
    nothing from us.
    """

    __tablename__ = "messenger_people"
    __table_args__ = (
        UniqueConstraint("inbox_id", "value"),
        Index(
            "ix_messenger_people_unnamed",
            "id",
            sqlite_where=text("named_at IS NULL"),
            postgresql_where=text("named_at IS NULL"),
        ),
    )

    inbox_id: int = Field(foreign_key="inboxes.id")
    value: str
    wrote_at: datetime
    may_write_until: datetime | None = None  # None: always
    left_at: datetime | None = None
    delivered_until: datetime | None = None
    read_until: datetime | None = None
    named_at: datetime | None = None


class MessengerPiece(Table, table=True):
    """A part of an answer that the provider has taken, or a word of it about one.

    The provider's word may come first: then ``outbox_id`` is still None.
    """

    __tablename__ = "messenger_pieces"
    __table_args__ = (
        UniqueConstraint("inbox_id", "reference"),
        UniqueConstraint("outbox_id", "number"),
    )

    inbox_id: int = Field(foreign_key="inboxes.id")
    reference: str  # the provider's id of it
    value: str = ""  # whose it is: that of their identity
    outbox_id: int | None = Field(default=None, foreign_key="outbox.id")
    number: int | None = None  # its place in the answer
    sent_at: datetime | None = None  # a moment before the provider had it
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed: str = ""  # the provider's words, where it took it and could not deliver it
    created_at: datetime


class FetchState(StrEnum):
    """How far a file that lies with a provider has come."""

    WAITING = "waiting"
    KEPT = "kept"
    GONE = "gone"  # it cannot be had


class MessengerFile(Table, table=True):
    """A file that somebody sent, which is fetched after their message was taken in.

    ``reference`` is its id with the provider or where it lies. ``next_at`` is also the lease of
    whoever fetches it.
    """

    __tablename__ = "messenger_files"
    __table_args__ = (
        Index(
            "ix_messenger_files_waiting",
            "next_at",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    message_id: int = Field(foreign_key="messages.id", index=True)
    inbox_id: int = Field(foreign_key="inboxes.id")
    reference: str
    filename: str
    content_type: str
    size_bytes: int | None = None
    state: FetchState = Field(default=FetchState.WAITING, sa_type=stored_as_value(FetchState))
    tries: int = 0
    next_at: datetime
    created_at: datetime
