"""Sheets of accounts and contacts that somebody brings in, row by row."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value


class SheetState(StrEnum):
    """How far an import has come."""

    CHECKING = "checking"  # its rows are read; nothing is written yet
    READY = "ready"  # it says what would happen, and waits for a yes
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # the file as a whole cannot be used


class RowOutcome(StrEnum):
    """What a row does, or would do."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    WRONG = "wrong"


class SheetImport(Table, table=True):
    """One file that is brought in: its rows are kept until they are.

    ``after`` is the last row (its id) that was brought in, ``done`` how many of ``total`` lines
    were read or, once it runs, brought in. ``counts`` says how many rows do what, by outcome,
    ``columns`` what each column is taken for. ``leased_until`` is whose turn it is.
    """

    __tablename__ = "sheet_imports"
    __table_args__ = (
        Index(
            "ix_sheet_imports_work",
            "leased_until",
            sqlite_where=text("state IN ('checking', 'running')"),
            postgresql_where=text("state IN ('checking', 'running')"),
        ),
    )

    made_by_id: int | None = Field(default=None, foreign_key="agents.id")  # None: by command
    filename: str
    encoding: str
    state: SheetState = Field(default=SheetState.CHECKING, sa_type=stored_as_value(SheetState))
    columns: list[Any] = Field(default=[], sa_column=json_column())
    counts: dict[str, Any] = Field(default={}, sa_column=json_column())
    error: dict[str, Any] = Field(default={}, sa_column=json_column())
    total: int = 0
    done: int = 0
    after: int = 0
    created_at: datetime
    leased_until: datetime
    finished_at: datetime | None = None


class SheetFile(SQLModel, table=True):
    """The bytes of an import, kept until its rows are read."""

    __tablename__ = "sheet_files"

    import_id: int = Field(foreign_key="sheet_imports.id", primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


class SheetRow(Table, table=True):
    """One line of a sheet with what it says, what it would do, and what is wrong with it.

    ``cells`` is field to text; ``says`` what happens to its account and its contact;
    ``wrong`` is ``[field, reason, about]`` for each fault.
    """

    __tablename__ = "sheet_rows"
    __table_args__ = (
        Index("ix_sheet_rows_import", "import_id", "id"),
        Index("ix_sheet_rows_outcome", "import_id", "outcome", "id"),
    )

    import_id: int = Field(foreign_key="sheet_imports.id")
    line: int
    cells: dict[str, Any] = Field(default={}, sa_column=json_column())
    outcome: RowOutcome = Field(sa_type=stored_as_value(RowOutcome))
    says: dict[str, Any] = Field(default={}, sa_column=json_column())
    wrong: list[Any] = Field(default=[], sa_column=json_column())
