"""What is searched: conversations and names as folded words; what is to be read in again."""

from enum import StrEnum

from sqlalchemy import BigInteger, Column, Index, Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

from models.base import Table, stored_as_value


def _words() -> "Column[str]":
    """Return the indexed column: words beside FTS5 on SQLite, a tsvector on PostgreSQL."""
    return Column(Text().with_variant(TSVECTOR, "postgresql"), nullable=False)


class MarkKind(StrEnum):
    """What a mark is about."""

    CONVERSATION = "conversation"
    MESSAGE = "message"  # its conversation
    CONTACT = "contact"
    ACCOUNT = "account"
    # Everything of a kind, the newest first: ``thing_id`` is the next one's id and counts down.
    ALL_CONVERSATIONS = "all_conversations"
    ALL_CONTACTS = "all_contacts"
    ALL_ACCOUNTS = "all_accounts"


class SearchDoc(SQLModel, table=True):
    """A conversation's words, folded (``inbox.search.tokens``), with those merged into it.

    ``place`` orders by the last thing said, then by number: seconds since 1970 times 2^31, plus
    the number. ``words`` is indexed as ``search_index``, which the database keeps in step.
    """

    __tablename__ = "search_docs"

    conversation_id: int = Field(primary_key=True)  # no reference: see inbox.search
    place: int = Field(sa_type=BigInteger, unique=True)
    words: str = Field(sa_column=_words())


class SearchName(SQLModel, table=True):
    """A contact's or an account's names and addresses, folded; ``search_index_names``.

    ``place`` is the id times two, plus one of an account.
    """

    __tablename__ = "search_names"

    place: int = Field(sa_type=BigInteger, primary_key=True)
    contact_id: int | None = Field(default=None, index=True)
    account_id: int | None = Field(default=None, index=True)
    words: str = Field(sa_column=_words())


class SearchMark(Table, table=True):
    """Something changed: a worker reads it in again and takes the mark away.

    The database writes most of them itself, by triggers, in the transaction that changes the
    row. Marks are only added and taken away, never changed by whoever adds one: two of the same
    thing are one piece of work.
    """

    __tablename__ = "search_marks"
    __table_args__ = (Index("ix_search_marks_kind", "kind", "id"),)

    kind: MarkKind = Field(sa_type=stored_as_value(MarkKind))
    thing_id: int
    begun_at_id: int = 0  # of a count-down: where it began
