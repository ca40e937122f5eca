"""Saved views, tags, followers, own fields, what can be undone."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
TABLES = (
    *("view_choices", "saved_views", "conversation_tags", "tags", "followers", "own_values"),
    *("own_fields", "deeds"),
)
# name, table, columns: the lists that saved views ask for, in the list's order
LISTS = (
    (
        "ix_conversations_type_list",
        ["request_type", "status", "order_at", "urgency_rank", "id"],
    ),
    ("ix_conversations_inbox_list", ["inbox_id", "status", "order_at", "urgency_rank", "id"]),
    ("ix_conversations_urgency_list", ["urgency_rank", "status", "order_at", "id"]),
)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, MOMENT, nullable=nullable)


def _to(table: str, column: str, target: str) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def _table(name: str, *parts: Any, key: tuple[str, ...] = ("id",)) -> None:
    own = [sa.Column("id", sa.Integer(), nullable=False)] if key == ("id",) else []
    op.create_table(name, *own, *parts, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")))


def upgrade() -> None:
    """Add tables and indexes; nothing that is there changes."""
    _views()
    _marks()
    for name, columns in LISTS:
        op.create_index(name, "conversations", columns)


def _views() -> None:
    _table(
        "saved_views",
        _text("name"),
        *_to("saved_views", "agent_id", "agents"),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("filters", JSON, nullable=False),
        _moment("created_at"),
        _moment("changed_at"),
    )
    op.create_index("ix_saved_views_agent", "saved_views", ["agent_id", "id"])
    _table(
        "view_choices",
        *_to("view_choices", "agent_id", "agents"),
        *_to("view_choices", "view_id", "saved_views"),
        key=("agent_id",),
    )
    op.create_index(op.f("ix_view_choices_view_id"), "view_choices", ["view_id"])
    _table(
        "deeds",
        *_to("deeds", "agent_id", "agents"),
        _moment("at"),
        _text("action"),
        sa.Column("did", JSON, nullable=False),
        sa.Column("said", JSON, nullable=False),
        _moment("undone_at", nullable=True),
    )
    op.create_index("ix_deeds_agent", "deeds", ["agent_id", "id"])
    op.create_index("ix_deeds_at", "deeds", ["at"])


def _marks() -> None:
    _table(
        "tags",
        _text("name"),
        _text("folded"),
        _moment("created_at"),
        sa.UniqueConstraint("folded", name=op.f("uq_tags_folded")),
    )
    _table(
        "conversation_tags",
        *_to("conversation_tags", "conversation_id", "conversations"),
        *_to("conversation_tags", "tag_id", "tags"),
        key=("conversation_id", "tag_id"),
    )
    op.create_index(
        "ix_conversation_tags_tag", "conversation_tags", ["tag_id", "conversation_id"]
    )
    _table(
        "followers",
        *_to("followers", "conversation_id", "conversations"),
        *_to("followers", "agent_id", "agents"),
        _moment("since"),
        key=("conversation_id", "agent_id"),
    )
    op.create_index("ix_followers_agent", "followers", ["agent_id", "conversation_id"])
    _table(
        "own_fields",
        _text("name"),
        _text("folded"),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("choices", JSON, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        _moment("created_at"),
        sa.UniqueConstraint("folded", name=op.f("uq_own_fields_folded")),
    )
    _table(
        "own_values",
        *_to("own_values", "conversation_id", "conversations"),
        *_to("own_values", "field_id", "own_fields"),
        _text("text"),
        _text("folded"),
        key=("conversation_id", "field_id"),
    )
    op.create_index(
        "ix_own_values_folded", "own_values", ["field_id", "folded", "conversation_id"]
    )


def downgrade() -> None:
    """Take them away again."""
    for name, _columns in LISTS:
        op.drop_index(name, "conversations")
    for table in TABLES:
        op.drop_table(table)
