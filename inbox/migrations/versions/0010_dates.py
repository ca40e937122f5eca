"""Milestones, reminders and our word."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

MOMENT = sa.DateTime(timezone=True)
WORDS = ("word_met", "word_missed", "word_excused")
PLACES = ("account", "conversation")
INDEXES: tuple[tuple[str, str, list[str], str], ...] = (
    *(
        (f"ix_{table}_{one}", table, [f"{one}_id", "due_at"], f"{one}_id IS NOT NULL")
        for table in ("milestones", "reminders")
        for one in PLACES
    ),
    ("ix_milestones_owner", "milestones", ["owner_id", "due_at", "id"], "state = 'planned'"),
    ("ix_milestone_steps_waiting", "milestone_steps", ["at"], "fired_at IS NULL"),
    ("ix_reminders_waiting", "reminders", ["due_at"], "fired_at IS NULL AND ended_at IS NULL"),
    ("ix_reminders_agent", "reminders", ["agent_id", "due_at", "id"], "ended_at IS NULL"),
)


def _id(table: str) -> list[Any]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _to(table: str, column: str, target: str, *, nullable: bool = True) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def _moments(**nullable: bool) -> list[sa.Column[Any]]:
    return [sa.Column(name, MOMENT, nullable=may) for name, may in nullable.items()]


def upgrade() -> None:
    """Add columns, tables and indexes; nothing that is there changes."""
    for name in WORDS:
        op.add_column(
            "report_days", sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        )
    op.create_table(
        "milestone_templates",
        *_id("milestone_templates"),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("account_kind", sa.String(24), nullable=True),
        *(sa.Column(n, sa.Integer(), nullable=False) for n in ("days", "every_months")),
        sa.Column("warn_days", sa.Integer(), nullable=False),
        *(sa.Column(n, sa.Boolean(), nullable=False) for n in ("is_public", "is_active")),
    )
    _milestones()
    table = "reminders"
    op.create_table(
        table,
        *_id(table),
        *_to(table, "agent_id", "agents", nullable=False),
        *_to(table, "account_id", "accounts"),
        *_to(table, "conversation_id", "conversations"),
        sa.Column("text", sa.String(), nullable=False),
        *_moments(due_at=False),
        sa.Column("if_silent", sa.Boolean(), nullable=False),
        *_to(table, "made_by_id", "agents"),
        *_moments(created_at=False, fired_at=True, ended_at=True),
        *_to(table, "ended_by_id", "agents"),
        sa.Column("ended_as", sa.String(), nullable=False),
    )
    contact = ["last_contact_at", "account_id"]
    op.create_index("ix_account_figures_contact", "account_figures", contact)
    for name, of, found, where in INDEXES:
        condition = sa.text(where)
        op.create_index(name, of, found, sqlite_where=condition, postgresql_where=condition)


def _milestones() -> None:
    table = "milestones"
    op.create_table(
        table,
        *_id(table),
        *_to(table, "account_id", "accounts"),
        *_to(table, "conversation_id", "conversations"),
        *_to(table, "template_id", "milestone_templates"),
        sa.Column("title", sa.String(), nullable=False),
        *_to(table, "owner_id", "agents"),
        *_moments(due_at=False),
        sa.Column("warn_days", sa.Integer(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        *_to(table, "made_by_id", "agents"),
        *_moments(created_at=False, ended_at=True),
        *_to(table, "ended_by_id", "agents"),
    )
    table = "milestone_steps"
    op.create_table(
        table,
        *_id(table),
        *_to(table, "milestone_id", "milestones", nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        *_moments(at=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        *_moments(fired_at=True),
        sa.UniqueConstraint(
            *("milestone_id", "generation", "step"),
            name=op.f("uq_milestone_steps_milestone_id_generation_step"),
        ),
    )


def downgrade() -> None:
    """Take them away again, with every date that was entered."""
    op.drop_index("ix_account_figures_contact", "account_figures")
    for table in ("reminders", "milestone_steps", "milestones", "milestone_templates"):
        op.drop_table(table)
    for name in WORDS:
        op.drop_column("report_days", name)
