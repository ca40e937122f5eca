"""A word that names the state of what rarely changes, written anew by the database itself.

Safe while the previous release runs: its changes are noted too. Where a column changes in
ordinary traffic, as when somebody was last seen, only the others count: the one row is a lock.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

TABLE = "house_edition"
# table -> its columns that count; none: all of them
WATCHED: dict[str, tuple[str, ...]] = {
    "absences": ("agent_id", "kind", "starts_at", "ends_at", "backup_id", "over_at"),
    "agents": (
        *("name", "email", "language", "is_active"),
        *("on_duty", "backup_id", "calendar_id"),
    ),
    "calendar_versions": (),
    "calendars": (),
    "own_fields": (),
    "product_groups": (),
    "request_types": (),
    "saved_views": (),
    "tags": (),
    "teams": (),
    "view_choices": (),
}
FUNCTION = "kip_next_edition"
ON_SQLITE = f"UPDATE {TABLE} SET word = lower(hex(randomblob(16)))"  # noqa: S608 -- names from above
ON_POSTGRES = f"UPDATE {TABLE} SET word = gen_random_uuid()::text"  # noqa: S608 -- names from above


def upgrade() -> None:
    """Add a table with one row, and the triggers; nothing that is there changes."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_house_edition")),
    )
    op.execute(f"INSERT INTO {TABLE} (id, word) VALUES (1, '')")  # noqa: S608 -- names from above
    op.execute(ON_SQLITE if on_sqlite else ON_POSTGRES)
    if on_sqlite:
        for table, fields in WATCHED.items():
            of = f" OF {', '.join(fields)}" if fields else ""
            for change, which in (("insert", ""), ("update", of), ("delete", "")):
                op.execute(
                    f"CREATE TRIGGER {TABLE}_{table}_{change} AFTER {change}{which} ON {table} "
                    f"BEGIN {ON_SQLITE}; END"
                )
        return
    op.execute(
        f"CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{ON_POSTGRES}; RETURN NULL; END $$"
    )
    for table, fields in WATCHED.items():
        of = f" OF {', '.join(fields)}" if fields else ""
        op.execute(
            f"CREATE TRIGGER {TABLE}_{table} AFTER INSERT OR UPDATE{of} OR DELETE OR TRUNCATE "
            f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
        )


def downgrade() -> None:
    """Take them away again."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in WATCHED:
        if on_sqlite:
            for change in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER IF EXISTS {TABLE}_{table}_{change}")
        else:
            op.execute(f"DROP TRIGGER IF EXISTS {TABLE}_{table} ON {table}")
    if not on_sqlite:
        op.execute(f"DROP FUNCTION {FUNCTION}()")
    op.drop_table(TABLE)
