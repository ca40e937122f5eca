"""What hangs on a conversation: asked at once, so that nobody asks for what is not there."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Column, ColumnElement, bindparam, exists, func, select
from sqlmodel import Session, SQLModel

from inbox.store.setup import confirmed_count
from models import (
    AddressMark,
    Ask,
    Attachment,
    ContactIdentity,
    Conversation,
    Correction,
    Draft,
    EscalationStep,
    Follower,
    Message,
    MessageHtml,
    Milestone,
    Notice,
    Outbox,
    PlannedAnswer,
    Reminder,
    SimilarMessage,
    Status,
)
from models.base import columns, core

_NUMBER: ColumnElement[int] = bindparam("number")
_NUMBERS: ColumnElement[int] = bindparam("numbers", expanding=True)
conversations = columns(Conversation)
messages = columns(Message)
identities = columns(ContactIdentity)


class Hanging(NamedTuple):
    """What there is besides messages and events, perhaps more than whoever looks may see.

    ``files`` to ``designed`` are of all that was merged, too; ``drafts`` and ``follows`` are
    of whoever looks. ``disputed``: different things were said of its type; ``others``: the
    contact has open ones besides. ``confirmed`` is of all: ``setup.count_confirmed``.
    """

    files: bool = True
    deliveries: bool = True
    designed: bool = True
    marks: bool = True
    told: bool = True
    coming: bool = True
    asks: bool = True
    disputed: bool = True
    alike: bool = True
    others: bool = True
    milestones: bool = True
    reminders: bool = True
    planned: bool = True
    drafts: bool = True
    follows: bool = True
    confirmed: int = 0


ANYTHING = Hanging()


def _of_messages(message_id: Column[int]) -> ColumnElement[bool]:
    found = select(message_id).join(core(Message), messages.id == message_id)
    return found.where(messages.conversation_id.in_(_NUMBERS)).exists()


def _any(table: type[SQLModel]) -> ColumnElement[bool]:
    return exists().where(columns(table).conversation_id == _NUMBER)


def _mine(table: type[SQLModel]) -> ColumnElement[bool]:
    found = columns(table)
    return exists().where(found.conversation_id == _NUMBER, found.agent_id == bindparam("me"))


_MARKS = (
    select(identities.id)
    .join(core(AddressMark), columns(AddressMark).address == identities.value)
    .join(core(Conversation), conversations.contact_id == identities.contact_id)
    .where(conversations.id == _NUMBER)
    .exists()
)
_DISPUTED = (
    select(func.count(columns(Correction).new.distinct()) > 1)
    .where(
        columns(Correction).conversation_id == _NUMBER,
        columns(Correction).field == "request_type",
    )
    .scalar_subquery()
)
_other = core(Conversation).alias()
_OTHERS = (
    select(_other.c.id)
    .join(core(Conversation), conversations.contact_id == _other.c.contact_id)
    .where(
        conversations.id == _NUMBER,
        _other.c.id != _NUMBER,
        _other.c.status == Status.OPEN,
    )
    .exists()
)
_HANGING = select(
    _of_messages(columns(Attachment).message_id),
    exists().where(columns(Outbox).conversation_id.in_(_NUMBERS)),
    _of_messages(columns(MessageHtml).message_id),
    _MARKS,
    *(_any(table) for table in (Notice, EscalationStep, Ask)),
    _DISPUTED,
    _any(SimilarMessage),
    _OTHERS,
    *(_any(table) for table in (Milestone, Reminder, PlannedAnswer)),
    *(_mine(table) for table in (Draft, Follower)),
    confirmed_count(),
)


def load_hanging(
    session: Session, number: int, numbers: Sequence[int], agent_id: int
) -> Hanging:
    """Return what hangs on a conversation and its parts (``numbers``), for who looks."""
    values = {"number": number, "numbers": list(numbers), "me": agent_id}
    return Hanging(*session.execute(_HANGING, values).one())
