"""How mail leaves: by which server, signed by what, how fast, and to whom not any more."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field

from models.base import Table, stored_as_value
from models.mailbox import MailboxTls


class SenderAuth(StrEnum):
    """How we sign in to a mail server: not at all, by name, or as the inbox's mailbox does.

    As the mailbox does is with its password, or with its token (XOAUTH2).
    """

    NONE = "none"
    PASSWORD = "password"  # noqa: S105  (a word, not a secret)
    MAILBOX = "mailbox"


class MailSender(Table, table=True):
    """The server that an inbox's mail goes out by, instead of the installation's.

    ``password`` is sealed (``inbox.vault``); it and ``username`` are "" where ``auth`` needs
    none of its own.
    """

    __tablename__ = "mail_senders"

    inbox_id: int = Field(foreign_key="inboxes.id", unique=True)
    host: str
    port: int
    tls: MailboxTls = Field(sa_type=stored_as_value(MailboxTls))
    auth: SenderAuth = Field(sa_type=stored_as_value(SenderAuth))
    username: str = ""
    password: str = ""
    is_active: bool = True
    created_at: datetime
    last_ok_at: datetime | None = None
    failing_since: datetime | None = None
    last_error: str = ""


class DkimKey(Table, table=True):
    """A key that signs the mail of one domain; the newest that ``signs`` is used.

    ``private_key`` is sealed. ``public_key`` is what the DNS record says (base64 of DER).
    ``found_at`` is when the record was last seen in the DNS, ``problem`` what was wrong.
    """

    __tablename__ = "dkim_keys"
    __table_args__ = (UniqueConstraint("domain", "selector"),)

    domain: str
    selector: str
    private_key: str
    public_key: str
    signs: bool = False
    created_at: datetime
    checked_at: datetime | None = None
    found_at: datetime | None = None
    problem: str = ""


class DomainPace(Table, table=True):
    """A domain whose servers asked us to wait: nothing goes there before ``until``.

    Gone again with the first mail that its servers take.
    """

    __tablename__ = "domain_paces"

    domain: str = Field(unique=True)
    pause_s: int
    until: datetime


class StagedFile(Table, table=True):
    """A file of an answer that was not sent yet, as something in its form was wrong.

    ``token`` is random, and good for the person who chose the file. Forgotten after a day, or
    after ``keep_until`` where a draft or an answer that is sent later has it.
    """

    __tablename__ = "staged_files"

    token: str = Field(unique=True)
    agent_id: int = Field(foreign_key="agents.id")
    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    filename: str
    content_type: str
    size_bytes: int
    content: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(index=True)
    keep_until: datetime | None = None


class AddressMark(Table, table=True):
    """An address that mail cannot be delivered to, until a person lifts the mark.

    ``code`` is the enhanced status (``5.1.1``) or "", ``said`` the server's own words.
    """

    __tablename__ = "address_marks"

    address: str = Field(unique=True)
    code: str = ""
    said: str = ""
    conversation_id: int | None = Field(
        default=None, foreign_key="conversations.id", index=True
    )
    marked_at: datetime
    times: int = 1
    lifted_at: datetime | None = None
    lifted_by_id: int | None = Field(default=None, foreign_key="agents.id")
    lift_reason: str = ""
