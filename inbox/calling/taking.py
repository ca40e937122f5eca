"""What a switchboard tells of a call becomes part of a conversation, once a call.

A call is one message, whatever is told of it and in whatever order: who rings opens a
conversation with a call-back clock or goes on in the one that they last rang in, and speaking
with one of us meets the clock. A call of ours goes to what is open of whom we rang.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox import intake, threads
from inbox.calling import keeping
from inbox.channels import phone
from inbox.channels.phone import Event, Step, Way
from inbox.db import after_commit
from inbox.later import asking, knowing
from inbox.later.incoming import Context, Incoming
from inbox.opening import Openings
from inbox.queue import CLOCKS, conversation_name
from inbox.store import calls as rows
from inbox.store import conversations as talks
from inbox.store import merges, people
from inbox.store.changes import add_event, changed, moved
from inbox.store.company import find_settings
from models import (
    Call,
    CallDirection,
    CallState,
    ChannelKind,
    Conversation,
    Direction,
    EventKind,
    Message,
    RawMessage,
    RawState,
)
from models.base import columns

messages = columns(Message)
raws = columns(RawMessage)

EXTENSIONS = "extensions"  # in the settings of a way in: what it calls one of ours -> address
SURE = 1.0


def take(
    session: Session, incoming: Incoming, context: Context, openings: Openings, now: datetime
) -> bool:
    """Take a switchboard's event in; False if this is none.

    Safe to run again, and harmless for an event that is known or comes too late.
    """
    raw = incoming.raw
    if raw.kind is not ChannelKind.PHONE:
        return False
    state = session.execute(
        select(raws.state).where(raws.id == raw.id).with_for_update()
    ).scalar_one()
    if state is not RawState.PENDING:
        return True
    _, event = phone.unpack(raw.body)
    agent_id = _agent_of(session, raw.inbox_id, event.agent)
    known = rows.find_call(session, raw.inbox_id, event.call)
    number: int | None
    if known is not None:
        number = _more(session, known, event, agent_id, openings, raw.received_at, now)
    elif event.way is Way.INBOUND:
        number = _rang(session, incoming, context, event, agent_id, openings, now)
    else:
        number = _we_rang(session, incoming, event, agent_id, openings, now)
    _end(session, raw.id, number)
    return True


def _agent_of(session: Session, inbox_id: int, said: str) -> int | None:
    """Return whom of us the switchboard means: by address, or by extension."""
    if not said:
        return None
    known = find_settings(session, inbox_id).get(EXTENSIONS, {})
    return rows.find_agent(session, str(known.get(said.casefold(), said)))


def _state(event: Event) -> CallState:
    """Return what an event makes of a call that nothing else is known of."""
    spoke = event.step is Step.ANSWERED or (event.step is Step.ENDED and event.length_s)
    if spoke:
        return CallState.ANSWERED
    if event.step is Step.RINGING:
        return CallState.RINGING
    return CallState.MISSED if event.way is Way.INBOUND else CallState.NO_ANSWER


# ---- a call that nothing was told of yet ------------------------------------------------


def _rang(
    session: Session,
    incoming: Incoming,
    context: Context,
    event: Event,
    agent_id: int | None,
    openings: Openings,
    now: datetime,
) -> int:
    """Somebody rang: an answer is owed from then on, and given where one of us took it."""
    raw, message = incoming.raw, incoming.message
    said = incoming.prediction
    wished = message.request_type or ""
    kind = wished if wished in context.rulebook.types else said.request_type
    incoming = replace(  # its few words are no request: what calls are is a setting
        incoming,
        prediction=replace(
            said,
            request_type=kind,
            request_type_confidence=SURE,
            clock_candidates=(kind,),
            candidates=((kind, SURE),),
            needs_review=False,
            why=(),
            against=(),
        ),
    )
    contact = people.find_contact(session, "phone", event.number) if event.number else None
    current = None
    if contact is not None:
        openings.settle_contact(contact.id)
        current = rows.find_current(session, raw.inbox_id, contact.id, raw.received_at)
    if contact is None or current is None:
        opened = intake.take_in(
            session, incoming, context, now, openings, _known(session, incoming)
        )
        openings.settle()
        row = talks.get_to_change(session, opened)
        message_id = session.execute(
            select(messages.id).where(messages.raw_id == raw.id)
        ).scalar_one()
    else:
        row = current
        message_id = threads.store_message(session, raw, message, row.id, contact).id
        values: dict[str, Any] = {"last_message_id": message_id}
        values |= asking.owe_answer(session, row, context.rulebook, raw.received_at, now)
        changed(session, row.id, CLOCKS, **values)
        if "asked_again" in values:
            asking.raise_at_third(session, row, context.rulebook, context.house, now)
        session.refresh(row)
    if row is None:
        raise LookupError("The conversation that was just opened is gone.")
    call = _call(session, raw.inbox_id, message_id, event, agent_id, raw.received_at)
    if call.state is CallState.ANSWERED:
        _answered(session, row, call, now, is_new=current is None)
    return row.id


def _known(session: Session, incoming: Incoming) -> knowing.Known:
    return knowing.look_up(session, [incoming])


def _we_rang(
    session: Session,
    incoming: Incoming,
    event: Event,
    agent_id: int | None,
    openings: Openings,
    now: datetime,
) -> int | None:
    """One of us rang: it goes to what is open of that customer; None where nothing is."""
    contact = people.find_contact(session, "phone", event.number) if event.number else None
    if contact is None or contact.restricted_at is not None:
        return None
    openings.settle_contact(contact.id)
    number, is_sure = _meant(rows.list_unfinished(session, contact.id), agent_id)
    row = talks.get_to_change(session, number) if number is not None else None
    if row is None:
        return None
    raw = incoming.raw
    message = Message(
        conversation_id=row.id,
        direction=Direction.NOTE,
        channel=ChannelKind.PHONE,
        author_id=agent_id,
        text=event.text,
        visible_text=event.text,
        raw_id=raw.id,
        created_at=raw.received_at,
    )
    session.add(message)
    session.flush()
    call = _call(session, raw.inbox_id, message.id, event, agent_id, raw.received_at)
    changed(session, row.id, last_message_id=message.id)
    if call.state is CallState.ANSWERED and is_sure:
        session.refresh(row)
        _answered(session, row, call, now)
    return row.id


def _meant(unfinished: list[rows.Unfinished], agent_id: int | None) -> tuple[int | None, bool]:
    """Return which conversation a call of ours is about, and whether that is sure.

    Sure is the only one that waits for an answer, or the only one of the caller's that does.
    """
    waiting = [one for one in unfinished if one.owes] or unfinished
    mine = [one for one in waiting if agent_id is not None and one.owner_id == agent_id]
    for some in (mine, waiting):
        if len(some) == 1:
            return some[0].id, True
    return (waiting[0].id, False) if waiting else (None, False)


def _call(
    session: Session,
    inbox_id: int,
    message_id: int,
    event: Event,
    agent_id: int | None,
    received_at: datetime,
) -> Call:
    at = _moment(event, received_at)
    state = _state(event)
    call = Call(
        message_id=message_id,
        inbox_id=inbox_id,
        call_id=event.call,
        direction=CallDirection(event.way.value),
        state=state,
        number=event.number,
        agent_id=agent_id,
        length_s=event.length_s,
        recording=event.recording,
        began_at=at,
        answered_at=at if state is CallState.ANSWERED else None,
        ended_at=at if event.step is Step.ENDED else None,
    )
    session.add(call)
    session.flush()
    return call


def _moment(event: Event, received_at: datetime) -> datetime:
    """Return when it happened: never later than we heard of it, as its clock may be fast."""
    return min(event.at, received_at) if event.at is not None else received_at


# ---- more of a call that is known -------------------------------------------------------


def _more(
    session: Session,
    call: Call,
    event: Event,
    agent_id: int | None,
    openings: Openings,
    received_at: datetime,
    now: datetime,
) -> int | None:
    """Add what an event says of a known call; what is known better already stays."""
    message = session.get(Message, call.message_id)
    if message is None:
        return None
    openings.settle_before(message.conversation_id)
    row = talks.get_to_change(session, message.conversation_id)
    if row is None:
        return None
    row = merges.follow(session, row)
    at = _moment(event, received_at)
    call.agent_id = call.agent_id or agent_id
    call.recording = call.recording or event.recording
    if event.length_s is not None:
        call.length_s = event.length_s
    if event.step is Step.ENDED:
        call.ended_at = call.ended_at or at
    if event.text and not message.text:
        message.text = message.visible_text = event.text
        session.add(message)
    was, state = call.state, _state(event)
    if was is CallState.RINGING or state is CallState.ANSWERED:
        call.state = state if state is not CallState.RINGING else was
    session.add(call)
    session.flush()
    if was is not CallState.ANSWERED and call.state is CallState.ANSWERED:
        call.answered_at = at
        session.flush()
        _answered(session, row, call, now, is_new=_is_its_first(session, row, message))
    else:
        changed(session, row.id)
    return row.id


def _is_its_first(session: Session, row: Conversation, message: Message) -> bool:
    """Tell whether this call began the conversation, and nothing was said in it since."""
    said = session.execute(
        select(messages.id).where(messages.conversation_id == row.id).limit(2)
    ).scalars()
    return list(said) == [message.id]


def _answered(
    session: Session, row: Conversation, call: Call, now: datetime, *, is_new: bool = False
) -> None:
    """They spoke: running reply clocks are met; who took a new caller has it."""
    at = call.answered_at or now
    if call.direction is CallDirection.INBOUND:  # their clock began when we heard of it
        at = max(at, session.get_one(Message, call.message_id).created_at)
    values = keeping.keep(
        session, row, call.message_id, CallState.ANSWERED, call.agent_id, at, now
    )
    taker = call.agent_id
    if is_new and taker is not None and taker != row.owner_id:
        place = moved({"owner": row.owner_id}, {"owner": taker})
        data = {"reason": "claimed", "owner": taker, "before": row.owner_id, **place}
        add_event(session, row.id, EventKind.ASSIGNED, now, data, by=taker)
        values["owner_id"] = taker
    changed(session, row.id, CLOCKS, **values)


def _end(session: Session, raw_id: int, number: int | None) -> None:
    """Be done with a raw row, which has a conversation or none."""
    state = RawState.DONE if number is not None else RawState.IGNORED
    session.execute(
        update(RawMessage)
        .where(raws.id == raw_id)
        .values(state=state, conversation_id=number, error="")
    )
    if number is not None:
        after_commit(session, "list", conversation_name(number), CLOCKS)
