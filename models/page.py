"""What colleagues put on a customer's page: notes, and files of their own."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from models.base import Table


class AccountNote(Table, table=True):
    """A note on an account, on one of its people, or on a person without an account.

    ``account_id`` is the contact's when it was written; one of the two is always there.
    """

    __tablename__ = "account_notes"
    __table_args__ = (
        Index("ix_account_notes_account", "account_id", "created_at", "id"),
        Index("ix_account_notes_contact", "contact_id", "created_at", "id"),
    )

    account_id: int | None = Field(default=None, foreign_key="accounts.id")
    contact_id: int | None = Field(default=None, foreign_key="contacts.id")
    author_id: int = Field(foreign_key="agents.id")
    text: str
    created_at: datetime


class AccountFile(Table, table=True):
    """A file that a colleague put on such a page; ``filename`` is only ever shown."""

    __tablename__ = "account_files"
    __table_args__ = (
        Index("ix_account_files_account", "account_id", "created_at", "id"),
        Index("ix_account_files_contact", "contact_id", "created_at", "id"),
    )

    account_id: int | None = Field(default=None, foreign_key="accounts.id")
    contact_id: int | None = Field(default=None, foreign_key="contacts.id")
    author_id: int = Field(foreign_key="agents.id")
    blob_id: str = Field(foreign_key="blobs.id", unique=True)
    filename: str
    content_type: str
    size_bytes: int
    created_at: datetime
