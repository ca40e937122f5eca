"""Promises: calendars, policies, clocks, the steps of the ladder and who was told."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Index, UniqueConstraint, event, insert, inspect, text
from sqlmodel import Field

from models.base import Table, core, json_column, stored_as_value
from models.conversation import Urgency


class ClockKind(StrEnum):
    """What a clock waits for."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"
    WORD = "word"  # a time that one of us named to the customer in an answer


class Calendar(Table, table=True):
    """Working hours; ``spec`` is what ``kip sla due`` reads (zone, hours, holidays)."""

    __tablename__ = "calendars"

    name: str = Field(unique=True)
    spec: dict[str, Any] = Field(sa_column=json_column())
    is_default: bool = False


class CalendarVersion(Table, table=True):
    """What a calendar said, from its ``id`` on until the next one; never changed.

    Written with the calendar itself, whoever saves it. Promises name the version that they
    were counted by.
    """

    __tablename__ = "calendar_versions"
    __table_args__ = (Index("ix_calendar_versions_calendar", "calendar_id", "id"),)

    calendar_id: int = Field(foreign_key="calendars.id")
    spec: dict[str, Any] = Field(sa_column=json_column())


@event.listens_for(Calendar, "after_insert")
@event.listens_for(Calendar, "after_update")
def _keep_version(_mapper: object, connection: Connection, calendar: Calendar) -> None:
    """Keep what a calendar says now, unless only its name changed."""
    if inspect(calendar).attrs.spec.history.has_changes():
        values = {"calendar_id": calendar.id, "spec": calendar.spec}
        connection.execute(insert(core(CalendarVersion)).values(values))


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
    tier: str | None = None
    channel: str | None = None
    product_group: str | None = None
    inbox_id: int | None = Field(default=None, foreign_key="inboxes.id")
    calendar_id: int | None = Field(default=None, foreign_key="calendars.id")
    ladder_id: int | None = Field(default=None, foreign_key="ladders.id")
    is_active: bool = True
    resumes: bool = True  # reopened, the resolution clock goes on; else it starts anew
    first_response_s: int | None = None
    next_response_s: int | None = None
    resolution_s: int | None = None


class Ladder(Table, table=True):
    """Who is told and what is done as a promise runs out; ``steps`` as ``sla.rungs`` reads.

    While open conversations follow what it says now, ``follow_after`` is the last number that
    was looked at; ``follow_done`` of ``follow_total`` were.
    """

    __tablename__ = "ladders"

    name: str = Field(unique=True)
    steps: list[Any] = Field(default=[], sa_column=json_column())
    is_default: bool = False
    follow_after: int | None = None
    follow_done: int = 0
    follow_total: int = 0


class Rehearsal(Table, table=True):
    """The last days played again under a draft; nothing is sent, nothing is changed."""

    __tablename__ = "rehearsals"

    made_by_id: int = Field(foreign_key="agents.id")
    created_at: datetime
    draft: dict[str, Any] = Field(sa_column=json_column())
    done: int = 0  # conversations of ``total``
    total: int = 0
    finished_at: datetime | None = None
    error: str = ""
    result: dict[str, Any] = Field(default={}, sa_column=json_column())


class Following(Table, table=True):
    """Open conversations follow changed hours or rules, a batch at a time, in the background.

    One of ``calendar_id`` and ``policy_id`` says which; the rule may be gone by now. ``after``
    is the last number that was looked at; ``done`` of ``total`` were.
    """

    __tablename__ = "followings"

    calendar_id: int | None = Field(default=None, foreign_key="calendars.id")
    policy_id: int | None = None
    started_by_id: int = Field(foreign_key="agents.id")
    started_at: datetime
    after: int = 0
    total: int = 0
    done: int = 0
    moved: int = 0
    finished_at: datetime | None = None


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
        # What was decided since a day was closed (inbox.reporting).
        Index("ix_sla_clocks_due", "due_at"),
        Index(
            "ix_sla_clocks_met",
            "met_at",
            sqlite_where=text("met_at IS NOT NULL"),
            postgresql_where=text("met_at IS NOT NULL"),
        ),
        Index(
            "ix_sla_clocks_cancelled",
            "cancelled_at",
            sqlite_where=text("cancelled_at IS NOT NULL"),
            postgresql_where=text("cancelled_at IS NOT NULL"),
        ),
    )

    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    kind: ClockKind = Field(sa_type=stored_as_value(ClockKind))
    policy: str
    calendar_id: int = Field(foreign_key="calendars.id")
    # Of a ladder that may be gone by now; None: the company's usual one.
    ladder_id: int | None = None
    target_s: int
    started_at: datetime
    due_at: datetime
    generation: int = 1
    pauses: list[Any] = Field(default=[], sa_column=json_column())  # [[ISO, ISO]]
    paused_at: datetime | None = None
    breached_at: datetime | None = None  # a due time that passed unmet and was moved later
    met_at: datetime | None = None
    met_by_id: int | None = Field(default=None, foreign_key="agents.id")
    cancelled_at: datetime | None = None
    excuse: str = ""


class EscalationStep(Table, table=True):
    """A moment at which something is done. Claimed by setting ``fired_at`` where it is null.

    ``step`` names the moment, ``audience`` says what is done then, in order (both:
    ``inbox.sla.ladder``): what the ladder said when the step was planned.
    """

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
    audience: str  # of ladder.Action, comma between
    at: datetime
    is_late: bool = False
    fired_at: datetime | None = None
    cancelled_at: datetime | None = None


class Notice(Table, table=True):
    """Somebody was told something; unique per clock generation, step and person.

    A step ``handed_over…`` stands for several: ``data`` has ``count`` and ``before``, whose
    they were; the conversation is the most pressing of them. What is about no conversation
    has neither that nor a clock, and is unique per step and person.
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
        Index(
            "ix_notices_unsent",
            "agent_id",
            "id",
            sqlite_where=text("mailed_at IS NULL"),
            postgresql_where=text("mailed_at IS NULL"),
        ),
        Index("ix_notices_conversation", "conversation_id", "id"),
        Index(
            "ix_notices_once",
            "step",
            "agent_id",
            unique=True,
            sqlite_where=text("clock_id IS NULL"),
            postgresql_where=text("clock_id IS NULL"),
        ),
    )

    agent_id: int = Field(foreign_key="agents.id")
    conversation_id: int | None = Field(default=None, foreign_key="conversations.id")
    clock_id: int | None = Field(default=None, foreign_key="sla_clocks.id")
    generation: int
    step: str
    audience: str  # owner, supervisor, backup, team: why this person is told
    due_at: datetime
    created_at: datetime
    read_at: datetime | None = None
    taken_at: datetime | None = None  # "I have it"
    kind: str = ""  # of telling.Alert
    outside_hours: bool = False  # goes out at once, also when the person does not work
    mailed_at: datetime | None = None  # went out, or was found to need no more than the page
    told_by: str = ""  # by what it went out, comma between: mail, telegram, push
    data: dict[str, Any] = Field(default={}, sa_column=json_column())
