"""Mail: the ledger, mailboxes' secrets and folders, sending by an inbox's own server."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def _text() -> dict[str, Any]:
    return {"nullable": False, "server_default": ""}


def _object() -> dict[str, Any]:
    return {"nullable": False, "server_default": "{}"}


# table, column: the defaults fill the rows that are there already.
RECEIVING: tuple[tuple[str, sa.Column[Any]], ...] = (
    ("messages", sa.Column("authentication", JSON, **_object())),
    (
        "mailboxes",
        sa.Column("auth", sa.String(24), nullable=False, server_default="password"),
    ),
    ("mailboxes", sa.Column("token_url", sa.String(), **_text())),
    ("mailboxes", sa.Column("client_id", sa.String(), **_text())),
    ("mailboxes", sa.Column("client_secret", sa.String(), **_text())),
    ("mailboxes", sa.Column("scope", sa.String(), **_text())),
    ("mailboxes", sa.Column("access_token", sa.String(), **_text())),
    ("mailboxes", sa.Column("access_until", MOMENT, nullable=True)),
    ("mailboxes", sa.Column("watched_until", MOMENT, nullable=True)),
    (
        "mailboxes",
        sa.Column("alarm_after_min", sa.Integer(), nullable=False, server_default="15"),
    ),
    ("mailboxes", sa.Column("sent_folder", sa.String(), **_text())),
    ("mailboxes", sa.Column("sent", JSON, **_object())),
    (
        "mailboxes",
        sa.Column("ledger_from", sa.BigInteger(), nullable=False, server_default="0"),
    ),
    ("mailboxes", sa.Column("reconciled_at", MOMENT, nullable=True)),
    ("mailboxes", sa.Column("tally", JSON, **_object())),
)


def upgrade() -> None:
    _receive()
    _send()
    _show()


def _receive() -> None:
    for table, column in RECEIVING:
        op.add_column(table, column)
    # The ledger begins now: what was dealt with before is not in it.
    op.execute("UPDATE mailboxes SET ledger_from = last_uid + 1")
    op.create_table(
        "mail_ledger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inbox_id", sa.Integer(), nullable=False),
        sa.Column("mailbox_id", sa.Integer(), nullable=True),
        sa.Column("via", sa.String(24), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("uid", sa.BigInteger(), nullable=True),
        sa.Column("raw_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_ledger")),
        *_refers("mail_ledger", inbox_id="inboxes", raw_id="raw_messages"),
    )
    place = ["mailbox_id", "via", "uidvalidity", "uid"]
    op.create_index("uq_mail_ledger_place", "mail_ledger", place, unique=True)
    op.create_index("ix_mail_ledger_state", "mail_ledger", ["state", "id"])
    op.create_index("ix_mail_ledger_day", "mail_ledger", ["seen_at", "state"])
    op.create_index("ix_mail_ledger_inbox", "mail_ledger", ["inbox_id", "id"])
    stored = sa.text("raw_id IS NOT NULL")
    op.create_index(
        "ix_mail_ledger_raw",
        "mail_ledger",
        ["raw_id"],
        sqlite_where=stored,
        postgresql_where=stored,
    )
    op.create_table(
        "mail_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inbox_id", sa.Integer(), nullable=True),
        sa.Column("field", sa.String(24), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_rules")),
        *_refers("mail_rules", inbox_id="inboxes", made_by_id="agents"),
    )


def _refers(table: str, **targets: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}")
        )
        for column, target in targets.items()
    ]


def downgrade() -> None:
    """Forget the ledger and how mailboxes are signed in to."""
    _unshow()
    _unsend()
    op.drop_table("mail_rules")
    op.drop_table("mail_ledger")
    for table, column in reversed(RECEIVING):
        op.drop_column(table, column.name)


# ---- sending ------------------------------------------------------------------------

SENDING: tuple[tuple[str, sa.Column[Any]], ...] = (
    ("outbox", sa.Column("asked_at", MOMENT, nullable=True)),
    ("outbox", sa.Column("copies", JSON, **_object())),
    ("agents", sa.Column("signature", sa.String(), **_text())),
)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, MOMENT, nullable=True)


def _row_id(table: str) -> list[Any]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _send() -> None:
    for table, column in SENDING:
        op.add_column(table, column)
    op.create_table(
        "mail_senders",
        *_row_id("mail_senders"),
        sa.Column("inbox_id", sa.Integer(), nullable=False),
        _words("host"),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("tls", sa.String(24), nullable=False),
        sa.Column("auth", sa.String(24), nullable=False),
        *(_words(name) for name in ("username", "password")),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        *(_moment(name) for name in ("last_ok_at", "failing_since")),
        _words("last_error"),
        sa.UniqueConstraint("inbox_id", name=op.f("uq_mail_senders_inbox_id")),
        *_refers("mail_senders", inbox_id="inboxes"),
    )
    op.create_table(
        "dkim_keys",
        *_row_id("dkim_keys"),
        *(_words(name) for name in ("domain", "selector", "private_key", "public_key")),
        sa.Column("signs", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        *(_moment(name) for name in ("checked_at", "found_at")),
        _words("problem"),
        sa.UniqueConstraint("domain", "selector", name=op.f("uq_dkim_keys_domain_selector")),
    )
    op.create_table(
        "address_marks",
        *_row_id("address_marks"),
        *(_words(name) for name in ("address", "code", "said")),
        sa.Column("conversation_id", sa.Integer(), nullable=True),
        sa.Column("marked_at", MOMENT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        _moment("lifted_at"),
        sa.Column("lifted_by_id", sa.Integer(), nullable=True),
        _words("lift_reason"),
        sa.UniqueConstraint("address", name=op.f("uq_address_marks_address")),
        *_refers("address_marks", conversation_id="conversations", lifted_by_id="agents"),
    )
    op.create_index("ix_address_marks_conversation_id", "address_marks", ["conversation_id"])


def _unsend() -> None:
    op.drop_index("ix_address_marks_conversation_id", "address_marks")
    for table in ("address_marks", "dkim_keys", "mail_senders"):
        op.drop_table(table)
    for table, column in reversed(SENDING):
        op.drop_column(table, column.name)


# ---- reading ------------------------------------------------------------------------


def _show() -> None:
    op.add_column("attachments", sa.Column("content_id", sa.String(), **_text()))
    op.create_table(
        "message_html",
        *_row_id("message_html"),
        sa.Column("message_id", sa.Integer(), nullable=False),
        _words("html"),
        sa.Column("remote_images", sa.Integer(), nullable=False),
        sa.UniqueConstraint("message_id", name=op.f("uq_message_html_message_id")),
        *_refers("message_html", message_id="messages"),
    )


def _unshow() -> None:
    op.drop_table("message_html")
    op.drop_column("attachments", "content_id")
