"""What a form asks customers besides, and what they say afterwards."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from models.base import Table, stored_as_value
from models.inbox import ChannelKind


class FormField(Table, table=True):
    """An own field that a form asks for; of one request type, or with "" of all."""

    __tablename__ = "form_fields"
    __table_args__ = (UniqueConstraint("inbox_id", "field_id"),)

    inbox_id: int = Field(foreign_key="inboxes.id")
    field_id: int = Field(foreign_key="own_fields.id")
    request_type: str = ""
    is_required: bool = False


class Score(StrEnum):
    """How somebody was helped."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"


class Satisfaction(Table, table=True):
    """A conversation's customer was asked, once, how we did; and what they said.

    ``agent_id`` gave the last answer; that, ``team_id``, ``request_type`` and ``channel`` are
    as they were when it was asked: reports do not change afterwards. ``score`` is None until
    somebody answers; the last answer counts.
    """

    __tablename__ = "satisfaction"
    __table_args__ = (
        Index("ix_satisfaction_asked", "asked_at", "id"),
        Index("ix_satisfaction_contact", "contact_id", "asked_at"),
    )

    conversation_id: int = Field(foreign_key="conversations.id", unique=True)
    contact_id: int = Field(foreign_key="contacts.id")
    agent_id: int | None = Field(default=None, foreign_key="agents.id")
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    request_type: str
    channel: ChannelKind = Field(sa_type=stored_as_value(ChannelKind))
    asked_at: datetime
    score: Score | None = Field(default=None, sa_type=stored_as_value(Score))
    comment: str = ""
    answered_at: datetime | None = None
