"""What is kept about people outside: their words taken away, held, handed out, looked at."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value
from models.conversation import Status

UNFINISHED = "state IN ('waiting', 'running')"


class TaskState(StrEnum):
    """How far an erasure or an export is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def _unfinished(name: str) -> Index:
    where = text(UNFINISHED)
    return Index(name, "leased_until", "id", sqlite_where=where, postgresql_where=where)


class Erasure(Table, table=True):
    """Everything that a person wrote, or that names them, is taken away.

    ``counts`` says how much was found where, by table; ``checked`` how often the person's
    addresses and words were found afterwards in each place that was searched, byte by byte.
    ``wiped_at`` is when the rows were changed; files and models follow. Neither holds a word.
    """

    __tablename__ = "erasures"
    __table_args__ = (_unfinished("ix_erasures_unfinished"),)

    contact_id: int = Field(foreign_key="contacts.id", index=True)
    asked_by_id: int | None = Field(default=None, foreign_key="agents.id")
    asked_at: datetime
    reason: str = ""  # why it was asked for; must name nobody
    state: TaskState = Field(default=TaskState.WAITING, sa_type=stored_as_value(TaskState))
    leased_until: datetime
    tries: int = 0
    wiped_at: datetime | None = None
    finished_at: datetime | None = None
    error: str = ""
    counts: dict[str, Any] = Field(default={}, sa_column=json_column())
    checked: dict[str, Any] = Field(default={}, sa_column=json_column())


class Redaction(Table, table=True):
    """That the words in one row of the audit trail were taken out; sealed with the trail.

    The database lets ``data``, ``before``, ``after`` and ``thing_id`` of a row change only
    once it is named here, and nothing else of it. Both hashes are those of the whole row.
    """

    __tablename__ = "redactions"
    __table_args__ = (Index("ix_redactions_row", "source", "row_id"),)

    source: str
    row_id: int
    at: datetime
    before_hash: str
    after_hash: str


class ErasedAddress(SQLModel, table=True):
    """An address whose person was erased: what is brought in from files leaves it out.

    ``mark`` is a keyed hash, so that nobody reads addresses out of it.
    """

    __tablename__ = "erased_addresses"

    mark: str = Field(primary_key=True)
    erased_at: datetime


class LegalHold(Table, table=True):
    """A reason for which a person's data must be kept: neither erasure nor retention runs."""

    __tablename__ = "legal_holds"

    contact_id: int = Field(foreign_key="contacts.id", index=True)
    reason: str
    made_by_id: int | None = Field(default=None, foreign_key="agents.id")
    created_at: datetime
    lifted_at: datetime | None = None
    lifted_by_id: int | None = Field(default=None, foreign_key="agents.id")


class PersonExport(Table, table=True):
    """Everything kept of a person as one ZIP file, until ``expires_at``."""

    __tablename__ = "person_exports"
    __table_args__ = (_unfinished("ix_person_exports_unfinished"),)

    contact_id: int = Field(foreign_key="contacts.id", index=True)
    asked_by_id: int | None = Field(default=None, foreign_key="agents.id")
    asked_at: datetime
    state: TaskState = Field(default=TaskState.WAITING, sa_type=stored_as_value(TaskState))
    leased_until: datetime
    tries: int = 0
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    size_bytes: int = 0
    sha256: str = ""
    error: str = ""
    counts: dict[str, Any] = Field(default={}, sa_column=json_column())


class PersonExportPart(SQLModel, table=True):
    """A piece of an export's file, in the order of ``position``."""

    __tablename__ = "person_export_parts"

    export_id: int = Field(foreign_key="person_exports.id", primary_key=True)
    position: int = Field(primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)


class RetentionRule(Table, table=True):
    """How long conversations of an inbox are kept once they are in a state.

    ``inbox_id`` None is every inbox without a rule of its own for that state. Their age counts
    from the day of the last message or, where later, of the state.
    """

    __tablename__ = "retention_rules"

    inbox_id: int | None = Field(default=None, foreign_key="inboxes.id")
    status: Status = Field(sa_type=stored_as_value(Status))
    keep_days: int
    is_active: bool = True
    made_by_id: int | None = Field(default=None, foreign_key="agents.id")
    created_at: datetime
    changed_at: datetime


class RetentionRun(Table, table=True):
    """What a rule is about to take away, shown until ``acts_at``; only that is taken away.

    ``numbers`` are the conversations of this run. ``done`` of them were dealt with; those that
    meanwhile changed, or are held, were left alone.
    """

    __tablename__ = "retention_runs"
    __table_args__ = (
        Index(
            "uq_retention_runs_open",
            "rule_id",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    rule_id: int = Field(foreign_key="retention_rules.id")
    made_at: datetime
    cutoff_at: datetime
    acts_at: datetime
    numbers: list[Any] = Field(default=[], sa_column=json_column())
    done: int = 0
    erased: int = 0
    finished_at: datetime | None = None
    stopped_by_id: int | None = Field(default=None, foreign_key="agents.id")


class Look(Table, table=True):
    """That somebody looked at a person's data: the first time on a day, in each way.

    ``what`` is conversation, contact, file or export; ``day`` is UTC's. Only ever added to.
    """

    __tablename__ = "looks"
    __table_args__ = (
        UniqueConstraint("contact_id", "agent_id", "what", "day"),
        Index("ix_looks_at", "at", "id"),
    )

    contact_id: int = Field(foreign_key="contacts.id")
    agent_id: int = Field(foreign_key="agents.id")
    what: str
    day: date
    conversation_id: int | None = Field(default=None, foreign_key="conversations.id")
    at: datetime
