"""Waits, cover, ladders, questions between teams, rehearsals."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

# table, column: the defaults fill the rows that are there already.
PLAIN: tuple[tuple[str, sa.Column[Any]], ...] = (
    ("conversations", sa.Column("product_group", sa.String(), nullable=True)),
    ("conversations", sa.Column("waiting_until", MOMENT, nullable=True)),
    ("conversations", sa.Column("wait_reason", sa.String(), nullable=False, server_default="")),
    ("conversations", sa.Column("followed_up_at", MOMENT, nullable=True)),
    ("conversations", sa.Column("passed_on", sa.Integer(), nullable=False, server_default="0")),
    ("sla_policies", sa.Column("tier", sa.String(), nullable=True)),
    ("sla_policies", sa.Column("channel", sa.String(), nullable=True)),
    ("sla_policies", sa.Column("product_group", sa.String(), nullable=True)),
    (
        "sla_policies",
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true()),
    ),
    (
        "sla_policies",
        sa.Column("resumes", sa.Boolean(), nullable=False, server_default=sa.true()),
    ),
    ("sla_clocks", sa.Column("pauses", JSON, nullable=False, server_default="[]")),
    ("sla_clocks", sa.Column("paused_at", MOMENT, nullable=True)),
    ("sla_clocks", sa.Column("breached_at", MOMENT, nullable=True)),
    ("sla_clocks", sa.Column("excuse", sa.String(), nullable=False, server_default="")),
    ("notices", sa.Column("taken_at", MOMENT, nullable=True)),
    ("notices", sa.Column("mailed_at", MOMENT, nullable=True)),
    ("teams", sa.Column("department", sa.String(), nullable=False, server_default="")),
    ("teams", sa.Column("gives_by", sa.String(), nullable=False, server_default="least_open")),
    ("agents", sa.Column("weight", sa.Integer(), nullable=False, server_default="1")),
    ("agents", sa.Column("skills", JSON, nullable=False, server_default="[]")),
    ("agents", sa.Column("alerts", JSON, nullable=False, server_default="{}")),
    ("team_members", sa.Column("last_given_at", MOMENT, nullable=True)),
)
# table, column, what it refers to
REFERRING = (
    ("conversations", "covered_for_id", "agents"),
    ("sla_policies", "inbox_id", "inboxes"),
    ("sla_policies", "ladder_id", "ladders"),
    ("sla_clocks", "met_by_id", "agents"),
    ("agents", "calendar_id", "calendars"),
)
PARTIAL = (
    (
        "ix_conversations_waiting",
        "conversations",
        ["waiting_until"],
        "waiting_until IS NOT NULL",
    ),
    (
        "ix_conversations_covered",
        "conversations",
        ["covered_for_id"],
        "covered_for_id IS NOT NULL",
    ),
    ("ix_sla_clocks_met", "sla_clocks", ["met_at"], "met_at IS NOT NULL"),
    ("ix_sla_clocks_cancelled", "sla_clocks", ["cancelled_at"], "cancelled_at IS NOT NULL"),
    ("ix_absences_open", "absences", ["starts_at"], "over_at IS NULL"),
    (
        "ix_asks_open",
        "asks",
        ["team_id", "due_at"],
        "answered_at IS NULL AND withdrawn_at IS NULL",
    ),
)

STAGES = ("nobody_s", "owner_s", "backup_s", "department_s", "customer_s")
MEASURES = (
    *("first_response_met", "first_response_missed", "first_response_excused"),
    *("next_response_met", "next_response_missed", "next_response_excused"),
    *("resolution_met", "resolution_missed", "resolution_excused"),
    *("promise_met", "promise_missed", "promise_excused"),
    *("received", "answered", "solved", "reopened", "asked_again", "passed_on", "covered"),
    *STAGES,
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), nullable=False)


def _to(table: str, column: str, target: str, *, nullable: bool = True) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def upgrade() -> None:
    _make_tables()
    for table, column in PLAIN:
        op.add_column(table, column)
    for table, name, target in REFERRING:
        # SQLite takes a reference with its column only, and Alembic does not write that.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {name} INTEGER "
            f"CONSTRAINT fk_{table}_{name}_{target} REFERENCES {target} (id)"
        )
    for name, table, columns, condition in PARTIAL:
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_absences_agent", "absences", ["agent_id", "starts_at"])
    op.create_index("ix_asks_conversation", "asks", ["conversation_id", "id"])
    op.create_index("ix_sla_clocks_due", "sla_clocks", ["due_at"])
    _make_reports()
    _make_versions()


def _make_versions() -> None:
    op.create_table(
        "calendar_versions",
        _id(),
        *_to("calendar_versions", "calendar_id", "calendars", nullable=False),
        sa.Column("spec", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_versions")),
    )
    op.create_index("ix_calendar_versions_calendar", "calendar_versions", ["calendar_id", "id"])
    op.execute(
        "INSERT INTO calendar_versions (calendar_id, spec) SELECT id, spec FROM calendars"
    )
    op.create_table(
        "followings",
        _id(),
        *_to("followings", "calendar_id", "calendars", nullable=False),
        *_to("followings", "started_by_id", "agents", nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_followings")),
    )


def _make_tables() -> None:
    op.create_table(
        "ladders",
        _id(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("steps", JSON, nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ladders")),
        sa.UniqueConstraint("name", name=op.f("uq_ladders_name")),
    )
    op.create_table(
        "rehearsals",
        _id(),
        *_to("rehearsals", "made_by_id", "agents", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("draft", JSON, nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsals")),
    )
    op.create_table(
        "absences",
        _id(),
        *_to("absences", "agent_id", "agents", nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        *_to("absences", "backup_id", "agents"),
        sa.Column("gives_back", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        *_to("absences", "created_by_id", "agents"),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=True),
        sa.Column("over_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    op.create_table(
        "asks",
        _id(),
        *_to("asks", "conversation_id", "conversations", nullable=False),
        *_to("asks", "team_id", "teams", nullable=False),
        *_to("asks", "asked_by_id", "agents", nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        *_to("asks", "taken_by_id", "agents"),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        *_to("asks", "answered_by_id", "agents"),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.Column("warned_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asks")),
    )


def _make_reports() -> None:
    op.create_table(
        "report_facts",
        _id(),
        sa.Column("what", sa.String(24), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        *_to("report_facts", "conversation_id", "conversations", nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outcome", sa.String(24), nullable=False),
        sa.Column("request_type", sa.String(), nullable=False),
        *_to("report_facts", "team_id", "teams"),
        *_to("report_facts", "agent_id", "agents"),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("worked_s", sa.Integer(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("cause_at", MOMENT, nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in STAGES),
        sa.Column("came_back", sa.Boolean(), nullable=False),
        sa.Column("reopened", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_facts")),
        sa.UniqueConstraint("what", "source_id", name=op.f("uq_report_facts_what_source_id")),
    )
    op.create_index("ix_report_facts_list", "report_facts", ["what", "day", "id"])
    op.create_index("ix_report_facts_conversation", "report_facts", ["conversation_id"])
    where = sa.text("what = 'promise'")
    op.create_index(
        "ix_report_facts_promises",
        "report_facts",
        ["request_type", "outcome", "came_back", "reopened", "day", "team_id", "channel"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_table(
        "report_days",
        _id(),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        *_to("report_days", "team_id", "teams"),
        sa.Column("channel", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in MEASURES),
        sa.Column("answered_in", JSON, nullable=False),
        sa.Column("solved_in", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_days")),
    )
    op.create_index("ix_report_days_read", "report_days", ["dimension", "day"])
    op.create_table(
        "report_closings",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("closed_at", MOMENT, nullable=False),
        sa.Column("last_event_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_report_closings")),
    )


def downgrade() -> None:
    op.drop_table("followings")
    op.drop_table("calendar_versions")
    for table in ("report_closings", "report_days", "report_facts"):
        op.drop_table(table)
    op.drop_index("ix_sla_clocks_due", "sla_clocks")
    for name, table, _, _ in PARTIAL[:4]:
        op.drop_index(name, table)
    for table, name, target in reversed(REFERRING):
        if op.get_bind().dialect.name == "postgresql":
            op.drop_constraint(f"fk_{table}_{name}_{target}", table)
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    for table, column in reversed(PLAIN):
        op.drop_column(table, column.name)
    for table in ("asks", "absences", "rehearsals", "ladders"):
        op.drop_table(table)
