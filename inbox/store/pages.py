"""Everything on one conversation's page, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlmodel import Session

from inbox.store.calls import calls_of
from inbox.store.chat import visitors_of
from inbox.store.chatletters import Letter, list_letters
from inbox.store.counts import looker, opened_by
from inbox.store.deliveries import Delivery, list_deliveries, list_marks
from inbox.store.designs import list_designed
from inbox.store.hanging import ANYTHING, Hanging, load_hanging
from inbox.store.merges import Part, list_parts
from inbox.store.messengers import Progress, list_progress
from inbox.store.people import Person
from inbox.store.products import list_names
from inbox.store.similar import twins_of
from inbox.store.splits import split_off
from inbox.store.told import list_coming, list_told
from models import (
    AddressMark,
    Attachment,
    Call,
    ChannelKind,
    Contact,
    Conversation,
    Direction,
    EscalationStep,
    Event,
    Message,
    Notice,
    Outbox,
    Role,
    SLAClock,
    Status,
    TriageModelVersion,
    TriagePrediction,
)
from models.base import columns, core

conversations = columns(Conversation)
messages = columns(Message)
events = columns(Event)
attachments = columns(Attachment)
outbox = columns(Outbox)
clocks = columns(SLAClock)
predictions = columns(TriagePrediction)
models = columns(TriageModelVersion)


def other_open(
    session: Session, conversation: Conversation, who: Person
) -> list[tuple[int, str]]:
    """Return number and subject of the contact's other open ones that this person may see."""
    values = {
        "contact_id": conversation.contact_id,
        "number": conversation.id,
        **looker(who),
    }
    rows = session.execute(_others(who.role), values)
    return [(row.id, row.subject) for row in rows]


@cache
def _others(role: Role) -> Select[Any]:
    return (
        select(conversations.id, conversations.subject)
        .where(
            conversations.contact_id == bindparam("contact_id"),
            opened_by(role),
            conversations.id != bindparam("number"),
            conversations.status == Status.OPEN,
        )
        .order_by(conversations.id.desc())
        .limit(10)
    )


