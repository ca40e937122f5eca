"""How people look at conversations: saved views, tags, followers, own fields, what was done."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value


class SavedView(Table, table=True):
    """A list with a name. ``filters`` is a ``listing.filters.Filters`` as text by name.

    Whoever made it keeps it; a shared one is in everybody's menu.
    """

    __tablename__ = "saved_views"
    __table_args__ = (Index("ix_saved_views_agent", "agent_id", "id"),)

    name: str
    agent_id: int = Field(foreign_key="agents.id")
    is_shared: bool = False
    filters: dict[str, Any] = Field(default={}, sa_column=json_column())
    created_at: datetime
    changed_at: datetime


class ViewChoice(SQLModel, table=True):
    """Which view a person's list begins with; without a row it is the team's."""

    __tablename__ = "view_choices"

    agent_id: int = Field(foreign_key="agents.id", primary_key=True)
    view_id: int = Field(foreign_key="saved_views.id", index=True)


class Tag(Table, table=True):
    """A word of the company's list that conversations carry; ``folded`` is how it compares."""

    __tablename__ = "tags"

    name: str
    folded: str = Field(unique=True)
    created_at: datetime


class ConversationTag(SQLModel, table=True):
    """A conversation carries a tag."""

    __tablename__ = "conversation_tags"
    __table_args__ = (Index("ix_conversation_tags_tag", "tag_id", "conversation_id"),)

    conversation_id: int = Field(foreign_key="conversations.id", primary_key=True)
    tag_id: int = Field(foreign_key="tags.id", primary_key=True)


class Follower(SQLModel, table=True):
    """Somebody is told of a conversation that need not be theirs."""

    __tablename__ = "followers"
    __table_args__ = (Index("ix_followers_agent", "agent_id", "conversation_id"),)

    conversation_id: int = Field(foreign_key="conversations.id", primary_key=True)
    agent_id: int = Field(foreign_key="agents.id", primary_key=True)
    since: datetime


class FieldKind(StrEnum):
    """What an own field holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"


class OwnField(Table, table=True):
    """A field that the company adds to its conversations; a removed one keeps its values."""

    __tablename__ = "own_fields"

    name: str
    folded: str = Field(unique=True)
    kind: FieldKind = Field(default=FieldKind.TEXT, sa_type=stored_as_value(FieldKind))
    choices: list[str] = Field(default=[], sa_column=json_column())
    is_active: bool = True
    created_at: datetime


class OwnValue(SQLModel, table=True):
    """What a conversation has in an own field; ``folded`` is what filters compare with."""

    __tablename__ = "own_values"
    __table_args__ = (Index("ix_own_values_folded", "field_id", "folded", "conversation_id"),)

    conversation_id: int = Field(foreign_key="conversations.id", primary_key=True)
    field_id: int = Field(foreign_key="own_fields.id", primary_key=True)
    text: str
    folded: str


class Deed(Table, table=True):
    """What one click did to one or many conversations, kept for as long as it can be undone.

    ``did`` has for each its number, and some of its columns as they were and as they are since.
    ``said`` is how it ended, as the page says it.
    """

    __tablename__ = "deeds"
    __table_args__ = (
        Index("ix_deeds_agent", "agent_id", "id"),
        Index("ix_deeds_at", "at"),
    )

    agent_id: int = Field(foreign_key="agents.id")
    at: datetime
    action: str
    did: list[dict[str, Any]] = Field(default=[], sa_column=json_column())
    said: dict[str, Any] = Field(default={}, sa_column=json_column())
    undone_at: datetime | None = None
