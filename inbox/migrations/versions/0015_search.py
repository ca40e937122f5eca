"""What is searched, folded; marks of what changed, written by the database itself.

Safe while the previous release runs: its changes leave marks too. What is there already is
read in by a worker afterwards, the newest first.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0015"
down_revision = "0014"

INDEXES = (("search_docs", "search_index"), ("search_names", "search_index_names"))
# table, when, condition (SQLite and PostgreSQL say "differs" differently), kind, whose number
IS_NEW, GOES = "INSERT", "DELETE"
WATCHED = (
    ("conversations", IS_NEW, (), "conversation", "NEW.id"),
    (
        *("conversations", "UPDATE"),
        ("subject", "contact_id", "account_id", "merged_into_id", "erased_at"),
        *("conversation", "NEW.id"),
    ),
    # it leaves another, or goes: that one is read again too
    ("conversations", "UPDATE", ("merged_into_id",), "conversation", "OLD.merged_into_id"),
    ("conversations", GOES, (), "conversation", "OLD.id"),
    ("messages", IS_NEW, (), "conversation", "NEW.conversation_id"),
    (
        *("messages", "UPDATE"),
        ("text", "visible_text", "sender_address", "direction", "conversation_id"),
        *("conversation", "NEW.conversation_id"),
    ),
    ("messages", "UPDATE", ("conversation_id",), "conversation", "OLD.conversation_id"),
    ("messages", GOES, (), "conversation", "OLD.conversation_id"),
    ("attachments", IS_NEW, (), "message", "NEW.message_id"),
    ("attachments", "UPDATE", ("filename", "message_id"), "message", "NEW.message_id"),
    ("attachments", GOES, (), "message", "OLD.message_id"),
    ("contacts", IS_NEW, (), "contact", "NEW.id"),
    (
        *("contacts", "UPDATE"),
        ("name", "position", "account_id", "joined_into_id", "erased_at"),
        *("contact", "NEW.id"),
    ),
    ("contacts", GOES, (), "contact", "OLD.id"),
    ("contact_identities", IS_NEW, (), "contact", "NEW.contact_id"),
    ("contact_identities", "UPDATE", ("value", "contact_id"), "contact", "NEW.contact_id"),
    ("contact_identities", "UPDATE", ("contact_id",), "contact", "OLD.contact_id"),
    ("contact_identities", GOES, (), "contact", "OLD.contact_id"),
    ("accounts", IS_NEW, (), "account", "NEW.id"),
    ("accounts", "UPDATE", ("name", "reference", "fields"), "account", "NEW.id"),
    ("accounts", GOES, (), "account", "OLD.id"),
)
WHOSE = sorted({watched[-1] for watched in WATCHED})


def _names() -> list[str]:
    return [f"search_mark_{number}" for number in range(len(WATCHED))]


def upgrade() -> None:
    """Add three tables, their indexes and the triggers; nothing that is there changes."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    words = sa.Text().with_variant(TSVECTOR(), "postgresql")
    op.create_table(
        "search_docs",
        sa.Column("conversation_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("words", words, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_search_docs")),
        sa.UniqueConstraint("place", name=op.f("uq_search_docs_place")),
    )
    op.create_table(
        "search_names",
        sa.Column("place", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("words", words, nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_search_names")),
    )
    for column in ("contact_id", "account_id"):
        op.create_index(f"ix_search_names_{column}", "search_names", [column])
    op.create_table(
        "search_marks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("thing_id", sa.Integer(), nullable=False),
        sa.Column("begun_at_id", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_marks")),
    )
    op.create_index("ix_search_marks_kind", "search_marks", ["kind", "id"])
    if on_sqlite:
        _index_on_sqlite()
    else:
        _index_on_postgres()
    for name, watched in zip(_names(), WATCHED, strict=True):
        (_watch_on_sqlite if on_sqlite else _watch_on_postgres)(name, *watched)
    for kind, table in (
        ("all_accounts", "accounts"),
        ("all_contacts", "contacts"),
        ("all_conversations", "conversations"),
    ):
        op.execute(
            "INSERT INTO search_marks (kind, thing_id, begun_at_id) "  # noqa: S608 -- names from above
            f"SELECT '{kind}', max(id), max(id) FROM {table} HAVING max(id) IS NOT NULL"
        )


def _index_on_sqlite() -> None:
    """Set FTS5 beside the words; triggers keep it in step, whoever writes them."""
    for table, index in INDEXES:
        prefix = ", prefix='2 3'" if table == "search_names" else ""
        op.execute(
            f"CREATE VIRTUAL TABLE {index} USING fts5(words, content='{table}', "
            "content_rowid='place', columnsize=0, "
            f"tokenize=\"ascii tokenchars '_:'\"{prefix})"
        )
        into = f"INSERT INTO {index} (rowid, words) VALUES (NEW.place, NEW.words);"  # noqa: S608
        out = (
            f"INSERT INTO {index} ({index}, rowid, words) "  # noqa: S608
            "VALUES ('delete', OLD.place, OLD.words);"
        )
        changed = "NEW.words IS NOT OLD.words OR NEW.place IS NOT OLD.place"
        for change, when, body in (
            ("insert", "", into),
            ("delete", "", out),
            ("update", f"WHEN {changed} ", f"{out} {into}"),
        ):
            op.execute(
                f"CREATE TRIGGER {table}_{change} AFTER {change} ON {table} "
                f"{when}BEGIN {body} END"
            )


def _index_on_postgres() -> None:
    for table, index in INDEXES:
        op.execute(
            f"CREATE INDEX {index}_words ON {table} USING gin (words) "
            "WITH (gin_pending_list_limit = 1024)"
        )
    for whose in WHOSE:
        op.execute(
            f"CREATE FUNCTION {_function(whose)}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608
            f"INSERT INTO search_marks (kind, thing_id) VALUES (TG_ARGV[0], {whose}); "
            "RETURN NULL; END $$"
        )


def _function(whose: str) -> str:
    return f"kip_search_mark_{whose.replace('.', '_').lower()}"


def _watch_on_sqlite(
    name: str, table: str, change: str, fields: tuple[str, ...], kind: str, whose: str
) -> None:
    of = f" OF {', '.join(fields)}" if fields else ""
    differs = " OR ".join(f"NEW.{one} IS NOT OLD.{one}" for one in fields)
    when = f" WHEN ({differs}) AND {whose} IS NOT NULL" if fields else ""
    op.execute(
        f"CREATE TRIGGER {name} AFTER {change}{of} ON {table}{when} BEGIN "  # noqa: S608
        f"INSERT INTO search_marks (kind, thing_id) VALUES ('{kind}', {whose}); END"
    )


def _watch_on_postgres(
    name: str, table: str, change: str, fields: tuple[str, ...], kind: str, whose: str
) -> None:
    of = f" OF {', '.join(fields)}" if fields else ""
    differs = " OR ".join(f"NEW.{one} IS DISTINCT FROM OLD.{one}" for one in fields)
    when = f" WHEN (({differs}) AND {whose} IS NOT NULL)" if fields else ""
    op.execute(
        f"CREATE TRIGGER {name} AFTER {change}{of} ON {table} FOR EACH ROW{when} "
        f"EXECUTE FUNCTION {_function(whose)}('{kind}')"
    )


def downgrade() -> None:
    """Take them away again."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, watched in zip(_names(), WATCHED, strict=True):
        op.execute(f"DROP TRIGGER IF EXISTS {name}{'' if on_sqlite else f' ON {watched[0]}'}")
    for table, index in INDEXES:
        if on_sqlite:
            op.execute(f"DROP TABLE {index}")
        op.drop_table(table)
    op.drop_table("search_marks")
    if not on_sqlite:
        for whose in WHOSE:
            op.execute(f"DROP FUNCTION {_function(whose)}()")
