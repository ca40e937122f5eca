"""What tells a person something by another way than mail, on its way there."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import Table, json_column, stored_as_value
from models.message import DeliveryState


class AlertMessage(Table, table=True):
    """A message to one chat or browser; the rows are the queue, as the outbox is for mail.

    ``leased_until`` is also the time of the next try. A row found in ``sending`` after its
    lease has an unknown fate: it becomes ``unconfirmed`` and is never sent again by itself.
    """

    __tablename__ = "alert_messages"
    __table_args__ = (
        Index(
            "ix_alert_messages_waiting",
            "leased_until",
            "id",
            sqlite_where=text("state IN ('queued', 'claimed', 'sending')"),
            postgresql_where=text("state IN ('queued', 'claimed', 'sending')"),
        ),
        Index("ix_alert_messages_agent", "agent_id", "id"),
    )

    way: str  # telegram, push
    agent_id: int = Field(foreign_key="agents.id")
    address: str  # where that way finds the person: a chat's id, a browser's here
    facts: dict[str, Any] = Field(sa_column=json_column())  # alerting.words makes text of it
    state: DeliveryState = Field(
        default=DeliveryState.QUEUED, sa_type=stored_as_value(DeliveryState)
    )
    created_at: datetime
    leased_until: datetime
    attempts: int = 0
    error: str = ""
    sent_at: datetime | None = None


class PushBrowser(Table, table=True):
    """A browser that shows its person's alerts.

    Its address and keys are sealed: whoever has them can send to it. ``mark`` is the address's
    SHA-256, so that one browser is one row and belongs to one person. It ends with the
    person's sessions: with another password or role, or when they leave.
    """

    __tablename__ = "push_browsers"
    __table_args__ = (Index("ix_push_browsers_agent", "agent_id", "id"),)

    agent_id: int = Field(foreign_key="agents.id")
    mark: str = Field(unique=True)
    sealed: str
    service: str  # the push service's host
    name: str  # of browser and system, as far as they said: "Firefox, Linux"
    created_at: datetime
