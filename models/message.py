"""Messages: raw as they came, read as they are shown, outgoing as they are sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value
from models.inbox import ChannelKind


class RawState(StrEnum):
    """How far a raw message has come."""

    PENDING = "pending"
    DONE = "done"
    QUARANTINED = "quarantined"
    IGNORED = "ignored"  # by a rule; see models.ledger


class Direction(StrEnum):
    """Who speaks: the contact, a person of ours, our machine, or one of us to the others.

    ``withdrawn`` is what a person undid before it left: it is shown nowhere, and empty.
    """

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    AUTOMATIC = "automatic"
    NOTE = "note"
    WITHDRAWN = "withdrawn"


class DeliveryState(StrEnum):
    """How far an outgoing mail has come; ``sending`` is committed just before DATA."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    CANCELLED = "cancelled"


class OutboxKind(StrEnum):
    """Why a mail goes out."""

    REPLY = "reply"
    ACKNOWLEDGEMENT = "acknowledgement"
    PROMISE = "promise"
    LATE = "late"  # a promise passed unanswered: sorry, and a new time
    FOLLOW_UP = "follow_up"  # nobody answered until a wait ended
    CLOSING = "closing"  # nor after that
    SURVEY = "survey"  # how we did
    NOTICE = "notice"
    FORWARD = "forward"  # what was said here, to somebody outside: answers nobody
    ACCOUNT = "account"  # an invitation or a reset: written when it is sent, never kept


class RawMessage(Table, table=True):
    """A message as it came, committed before its sender is told yes.

    ``leased_until`` is also the time of the next try. ``attempts`` is counted before the
    work, ``failures`` when it went wrong in a known way (its reader died, a bug): three of
    those, or very many attempts, put it into quarantine. ``meta`` holds what the transport
    knows: envelope, peer address.
    """

    __tablename__ = "raw_messages"
    __table_args__ = (
        Index(
            "ix_raw_messages_pending",
            "leased_until",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_raw_messages_quarantined",
            "id",
            sqlite_where=text("state = 'quarantined'"),
            postgresql_where=text("state = 'quarantined'"),
        ),
    )

    inbox_id: int = Field(foreign_key="inboxes.id")
    kind: ChannelKind = Field(sa_type=stored_as_value(ChannelKind))
    dedupe_key: str = Field(unique=True)
    body: bytes = Field(sa_type=LargeBinary)
    meta: dict[str, Any] = Field(default={}, sa_column=json_column())
    public_token: str | None = Field(default=None, unique=True)
    received_at: datetime
    state: RawState = Field(default=RawState.PENDING, sa_type=stored_as_value(RawState))
    attempts: int = 0
    failures: int = 0
    leased_until: datetime
    error: str = ""
    conversation_id: int | None = Field(
        default=None, foreign_key="conversations.id", index=True
    )


class Message(Table, table=True):
    """One thing said in a conversation.

    ``text`` is everything that came; ``visible_text`` what the person wrote this time, with
    quotes and signature folded away. ``client_key`` makes a doubled click one message.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_conversation", "conversation_id", "id"),
        # A customer's time line, whatever was imported when.
        Index("ix_messages_time", "conversation_id", "created_at", "id"),
    )

    conversation_id: int = Field(foreign_key="conversations.id")
    direction: Direction = Field(sa_type=stored_as_value(Direction))
    channel: ChannelKind = Field(sa_type=stored_as_value(ChannelKind))
    contact_id: int | None = Field(default=None, foreign_key="contacts.id")
    author_id: int | None = Field(default=None, foreign_key="agents.id")
    sender_address: str = ""
    is_machine: bool = False  # an auto-responder or a bounce: answers nothing, starts nothing
    text: str = ""
    visible_text: str = ""
    notes: list[str] = Field(default=[], sa_column=json_column())
    # What the server that received it says of its sender: {"dkim", "spf", "dmarc", "by"}.
    authentication: dict[str, Any] = Field(default={}, sa_column=json_column())
    email_message_id: str | None = Field(default=None, index=True)
    client_key: str | None = Field(default=None, unique=True)
    raw_id: int | None = Field(default=None, foreign_key="raw_messages.id")
    delivered_at: datetime | None = None  # a chat line: when the visitor's widget had it
    created_at: datetime


class Blob(SQLModel, table=True):
    """Bytes of a file under a random name."""

    __tablename__ = "blobs"

    id: str = Field(primary_key=True)
    sha256: str
    size_bytes: int
    content: bytes = Field(sa_type=LargeBinary)


class Attachment(Table, table=True):
    """A file of a message; ``filename`` is only ever shown, never used as a path."""

    __tablename__ = "attachments"

    message_id: int = Field(foreign_key="messages.id", index=True)
    blob_id: str = Field(foreign_key="blobs.id", unique=True)
    filename: str
    content_type: str
    size_bytes: int
    content_id: str = ""  # by which the mail's own HTML names it


class MessageHtml(Table, table=True):
    """How a mail's sender laid it out, made safe when it was read; see ``channels.safehtml``.

    ``remote_images`` are pictures from elsewhere, which are fetched only after a click.
    """

    __tablename__ = "message_html"

    message_id: int = Field(foreign_key="messages.id", unique=True)
    html: str
    remote_images: int = 0


class SinkMail(Table, table=True):
    """A mail that the sample company's sink took instead of the outside world."""

    __tablename__ = "sink_mails"

    to_address: str
    from_address: str
    body: bytes = Field(sa_type=LargeBinary)
    at: datetime


class Outbox(Table, table=True):
    """A mail to be sent, complete in itself.

    ``leased_until`` is also the time of the next try. A row found in ``sending`` after its
    lease has an unknown fate: it becomes ``unconfirmed`` and is never resent by itself.
    ``asked_at`` is when a person last asked for it to be sent (None: when it was written):
    its five days count from then. ``copies`` has ``cc`` and ``bcc``.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "leased_until",
            "id",
            sqlite_where=text("state IN ('queued', 'claimed', 'sending')"),
            postgresql_where=text("state IN ('queued', 'claimed', 'sending')"),
        ),
        Index("ix_outbox_recipient", "to_address", "kind", "created_at"),
    )

    kind: OutboxKind = Field(sa_type=stored_as_value(OutboxKind))
    conversation_id: int | None = Field(
        default=None, foreign_key="conversations.id", index=True
    )
    message_id: int | None = Field(default=None, foreign_key="messages.id", unique=True)
    state: DeliveryState = Field(
        default=DeliveryState.QUEUED, sa_type=stored_as_value(DeliveryState)
    )
    to_address: str
    mail: dict[str, Any] = Field(sa_column=json_column())  # channels.base.OutboundMessage
    email_message_id: str = Field(unique=True)
    created_at: datetime
    leased_until: datetime
    attempts: int = 0
    error: str = ""
    receipt: str = ""
    sent_at: datetime | None = None
    asked_at: datetime | None = None
    copies: dict[str, Any] = Field(default={}, sa_column=json_column())
