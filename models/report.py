"""What a report counts: facts that are written down once their day is over, and its sums."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value


class Counted(StrEnum):
    """What a fact says. The first five are decided: in time, late, or no longer owed."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"
    PROMISE = "promise"
    WORD = "word"  # a time that one of us named in an answer
    RECEIVED = "received"
    ANSWERED = "answered"
    SOLVED = "solved"
    REOPENED = "reopened"
    ASKED_AGAIN = "asked_again"
    PASSED_ON = "passed_on"
    COVERED = "covered"


class Outcome(StrEnum):
    """How a promise was decided; "" for what only happened."""

    MET = "met"
    MISSED = "missed"
    EXCUSED = "excused"
    HAPPENED = ""


class ReportFact(Table, table=True):
    """One thing that a report counts, as it was when its day had ended; then it is fixed.

    ``source_id`` is the clock's (decisions), the event's (reopened and what follows) or the
    conversation's id (the rest): each is counted once, whatever happens later. ``day`` is the
    company's local date; what becomes known after a day was closed stands in the next open
    one. ``slot`` is the hour of the week of the due time, 0 is Monday 00:00. ``*_s`` are
    working seconds. ``came_back`` and ``reopened`` of a promise are filled in for 90 days.
    """

    __tablename__ = "report_facts"
    __table_args__ = (
        UniqueConstraint("what", "source_id"),
        Index("ix_report_facts_list", "what", "day", "id"),
        Index("ix_report_facts_conversation", "conversation_id"),
        Index(
            "ix_report_facts_promises",
            *("request_type", "outcome", "came_back", "reopened", "day", "team_id", "channel"),
            sqlite_where=text("what = 'promise'"),
            postgresql_where=text("what = 'promise'"),
        ),
    )

    what: Counted = Field(sa_type=stored_as_value(Counted))
    source_id: int
    conversation_id: int = Field(foreign_key="conversations.id")
    day: date
    at: datetime
    outcome: Outcome = Field(default=Outcome.HAPPENED, sa_type=stored_as_value(Outcome))
    request_type: str
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    agent_id: int | None = Field(default=None, foreign_key="agents.id")
    channel: str
    tier: str
    slot: int | None = None
    started_at: datetime | None = None
    due_at: datetime | None = None
    worked_s: int | None = None
    cause: str = ""
    cause_at: datetime | None = None
    nobody_s: int | None = None
    owner_s: int | None = None
    backup_s: int | None = None
    department_s: int | None = None
    customer_s: int | None = None
    came_back: bool = False
    reopened: bool = False


STAGES = ("nobody_s", "owner_s", "backup_s", "department_s", "customer_s")
OF_A_CLOCK = ("first_response", "next_response", "resolution", "word")
"""What a clock decides; ``source_id`` is the clock's."""
DECIDED = ("first_response", "next_response", "resolution", "promise", "word")
HAPPENED = (
    *("received", "answered", "solved", "reopened", "asked_again", "passed_on", "covered"),
)
MEASURES = (
    *(f"{what}_{outcome}" for what in DECIDED for outcome in ("met", "missed", "excused")),
    *HAPPENED,
    *STAGES,
)


class ReportDay(Table, table=True):
    """The sums of a closed day's facts, by one dimension, within team and channel.

    ``dimension`` is all, request_type, agent, tier, slot or cause, ``value`` which of them;
    with "@month" behind it the row is the sum of a whole closed month, ``day`` its first.
    ``answered_in`` and ``solved_in`` say how many took how many working minutes; stages are
    working seconds together.
    """

    __tablename__ = "report_days"
    __table_args__ = (Index("ix_report_days_read", "dimension", "day"),)

    day: date
    dimension: str
    value: str
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    channel: str
    first_response_met: int = 0
    first_response_missed: int = 0
    first_response_excused: int = 0
    next_response_met: int = 0
    next_response_missed: int = 0
    next_response_excused: int = 0
    resolution_met: int = 0
    resolution_missed: int = 0
    resolution_excused: int = 0
    promise_met: int = 0
    promise_missed: int = 0
    promise_excused: int = 0
    word_met: int = 0
    word_missed: int = 0
    word_excused: int = 0
    received: int = 0
    answered: int = 0
    solved: int = 0
    reopened: int = 0
    asked_again: int = 0
    passed_on: int = 0
    covered: int = 0
    nobody_s: int = 0
    owner_s: int = 0
    backup_s: int = 0
    department_s: int = 0
    customer_s: int = 0
    answered_in: dict[str, Any] = Field(default={}, sa_column=json_column())
    solved_in: dict[str, Any] = Field(default={}, sa_column=json_column())


class ReportClosing(SQLModel, table=True):
    """A day whose figures are final. ``last_event_id`` is how far the events went then."""

    __tablename__ = "report_closings"

    day: date = Field(primary_key=True)
    closed_at: datetime
    last_event_id: int


class Outlook(Table, table=True):
    """What is foreseen, as the worker found it last: one row, written anew each time.

    ``data`` is what ``inbox.foresight`` writes and ``inbox.store.now`` reads: what will
    probably be late, who has room, and the usual times of each stage.
    """

    __tablename__ = "outlooks"

    made_at: datetime
    data: dict[str, Any] = Field(default={}, sa_column=json_column())
