"""Telephone calls, as a switchboard tells of them or as one of us writes them down."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from models.base import Table, stored_as_value


class CallDirection(StrEnum):
    """Who rang whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallState(StrEnum):
    """What became of a call; only in ``answered`` somebody of ours and the customer spoke."""

    RINGING = "ringing"
    ANSWERED = "answered"
    MISSED = "missed"  # the customer rang, and nobody of ours took it
    NO_ANSWER = "no_answer"  # one of us rang, and nobody took it
    VOICEMAIL = "voicemail"  # one of us spoke to a machine
    WRONG_NUMBER = "wrong_number"


class Call(Table, table=True):
    """What is known of a call besides its message, of which there is one each.

    ``call_id`` is the switchboard's name for it, by which later events find it; None for what
    was written down by hand, as is ``inbox_id``. ``number`` is the customer's, in E.164 where
    it could be read. ``length_s`` is how long they spoke, in seconds.
    """

    __tablename__ = "calls"
    __table_args__ = (UniqueConstraint("inbox_id", "call_id"),)

    message_id: int = Field(foreign_key="messages.id", unique=True)
    inbox_id: int | None = Field(default=None, foreign_key="inboxes.id")
    call_id: str | None = None
    direction: CallDirection = Field(sa_type=stored_as_value(CallDirection))
    state: CallState = Field(sa_type=stored_as_value(CallState))
    number: str = ""
    agent_id: int | None = Field(default=None, foreign_key="agents.id")
    length_s: int | None = None
    recording: str = ""  # a link to where the switchboard keeps it
    note: str = ""
    began_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
