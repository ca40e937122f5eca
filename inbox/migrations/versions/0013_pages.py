"""Notes and files of accounts; messages in the order of time."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

MOMENT = sa.DateTime(timezone=True)
TABLES = ("account_notes", "account_files")


def upgrade() -> None:
    """Add columns, tables and indexes; nothing that is there changes."""
    _page_table("account_notes", sa.Column("text", sa.String(), nullable=False))
    _page_table(
        "account_files",
        sa.Column("blob_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["blob_id"], ["blobs.id"], name=op.f("fk_account_files_blob_id_blobs")
        ),
        sa.UniqueConstraint("blob_id", name=op.f("uq_account_files_blob_id")),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
    )
    op.create_index("ix_messages_time", "messages", ["conversation_id", "created_at", "id"])


def _page_table(table: str, *own: Any) -> None:
    """Create a table of things that somebody puts on an account's or a person's page."""
    columns: list[Any] = [sa.Column("id", sa.Integer(), nullable=False)]
    for name, target, nullable in (
        ("account_id", "accounts", True),
        ("contact_id", "contacts", True),
        ("author_id", "agents", False),
    ):
        columns += [
            sa.Column(name, sa.Integer(), nullable=nullable),
            sa.ForeignKeyConstraint(
                [name], [f"{target}.id"], name=op.f(f"fk_{table}_{name}_{target}")
            ),
        ]
    op.create_table(
        table,
        *columns,
        *own,
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    for whose in ("account", "contact"):
        op.create_index(f"ix_{table}_{whose}", table, [f"{whose}_id", "created_at", "id"])


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_messages_time", "messages")
    for table in TABLES:
        op.drop_table(table)
