"""Saved replies, macros and the words of mails to customers."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SHARED = ("saved_replies", "macros")


def upgrade() -> None:
    """Add columns, tables and indexes; nothing that is there changes."""
    _shared("saved_replies", sa.Column("shortcut", sa.String(), nullable=False))
    _shared("macros", sa.Column("does", JSON, nullable=False))
    table = "macro_runs"
    op.create_table(
        table,
        *_id(table),
        *_to(table, "conversation_id", "conversations", nullable=False),
        *_to(table, "agent_id", "agents", nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("undone_at", MOMENT, nullable=True),
    )
    op.create_index("ix_macro_runs_at", table, ["at"])
    table = "mail_words"
    op.create_table(
        table,
        *_id(table),
        *_to(table, "inbox_id", "inboxes"),
        sa.Column("inbox_key", sa.Integer(), nullable=False),
        *_strings("kind", "language", "subject", "text"),
        sa.Column("changed_at", MOMENT, nullable=False),
        *_to(table, "changed_by_id", "agents"),
        sa.UniqueConstraint(
            *("inbox_key", "kind", "language"),
            name=op.f("uq_mail_words_inbox_key_kind_language"),
        ),
    )


def _shared(table: str, own: Any) -> None:
    """Create a table of things that are one person's, a team's or the company's."""
    op.create_table(
        table,
        *_id(table),
        *_strings("name", "folded"),
        own,
        sa.Column("texts", JSON, nullable=False),
        *_to(table, "owner_id", "agents"),
        *_to(table, "team_id", "teams"),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        *_to(table, "changed_by_id", "agents"),
    )
    op.create_index(f"ix_{table}_owner", table, ["owner_id", "team_id", "id"])
    op.create_index(f"ix_{table}_team", table, ["team_id", "id"])


def _id(table: str) -> list[Any]:
    key = sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))
    return [sa.Column("id", sa.Integer(), nullable=False), key]


def _to(table: str, name: str, target: str, *, nullable: bool = True) -> list[Any]:
    return [
        sa.Column(name, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint(
            [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}")
        ),
    ]


def _strings(*names: str) -> list[Any]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def downgrade() -> None:
    """Take them away again, with every text that was written."""
    for table in ("mail_words", "macro_runs", *SHARED):
        op.drop_table(table)
