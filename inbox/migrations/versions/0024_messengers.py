"""Messengers: accounts, who writes there, what the provider has taken, files to fetch."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TABLES = ("messengers", "messenger_people", "messenger_pieces", "messenger_files")


def _to(table: str, column: str, target: str, *, nullable: bool = False) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def _words(*names: str) -> list[Any]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _moments(*names: str) -> list[Any]:
    return [sa.Column(name, MOMENT, nullable=True) for name in names]


def _make(table: str, *parts: Any) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )


def _waiting(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Add four tables; nothing that is there changes."""
    accounts, people, pieces, files = TABLES
    _make(
        accounts,
        *_to(accounts, "inbox_id", "inboxes"),
        *_words("account", "account_name"),
        sa.Column("facts", JSON, nullable=False),
        *_words("secrets", "access_token"),
        *_moments("access_until", "renewing_until", "connected_at"),
        *_moments("last_event_at", "last_sent_at", "failing_since"),
        *_words("last_error"),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.UniqueConstraint("inbox_id", name=op.f(f"uq_{accounts}_inbox_id")),
    )
    _make(
        people,
        *_to(people, "inbox_id", "inboxes"),
        *_words("value"),
        sa.Column("wrote_at", MOMENT, nullable=False),
        *_moments("may_write_until", "left_at", "delivered_until", "read_until", "named_at"),
        sa.UniqueConstraint("inbox_id", "value", name=op.f(f"uq_{people}_inbox_id_value")),
    )
    _waiting("ix_messenger_people_unnamed", people, ["id"], "named_at IS NULL")
    _make(
        pieces,
        *_to(pieces, "inbox_id", "inboxes"),
        *_words("reference", "value"),
        *_to(pieces, "outbox_id", "outbox", nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        *_moments("sent_at", "delivered_at", "read_at"),
        *_words("failed"),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.UniqueConstraint(
            "inbox_id", "reference", name=op.f(f"uq_{pieces}_inbox_id_reference")
        ),
        sa.UniqueConstraint("outbox_id", "number", name=op.f(f"uq_{pieces}_outbox_id_number")),
    )
    _make(
        files,
        *_to(files, "message_id", "messages"),
        *_to(files, "inbox_id", "inboxes"),
        *_words("reference", "filename", "content_type"),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("waiting", "kept", "gone", name="fetchstate", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index(op.f("ix_messenger_files_message_id"), files, ["message_id"])
    _waiting("ix_messenger_files_waiting", files, ["next_at", "id"], "state = 'waiting'")


def downgrade() -> None:
    """Take them away again; messages of messengers stay readable as text of that time."""
    for table in reversed(TABLES):
        op.drop_table(table)
