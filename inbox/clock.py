"""The only reader of the time."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """Return now, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 -- the one place
