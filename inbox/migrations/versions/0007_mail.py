"""Mail: the ledger, mailboxes' secrets and folders, sending by an inbox's own server."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
