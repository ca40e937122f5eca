"""What was read row by row has an index: what nobody owns, and who was found to be whom."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

UNOWNED, TABLE = "ix_conversations_unowned", "conversations"
IS_UNOWNED = sa.text("owner_id IS NULL AND status = 'open'")
JOINED, IS_JOINED = "ix_contacts_joined_into", sa.text("joined_into_id IS NOT NULL")


def _unowned(*columns: str) -> None:
    op.drop_index(UNOWNED, table_name=TABLE)
    op.create_index(
        UNOWNED, TABLE, columns, sqlite_where=IS_UNOWNED, postgresql_where=IS_UNOWNED
    )


def upgrade() -> None:
    """Put the status into one: without, SQLite reads a team's whole list. Add the other."""
    _unowned("team_id", "status", "order_at")
    op.create_index(
        JOINED,
        "contacts",
        ["joined_into_id"],
        sqlite_where=IS_JOINED,
        postgresql_where=IS_JOINED,
    )


def downgrade() -> None:
    """Take it away, and the status out."""
    op.drop_index(JOINED, table_name="contacts")
    _unowned("team_id", "order_at")
