"""What is being written: drafts, and answers that are sent later."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
WAITING = sa.text("held_at IS NULL")


def upgrade() -> None:
    """Add columns, tables and indexes; nothing that is there changes."""
    _drafts()
    _planned_answers()
    op.add_column("staged_files", sa.Column("keep_until", MOMENT, nullable=True))


def _begun(table: str) -> list[sa.Column[Any] | sa.Constraint]:
    """Return what both tables have: whose it is, of which conversation, and its words."""
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("cc", sa.String(), nullable=False),
        sa.Column("bcc", sa.String(), nullable=False),
        sa.Column("files", JSON, nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f(f"fk_{table}_agent_id_agents")
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f(f"fk_{table}_conversation_id_conversations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _drafts() -> None:
    op.create_table(
        "drafts",
        *_begun("drafts"),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("other_text", sa.String(), nullable=False),
        sa.Column("other_at", MOMENT, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint(
            *("agent_id", "conversation_id", "kind"),
            name=op.f("uq_drafts_agent_id_conversation_id_kind"),
        ),
    )
    op.create_index(op.f("ix_drafts_conversation_id"), "drafts", ["conversation_id"])


def _planned_answers() -> None:
    op.create_table(
        "planned_answers",
        *_begun("planned_answers"),
        sa.Column("then", sa.String(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("quotes", sa.Boolean(), nullable=False),
        sa.Column("send_at", MOMENT, nullable=False),
        sa.Column("held_at", MOMENT, nullable=True),
        sa.Column("held_why", sa.String(), nullable=False),
    )
    op.create_index(
        op.f("ix_planned_answers_conversation_id"), "planned_answers", ["conversation_id"]
    )
    op.create_index(
        "ix_planned_answers_waiting",
        "planned_answers",
        ["send_at", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_column("staged_files", "keep_until")
    for table in ("planned_answers", "drafts"):
        op.drop_table(table)
