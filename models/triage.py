"""What kinds of request there are, what the model said, and what people said instead."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from models.base import Table, json_column


class RequestType(SQLModel, table=True):
    """A kind of request. The key stays for ever; names are the company's."""

    __tablename__ = "request_types"

    key: str = Field(primary_key=True)
    name_vi: str
    name_en: str
    position: int
    is_active: bool = True
    team_id: int | None = Field(default=None, foreign_key="teams.id")


class TriageModelVersion(Table, table=True):
    """A trained model: a folder of the data directory (or the starter), pinned by its hash."""

    __tablename__ = "triage_model_versions"

    name: str
    path: str
    sha256: str
    is_starter: bool = False
    is_live: bool = False
    metrics: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    created_at: datetime


class TriagePrediction(Table, table=True):
    """What the model, or the rules when there is none, said of a message, and why."""

    __tablename__ = "triage_predictions"

    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    message_id: int = Field(foreign_key="messages.id")
    model_version_id: int | None = Field(default=None, foreign_key="triage_model_versions.id")
    request_type: str
    request_type_confidence: float
    urgency: str
    urgency_confidence: float
    urgency_reason: str | None = None
    candidates: list[Any] = Field(sa_column=json_column())
    why: list[Any] = Field(sa_column=json_column())
    created_at: datetime


class Correction(Table, table=True):
    """A person's word on what the model said: changed, or confirmed (old equals new)."""

    __tablename__ = "corrections"

    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    field: str  # request_type or urgency
    old: str
    new: str
    agent_id: int = Field(foreign_key="agents.id")
    model_version_id: int | None = Field(default=None, foreign_key="triage_model_versions.id")
    at: datetime
