"""Mailboxes that we look into, because few companies can point their MX at us."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field

from models.base import Table, json_column, stored_as_value


class MailboxTls(StrEnum):
    """How the connection is encrypted: from the first byte, after asking, or not at all."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"  # this machine only


class MailboxAuth(StrEnum):
    """How we sign in."""

    PASSWORD = "password"  # noqa: S105  (a word, not a secret)
    OAUTH2 = "oauth2"


class Mailbox(Table, table=True):
    """One folder of one IMAP account, and how far it has been read.

    ``password`` is sealed (``inbox.vault``). UIDs up to ``last_uid`` are dealt with, except
    those in ``left``: ``{uid: {"reason", "tries", "retry_at" or null}}``. Mail with a UID
    below ``fresh_uid`` was there when we first looked: of it, only what arrived at ``since``
    or later is taken, and what came before ``created_at`` only while nobody has read it.
    ``failing_since`` is the first of the failures that no success followed.

    With OAuth2 ``password`` is the sealed refresh token ("" asks for a token with the client's
    own secret), and ``client_secret`` and ``access_token`` are sealed too. While somebody
    waits for news of it (``watched_until``), it is looked into less often. ``sent_folder`` is
    where a person's own answers lie: "" is not looked at, "*" the one the server calls so;
    ``sent`` holds its ``uidvalidity`` and ``last_uid``. ``ledger_from`` is the first UID that
    the ledger accounts for, ``tally`` what the last reconciliation counted.
    """

    __tablename__ = "mailboxes"
    __table_args__ = (UniqueConstraint("host", "username", "folder"),)

    inbox_id: int = Field(foreign_key="inboxes.id")
    host: str
    port: int
    tls: MailboxTls = Field(sa_type=stored_as_value(MailboxTls))
    username: str
    password: str
    folder: str = "INBOX"
    every_s: int = 30
    is_active: bool = True
    since: datetime
    created_at: datetime
    uidvalidity: int | None = Field(default=None, sa_type=BigInteger)
    fresh_uid: int = Field(default=0, sa_type=BigInteger)
    last_uid: int = Field(default=0, sa_type=BigInteger)
    left: dict[str, Any] = Field(default={}, sa_column=json_column())
    next_at: datetime
    leased_until: datetime
    failures: int = 0
    failing_since: datetime | None = None
    alarmed_at: datetime | None = None
    last_ok_at: datetime | None = None
    last_error: str = ""
    auth: MailboxAuth = Field(
        default=MailboxAuth.PASSWORD, sa_type=stored_as_value(MailboxAuth)
    )
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    access_token: str = ""
    access_until: datetime | None = None
    watched_until: datetime | None = None
    alarm_after_min: int = 15
    sent_folder: str = ""
    sent: dict[str, Any] = Field(default={}, sa_column=json_column())
    ledger_from: int = Field(default=0, sa_type=BigInteger)
    reconciled_at: datetime | None = None
    tally: dict[str, Any] = Field(default={}, sa_column=json_column())
