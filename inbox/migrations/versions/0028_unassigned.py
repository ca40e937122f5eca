"""The list of what nobody owns is read in its order, without walking past what has an owner."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

INDEX, TABLE = "ix_conversations_unassigned", "conversations"
IS_UNOWNED = sa.text("owner_id IS NULL")


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        INDEX,
        TABLE,
        ["status", "order_at", "urgency_rank", "id"],
        sqlite_where=IS_UNOWNED,
        postgresql_where=IS_UNOWNED,
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_index(INDEX, table_name=TABLE)
