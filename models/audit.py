"""Who changed what about the company, and the seals that make tampering show."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from models.base import Table, json_column, stored_as_value


class AuditThing(StrEnum):
    """What a change was made to. Changes of a conversation are its ``Event`` rows."""

    COMPANY = "company"
    PERSON = "person"
    TEAM = "team"
    INBOX = "inbox"
    MAILBOX = "mailbox"
    CALENDAR = "calendar"
    POLICY = "policy"
    REQUEST_TYPE = "request_type"
    MODEL = "model"
    PRODUCT_GROUP = "product_group"
    TOKEN = "token"  # noqa: S105  (a word, not a secret)
    MESSAGE = "message"  # one in quarantine
    ABSENCE = "absence"
    LADDER = "ladder"
    SWAP = "swap"  # of shifts
    RULE = "mail_rule"  # about mail that is kept away
    SENDER = "sender"  # an inbox's own mail server
    DKIM_KEY = "dkim_key"
    ADDRESS = "address"  # that mail could not be delivered to
    ACCOUNT = "account"
    CONTACT = "contact"
    MILESTONE = "milestone"
    PRIVACY = "privacy"  # an export, an erasure, a rule of retention
    CALENDAR_FEED = "calendar_feed"
    SAVED_REPLY = "saved_reply"
    MACRO = "macro"
    MAIL_WORDS = "mail_words"  # what our own mails to customers say
    VIEW = "view"  # a saved view of the list
    TAG = "tag"
    OWN_FIELD = "own_field"
    BLOCK = "block"  # of a sender
    IMPORT = "import"  # a sheet of accounts and contacts
    WEBHOOK = "webhook"  # to another system
    REMINDER = "reminder"


class AuditAction(StrEnum):
    """What was done."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"
    INVITED = "invited"
    JOINED = "joined"
    PASSWORD_SET = "password_set"  # noqa: S105
    RESET_SENT = "reset_sent"
    DEACTIVATED = "deactivated"
    ACTIVATED = "activated"
    HANDED_OVER = "handed_over"
    EXPORTED = "exported"


class AuditEntry(Table, table=True):
    """One change: ``before`` and ``after`` hold the fields that differ, never a secret.

    ``thing_id`` is the row's id or key as text. Never deleted, and never changed but that
    erasure takes the words of somebody who was erased out of it (``models.privacy.Redaction``).
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_thing", "thing", "thing_id", "id"),
        Index("ix_audit_entries_at", "at", "id"),
    )

    at: datetime
    actor_id: int | None = Field(default=None, foreign_key="agents.id")  # None: by command
    thing: AuditThing = Field(sa_type=stored_as_value(AuditThing))
    thing_id: str
    action: AuditAction = Field(sa_type=stored_as_value(AuditAction))
    before: dict[str, Any] = Field(default={}, sa_column=json_column())
    after: dict[str, Any] = Field(default={}, sa_column=json_column())


class AuditSeal(Table, table=True):
    """A link of the chain over ``events`` and ``audit_entries``, added shortly after them.

    ``rows`` is ``[[id, SHA-256 of the row], …]`` of the table ``source``, in the order of
    sealing; ``hash`` covers them and the link before.
    """

    __tablename__ = "audit_seals"

    at: datetime
    source: str
    rows: list[Any] = Field(default=[], sa_column=json_column())
    hash: str = Field(unique=True)
