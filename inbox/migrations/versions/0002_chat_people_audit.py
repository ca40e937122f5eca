"""Chat, people who come and go, and the audit trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
THINGS = (
    *("company", "person", "team", "inbox", "mailbox", "calendar", "policy"),
    *("request_type", "model", "token"),
)
ACTIONS = (
    *("created", "changed", "removed", "invited", "joined", "password_set", "reset_sent"),
    *("deactivated", "activated", "handed_over"),
)


def upgrade() -> None:
    # The defaults fill the rows that are there already.
    op.add_column("inboxes", sa.Column("settings", JSON, nullable=False, server_default="{}"))
    op.add_column(
        "messages", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "contact_identities", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "teams", sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.add_column(
        "agents", sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column(
            "thing",
            sa.Enum(*THINGS, name="auditthing", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("thing_id", sa.String(), nullable=False),
        sa.Column(
            "action",
            sa.Enum(*ACTIONS, name="auditaction", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("before", JSON, nullable=False),
        sa.Column("after", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["agents.id"], name=op.f("fk_audit_entries_actor_id_agents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_thing", "audit_entries", ["thing", "thing_id", "id"])
    op.create_table(
        "audit_seals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("rows", JSON, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_seals_hash")),
    )


def downgrade() -> None:
    op.drop_table("audit_seals")
    op.drop_table("audit_entries")
    for table, column in (
        ("agents", "deactivated_at"),
        ("teams", "is_active"),
        ("contact_identities", "seen_at"),
        ("messages", "delivered_at"),
        ("inboxes", "settings"),
    ):
        op.drop_column(table, column)
