"""What kinds of request there are, what the model said, and what people said instead."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value


class RequestType(SQLModel, table=True):
    """A kind of request. The key stays for ever; names are the company's.

    Switched off, its messages are the heir's (the type that it was merged into), else general.
    """

    __tablename__ = "request_types"

    key: str = Field(primary_key=True)
    name_vi: str
    name_en: str
    position: int
    is_active: bool = True
    team_id: int | None = Field(default=None, foreign_key="teams.id")
    heir_key: str | None = Field(default=None, foreign_key="request_types.key")


class ProductGroup(Table, table=True):
    """A product or service with the words by which messages name it.

    ``terms`` are aliases and codes besides the name. Conversations hold the name.
    """

    __tablename__ = "product_groups"

    name: str = Field(unique=True)
    terms: list[str] = Field(default=[], sa_column=json_column())
    created_at: datetime


class TriageModelVersion(Table, table=True):
    """A trained model, pinned by the hash of its files (``TriageModelFiles``).

    ``metrics`` are its figures on the holdout; ``outcomes`` what it said of each message of
    it: [conversation, true type, said type, confidence]. ``problem`` is why it may not answer
    (its files were changed); promoted again, it may. ``promoted_at`` is since when it answered
    last, None if it never did.
    """

    __tablename__ = "triage_model_versions"

    name: str
    path: str
    sha256: str
    is_starter: bool = False
    is_live: bool = False
    metrics: dict[str, Any] = Field(default={}, sa_column=json_column())
    created_at: datetime
    made_by_id: int | None = Field(default=None, foreign_key="agents.id")
    data_sha256: str = ""
    outcomes: list[Any] = Field(default=[], sa_column=json_column())
    is_shadow: bool = False
    problem: str = ""
    promoted_at: datetime | None = None


class TriageModelFiles(SQLModel, table=True):
    """The bytes of a model: machines share no disk."""

    __tablename__ = "triage_model_files"

    version_id: int = Field(primary_key=True, foreign_key="triage_model_versions.id")
    arrays: bytes = Field(sa_type=LargeBinary)
    described: bytes = Field(sa_type=LargeBinary)


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
    # What reports and drift ask; None: from before they were kept.
    needs_review: bool | None = None
    known_share: float | None = None
    # The words that a guessed product group rests on; they are the customer's, as in ``why``.
    product_why: list[Any] | None = Field(default=None, sa_column=json_column(nullable=True))


class Correction(Table, table=True):
    """A person's word on what the model said: changed, or confirmed (old equals new)."""

    __tablename__ = "corrections"
    __table_args__ = (Index("ix_corrections_field", "field", "at", "id"),)

    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    field: str  # request_type or urgency
    old: str
    new: str
    agent_id: int = Field(foreign_key="agents.id")
    model_version_id: int | None = Field(default=None, foreign_key="triage_model_versions.id")
    at: datetime


class TrainingState(StrEnum):
    """How far a training is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class TriageTraining(Table, table=True):
    """A retraining: asked for, worked by one worker under a lease, and what came of it.

    ``done`` is in hundredths. ``result`` holds the gate's verdict and the candidates' figures;
    ``error`` is a sentence. At most one is unfinished: it has the ``slot``.
    """

    __tablename__ = "triage_trainings"

    slot: int | None = Field(default=1, unique=True)  # None once it is finished
    reason: str  # button, command, night, corrections
    asked_by_id: int | None = Field(default=None, foreign_key="agents.id")
    created_at: datetime
    state: TrainingState = Field(
        default=TrainingState.WAITING, sa_type=stored_as_value(TrainingState)
    )
    step: str = ""
    done: int = 0
    tries: int = 0
    lease: str = ""  # whose turn it is; a worker that lost it stops
    leased_until: datetime | None = None
    finished_at: datetime | None = None
    error: str = ""
    version_id: int | None = Field(default=None, foreign_key="triage_model_versions.id")
    result: dict[str, Any] = Field(default={}, sa_column=json_column())


class TriageSample(SQLModel, table=True):
    """That a confirmed conversation is for training or, for ever, for the holdout.

    ``position`` counts inside a language: of every ten, one is kept aside.
    """

    __tablename__ = "triage_samples"
    __table_args__ = (
        Index("ix_triage_samples_language", "language", "position"),
        Index(
            "ix_triage_samples_holdout",
            "conversation_id",
            sqlite_where=text("is_holdout"),
            postgresql_where=text("is_holdout"),
        ),
    )

    conversation_id: int = Field(primary_key=True, foreign_key="conversations.id")
    language: str
    position: int
    is_holdout: bool
    at: datetime


class TriageReview(SQLModel, table=True):
    """Who looks, or has looked, at a conversation on the review page.

    ``undo`` is what it takes to take the last decision back.
    """

    __tablename__ = "triage_reviews"
    __table_args__ = (Index("ix_triage_reviews_checked", "checked_by_id", "checked_at"),)

    conversation_id: int = Field(primary_key=True, foreign_key="conversations.id")
    taken_by_id: int | None = Field(default=None, foreign_key="agents.id")
    taken_at: datetime | None = None
    checked_by_id: int | None = Field(default=None, foreign_key="agents.id")
    checked_at: datetime | None = None
    undo: dict[str, Any] = Field(default={}, sa_column=json_column())


class ShadowPrediction(Table, table=True):
    """What a model that only watches said of a message, beside what the live one did."""

    __tablename__ = "shadow_predictions"
    __table_args__ = (Index("ix_shadow_predictions_version", "version_id", "id"),)

    version_id: int = Field(foreign_key="triage_model_versions.id")
    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    message_id: int = Field(foreign_key="messages.id")
    request_type: str
    confidence: float
    urgency: str
    live_type: str
    live_urgency: str
    differs: bool
    created_at: datetime


class MessageLabel(SQLModel, table=True):
    """A person's word on the type of a later message: the first one said another."""

    __tablename__ = "message_labels"

    message_id: int = Field(primary_key=True, foreign_key="messages.id")
    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    request_type: str = Field(foreign_key="request_types.key")
    agent_id: int = Field(foreign_key="agents.id")
    at: datetime


class MessageCode(SQLModel, table=True):
    """A conversation's first words as 256 bits (``inbox.triage.similar``), for one model.

    Bits only: nobody can read words out of them.
    """

    __tablename__ = "message_codes"

    conversation_id: int = Field(primary_key=True, foreign_key="conversations.id")
    version_id: int = Field(foreign_key="triage_model_versions.id")
    code: bytes = Field(sa_type=LargeBinary)


class SimilarMessage(SQLModel, table=True):
    """That another conversation began with much the same words; ``likeness`` is in [0, 1]."""

    __tablename__ = "similar_messages"

    conversation_id: int = Field(primary_key=True, foreign_key="conversations.id")
    other_id: int = Field(primary_key=True, foreign_key="conversations.id")
    likeness: float
