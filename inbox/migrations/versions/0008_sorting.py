"""Sorting: conversations that become one, and the answers that helped with the like."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
MERGED_INTO = "merged_into_id"
IS_MERGED = "merged_into_id IS NOT NULL"


def _to(table: str, column: str, target: str) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def upgrade() -> None:
    """Add columns, tables and indexes; nothing that is there changes."""
    # SQLite takes a reference with its column only, and Alembic does not write that.
    op.execute(
        f"ALTER TABLE conversations ADD COLUMN {MERGED_INTO} INTEGER "
        f"CONSTRAINT fk_conversations_{MERGED_INTO}_conversations REFERENCES conversations (id)"
    )
    op.add_column("conversations", sa.Column("merged_at", MOMENT, nullable=True))
    op.create_index(
        "ix_conversations_merged_into",
        "conversations",
        [MERGED_INTO],
        sqlite_where=sa.text(IS_MERGED),
        postgresql_where=sa.text(IS_MERGED),
    )
    op.add_column("triage_predictions", sa.Column("product_why", JSON, nullable=True))
    op.create_table(
        "message_labels",
        *_to("message_labels", "message_id", "messages"),
        *_to("message_labels", "conversation_id", "conversations"),
        sa.Column("request_type", sa.String(), nullable=False),
        *_to("message_labels", "agent_id", "agents"),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_type"],
            ["request_types.key"],
            name=op.f("fk_message_labels_request_type_request_types"),
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_labels")),
    )
    op.create_index("ix_message_labels_conversation_id", "message_labels", ["conversation_id"])
    op.create_table(
        "message_codes",
        *_to("message_codes", "conversation_id", "conversations"),
        *_to("message_codes", "version_id", "triage_model_versions"),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_message_codes")),
    )
    op.create_table(
        "similar_messages",
        *_to("similar_messages", "conversation_id", "conversations"),
        *_to("similar_messages", "other_id", "conversations"),
        sa.Column("likeness", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint(
            "conversation_id", "other_id", name=op.f("pk_similar_messages")
        ),
    )


def downgrade() -> None:
    """Take them away again; merged conversations stand alone then."""
    op.drop_table("similar_messages")
    op.drop_table("message_codes")
    op.drop_table("message_labels")
    op.drop_index("ix_conversations_merged_into", "conversations")
    op.drop_column("triage_predictions", "product_why")
    op.drop_column("conversations", "merged_at")
    if op.get_bind().dialect.name == "postgresql":
        name = f"fk_conversations_{MERGED_INTO}_conversations"
        op.drop_constraint(name, "conversations")
    op.execute(f"ALTER TABLE conversations DROP COLUMN {MERGED_INTO}")
