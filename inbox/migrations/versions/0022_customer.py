"""What a form asks customers besides, and what they say afterwards."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

MOMENT = sa.DateTime(timezone=True)
TABLE, FORM = "satisfaction", "form_fields"
SCORES = ("good", "fair", "bad")
CHANNELS = ("email", "form", "chat", "api", "webhook", "phone")


def _to(column: str, target: str, *, nullable: bool = False, table: str = TABLE) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def upgrade() -> None:
    """Add a table, and an index by which those who are to be asked are found."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        *_to("conversation_id", "conversations"),
        *_to("contact_id", "contacts"),
        *_to("agent_id", "agents", nullable=True),
        *_to("team_id", "teams", nullable=True),
        sa.Column("request_type", sa.String(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(*CHANNELS, name="channelkind", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column(
            "score", sa.Enum(*SCORES, name="score", native_enum=False, length=24), nullable=True
        ),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("conversation_id", name=op.f(f"uq_{TABLE}_conversation_id")),
    )
    op.create_table(
        FORM,
        sa.Column("id", sa.Integer(), nullable=False),
        *_to("inbox_id", "inboxes", table=FORM),
        *_to("field_id", "own_fields", table=FORM),
        sa.Column("request_type", sa.String(), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{FORM}")),
        sa.UniqueConstraint("inbox_id", "field_id", name=op.f(f"uq_{FORM}_inbox_id_field_id")),
    )
    op.create_index("ix_satisfaction_asked", TABLE, ["asked_at", "id"])
    op.create_index("ix_satisfaction_contact", TABLE, ["contact_id", "asked_at"])
    resolved = sa.text("status = 'resolved'")
    op.create_index(
        "ix_conversations_resolved",
        "conversations",
        ["resolved_at"],
        sqlite_where=resolved,
        postgresql_where=resolved,
    )


def downgrade() -> None:
    """Take them away again."""
    op.drop_index("ix_conversations_resolved", "conversations")
    op.drop_table(FORM)
    op.drop_table(TABLE)
