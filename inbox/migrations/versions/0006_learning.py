"""What the sorting learns from: models, holdout, product groups, later messages."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def _flag() -> dict[str, Any]:
    return {"nullable": False, "server_default": sa.false()}


def _text() -> dict[str, Any]:
    return {"nullable": False, "server_default": ""}


# table, column: the defaults fill the rows that are there already.
COLUMNS: tuple[tuple[str, sa.Column[Any]], ...] = (
    ("triage_model_versions", sa.Column("data_sha256", sa.String(), **_text())),
    (
        "triage_model_versions",
        sa.Column("outcomes", JSON, nullable=False, server_default="[]"),
    ),
    ("triage_model_versions", sa.Column("is_shadow", sa.Boolean(), **_flag())),
    ("triage_model_versions", sa.Column("problem", sa.String(), **_text())),
    ("triage_model_versions", sa.Column("promoted_at", MOMENT, nullable=True)),
    ("triage_predictions", sa.Column("needs_review", sa.Boolean(), nullable=True)),
    ("triage_predictions", sa.Column("known_share", sa.Float(), nullable=True)),
    (
        "conversations",
        sa.Column("review_worth", sa.Float(), nullable=False, server_default="0"),
    ),
    ("conversations", sa.Column("thanked_at", MOMENT, nullable=True)),
    ("conversations", sa.Column("spam_at", MOMENT, nullable=True)),
    ("conversations", sa.Column("proposed_type", sa.String(), nullable=True)),
)
# table, column, what it refers to
REFERRING = (
    ("triage_model_versions", "made_by_id", "agents"),
    ("request_types", "heir_key", "request_types"),
)
WAITS = "triage = 'needs_review' AND status = 'open'"
# name, table, columns, condition
INDEXES = (
    ("ix_corrections_field", "corrections", ["field", "at", "id"], None),
    ("ix_conversations_worth", "conversations", ["review_worth", "id"], WAITS),
    ("ix_conversations_spam_at", "conversations", ["spam_at", "id"], "spam_at IS NOT NULL"),
    (
        "ix_conversations_thanked_at",
        "conversations",
        ["thanked_at", "id"],
        "thanked_at IS NOT NULL",
    ),
    (
        "ix_conversations_product",
        "conversations",
        ["product_group", "status", "order_at", "urgency_rank", "id"],
        "product_group IS NOT NULL",
    ),
    ("ix_triage_samples_language", "triage_samples", ["language", "position"], None),
    ("ix_triage_samples_holdout", "triage_samples", ["conversation_id"], "is_holdout"),
    ("ix_triage_reviews_checked", "triage_reviews", ["checked_by_id", "checked_at"], None),
    ("ix_shadow_predictions_version", "shadow_predictions", ["version_id", "id"], None),
    (
        "ix_shadow_predictions_conversation_id",
        "shadow_predictions",
        ["conversation_id"],
        None,
    ),
)
TABLES = ("shadow_predictions", "triage_reviews", "triage_samples", "triage_trainings")


def _key(table: str, name: str) -> list[Any]:
    return [
        sa.Column(name, sa.Integer(), nullable=False, autoincrement=name == "id"),
        sa.PrimaryKeyConstraint(name, name=op.f(f"pk_{table}")),
    ]


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _string(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, column)
    # SQLite takes a reference with its column only, and Alembic does not write that.
    op.execute(
        "ALTER TABLE triage_model_versions ADD COLUMN made_by_id INTEGER CONSTRAINT "
        "fk_triage_model_versions_made_by_id_agents REFERENCES agents (id)"
    )
    op.execute(
        "ALTER TABLE request_types ADD COLUMN heir_key VARCHAR CONSTRAINT "
        "fk_request_types_heir_key_request_types REFERENCES request_types (key)"
    )
    op.execute("UPDATE triage_model_versions SET promoted_at = created_at")
    _make_tables()
    for name, index_table, columns, condition in INDEXES:
        where = None if condition is None else sa.text(condition)
        op.create_index(name, index_table, columns, sqlite_where=where, postgresql_where=where)


def _make_tables() -> None:
    op.create_table(
        "product_groups",
        *_key("product_groups", "id"),
        _string("name"),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.UniqueConstraint("name", name=op.f("uq_product_groups_name")),
    )
    files, trainings, samples = "triage_model_files", "triage_trainings", "triage_samples"
    reviews, shadows = "triage_reviews", "shadow_predictions"
    op.create_table(
        files,
        *_key(files, "version_id"),
        sa.Column("arrays", sa.LargeBinary(), nullable=False),
        sa.Column("described", sa.LargeBinary(), nullable=False),
        _to(files, "version_id", "triage_model_versions"),
    )
    op.create_table(
        trainings,
        *_key(trainings, "id"),
        _number("slot", nullable=True),
        _string("reason"),
        _number("asked_by_id", nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        _string("step"),
        _number("done"),
        _number("tries"),
        _string("lease"),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        _string("error"),
        _number("version_id", nullable=True),
        sa.Column("result", JSON, nullable=False),
        sa.UniqueConstraint("slot", name=op.f("uq_triage_trainings_slot")),
        _to(trainings, "asked_by_id", "agents"),
        _to(trainings, "version_id", "triage_model_versions"),
    )
    op.create_table(
        samples,
        *_key(samples, "conversation_id"),
        _string("language"),
        _number("position"),
        sa.Column("is_holdout", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        _to(samples, "conversation_id", "conversations"),
    )
    op.create_table(
        reviews,
        *_key(reviews, "conversation_id"),
        _number("taken_by_id", nullable=True),
        sa.Column("taken_at", MOMENT, nullable=True),
        _number("checked_by_id", nullable=True),
        sa.Column("checked_at", MOMENT, nullable=True),
        sa.Column("undo", JSON, nullable=False),
        _to(reviews, "conversation_id", "conversations"),
        _to(reviews, "taken_by_id", "agents"),
        _to(reviews, "checked_by_id", "agents"),
    )
    op.create_table(
        shadows,
        *_key(shadows, "id"),
        _number("version_id"),
        _number("conversation_id"),
        _number("message_id"),
        _string("request_type"),
        sa.Column("confidence", sa.Float(), nullable=False),
        *(_string(name) for name in ("urgency", "live_type", "live_urgency")),
        sa.Column("differs", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        _to(shadows, "version_id", "triage_model_versions"),
        _to(shadows, "conversation_id", "conversations"),
        _to(shadows, "message_id", "messages"),
    )


def downgrade() -> None:
    for name, table, _, _ in reversed(INDEXES):
        op.drop_index(name, table)
    for table in (*TABLES, "triage_model_files", "product_groups"):
        op.drop_table(table)
    for table, column, target in REFERRING:
        if op.get_bind().dialect.name == "postgresql":
            op.drop_constraint(f"fk_{table}_{column}_{target}", table)
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    for table, plain in reversed(COLUMNS):
        op.drop_column(table, plain.name)
