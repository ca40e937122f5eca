"""Erasure, retention and who looked."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
UNFINISHED = "state IN ('waiting', 'running')"
STATES = ("waiting", "running", "done", "failed")
STATUSES = ("open", "waiting", "snoozed", "resolved", "spam", "merged")
REFUSAL = "the audit trail is only ever added to"
# What may be taken out of a row that redactions name; everything else of it stays.
WORDS = {"events": ("data",), "audit_entries": ("thing_id", "before", "after")}
FIXED = {
    "events": ("id", "conversation_id", "kind", "at", "actor_id"),
    "audit_entries": ("id", "at", "actor_id", "thing", "action"),
}
ONLY_ADDED_TO = ("redactions", "looks")


def _number() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer(), nullable=False)


def _to(table: str, column: str, target: str, *, nullable: bool = False) -> list[Any]:
    name = op.f(f"fk_{table}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def _words(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, MOMENT, nullable=nullable) for name in names]


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*(columns or ("id",)), name=op.f(f"pk_{table}"))


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _task(table: str, *more: Any) -> None:
    """Create a table of what a worker does in the background for one person."""
    op.create_table(
        table,
        _number(),
        *_to(table, "contact_id", "contacts"),
        *_to(table, "asked_by_id", "agents", nullable=True),
        *_moments("asked_at"),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="taskstate", native_enum=False, length=24),
            nullable=False,
        ),
        *_moments("leased_until"),
        sa.Column("tries", sa.Integer(), nullable=False),
        *_moments("finished_at", nullable=True),
        *_words("error"),
        sa.Column("counts", JSON, nullable=False),
        *more,
        _key(table),
    )
    op.create_index(f"ix_{table}_contact_id", table, ["contact_id"])
    name = f"ix_{table}_unfinished"
    op.create_index(name, table, ["leased_until", "id"], **_where(UNFINISHED))


def upgrade() -> None:
    """Add columns, tables and indexes, and let the trail give up words, and nothing else."""
    op.add_column("conversations", sa.Column("erased_at", MOMENT, nullable=True))
    op.create_index(
        "ix_contacts_restricted", "contacts", ["id"], **_where("restricted_at IS NOT NULL")
    )
    _task(
        "erasures",
        *_words("reason"),
        *_moments("wiped_at", nullable=True),
        sa.Column("checked", JSON, nullable=False),
    )
    _task(
        "person_exports",
        *_moments("expires_at", nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        *_words("sha256"),
    )
    op.create_table(
        "person_export_parts",
        *_to("person_export_parts", "export_id", "person_exports"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _key("person_export_parts", "export_id", "position"),
    )
    op.create_table(
        "redactions",
        _number(),
        *_words("source"),
        sa.Column("row_id", sa.Integer(), nullable=False),
        *_moments("at"),
        *_words("before_hash", "after_hash"),
        _key("redactions"),
    )
    op.create_index("ix_redactions_row", "redactions", ["source", "row_id"])
    op.create_table(
        "erased_addresses",
        *_words("mark"),
        *_moments("erased_at"),
        _key("erased_addresses", "mark"),
    )
    _holds_and_looks()
    _retention()
    _let_words_go()


def _holds_and_looks() -> None:
    op.create_table(
        "legal_holds",
        _number(),
        *_to("legal_holds", "contact_id", "contacts"),
        *_words("reason"),
        *_to("legal_holds", "made_by_id", "agents", nullable=True),
        *_moments("created_at"),
        *_moments("lifted_at", nullable=True),
        *_to("legal_holds", "lifted_by_id", "agents", nullable=True),
        _key("legal_holds"),
    )
    op.create_index("ix_legal_holds_contact_id", "legal_holds", ["contact_id"])
    op.create_table(
        "looks",
        _number(),
        *_to("looks", "contact_id", "contacts"),
        *_to("looks", "agent_id", "agents"),
        *_words("what"),
        sa.Column("day", sa.Date(), nullable=False),
        *_to("looks", "conversation_id", "conversations", nullable=True),
        *_moments("at"),
        _key("looks"),
        sa.UniqueConstraint(
            *("contact_id", "agent_id", "what", "day"),
            name=op.f("uq_looks_contact_id_agent_id_what_day"),
        ),
    )
    op.create_index("ix_looks_at", "looks", ["at", "id"])


def _retention() -> None:
    op.create_table(
        "retention_rules",
        _number(),
        *_to("retention_rules", "inbox_id", "inboxes", nullable=True),
        sa.Column(
            "status",
            sa.Enum(*STATUSES, name="status", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *_to("retention_rules", "made_by_id", "agents", nullable=True),
        *_moments("created_at", "changed_at"),
        _key("retention_rules"),
    )
    op.create_table(
        "retention_runs",
        _number(),
        *_to("retention_runs", "rule_id", "retention_rules"),
        *_moments("made_at", "cutoff_at", "acts_at"),
        sa.Column("numbers", JSON, nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("erased", sa.Integer(), nullable=False),
        *_moments("finished_at", nullable=True),
        *_to("retention_runs", "stopped_by_id", "agents", nullable=True),
        _key("retention_runs"),
    )
    op.create_index(
        "uq_retention_runs_open",
        "retention_runs",
        ["rule_id"],
        unique=True,
        **_where("finished_at IS NULL"),
    )


def _is_redaction(table: str) -> str:
    """Return when a change of a row is allowed: it is named, and only words are taken out."""
    same = " IS NOT DISTINCT FROM " if op.get_bind().dialect.name == "postgresql" else " IS "
    kept = " AND ".join(f"NEW.{name}{same}OLD.{name}" for name in FIXED[table])
    named = f"SELECT 1 FROM redactions WHERE source = '{table}' AND row_id = OLD.id"  # noqa: S608 -- names from above
    return f"{kept} AND EXISTS ({named})"


def _let_words_go() -> None:
    """Replace the refusal of any change by one of any change that is no redaction."""
    if op.get_bind().dialect.name == "sqlite":
        for table in WORDS:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
                f"WHEN NOT ({_is_redaction(table)}) "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
        for table in ONLY_ADDED_TO:
            for change in ("update", "delete"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
                )
        return
    for table in WORDS:
        op.execute(f"DROP TRIGGER {table}_only_added_to ON {table}")
        op.execute(
            f"CREATE FUNCTION kip_words_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {_is_redaction(table)} THEN RETURN NEW; END IF; "
            f"RAISE EXCEPTION '%: {REFUSAL}', TG_TABLE_NAME; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_only_words_go BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION kip_words_of_{table}()"
        )
        _only_added_to(table, "DELETE OR TRUNCATE")
    for table in ONLY_ADDED_TO:
        _only_added_to(table, "UPDATE OR DELETE OR TRUNCATE")


def _only_added_to(table: str, changes: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_only_added_to BEFORE {changes} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION kip_only_added_to()"
    )


def _keep_words() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in WORDS:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
        return
    for table in WORDS:
        op.execute(f"DROP TRIGGER {table}_only_words_go ON {table}")
        op.execute(f"DROP FUNCTION kip_words_of_{table}()")
        op.execute(f"DROP TRIGGER {table}_only_added_to ON {table}")
        _only_added_to(table, "UPDATE OR DELETE OR TRUNCATE")


def downgrade() -> None:
    """Take them away again; what was taken out of rows stays out."""
    _keep_words()
    for table in (
        *("retention_runs", "retention_rules", "looks", "legal_holds", "erased_addresses"),
        *("redactions", "person_export_parts", "person_exports", "erasures"),
    ):
        op.drop_table(table)
    op.drop_index("ix_contacts_restricted", "contacts")
    op.drop_column("conversations", "erased_at")
