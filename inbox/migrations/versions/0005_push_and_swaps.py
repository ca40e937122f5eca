"""Alerts in the browser, taking over for some hours, shifts handed to a colleague."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)
ABOUT_NOTHING = sa.text("clock_id IS NULL")
OFFERED = sa.text("state = 'offered'")
ABOUT = ("conversation_id", "clock_id")


def upgrade() -> None:
    op.create_table(
        "push_browsers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_browsers")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_push_browsers_agent_id_agents")
        ),
        sa.UniqueConstraint("mark", name=op.f("uq_push_browsers_mark")),
    )
    op.create_index("ix_push_browsers_agent", "push_browsers", ["agent_id", "id"])
    op.create_table(
        "swaps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("from_id", sa.Integer(), nullable=False),
        sa.Column("to_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("back_starts_at", MOMENT, nullable=True),
        sa.Column("back_ends_at", MOMENT, nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("offered_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swaps")),
        sa.ForeignKeyConstraint(
            ["from_id"], ["agents.id"], name=op.f("fk_swaps_from_id_agents")
        ),
        sa.ForeignKeyConstraint(["to_id"], ["agents.id"], name=op.f("fk_swaps_to_id_agents")),
    )
    op.create_index(
        "ix_swaps_offered",
        "swaps",
        ["starts_at"],
        sqlite_where=OFFERED,
        postgresql_where=OFFERED,
    )
    op.add_column(
        "absences", sa.Column("kind", sa.String(24), nullable=False, server_default="absence")
    )
    with op.batch_alter_table("notices") as batch:
        for name in ABOUT:
            batch.alter_column(name, existing_type=sa.Integer(), nullable=True)
    op.create_index(
        "ix_notices_once",
        "notices",
        ["step", "agent_id"],
        unique=True,
        sqlite_where=ABOUT_NOTHING,
        postgresql_where=ABOUT_NOTHING,
    )


def downgrade() -> None:
    op.drop_index("ix_notices_once", "notices")
    op.execute("DELETE FROM notices WHERE clock_id IS NULL")
    with op.batch_alter_table("notices") as batch:
        for name in ABOUT:
            batch.alter_column(name, existing_type=sa.Integer(), nullable=False)
    op.drop_column("absences", "kind")
    op.drop_index("ix_swaps_offered", "swaps")
    op.drop_table("swaps")
    op.drop_index("ix_push_browsers_agent", "push_browsers")
    op.drop_table("push_browsers")
    # An older version would send what waits for a browser by Telegram.
    op.execute("DELETE FROM alert_messages WHERE way = 'push'")
