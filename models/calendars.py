"""People's calendars: ours that they read, and theirs that we read."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.base import Table


class CalendarFeed(SQLModel, table=True):
    """Somebody's private calendar of what is due; ``token_hash`` is its secret's SHA-256."""

    __tablename__ = "calendar_feeds"

    agent_id: int = Field(foreign_key="agents.id", primary_key=True)
    token_hash: str = Field(unique=True)
    made_at: datetime
    read_at: datetime | None = None  # to an hour


class OwnCalendar(SQLModel, table=True):
    """Where somebody keeps their own calendar; its address is a secret, and sealed.

    ``next_at`` is when it is fetched again; ``error`` is why it could not be, and since when
    it cannot ``failing_since``.
    """

    __tablename__ = "own_calendars"

    agent_id: int = Field(foreign_key="agents.id", primary_key=True)
    sealed: str
    host: str
    next_at: datetime = Field(index=True)
    fetched_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    error: str = ""
    left_out: int = 0  # repeating events that could not be read
    entered_at: datetime


class BusyTime(Table, table=True):
    """Somebody is in a meeting in [starts_at, ends_at), as their own calendar says; no more."""

    __tablename__ = "busy_times"
    __table_args__ = (
        Index("ix_busy_times_agent", "agent_id", "starts_at"),
        Index("ix_busy_times_ends", "ends_at"),
    )

    agent_id: int = Field(foreign_key="agents.id")
    starts_at: datetime
    ends_at: datetime
