"""Take-in: one read message becomes part of a conversation, sorted, due, owned, acknowledged.

Everything happens in one transaction. What was read (``InboundMessage``) and predicted
(``Prediction``) comes as values; nothing is parsed, classified or rendered in here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from inbox import acknowledgement, chat, clocks, record, routing, threads
from inbox.acknowledgement import House
from inbox.auth import random_token
from inbox.channels.base import InboundMessage
from inbox.db import after_commit
from inbox.errors import Conflict
from inbox.queue import CLOCKS, OUTBOX, conversation_name
from inbox.rulebook import About, Promise, Rulebook, promise_of
from inbox.sla.history import Wait
from inbox.sla.promise import promised_at
from inbox.store.changes import add_event, add_events, moved
from inbox.store.company import Door
from inbox.store.conversations import change, get_to_change
from inbox.store.raw import Claimed
from inbox.timeline import Happened
from inbox.triage.prediction import Prediction
from models import (
    URGENCY_RANK,
    ChannelKind,
    ClockKind,
    Contact,
    Conversation,
    EventKind,
    Message,
    OutboxKind,
    RawMessage,
    RawState,
    SLAClock,
    Status,
    Triage,
    TriagePrediction,
    Urgency,
)
from models.base import columns, core

raws = columns(RawMessage)
messages = columns(Message)
conversations = columns(Conversation)

LANGUAGES = ("vi", "en")

# Written once: making a statement costs more than running it.
_STATE = (
    select(raws.state, raws.conversation_id)
    .where(raws.id == bindparam("number"))
    .with_for_update()
)
_DONE = (
    update(core(RawMessage))
    .where(raws.id == bindparam("number"))
    .values(state=RawState.DONE, conversation_id=bindparam("taken"), error="")
)
_REMEMBER = insert(core(TriagePrediction))
REOPENED = EventKind.REOPENED
_END_OF = {Status.WAITING: EventKind.RESUMED, Status.SNOOZED: EventKind.RESUMED}


@dataclass(frozen=True, slots=True)
class Context:
    """What take-in knows of the company besides the message."""

    rulebook: Rulebook
    doors: dict[int, Door]
    house: House
    language: str  # of the company, for mail in a language that we do not speak
    model_version_id: int | None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A claimed raw message with what was read of it and what triage says."""

    raw: Claimed
    message: InboundMessage
    prediction: Prediction


def take_in(session: Session, incoming: Incoming, context: Context, now: datetime) -> int:
    """Make the message part of a conversation and return its number.

    Safe to run again: a raw row that is done is left alone.

    Raises
    ------
    Conflict
        If its inbox is closed.
    """
    raw, message = incoming.raw, incoming.message
    state, taken = session.execute(_STATE, {"number": raw.id}).one()
    if state == RawState.DONE and taken is not None:
        return int(taken)
    door = context.doors.get(raw.inbox_id)
    if door is None:
        raise Conflict(
            "The inbox that it came to was closed meanwhile. Open it, then try again."
        )
    contact, is_stranger = threads.find_writer(session, raw, message, now)
    joined, hint = threads.find_thread(session, raw, message, contact, context.house.secret)
    if joined is None:
        number = _open(session, incoming, context, door, contact, is_stranger, hint, now)
    else:
        number = joined.id
        _append(session, incoming, context, joined, contact, hint, now)
    if raw.kind is ChannelKind.CHAT:
        chat.tell_visitor(session, raw)
    session.execute(_DONE, {"number": raw.id, "taken": number})
    after_commit(session, "list", conversation_name(number), OUTBOX, CLOCKS)
    return number


