"""Chat, people who come and go, and the audit trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
THINGS = (
    *("company", "person", "team", "inbox", "mailbox", "calendar", "policy"),
    *("request_type", "model", "token", "message"),
)
ACTIONS = (
    *("created", "changed", "removed", "invited", "joined", "password_set", "reset_sent"),
    *("deactivated", "activated", "handed_over"),
)
APPEND_ONLY = ("events", "audit_entries", "audit_seals")
REFUSAL = "the audit trail is only ever added to"


def _guard() -> None:
    """Have the database refuse whatever is not an insert."""
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for change in ("update", "delete"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
                )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION kip_only_added_to() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '%: {REFUSAL}', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE "
            f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION kip_only_added_to()"
        )


def _unguard() -> None:
    """Undo the above for the table that stays."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(f"DROP TRIGGER events_no_{change}")
        return
    op.execute("DROP TRIGGER events_only_added_to ON events")


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
    op.add_column(
        "agents", sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "api_tokens", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("notices", sa.Column("data", JSON, nullable=False, server_default="{}"))
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
    op.create_index("ix_audit_entries_at", "audit_entries", ["at", "id"])
    op.create_index("ix_events_at", "events", ["at", "id"])
    op.create_index(
        "ix_events_actor",
        "events",
        ["actor_id", "at", "id"],
        sqlite_where=sa.text("actor_id IS NOT NULL"),
        postgresql_where=sa.text("actor_id IS NOT NULL"),
    )
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
    _guard()


def downgrade() -> None:
    _unguard()
    op.drop_table("audit_seals")
    op.drop_table("audit_entries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION kip_only_added_to()")
    op.drop_index("ix_events_actor", "events")
    op.drop_index("ix_events_at", "events")
    for table, column in (
        ("notices", "data"),
        ("api_tokens", "last_used_at"),
        ("agents", "last_seen_at"),
        ("agents", "deactivated_at"),
        ("teams", "is_active"),
        ("contact_identities", "seen_at"),
        ("messages", "delivered_at"),
        ("inboxes", "settings"),
    ):
        op.drop_column(table, column)
