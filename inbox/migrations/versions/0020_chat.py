"""What the web chat keeps beside messages: answers that go out by mail, and its pace."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add two tables; nothing that is there changes."""
    op.create_table(
        "chat_letters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_chat_letters_message_id_messages")
        ),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.id"], name=op.f("fk_chat_letters_outbox_id_outbox")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_letters")),
        sa.UniqueConstraint("message_id", name=op.f("uq_chat_letters_message_id")),
    )
    op.create_index(op.f("ix_chat_letters_outbox_id"), "chat_letters", ["outbox_id"])
    waiting = sa.text("outbox_id IS NULL AND reason = ''")
    op.create_index(
        "ix_chat_letters_waiting",
        "chat_letters",
        ["due_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "chat_paces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("inbox_id", sa.Integer(), nullable=False),
        sa.Column("wait_s", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("counted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["inbox_id"], ["inboxes.id"], name=op.f("fk_chat_paces_inbox_id_inboxes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_paces")),
        sa.UniqueConstraint("inbox_id", name=op.f("uq_chat_paces_inbox_id")),
    )


def downgrade() -> None:
    """Take them away again."""
    for table in ("chat_paces", "chat_letters"):
        op.drop_table(table)
