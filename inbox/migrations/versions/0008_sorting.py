"""Sorting: the cost of urgency as a setting, proposed merges, answers that solved it."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
