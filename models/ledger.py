"""The mail ledger: every message that was ever seen, and what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from models.base import Table, stored_as_value


class LedgerVia(StrEnum):
    """Where a message was seen."""

    SMTP = "smtp"
    IMAP = "imap"
    PIPE = "pipe"
    IMPORTED = "imported"
    SENT = "sent"  # a mailbox's folder of sent mail


class LedgerState(StrEnum):
    """What became of a message; ``waiting`` is the only one that ends by itself."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    AUTOMATIC = "automatic"
    QUARANTINED = "quarantined"
    IGNORED = "ignored"


class LedgerEntry(Table, table=True):
    """One sighting of one message: in a mailbox by its number there, or as it was handed over.

    ``raw_id`` is the stored message; for a duplicate the one that came first, and None for
    what was left in the mailbox or belongs to nobody here. ``sender`` and ``subject`` are
    known once it was read. ``reason`` says why it is in quarantine or ignored.
    """

    __tablename__ = "mail_ledger"
    __table_args__ = (
        Index("uq_mail_ledger_place", "mailbox_id", "via", "uidvalidity", "uid", unique=True),
        Index("ix_mail_ledger_state", "state", "id"),
        Index("ix_mail_ledger_day", "seen_at", "state"),
        Index(
            "ix_mail_ledger_inbox",
            "inbox_id",
            "id",
        ),
        Index(
            "ix_mail_ledger_raw",
            "raw_id",
            sqlite_where=text("raw_id IS NOT NULL"),
            postgresql_where=text("raw_id IS NOT NULL"),
        ),
    )

    inbox_id: int = Field(foreign_key="inboxes.id")
    mailbox_id: int | None = None  # may be removed since
    via: LedgerVia = Field(sa_type=stored_as_value(LedgerVia))
    uidvalidity: int | None = Field(default=None, sa_type=BigInteger)
    uid: int | None = Field(default=None, sa_type=BigInteger)
    raw_id: int | None = Field(default=None, foreign_key="raw_messages.id")
    state: LedgerState = Field(sa_type=stored_as_value(LedgerState))
    sender: str = ""
    subject: str = ""
    reason: str = ""
    seen_at: datetime


class RuleField(StrEnum):
    """What a rule looks at."""

    SENDER = "sender"
    SUBJECT = "subject"


class MailRule(Table, table=True):
    """Mail that is kept in the ledger and goes no further; answers to us are never ignored.

    ``pattern`` is an address, ``@domain`` with all below it, or words that the subject has.
    """

    __tablename__ = "mail_rules"

    inbox_id: int | None = Field(default=None, foreign_key="inboxes.id")  # None: every one
    field: RuleField = Field(sa_type=stored_as_value(RuleField))
    pattern: str
    reason: str
    made_by_id: int | None = Field(default=None, foreign_key="agents.id")
    created_at: datetime
