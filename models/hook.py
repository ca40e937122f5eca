"""Webhooks to other systems: who hears of what, and each event on its way."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from models.base import Table, json_column, stored_as_value

_WAITS = "state = 'waiting'"


class HookOff(StrEnum):
    """Why a webhook hears nothing, or is sent nothing."""

    NO = ""
    PERSON = "person"  # switched off here
    GONE = "gone"  # the receiver said that it is no more (410)
    FAILING = "failing"  # nothing arrived for long: it hears on, and waits for a person


class HookState(StrEnum):
    """Where an event is on its way to one receiver."""

    WAITING = "waiting"  # for its first or next try
    SENT = "sent"
    FAILED = "failed"  # given up
    DROPPED = "dropped"  # not to be told: spam, or the webhook was switched off


class Webhook(Table, table=True):
    """An address that hears of events. ``kinds`` are the types it hears of.

    ``secret`` and ``old_secret`` are sealed (``inbox.vault``); the old one signs as well
    until ``old_until``. ``failing_since`` is the first of the failures that no success
    followed, ``failures`` how many they are.
    """

    __tablename__ = "webhooks"

    name: str
    url: str
    kinds: list[str] = Field(default=[], sa_column=json_column())
    secret: str
    old_secret: str = ""
    old_until: datetime | None = None
    off: HookOff = Field(default=HookOff.NO, sa_type=stored_as_value(HookOff))
    failing_since: datetime | None = None
    failures: int = 0
    last_ok_at: datetime | None = None
    last_error: str = ""
    created_at: datetime


class WebhookDelivery(Table, table=True):
    """One event for one webhook; the rows are the queue.

    ``event_id`` is the ``webhook-id``: the same on every try, and for every webhook that hears
    of this event. ``next_at`` is the next try, while one runs the end of its lease, in
    the end when that was. ``body`` is made at the first try and is the same from then on.
    ``earlier`` are the tries before a person had it sent again.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("hook_id", "event_id"),
        Index("ix_webhook_deliveries_hook", "hook_id", "id"),
        Index("ix_webhook_deliveries_next", "next_at"),
        Index(
            "ix_webhook_deliveries_waiting",
            *("hook_id", "next_at", "id"),
            sqlite_where=text(_WAITS),
            postgresql_where=text(_WAITS),
        ),
    )

    hook_id: int = Field(foreign_key="webhooks.id")
    event_id: str
    kind: str
    conversation_id: int | None = Field(default=None, foreign_key="conversations.id")
    actor_id: int | None = Field(default=None, foreign_key="agents.id")
    at: datetime
    details: dict[str, Any] = Field(default={}, sa_column=json_column())
    body: str = ""
    state: HookState = Field(default=HookState.WAITING, sa_type=stored_as_value(HookState))
    next_at: datetime
    attempts: int = 0
    earlier: int = 0
    code: int | None = None  # the last answer's status
    answer: str = ""  # its beginning
    error: str = ""
    sent_at: datetime | None = None
