"""Dates: milestones of accounts and conversations, their warnings, and reminders."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from models.account import AccountKind
from models.base import Table, stored_as_value

STANDS = "state = 'planned'"
WAITS = "fired_at IS NULL AND ended_at IS NULL"
OPEN = "ended_at IS NULL"


class MilestoneState(StrEnum):
    """How a milestone stands; reached late is reached, and its times say how late."""

    PLANNED = "planned"
    REACHED = "reached"
    DROPPED = "dropped"


class MilestoneTemplate(Table, table=True):
    """A milestone that comes again and again: of accounts of a kind, or of all (None).

    It is due ``days`` after it is planned; reached, the next one is planned
    ``every_months`` later (0: never). ``warn_days`` is how long before it is due its ladder
    begins.
    """

    __tablename__ = "milestone_templates"

    title: str
    account_kind: AccountKind | None = Field(
        default=None, sa_type=stored_as_value(AccountKind), nullable=True
    )
    days: int
    every_months: int = 0
    warn_days: int
    is_public: bool = False
    is_active: bool = True


class Milestone(Table, table=True):
    """Something that has to be reached by a time, for an account or in a conversation.

    One of ``account_id`` and ``conversation_id`` is there; both, if the conversation's customer
    belongs to an account. ``is_public``: the customer's page shows it. ``warn_days`` is how
    long before ``due_at`` its ladder begins, ``generation`` grows when that moves.
    """

    __tablename__ = "milestones"
    __table_args__ = (
        Index(
            "ix_milestones_account",
            *("account_id", "due_at"),
            sqlite_where=text("account_id IS NOT NULL"),
            postgresql_where=text("account_id IS NOT NULL"),
        ),
        Index(
            "ix_milestones_conversation",
            *("conversation_id", "due_at"),
            sqlite_where=text("conversation_id IS NOT NULL"),
            postgresql_where=text("conversation_id IS NOT NULL"),
        ),
        Index(
            "ix_milestones_owner",
            *("owner_id", "due_at", "id"),
            sqlite_where=text(STANDS),
            postgresql_where=text(STANDS),
        ),
    )

    account_id: int | None = Field(default=None, foreign_key="accounts.id")
    conversation_id: int | None = Field(default=None, foreign_key="conversations.id")
    template_id: int | None = Field(default=None, foreign_key="milestone_templates.id")
    title: str
    owner_id: int | None = Field(default=None, foreign_key="agents.id")
    due_at: datetime
    warn_days: int
    is_public: bool = False
    state: MilestoneState = Field(
        default=MilestoneState.PLANNED, sa_type=stored_as_value(MilestoneState)
    )
    generation: int = 1
    made_by_id: int | None = Field(default=None, foreign_key="agents.id")
    created_at: datetime
    ended_at: datetime | None = None
    ended_by_id: int | None = Field(default=None, foreign_key="agents.id")


class MilestoneStep(Table, table=True):
    """A moment of a milestone's ladder; as ``EscalationStep``, of a milestone."""

    __tablename__ = "milestone_steps"
    __table_args__ = (
        UniqueConstraint("milestone_id", "generation", "step"),
        Index(
            "ix_milestone_steps_waiting",
            "at",
            sqlite_where=text("fired_at IS NULL"),
            postgresql_where=text("fired_at IS NULL"),
        ),
    )

    milestone_id: int = Field(foreign_key="milestones.id")
    generation: int
    step: str
    audience: str  # of ladder.Action, comma between
    at: datetime
    is_late: bool = False
    fired_at: datetime | None = None


class Reminder(Table, table=True):
    """Somebody wants to be told of an account or a conversation at a time.

    ``if_silent``: only if nobody outside has written in the conversation until then. Claimed
    by setting ``fired_at`` where it is null; it stays on the person's list until it is ended,
    for a reason: done, dropped, or answered.
    """

    __tablename__ = "reminders"
    __table_args__ = (
        Index(
            "ix_reminders_waiting",
            "due_at",
            sqlite_where=text(WAITS),
            postgresql_where=text(WAITS),
        ),
        Index(
            "ix_reminders_agent",
            *("agent_id", "due_at", "id"),
            sqlite_where=text(OPEN),
            postgresql_where=text(OPEN),
        ),
        Index(
            "ix_reminders_account",
            *("account_id", "due_at"),
            sqlite_where=text("account_id IS NOT NULL"),
            postgresql_where=text("account_id IS NOT NULL"),
        ),
        Index(
            "ix_reminders_conversation",
            *("conversation_id", "due_at"),
            sqlite_where=text("conversation_id IS NOT NULL"),
            postgresql_where=text("conversation_id IS NOT NULL"),
        ),
    )

    agent_id: int = Field(foreign_key="agents.id")
    account_id: int | None = Field(default=None, foreign_key="accounts.id")
    conversation_id: int | None = Field(default=None, foreign_key="conversations.id")
    text: str = ""
    due_at: datetime
    if_silent: bool = False
    made_by_id: int | None = Field(default=None, foreign_key="agents.id")
    created_at: datetime
    fired_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by_id: int | None = Field(default=None, foreign_key="agents.id")
    ended_as: str = ""
