"""What is being written: drafts, and answers that are sent later."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from models.base import Table, json_column


class Draft(Table, table=True):
    """What a person has begun to write in a conversation; ``kind`` is reply or note.

    ``page`` names the page that wrote it last, so that another device's text is not written
    over unseen: that is kept in ``other_text``. ``files`` are tokens of files put by, ``seen``
    the last message that was there when it was begun. ``version`` grows with each save.
    """

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("agent_id", "conversation_id", "kind"),)

    agent_id: int = Field(foreign_key="agents.id")
    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    kind: str
    text: str
    cc: str = ""
    bcc: str = ""
    to_address: str = ""  # another than the customer's first
    files: list[str] = Field(default=[], sa_column=json_column())
    page: str = ""
    seen: int = 0
    version: int = 1
    other_text: str = ""
    other_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class PlannedAnswer(Table, table=True):
    """An answer that leaves at ``send_at``; gone once it has left or was taken back.

    ``held_at``: it did not leave, for the reason that ``held_why`` is the key of, and waits
    for its writer. ``then`` is what comes after it: "", wait or done. ``seen`` is the last
    message that its writer had read.
    """

    __tablename__ = "planned_answers"
    __table_args__ = (
        Index(
            "ix_planned_answers_waiting",
            *("send_at", "id"),
            sqlite_where=text("held_at IS NULL"),
            postgresql_where=text("held_at IS NULL"),
        ),
    )

    agent_id: int = Field(foreign_key="agents.id")
    conversation_id: int = Field(foreign_key="conversations.id", index=True)
    text: str
    cc: str = ""
    bcc: str = ""
    files: list[str] = Field(default=[], sa_column=json_column())
    then: str = ""
    to_address: str = ""  # another than the customer's first
    quotes: bool = True
    seen: int
    send_at: datetime
    held_at: datetime | None = None
    held_why: str = ""
    created_at: datetime
