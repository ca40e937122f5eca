"""Webhooks to other systems."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
HOOKS, DELIVERIES = "webhooks", "webhook_deliveries"
OFF = ("", "person", "gone", "failing")
STATES = ("waiting", "sent", "failed", "dropped")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=24)


def upgrade() -> None:
    """Add two tables; nothing that is there changes."""
    op.create_table(
        HOOKS,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("kinds", JSON, nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("old_secret", sa.String(), nullable=False),
        sa.Column("old_until", MOMENT, nullable=True),
        sa.Column("off", _one_of("hookoff", *OFF), nullable=False),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_ok_at", MOMENT, nullable=True),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        DELIVERIES,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hook_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", _one_of("hookstate", *STATES), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("earlier", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{target}.id"], name=op.f(f"fk_{DELIVERIES}_{column}_{target}")
            )
            for column, target in (
                ("hook_id", HOOKS),
                ("conversation_id", "conversations"),
                ("actor_id", "agents"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            *("hook_id", "event_id"), name=op.f("uq_webhook_deliveries_hook_id_event_id")
        ),
    )
    op.create_index("ix_webhook_deliveries_hook", DELIVERIES, ["hook_id", "id"])
    op.create_index("ix_webhook_deliveries_next", DELIVERIES, ["next_at"])
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_webhook_deliveries_waiting",
        DELIVERIES,
        ["hook_id", "next_at", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_table(DELIVERIES)
    op.drop_table(HOOKS)