def _open(
    session: Session,
    incoming: Incoming,
    context: Context,
    door: Door,
    contact: Contact,
    is_stranger: bool,
    hint: int | None,
    now: datetime,
) -> int:
    """Open a conversation: sorted, with its clocks, its owner and its acknowledgement.

    What can be known before the first row is, and what is alike goes together: each
    statement costs.
    """
    raw, message, said = incoming.raw, incoming.message, incoming.prediction
    group = str(raw.meta.get("product_group") or "") or None
    about = About(contact.tier, raw.kind.value, group, raw.inbox_id)
    promise = context.rulebook.promise(
        said.clock_candidates or (said.request_type,), said.urgency, about
    )
    work = routing.Work(said.request_type, _language(message, contact, context), None, door.id)
    route = routing.choose(
        session, context.rulebook, work, fallback_team_id=door.team_id, now=now
    )
    arrived = raw.received_at
    if raw.kind is ChannelKind.CHAT:
        talk = chat.Talk(door.id, contact.id, route.team_id)
        promise = chat.hasten(session, talk, promise, now=now, wrote_at=arrived)
    started = clocks.set_up((ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION), promise, arrived)
    conversation = Conversation(
        public_token=raw.public_token or random_token(),
        inbox_id=raw.inbox_id,
        contact_id=contact.id,
        channel=raw.kind,
        subject=_subject(message),
        language=work.language,
        product_group=group,
        request_type=said.request_type,
        request_type_confidence=said.request_type_confidence,
        second_type=_second(said),
        urgency=Urgency(said.urgency),
        urgency_rank=URGENCY_RANK[Urgency(said.urgency)],
        urgency_confidence=said.urgency_confidence,
        triage=Triage.NEEDS_REVIEW if said.needs_review else Triage.AUTO,
        team_id=route.team_id,
        owner_id=route.owner_id,
        promised_at=_promised_at(started, promise, now),
        created_at=arrived,
        last_inbound_at=arrived,
        **clocks.summary_of(started),
    )
    session.add(conversation)
    session.flush()
    number = conversation.id
    clocks.write(session, number, started, promise.calendar, now)
    stored = threads.store_message(session, raw, message, number, contact)
    conversation.last_message_id = stored.id
    _remember(session, said, context, number, stored.id, now)
    answered = _acknowledge(
        session, incoming, context, conversation, promise, door, is_stranger, now
    )
    opened = moved({}, {"status": Status.OPEN.value})
    kind = {"request_type": said.request_type, "priority": conversation.urgency_rank + 1}
    sorted_as = moved({}, {"request_type": said.request_type, "urgency": said.urgency})
    place = {"reason": route.reason, **route.data, **moved({}, route.place)}
    happened = [
        (EventKind.RECEIVED, arrived, {"channel": raw.kind.value, **opened}),
        (EventKind.SORTED, now, {**kind, **sorted_as}),
        (EventKind.RULED, arrived, clocks.opening(promise, conversation.promised_at)),
        (EventKind.ASSIGNED, now, place),
        answered,
    ]
    if hint is not None:
        happened.append((EventKind.HINTED, now, {"number": hint}))
    add_events(session, number, happened)
    session.flush()
    if hint is not None:
        _asked_elsewhere(session, hint, number, arrived, now)
    return number


def _asked_elsewhere(
    session: Session, hint: int, number: int, arrived: datetime, now: datetime
) -> None:
    """Count on the conversation hinted at that its customer had to ask again elsewhere."""
    theirs = get_to_change(session, hint)
    if theirs is None or theirs.status is not Status.OPEN:
        return
    if record.owes_answer(session, hint):
        asked = Happened(EventKind.ASKED, arrived, {"number": number})
        values = record.keep(session, hint, asked, now=now)
        change(session, hint, asked_again=conversations.asked_again + 1, **values)
        after_commit(session, conversation_name(hint))


def _promised_at(started: list[SLAClock], promise: Promise, now: datetime) -> datetime | None:
    """Return the time that the customer of a new conversation is told.

    A machine's mail has one too: it gets no answer by itself, but lists, shops' systems and
    lost auto-replies carry people's requests, so somebody has to look at it in time.
    """
    first = next((one for one in started if one.kind is ClockKind.FIRST_RESPONSE), None)
    if first is None:
        return None
    # Long after arrival (we were down), the honest time is counted from now.
    due = first.due_at if first.due_at > now else promise.calendar.due_at(now, first.target_s)
    return promised_at(due) if due is not None else None


def _language(message: InboundMessage, contact: Contact, context: Context) -> str:
    spoken = message.language if message.language in LANGUAGES else ""
    return spoken or contact.language or context.language


def _subject(message: InboundMessage) -> str:
    """Return the subject, or the first words of what was written."""
    if message.subject.strip():
        return message.subject.strip()[:300]
    for line in (message.visible_reply or message.text).splitlines():
        if line.strip():
            return line.strip()[:120]
    return ""


def _second(said: Prediction) -> str | None:
    """Return the second candidate where the first one is unsure."""
    if len(said.candidates) < 2 or said.request_type_confidence >= 0.60:
        return None
    return said.candidates[1][0]


