"""How people hear, ladders of their own, and what is known of promises that passed."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def _count() -> dict[str, Any]:
    return {"nullable": False, "server_default": "0"}


# table, column: the defaults fill the rows that are there already.
COLUMNS: tuple[tuple[str, sa.Column[Any]], ...] = (
    ("conversations", sa.Column("expected_at", MOMENT, nullable=True)),
    ("conversations", sa.Column("reopened", sa.Integer(), **_count())),
    ("sla_clocks", sa.Column("ladder_id", sa.Integer(), nullable=True)),
    ("ladders", sa.Column("follow_after", sa.Integer(), nullable=True)),
    ("ladders", sa.Column("follow_done", sa.Integer(), **_count())),
    ("ladders", sa.Column("follow_total", sa.Integer(), **_count())),
    ("notices", sa.Column("kind", sa.String(), nullable=False, server_default="")),
    (
        "notices",
        sa.Column("outside_hours", sa.Boolean(), nullable=False, server_default=sa.false()),
    ),
    ("notices", sa.Column("told_by", sa.String(), nullable=False, server_default="")),
    ("agents", sa.Column("alerted_at", MOMENT, nullable=True)),
    ("agents", sa.Column("day_mail_on", sa.String(), nullable=False, server_default="")),
)
INDEXES = (
    ("ix_notices_unsent", "notices", ["agent_id", "id"], "mailed_at IS NULL"),
    ("ix_notices_conversation", "notices", ["conversation_id", "id"], None),
    (
        "ix_conversations_unkept",
        "conversations",
        ["promised_at"],
        "status = 'open' AND first_responded_at IS NULL AND expected_at IS NULL",
    ),
    (
        "ix_conversations_signs",
        "conversations",
        ["team_id", "order_at"],
        "status = 'open' AND (asked_again > 0 OR reopened > 0 OR passed_on > 1)",
    ),
    (
        "ix_conversations_unowned",
        "conversations",
        ["team_id", "order_at"],
        "owner_id IS NULL AND status = 'open'",
    ),
    (
        "ix_alert_messages_waiting",
        "alert_messages",
        ["leased_until", "id"],
        "state IN ('queued', 'claimed', 'sending')",
    ),
    ("ix_alert_messages_agent", "alert_messages", ["agent_id", "id"], None),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, column)
    # Older versions mailed each notice with writing it.
    op.execute(
        "UPDATE notices SET mailed_at = created_at, told_by = 'mail' WHERE mailed_at IS NULL"
    )
    with op.batch_alter_table("followings") as batch:
        batch.add_column(sa.Column("policy_id", sa.Integer(), nullable=True))
        batch.alter_column("calendar_id", existing_type=sa.Integer(), nullable=True)
    op.create_table(
        "alert_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("leased_until", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_messages")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_alert_messages_agent_id_agents")
        ),
    )
    op.create_table(
        "outlooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outlooks")),
    )
    for name, index_table, columns, condition in INDEXES:
        where = None if condition is None else sa.text(condition)
        op.create_index(name, index_table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, table, _, _ in reversed(INDEXES):
        op.drop_index(name, table)
    op.drop_table("outlooks")
    op.drop_table("alert_messages")
    # An older version follows calendars only.
    op.execute("DELETE FROM followings WHERE calendar_id IS NULL")
    with op.batch_alter_table("followings") as batch:
        batch.alter_column("calendar_id", existing_type=sa.Integer(), nullable=False)
        batch.drop_column("policy_id")
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column.name)
