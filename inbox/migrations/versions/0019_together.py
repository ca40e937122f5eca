"""Splits, and blocked senders."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

MOMENT = sa.DateTime(timezone=True)
SPLIT_FROM = "split_from_id"
IS_SPLIT = f"{SPLIT_FROM} IS NOT NULL"


def upgrade() -> None:
    """Add a column, an index and a table; nothing that is there changes."""
    # SQLite takes a reference with its column only, and Alembic does not write that.
    op.execute(
        f"ALTER TABLE conversations ADD COLUMN {SPLIT_FROM} INTEGER "
        f"CONSTRAINT fk_conversations_{SPLIT_FROM}_conversations REFERENCES conversations (id)"
    )
    op.create_index(
        "ix_conversations_split_from",
        "conversations",
        [SPLIT_FROM],
        sqlite_where=sa.text(IS_SPLIT),
        postgresql_where=sa.text(IS_SPLIT),
    )
    op.create_table(
        "blocks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("caught", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_blocks_agent_id_agents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
        sa.UniqueConstraint("value", name=op.f("uq_blocks_value")),
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("blocks")
    op.drop_index("ix_conversations_split_from", "conversations")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(f"fk_conversations_{SPLIT_FROM}_conversations", "conversations")
    op.execute(f"ALTER TABLE conversations DROP COLUMN {SPLIT_FROM}")