# The page asks these each time; making a statement costs more than running it.
_NUMBERS: ColumnElement[int] = bindparam("numbers", expanding=True)
_SAID = (
    select(Message)
    .where(messages.conversation_id.in_(_NUMBERS), messages.direction != Direction.WITHDRAWN)
    .order_by(messages.id)
)
_HAPPENED = select(Event).where(events.conversation_id.in_(_NUMBERS)).order_by(events.id)
_FILES = (
    select(
        attachments.message_id,
        attachments.blob_id,
        attachments.filename,
        attachments.size_bytes,
    )
    .join(core(Message), messages.id == attachments.message_id)
    .where(messages.conversation_id.in_(_NUMBERS))
    .order_by(attachments.id)
)
_CONTACT = select(Contact).where(columns(Contact).id == bindparam("contact_id"))
_CLOCKS = (
    select(SLAClock).where(clocks.conversation_id == bindparam("number")).order_by(clocks.id)
)
_PREDICTION = (
    select(TriagePrediction, models.is_starter)
    .join(core(TriageModelVersion), models.id == predictions.model_version_id, isouter=True)
    .where(predictions.conversation_id == bindparam("number"))
    .order_by(predictions.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Thread:
    """Everything on one conversation's page, as rows."""

    conversation: Conversation
    contact: Contact
    messages: Sequence[Message]
    events: Sequence[Event]
    files: dict[int, list[tuple[str, str, int]]]  # message id -> (blob id, name, bytes)
    deliveries: dict[int, Delivery]  # by message id
    clocks: Sequence[SLAClock]
    prediction: TriagePrediction | None
    model_is_starter: bool
    other_open: list[tuple[int, str]]
    mails: Sequence[Delivery] = ()  # that we sent by ourselves
    marks: Sequence[AddressMark] = ()  # on the contact's addresses; only for one of us
    seen_at: datetime | None = None  # of a chat: when its visitor's widget was connected
    letters: Mapping[int, Letter] = field(default_factory=dict)  # a chat's answers by mail
    products: Sequence[str] = ()  # groups there are; only for one of us
    parts: Sequence[Part] = ()  # what was merged into it
    part_events: Sequence[Event] = ()  # theirs; the clocks are of ``events`` alone
    twins: frozenset[int] = frozenset()  # of the other open ones: perhaps the same matter
    designed: Mapping[int, int] = field(default_factory=dict)  # message id -> remote pictures
    progress: Mapping[int, Progress] = field(default_factory=dict)  # outbox id -> by messenger
    told: Sequence[Notice] = ()  # who of us was told what; only for one who works here
    calls: Mapping[int, Call] = field(default_factory=dict)  # by message id
    coming: Sequence[EscalationStep] = ()  # what the ladder will do; only for one of us too
    hanging: Hanging = ANYTHING


def load_thread(
    session: Session,
    conversation: Conversation,
    who: Person | None = None,
    *,
    only_contact: bool = False,
) -> Thread:
    """Load a conversation's page: a fixed number of queries, whatever its length.

    ``who`` is the colleague who looks; others are not told of the contact's other requests.
    What was merged into it is part of it; ``only_contact`` is for the customer's eyes, who
    sees only what is of the same contact.
    """
    number = conversation.id
    parts = list_parts(session, conversation)
    if only_contact:
        parts = [one for one in parts if one.contact_id == conversation.contact_id]
    numbers = [number, *(one.number for one in parts)]
    if only_contact:  # what we split is one talk to them still
        numbers += split_off(session, number, conversation.contact_id)
    said = session.execute(_SAID, {"numbers": numbers}).scalars().all()
    happened = session.execute(_HAPPENED, {"numbers": numbers}).scalars().all()
    there = load_hanging(session, number, numbers, who.id) if who is not None else ANYTHING
    mails = list_deliveries(session, numbers) if there.deliveries else []
    prediction = last_prediction(session, number)
    others = other_open(session, conversation, who) if who is not None and there.others else []
    return Thread(
        conversation=conversation,
        contact=_contact_of(session, conversation),
        messages=said,
        events=[one for one in happened if one.conversation_id == number],
        files=_list_files(session, numbers) if there.files else {},
        deliveries={one.message_id: one for one in mails if one.message_id is not None},
        mails=[one for one in mails if one.message_id is None],
        letters=(
            list_letters(session, numbers, mails)
            if conversation.channel is ChannelKind.CHAT
            else {}
        ),
        progress=list_progress(session, [one.id for one in mails if one.by_messenger]),
        marks=(
            list_marks(session, conversation.contact_id)
            if who is not None and there.marks
            else ()
        ),
        clocks=session.execute(_CLOCKS, {"number": number}).scalars().all(),
        prediction=prediction[0] if prediction else None,
        model_is_starter=bool(prediction and prediction[1]),
        other_open=others,
        twins=twins_of(session, number) if others else frozenset(),
        seen_at=_visitor_seen_at(session, conversation),
        products=list_names(session) if who is not None else (),
        parts=parts,
        part_events=[one for one in happened if one.conversation_id != number],
        designed=list_designed(session, numbers) if who is not None and there.designed else {},
        calls=calls_of(session, said) if who is not None else {},
        told=list_told(session, number) if who is not None and there.told else (),
        coming=list_coming(session, number) if who is not None and there.coming else (),
        hanging=there,
    )


def _contact_of(session: Session, conversation: Conversation) -> Contact:
    found: Contact = session.execute(
        _CONTACT, {"contact_id": conversation.contact_id}
    ).scalar_one()
    return found


def _list_files(
    session: Session, numbers: Sequence[int]
) -> dict[int, list[tuple[str, str, int]]]:
    files: dict[int, list[tuple[str, str, int]]] = {}
    for row in session.execute(_FILES, {"numbers": numbers}):
        files.setdefault(row.message_id, []).append((row.blob_id, row.filename, row.size_bytes))
    return files


def _visitor_seen_at(session: Session, conversation: Conversation) -> datetime | None:
    if conversation.channel is not ChannelKind.CHAT:
        return None
    signs = visitors_of(session, conversation.inbox_id, conversation.contact_id)
    return max((at for _, at in signs if at is not None), default=None)


def last_prediction(
    session: Session, number: int
) -> tuple[TriagePrediction, bool | None] | None:
    """Return what was said of a conversation last, and whether the starter said it."""
    found = session.execute(_PREDICTION, {"number": number}).one_or_none()
    return None if found is None else (found[0], found[1])


def load_glance(session: Session, conversation: Conversation) -> Thread:
    """Load what it takes to sort a conversation, and nothing else of its page."""
    number = conversation.id
    said = session.execute(
        select(Message).where(messages.conversation_id == number).order_by(messages.id)
    ).scalars()
    prediction = last_prediction(session, number)
    return Thread(
        conversation=conversation,
        contact=_contact_of(session, conversation),
        messages=said.all(),
        events=[],
        files={},
        deliveries={},
        clocks=[],
        prediction=prediction[0] if prediction else None,
        model_is_starter=bool(prediction and prediction[1]),
        other_open=[],
    )