def _acknowledge(
    session: Session,
    incoming: Incoming,
    context: Context,
    conversation: Conversation,
    promise: Promise,
    door: Door,
    is_stranger: bool,
    now: datetime,
) -> tuple[EventKind, datetime, dict[str, Any]]:
    """Queue the acknowledgement, unless something withholds it; return the event of it."""
    raw, message, house = incoming.raw, incoming.message, context.house
    if raw.kind is ChannelKind.CHAT:
        return chat.acknowledge(session, conversation, promise, house, now)
    door_address = door.handle if door.kind is ChannelKind.EMAIL else None
    if raw.kind is ChannelKind.FORM and not is_stranger:
        is_stranger = not threads.has_mailed(session, conversation.contact_id)
    why = acknowledgement.withheld(
        session,
        message,
        house,
        channel=raw.kind,
        is_stranger=is_stranger,
        peer=str(raw.meta.get("peer", "")),
        now=now,
    )
    mail = None
    if why is None:
        mail = acknowledgement.compose(
            conversation,
            message,
            promise,
            house,
            door_address=door_address,
            kind=OutboxKind.ACKNOWLEDGEMENT,
            now=now,
        )
        why = None if mail is not None else "no_address"
    if mail is None:
        return EventKind.ACKNOWLEDGEMENT_WITHHELD, now, {"reason": why or "no_address"}
    session.add(mail)
    promised = conversation.promised_at
    data = {"promised_at": promised.isoformat()} if promised is not None else {}
    return EventKind.ACKNOWLEDGED, now, data


def _append(
    session: Session,
    incoming: Incoming,
    context: Context,
    conversation: Conversation,
    contact: Contact,
    hint: int | None,
    now: datetime,
) -> None:
    """Add the customer's next message; a machine's mail is shown and changes nothing."""
    raw, message = incoming.raw, incoming.message
    stored = threads.store_message(session, raw, message, conversation.id, contact)
    values: dict[str, Any] = {"last_message_id": stored.id}
    if not (message.is_automatic or message.is_bounce):
        values |= _owe_answer(session, conversation, context, raw.received_at, now)
    if chat.may_sort(conversation) and raw.kind is ChannelKind.CHAT:
        said = incoming.prediction
        _remember(session, said, context, conversation.id, stored.id, now)
        values |= chat.sort_again(
            session,
            conversation,
            said,
            context.rulebook,
            second_type=_second(said),
            wrote_at=raw.received_at,
            now=now,
        )
    if hint is not None:
        add_event(session, conversation.id, EventKind.HINTED, now, {"number": hint})
    change(session, conversation.id, **values)


def _owe_answer(
    session: Session,
    conversation: Conversation,
    context: Context,
    arrived: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Start the next-response clock, or count that the customer had to ask again."""
    number = conversation.id
    values: dict[str, Any] = {"last_inbound_at": arrived}
    asked = Happened(EventKind.ASKED, arrived, {})
    if conversation.status is Status.OPEN and record.owes_answer(session, number):
        values["asked_again"] = conversations.asked_again + 1
        return values | record.keep(session, number, asked, now=now)
    promise = promise_of(session, context.rulebook, conversation)
    promise = chat.for_chat(session, conversation, promise, now=now, wrote_at=arrived)
    happened = [asked]
    if conversation.status is not Status.OPEN:
        values |= {"status": Status.OPEN, "resolved_at": None}
        data = moved({"status": conversation.status.value}, {"status": Status.OPEN.value})
        ends = _END_OF.get(conversation.status, REOPENED)
        happened.append(Happened(ends, now, data))
        if ends is REOPENED:
            values["reopened"] = conversations.reopened + 1
    if conversation.wait_reason != Wait.THIRD_PARTY:
        values |= {"waiting_until": None, "wait_reason": "", "followed_up_at": None}
    return values | record.keep(session, number, *happened, now=now, promise=promise, kinds=())


def _remember(
    session: Session,
    said: Prediction,
    context: Context,
    number: int,
    message_id: int,
    now: datetime,
) -> None:
    values = {
        "conversation_id": number,
        "message_id": message_id,
        "model_version_id": context.model_version_id,
        "request_type": said.request_type,
        "request_type_confidence": said.request_type_confidence,
        "urgency": said.urgency,
        "urgency_confidence": said.urgency_confidence,
        "urgency_reason": said.urgency_reason,
        "candidates": [[key, round(share, 4)] for key, share in said.candidates],
        "why": [[term.term, round(term.weight, 3)] for term in said.why],
        "created_at": now,
    }
    session.execute(_REMEMBER, values)
