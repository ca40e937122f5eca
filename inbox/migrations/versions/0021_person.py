"""How a person likes their pages."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

COLUMNS: tuple[sa.Column[Any], ...] = (
    sa.Column("time_zone", sa.String(), nullable=False, server_default=""),
    sa.Column("density", sa.String(), nullable=False, server_default=""),
    sa.Column("single_keys", sa.Boolean(), nullable=False, server_default=sa.true()),
)


def upgrade() -> None:
    """Add columns to people; what is there reads as before."""
    for column in COLUMNS:
        op.add_column("agents", column)


def downgrade() -> None:
    """Take them away again."""
    for name in ("single_keys", "density", "time_zone"):
        op.drop_column("agents", name)
