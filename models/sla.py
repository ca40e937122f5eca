"""Promises: calendars, policies, clocks, the steps of the ladder and who was told."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from models.base import Table, json_column, stored_as_value
from models.conversation import Urgency


class ClockKind(StrEnum):
    """What a clock waits for."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"


class Calendar(Table, table=True):
    """Working hours; ``spec`` is what ``kip sla due`` reads (zone, hours, holidays)."""

    __tablename__ = "calendars"

    name: str = Field(unique=True)
    spec: dict[str, Any] = Field(sa_column=json_column())
    is_default: bool = False


class SLAPolicy(Table, table=True):
    """A rule of the promise. None as a condition matches anything, as a value falls through.

    Rules are asked in the order: type and urgency, urgency, type, any; inside one rank by
    ``id``. The first that states targets gives the targets, the first that names a calendar
    gives the calendar. Targets are for normal urgency, in working seconds.
    """

    __tablename__ = "sla_policies"

    name: str
    request_type: str | None = Field(default=None, foreign_key="request_types.key")
    urgency: Urgency | None = Field(
        default=None, sa_type=stored_as_value(Urgency), nullable=True
    )
    calendar_id: int | None = Field(default=None, foreign_key="calendars.id")
    first_response_s: int | None = None
    next_response_s: int | None = None
    resolution_s: int | None = None


class SLAClock(Table, table=True):
    """One target of one conversation; breach is ``due_at`` against ``met_at`` or now.

    ``generation`` grows when the due time moves, which silences steps of the old one.
    ``cancelled_at`` takes the clock out of every count (the conversation was resolved
    without owing this answer, or merged).
    """

    __tablename__ = "sla_clocks"
    __table_args__ = (
        Index(
            "uq_sla_clocks_live",
            "conversation_id",
            "kind",
            unique=True,
            sqlite_where=text("met_at IS NULL AND cancelled_at IS NULL"),
            postgresql_where=text("met_at IS NULL AND cancelled_at IS NULL"),
        ),
    )

    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    kind: ClockKind = Field(sa_type=stored_as_value(ClockKind))
    policy: str
    calendar_id: int = Field(foreign_key="calendars.id")
    target_s: int
    started_at: datetime
    due_at: datetime
    generation: int = 1
    met_at: datetime | None = None
    cancelled_at: datetime | None = None


class EscalationStep(Table, table=True):
    """A moment at which somebody is told. Claimed by setting ``fired_at`` where it is null."""

    __tablename__ = "escalation_steps"
    __table_args__ = (
        UniqueConstraint("clock_id", "generation", "step"),
        Index(
            "ix_escalation_steps_waiting",
            "at",
            sqlite_where=text("fired_at IS NULL AND cancelled_at IS NULL"),
            postgresql_where=text("fired_at IS NULL AND cancelled_at IS NULL"),
        ),
    )

    clock_id: int = Field(foreign_key="sla_clocks.id")
    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    generation: int
    step: str
    audience: str  # of ladder.Audience, comma between
    at: datetime
    is_late: bool = False
    fired_at: datetime | None = None
    cancelled_at: datetime | None = None


class Notice(Table, table=True):
    """Somebody was told something; unique per clock generation, step and person.

    The step ``handed_over`` stands for several: ``data`` has ``count`` and ``before``, whose
    they were; the conversation is the most pressing of them.
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("clock_id", "generation", "step", "agent_id"),
        Index("ix_notices_agent", "agent_id", "id"),
        Index(
            "ix_notices_unread",
            "agent_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    agent_id: int = Field(foreign_key="agents.id")
    conversation_id: int = Field(foreign_key="conversations.id")
    clock_id: int = Field(foreign_key="sla_clocks.id")
    generation: int
    step: str
    audience: str  # owner, supervisor, backup, team: why this person is told
    due_at: datetime
    created_at: datetime
    read_at: datetime | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
