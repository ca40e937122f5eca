"""Prepared words: saved replies, macros, and what our own mails to customers say."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from models.base import Table, json_column


class SavedReply(Table, table=True):
    """A prepared answer: one person's, one team's, or (neither) the company's.

    ``texts`` has it by language. ``folded`` is name, shortcut and texts as they are searched:
    without accents. ``shortcut`` is what is typed after ``/`` in an answer, or "".
    """

    __tablename__ = "saved_replies"
    __table_args__ = (
        Index("ix_saved_replies_owner", "owner_id", "team_id", "id"),
        Index("ix_saved_replies_team", "team_id", "id"),
    )

    name: str
    shortcut: str = ""
    folded: str = ""
    texts: dict[str, str] = Field(default={}, sa_column=json_column())
    owner_id: int | None = Field(default=None, foreign_key="agents.id")
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    used: int = 0
    used_at: datetime | None = None
    created_at: datetime
    changed_at: datetime
    changed_by_id: int | None = Field(default=None, foreign_key="agents.id")


class Macro(Table, table=True):
    """Several things done to a conversation at once; whose it is is said as of a saved reply.

    ``does``: ``request_type``, ``urgency``, ``owner`` (an id, ``me`` or ``nobody``), ``team``
    (an id), ``then`` (``done``, ``wait``, ``snooze``), ``until`` (of ``macros.UNTIL``);
    what is not there stays as it is. ``texts`` is the answer, by language; empty: none is sent.
    """

    __tablename__ = "macros"
    __table_args__ = (
        Index("ix_macros_owner", "owner_id", "team_id", "id"),
        Index("ix_macros_team", "team_id", "id"),
    )

    name: str
    folded: str = ""
    texts: dict[str, str] = Field(default={}, sa_column=json_column())
    does: dict[str, Any] = Field(default={}, sa_column=json_column())
    owner_id: int | None = Field(default=None, foreign_key="agents.id")
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    used: int = 0
    used_at: datetime | None = None
    created_at: datetime
    changed_at: datetime
    changed_by_id: int | None = Field(default=None, foreign_key="agents.id")


class MacroRun(Table, table=True):
    """A macro that was run, for as long as it can be taken back.

    ``before`` holds the columns that it changed, as they were. ``version`` is the
    conversation's after it: another one since then, and it is not taken back.
    """

    __tablename__ = "macro_runs"

    conversation_id: int = Field(foreign_key="conversations.id")
    agent_id: int = Field(foreign_key="agents.id")
    before: dict[str, Any] = Field(default={}, sa_column=json_column())
    version: int
    at: datetime = Field(index=True)
    undone_at: datetime | None = None


class MailWords(Table, table=True):
    """What one kind of our own mails says, in one language, of one inbox or (None) of all.

    No row: what is shipped. ``kind`` is of ``inbox.store.wordings.KINDS``.
    """

    __tablename__ = "mail_words"
    __table_args__ = (UniqueConstraint("inbox_key", "kind", "language"),)

    inbox_id: int | None = Field(default=None, foreign_key="inboxes.id")
    inbox_key: int = 0  # the inbox's id, or 0: null is never equal to null
    kind: str
    language: str
    subject: str
    text: str
    changed_at: datetime
    changed_by_id: int | None = Field(default=None, foreign_key="agents.id")
