"""Sheets that are brought in, calendars that are given out and read."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
WORK = sa.text("state IN ('checking', 'running')")


def _to(table: str, column: str, target: str, *, nullable: bool = False) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def upgrade() -> None:
    """Add tables and indexes; nothing that is there changes."""
    _sheets()
    _calendars()


def _sheets() -> None:
    op.create_table(
        "sheet_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        *_to("sheet_imports", "made_by_id", "agents", nullable=True),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("columns", JSON, nullable=False),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("error", JSON, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("leased_until", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_imports")),
    )
    op.create_index(
        "ix_sheet_imports_work",
        "sheet_imports",
        ["leased_until"],
        sqlite_where=WORK,
        postgresql_where=WORK,
    )
    op.create_table(
        "sheet_files",
        *_to("sheet_files", "import_id", "sheet_imports"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_sheet_files")),
    )
    op.create_table(
        "sheet_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        *_to("sheet_rows", "import_id", "sheet_imports"),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("cells", JSON, nullable=False),
        sa.Column("outcome", sa.String(24), nullable=False),
        sa.Column("says", JSON, nullable=False),
        sa.Column("wrong", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_rows")),
    )
    op.create_index("ix_sheet_rows_import", "sheet_rows", ["import_id", "id"])
    op.create_index("ix_sheet_rows_outcome", "sheet_rows", ["import_id", "outcome", "id"])


def _calendars() -> None:
    op.create_table(
        "calendar_feeds",
        *_to("calendar_feeds", "agent_id", "agents"),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_calendar_feeds_token_hash")),
    )
    op.create_table(
        "own_calendars",
        *_to("own_calendars", "agent_id", "agents"),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("fetched_at", MOMENT, nullable=True),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("entered_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_own_calendars")),
    )
    op.create_index("ix_own_calendars_next_at", "own_calendars", ["next_at"])
    op.create_table(
        "busy_times",
        sa.Column("id", sa.Integer(), nullable=False),
        *_to("busy_times", "agent_id", "agents"),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_busy_times")),
    )
    op.create_index("ix_busy_times_agent", "busy_times", ["agent_id", "starts_at"])
    op.create_index("ix_busy_times_ends", "busy_times", ["ends_at"])


def downgrade() -> None:
    """Take them away again."""
    for table in (
        *("busy_times", "own_calendars", "calendar_feeds"),
        *("sheet_files", "sheet_rows", "sheet_imports"),
    ):
        op.drop_table(table)
