"""Who covers for whom, and what one team asks another."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import Table, stored_as_value


class AwayKind(StrEnum):
    """Why somebody's work goes to another from one time to another."""

    ABSENCE = "absence"
    TAKEN_OVER = "taken_over"  # here, but a colleague has it for some hours
    SWAP = "swap"  # a shift that a colleague works


class Absence(Table, table=True):
    """Somebody is away in [starts_at, ends_at).

    ``backup_id`` takes new work and what falls due meanwhile. ``begun_at`` and ``over_at`` are
    when the hand-over and the return were carried out. ``gives_back``: what was handed over and
    is unfinished goes back by itself at the end. In any kind but an absence the backup is
    named, works then whatever their own hours say, and hears what the person is told.
    """

    __tablename__ = "absences"
    __table_args__ = (
        Index(
            "ix_absences_open",
            "starts_at",
            sqlite_where=text("over_at IS NULL"),
            postgresql_where=text("over_at IS NULL"),
        ),
        Index("ix_absences_agent", "agent_id", "starts_at"),
    )

    agent_id: int = Field(foreign_key="agents.id")
    kind: AwayKind = Field(default=AwayKind.ABSENCE, sa_type=stored_as_value(AwayKind))
    starts_at: datetime
    ends_at: datetime
    backup_id: int | None = Field(default=None, foreign_key="agents.id")
    gives_back: bool = True
    note: str = ""
    created_by_id: int | None = Field(default=None, foreign_key="agents.id")
    created_at: datetime
    begun_at: datetime | None = None
    over_at: datetime | None = None


class SwapState(StrEnum):
    """What became of an offer."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Swap(Table, table=True):
    """A shift that somebody offers to a colleague, perhaps for one of theirs.

    [starts_at, ends_at) is worked by ``to_id`` instead of ``from_id``; [back_starts_at,
    back_ends_at), if there is one, the other way round. Nothing changes before it is accepted;
    then each is a row of ``absences``.
    """

    __tablename__ = "swaps"
    __table_args__ = (
        Index(
            "ix_swaps_offered",
            "starts_at",
            sqlite_where=text("state = 'offered'"),
            postgresql_where=text("state = 'offered'"),
        ),
    )

    from_id: int = Field(foreign_key="agents.id")
    to_id: int = Field(foreign_key="agents.id")
    starts_at: datetime
    ends_at: datetime
    back_starts_at: datetime | None = None
    back_ends_at: datetime | None = None
    note: str = ""
    state: SwapState = Field(default=SwapState.OFFERED, sa_type=stored_as_value(SwapState))
    offered_at: datetime
    answered_at: datetime | None = None


class Ask(Table, table=True):
    """A question to another team about a conversation; its owner and its clocks stay.

    ``warned_at`` is when both sides were told that it is overdue.
    """

    __tablename__ = "asks"
    __table_args__ = (
        Index("ix_asks_conversation", "conversation_id", "id"),
        Index(
            "ix_asks_open",
            "team_id",
            "due_at",
            sqlite_where=text("answered_at IS NULL AND withdrawn_at IS NULL"),
            postgresql_where=text("answered_at IS NULL AND withdrawn_at IS NULL"),
        ),
    )

    conversation_id: int = Field(foreign_key="conversations.id")
    team_id: int = Field(foreign_key="teams.id")
    asked_by_id: int = Field(foreign_key="agents.id")
    question: str
    asked_at: datetime
    due_at: datetime
    taken_by_id: int | None = Field(default=None, foreign_key="agents.id")
    answer: str = ""
    answered_at: datetime | None = None
    answered_by_id: int | None = Field(default=None, foreign_key="agents.id")
    withdrawn_at: datetime | None = None
    warned_at: datetime | None = None
