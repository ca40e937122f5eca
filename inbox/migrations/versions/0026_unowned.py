"""An index of what nobody owns that a database also chooses."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

NAME, TABLE = "ix_conversations_unowned", "conversations"
WHERE = sa.text("owner_id IS NULL AND status = 'open'")


def _make(*columns: str) -> None:
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(NAME, TABLE, columns, sqlite_where=WHERE, postgresql_where=WHERE)


def upgrade() -> None:
    """Put the status into it: without, SQLite reads a team's whole list instead."""
    _make("team_id", "status", "order_at")


def downgrade() -> None:
    """Take it out again."""
    _make("team_id", "order_at")
