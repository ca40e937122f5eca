"""What the web chat keeps beside messages."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import Table


class ChatLetter(Table, table=True):
    """An answer in a chat that goes out by mail, unless the visitor sees it before.

    ``due_at`` is when somebody looks (again) whether it has to. Then it has either its mail
    (answers written one after the other share one) or, in ``reason``, why there is none.
    """

    __tablename__ = "chat_letters"
    __table_args__ = (
        Index(
            "ix_chat_letters_waiting",
            "due_at",
            sqlite_where=text("outbox_id IS NULL AND reason = ''"),
            postgresql_where=text("outbox_id IS NULL AND reason = ''"),
        ),
    )

    message_id: int = Field(foreign_key="messages.id", unique=True)
    due_at: datetime
    outbox_id: int | None = Field(default=None, foreign_key="outbox.id", index=True)
    reason: str = ""  # no_address, own_address, bounced, restricted


class ChatPace(Table, table=True):
    """How long visitors of one chat wait for their first answer just now."""

    __tablename__ = "chat_paces"

    inbox_id: int = Field(foreign_key="inboxes.id", unique=True)
    wait_s: int  # the middle of ``answers`` visits
    answers: int
    counted_at: datetime
