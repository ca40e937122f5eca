"""Where messages come in, and the company they come to."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value


class ChannelKind(StrEnum):
    """A kind of transport."""

    EMAIL = "email"
    FORM = "form"
    CHAT = "chat"
    API = "api"
    WEBHOOK = "webhook"
    ZALO = "zalo"
    MESSENGER = "messenger"
    TELEGRAM = "telegram"
    WHATSAPP = "whatsapp"
    PHONE = "phone"


MESSENGERS = frozenset(
    {ChannelKind.ZALO, ChannelKind.MESSENGER, ChannelKind.TELEGRAM, ChannelKind.WHATSAPP}
)
"""The kinds that a provider of messages is behind (``inbox.channels.messengers``)."""


class Company(Table, table=True):
    """The one company of this installation; no row before the first visit."""

    __tablename__ = "company"

    name: str
    time_zone: str = "Asia/Ho_Chi_Minh"
    language: str = "vi"
    instance_id: str
    settings: dict[str, Any] = Field(default={}, sa_column=json_column())
    created_at: datetime


class HouseEdition(Table, table=True):
    """What names the present state of all that rarely changes: people, teams, types, tags.

    The one row. The database itself writes another word into it, by triggers, in the
    transaction that changes any of those tables (migration 0027); no word comes twice.
    """

    __tablename__ = "house_edition"

    word: str


class Inbox(Table, table=True):
    """One configured address, form or key of a channel: ``handle`` names it to the outside.

    ``settings`` is the kind's own: a chat key has ``sites`` (origins that may show its widget,
    such as ``https://shop.example``; our own always may), a webhook has its sealed ``secret``.
    """

    __tablename__ = "inboxes"
    __table_args__ = (UniqueConstraint("kind", "handle"),)

    kind: ChannelKind = Field(sa_type=stored_as_value(ChannelKind))
    handle: str
    name: str
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    is_active: bool = True
    settings: dict[str, Any] = Field(default={}, sa_column=json_column())
    created_at: datetime


class Counter(SQLModel, table=True):
    """How often something happened in a window; the key holds what and which window."""

    __tablename__ = "counters"

    key: str = Field(primary_key=True)
    count: int
    expires_at: datetime = Field(index=True)
