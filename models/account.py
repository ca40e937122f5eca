"""Accounts: the companies and people that somebody here looks after."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value


class AccountKind(StrEnum):
    """What an account is."""

    COMPANY = "company"
    PERSON = "person"


class AccountStatus(StrEnum):
    """How it stands with us; an ended one is kept, and no longer watched."""

    NEW = "new"
    ACTIVE = "active"
    AT_RISK = "at_risk"
    ENDED = "ended"


class AccountValue(StrEnum):
    """What it is worth to us: A most."""

    A = "A"
    B = "B"
    C = "C"


class Account(Table, table=True):
    """A company or a person whom one of us looks after; contacts belong to one or none.

    ``reference`` is the key that other systems know it by, unique where given. ``tier``, where
    given, is that of all its contacts. ``fields`` holds the company's own fields: name to text.
    ``version`` grows with each change, so that a stale page can be told.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        Index(
            "ix_accounts_reference",
            "reference",
            unique=True,
            sqlite_where=text("reference IS NOT NULL"),
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index("ix_accounts_owner", "owner_id", "status", "id"),
        Index("ix_accounts_backup", "backup_id", "id"),
        Index("ix_accounts_folded", "folded", "id"),
    )

    name: str
    folded: str  # the name as search and joining compare it (inbox.triage.text.fold)
    kind: AccountKind = Field(default=AccountKind.COMPANY, sa_type=stored_as_value(AccountKind))
    reference: str | None = None
    owner_id: int | None = Field(default=None, foreign_key="agents.id")
    backup_id: int | None = Field(default=None, foreign_key="agents.id")
    status: AccountStatus = Field(
        default=AccountStatus.NEW, sa_type=stored_as_value(AccountStatus)
    )
    value: AccountValue = Field(default=AccountValue.C, sa_type=stored_as_value(AccountValue))
    tier: str = ""
    product_groups: list[str] = Field(default=[], sa_column=json_column())
    language: str = ""
    since: date | None = None
    fields: dict[str, Any] = Field(default={}, sa_column=json_column())
    created_at: datetime
    changed_at: datetime
    version: int = 1


class AccountFigures(SQLModel, table=True):
    """What is counted of an account from time to time, so that no page counts it.

    ``need`` is 0 (nothing) upwards; ``reasons`` say what it is made of: name to number.
    ``place`` is the account's cell of the matrix, its value and how much care it needs ("A0" to
    "C3"); "" of one that is ended. ``stale_at``: when it is to be counted again, as something
    changed or will have by then.
    """

    __tablename__ = "account_figures"
    __table_args__ = (
        Index(
            "ix_account_figures_stale",
            "stale_at",
            sqlite_where=text("stale_at IS NOT NULL"),
            postgresql_where=text("stale_at IS NOT NULL"),
        ),
        Index("ix_account_figures_need", "need", "account_id"),
        Index("ix_account_figures_contact", "last_contact_at", "account_id"),
        Index("ix_account_figures_place", "place", "need", "account_id"),
    )

    account_id: int = Field(foreign_key="accounts.id", primary_key=True)
    need: int = 0
    place: str = ""
    reasons: dict[str, Any] = Field(default={}, sa_column=json_column())
    open_count: int = 0
    late_count: int = 0
    oldest_waiting_at: datetime | None = None  # the customer has waited since
    last_contact_at: datetime | None = None  # either way
    next_milestone_at: datetime | None = None
    promises_kept: int = 0  # of the last 90 days
    promises_missed: int = 0
    counted_at: datetime | None = None
    stale_at: datetime | None = None


class ContactJoin(Table, table=True):
    """Two contacts who may be one person: proposed, joined, parted or said to be two.

    ``moved`` holds what the join took from the second to the first (ids by table), so that
    it can be undone; ``reason`` says what they have in common.
    """

    __tablename__ = "contact_joins"
    __table_args__ = (
        Index("ix_contact_joins_kept", "kept_id"),
        Index("ix_contact_joins_joined", "joined_id"),
    )

    kept_id: int = Field(foreign_key="contacts.id")
    joined_id: int = Field(foreign_key="contacts.id")
    state: str = "proposed"  # or joined, parted, refused
    reason: str = ""
    moved: dict[str, Any] = Field(default={}, sa_column=json_column())
    proposed_at: datetime
    decided_at: datetime | None = None
    decided_by_id: int | None = Field(default=None, foreign_key="agents.id")
