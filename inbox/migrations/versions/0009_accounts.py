"""Accounts: who looks after whom, what is counted of them, and contacts who are one person."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
REFERENCES = (
    ("contacts", "account_id", "accounts"),
    ("contacts", "joined_into_id", "contacts"),
    ("conversations", "account_id", "accounts"),
)


def _to(table: str, column: str, target: str, *, nullable: bool = False) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Add columns, tables and indexes; nothing that is there changes."""
    _accounts()
    op.create_table(
        "contact_joins",
        sa.Column("id", sa.Integer(), nullable=False),
        *_to("contact_joins", "kept_id", "contacts"),
        *_to("contact_joins", "joined_id", "contacts"),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("moved", JSON, nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        *_to("contact_joins", "decided_by_id", "agents", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_joins")),
    )
    op.create_index("ix_contact_joins_kept", "contact_joins", ["kept_id"])
    op.create_index("ix_contact_joins_joined", "contact_joins", ["joined_id"])
    # SQLite takes a reference with its column only, and Alembic does not write that.
    for table, column, target in REFERENCES:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} INTEGER "
            f"CONSTRAINT fk_{table}_{column}_{target} REFERENCES {target} (id)"
        )
    op.add_column(
        "contacts", sa.Column("position", sa.String(), nullable=False, server_default="")
    )
    op.add_column("contacts", sa.Column("restricted_at", MOMENT, nullable=True))
    op.add_column("contacts", sa.Column("erased_at", MOMENT, nullable=True))
    op.add_column("contact_identities", sa.Column("verified_at", MOMENT, nullable=True))
    op.create_index(
        "ix_contacts_account", "contacts", ["account_id"], **_where("account_id IS NOT NULL")
    )
    op.create_index(
        "ix_conversations_account",
        "conversations",
        ["account_id", "status", "order_at", "id"],
        **_where("account_id IS NOT NULL"),
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        *_to("accounts", "owner_id", "agents", nullable=True),
        *_to("accounts", "backup_id", "agents", nullable=True),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("value", sa.String(24), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("product_groups", JSON, nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index(
        "ix_accounts_reference",
        "accounts",
        ["reference"],
        unique=True,
        **_where("reference IS NOT NULL"),
    )
    op.create_index("ix_accounts_owner", "accounts", ["owner_id", "status", "id"])
    op.create_index("ix_accounts_backup", "accounts", ["backup_id", "id"])
    op.create_index("ix_accounts_folded", "accounts", ["folded", "id"])
    op.create_table(
        "account_figures",
        *_to("account_figures", "account_id", "accounts"),
        sa.Column("need", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column("open_count", sa.Integer(), nullable=False),
        sa.Column("late_count", sa.Integer(), nullable=False),
        sa.Column("oldest_waiting_at", MOMENT, nullable=True),
        sa.Column("last_contact_at", MOMENT, nullable=True),
        sa.Column("next_milestone_at", MOMENT, nullable=True),
        sa.Column("promises_kept", sa.Integer(), nullable=False),
        sa.Column("promises_missed", sa.Integer(), nullable=False),
        sa.Column("counted_at", MOMENT, nullable=True),
        sa.Column("stale_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_figures")),
    )
    op.create_index(
        "ix_account_figures_stale",
        "account_figures",
        ["stale_at"],
        **_where("stale_at IS NOT NULL"),
    )
    op.create_index("ix_account_figures_need", "account_figures", ["need", "account_id"])
    op.create_index(
        "ix_account_figures_place", "account_figures", ["place", "need", "account_id"]
    )


def downgrade() -> None:
    """Take them away again; contacts who were joined stay so."""
    op.drop_index("ix_conversations_account", "conversations")
    op.drop_index("ix_contacts_account", "contacts")
    op.drop_column("contact_identities", "verified_at")
    for column in ("erased_at", "restricted_at", "position"):
        op.drop_column("contacts", column)
    for table, column, target in reversed(REFERENCES):
        if op.get_bind().dialect.name == "postgresql":
            op.drop_constraint(f"fk_{table}_{column}_{target}", table)
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    for table in ("contact_joins", "account_figures", "accounts"):
        op.drop_table(table)
