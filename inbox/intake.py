"""Take-in: one read message becomes part of a conversation, sorted, due, owned, acknowledged.

Everything happens in one transaction. What was read (``InboundMessage``) and predicted
(``Prediction``) comes as values; nothing is parsed, classified or rendered in here.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from inbox import chat, clocks, routing, threads
from inbox.acknowledgement import Asker
from inbox.db import after_commit
from inbox.errors import Conflict
from inbox.later import asking, blocking, greeting, knowing, rereading, spam, thanks
from inbox.later.incoming import (
    Context,
    Incoming,
    new_conversation,
    product_group,
    remember,
    second_type,
    sorted_as,
)
from inbox.marking import following, ownfields
from inbox.opening import Opened, Openings, promised_time
from inbox.outgoing import marks
from inbox.queue import CLOCKS, OUTBOX, conversation_name
from inbox.rulebook import About
from inbox.ruling import set_tier
from inbox.store import ledger, merges
from inbox.store.changes import add_event, add_happened, moved
from inbox.store.company import Door
from inbox.store.conversations import change
from models import (
    MESSENGERS,
    ChannelKind,
    ClockKind,
    Contact,
    Conversation,
    EventKind,
    LedgerState,
    RawMessage,
    RawState,
    Status,
)
from models.base import columns, core

raws = columns(RawMessage)

__all__ = ["Context", "Incoming", "begin", "take_in"]

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


def take_in(
    session: Session,
    incoming: Incoming,
    context: Context,
    now: datetime,
    openings: Openings | None = None,
    known: knowing.Known | None = None,
) -> int:
    """Make the message part of a conversation and return its number.

    Safe to run again: a raw row that is done is left alone. With ``openings`` a new
    conversation has neither owner nor acknowledgement until the caller settles them.
    ``known`` is what was looked up for the whole batch.

    Raises
    ------
    Conflict
        If its inbox is closed.
    """
    if openings is None:
        openings = begin(session, context, now)
        number = take_in(session, incoming, context, now, openings, known)
        openings.settle()
        return number
    raw = incoming.raw
    state, taken = session.execute(_STATE, {"number": raw.id}).one()
    if state == RawState.DONE and taken is not None:
        return int(taken)
    door = context.doors.get(raw.inbox_id)
    if door is None:
        raise Conflict(
            "The inbox that it came to was closed meanwhile. Open it, then try again."
        )
    if known is None:
        known = knowing.look_up(session, [incoming])
    number = _take_in(session, incoming, context, door, openings, known, now)
    if raw.kind is ChannelKind.CHAT:
        chat.tell_visitor(session, raw)
    session.execute(_DONE, {"number": raw.id, "taken": number})
    if raw.kind is ChannelKind.EMAIL:
        enter(session, incoming)
    after_commit(session, "list", conversation_name(number), OUTBOX, CLOCKS)
    return number


def enter(session: Session, incoming: Incoming) -> None:
    """Write down that a mail was taken in, and whether a machine wrote it."""
    message = incoming.message
    machine = message.is_automatic or message.is_bounce
    state = LedgerState.AUTOMATIC if machine else LedgerState.ACCEPTED
    sender, subject = message.from_address, message.subject
    ledger.settle(session, incoming.raw.id, state, sender=sender, subject=subject)


def _take_in(
    session: Session,
    incoming: Incoming,
    context: Context,
    door: Door,
    openings: Openings,
    known: knowing.Known,
    now: datetime,
) -> int:
    """Find whose it is and where it belongs, and put it there."""
    raw, message = incoming.raw, incoming.message
    contact, is_stranger = threads.find_writer(session, raw, message, now, context.house.secret)
    if raw.kind in (ChannelKind.CHAT, *MESSENGERS) or raw.meta.get("tier"):
        # A chat's next line may come in the same batch; a tier concerns all that is open.
        openings.settle_contact(contact.id)
    joined, hint = threads.find_thread(session, raw, message, contact, context.house.secret)
    kept_at = joined.id if joined is not None else None
    if joined is not None:  # its words stay where they came; all else is the whole's
        joined = merges.follow(session, joined)
    incoming = knowing.informed(
        incoming, known, contact, joined.id if joined is not None else None
    )
    hinted = {"number": hint}
    if joined is None and hint is None and not (is_stranger or message.is_automatic):
        hinted = asking.hint_at_unanswered(session, contact.id)
    if is_stranger and joined is None and raw.kind in spam.BY_ITSELF:
        incoming = _counted(session, incoming, context, now)
    openings.settle_before(hinted["number"], joined.id if joined is not None else None)
    block = blocking.find(session, incoming, joined, now)
    if block is not None:
        number = _set_apart(session, incoming, context, contact, door, now, block)
    elif joined is not None:
        number = joined.id
        said_in = kept_at or number
        _append(session, incoming, context, joined, said_in, contact, hinted, now)
    elif _is_apart(session, incoming, context, contact, is_stranger, hinted):
        number = _set_apart(session, incoming, context, contact, door, now)
    else:
        opened = _open(session, incoming, context, door, contact, is_stranger, hinted, now)
        openings.add(opened)
        number = opened.conversation.id
    return number


def begin(session: Session, context: Context, now: datetime) -> Openings:
    """Return where the new conversations of one unit of work are settled together."""
    return Openings(session, context.rulebook, context.house, now)


def _is_apart(
    session: Session,
    incoming: Incoming,
    context: Context,
    contact: Contact,
    is_stranger: bool,
    hinted: dict[str, Any],
) -> bool:
    """Tell whether a new request is likely spam; who answers us or asks again sends none."""
    if incoming.raw.kind not in spam.BY_ITSELF or hinted["number"] is not None:
        return False
    known = None if is_stranger else contact.id
    return spam.is_likely(session, incoming.sight, context.spam, known)


def _counted(session: Session, incoming: Incoming, context: Context, now: datetime) -> Incoming:
    """Return a stranger's message with how many others sent the same."""
    said = incoming.message.visible_reply or incoming.message.text
    seen = spam.counted(session, incoming.sight, said, context.spam, now)
    return replace(incoming, sight=seen)


def _set_apart(
    session: Session,
    incoming: Incoming,
    context: Context,
    contact: Contact,
    door: Door,
    now: datetime,
    block: int | None = None,
) -> int:
    """Keep likely spam apart: no clock, owner or acknowledgement until somebody restores it."""
    arrived, said = incoming.raw.received_at, incoming.prediction
    group, _ = product_group(incoming)
    conversation = new_conversation(incoming, context, contact, group)
    conversation.status, conversation.spam_at = Status.SPAM, now
    conversation.team_id = door.team_id
    for name, value in clocks.summary_of([]).items():
        setattr(conversation, name, value)
    session.add(conversation)
    session.flush()
    stored = threads.store_message(
        session, incoming.raw, incoming.message, conversation.id, contact
    )
    conversation.last_message_id = stored.id
    remember(session, incoming, context, conversation.id, stored.id, now)
    ownfields.keep_answers(session, conversation.id, incoming.raw.meta.get("own", {}))
    arrival = {"channel": incoming.raw.kind.value, **moved({}, {"status": Status.SPAM.value})}
    withheld = EventKind.ACKNOWLEDGEMENT_WITHHELD
    first = [
        (EventKind.RECEIVED, arrived, arrival),
        (EventKind.SORTED, now, sorted_as(conversation, said)),
        spam.happened(incoming.sight, stored.id, now, block),
        (withheld, now, {"reason": "spam"}),
    ]
    add_happened(session, [(conversation.id, *what, None) for what in first])
    return conversation.id


def _open(
    session: Session,
    incoming: Incoming,
    context: Context,
    door: Door,
    contact: Contact,
    is_stranger: bool,
    hinted: dict[str, Any],
    now: datetime,
) -> Opened:
    """Open a conversation: sorted, and with its clocks; the rest comes with others'.

    What can be known before the first row is, and what is alike goes together: each
    statement costs.
    """
    raw, message, said = incoming.raw, incoming.message, incoming.prediction
    group, classed = product_group(incoming)
    if tier := str(raw.meta.get("tier") or ""):
        set_tier(session, contact.id, tier, by=raw.meta["tier_by"], now=now)
    about = About(contact.tier, raw.kind.value, group, raw.inbox_id)
    promise = context.rulebook.promise(
        said.clock_candidates or (said.request_type,), said.urgency, about
    )
    conversation = new_conversation(incoming, context, contact, group)
    work = routing.work_of(conversation, said.request_type)
    place = routing.find_place(session, context.rulebook, work, door.team_id)
    arrived = raw.received_at
    if raw.kind is ChannelKind.CHAT:
        talk = chat.Talk(door.id, contact.id, place.team_id)
        promise = chat.hasten(session, talk, promise, now=now, wrote_at=arrived)
    started = clocks.set_up((ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION), promise, arrived)
    conversation.team_id = place.team_id
    conversation.promised_at = promised_time(started, promise, now)
    for name, value in clocks.summary_of(started).items():
        setattr(conversation, name, value)
    session.add(conversation)
    session.flush()
    number = conversation.id
    clocks.write(session, number, started, promise.calendar, now)
    stored = threads.store_message(session, raw, message, number, contact)
    remember(session, incoming, context, number, stored.id, now)
    ownfields.keep_answers(session, number, raw.meta.get("own", {}))
    answered = greeting.greet(session, raw, conversation, promise, context.house, now)
    if raw.kind is ChannelKind.FORM and not is_stranger:
        is_stranger = not threads.has_mailed(session, contact.id)
    opened = moved({}, {"status": Status.OPEN.value})
    hint = hinted["number"]
    if hint is not None:
        asking.ask_again(
            session, conversation, hint, context.rulebook, context.house, arrived, now
        )
    return Opened(
        conversation,
        stored.id,
        work,
        place,
        promise,
        Asker(message, raw.kind, is_stranger, str(raw.meta.get("peer", ""))),
        door.handle if door.kind is ChannelKind.EMAIL else None,
        before=[
            (EventKind.RECEIVED, arrived, {"channel": raw.kind.value, **opened}),
            (EventKind.SORTED, now, sorted_as(conversation, said)),
            *((EventKind.CLASSED, now, classed) for _ in range(bool(classed))),
            (EventKind.RULED, arrived, clocks.opening(promise, conversation.promised_at)),
        ],
        acknowledged=answered,
        after=[(EventKind.HINTED, now, hinted)] if hint is not None else [],
    )


def _append(
    session: Session,
    incoming: Incoming,
    context: Context,
    conversation: Conversation,
    said_in: int,
    contact: Contact,
    hinted: dict[str, Any],
    now: datetime,
) -> None:
    """Add the customer's next message; a machine's mail is shown and changes nothing.

    ``said_in`` is the conversation, or the part of it that the message answers.
    """
    raw, message = incoming.raw, incoming.message
    stored = threads.store_message(session, raw, message, said_in, contact)
    if said_in != conversation.id:
        after_commit(session, conversation_name(said_in))
    values: dict[str, Any] = {"last_message_id": stored.id}
    if message.is_bounce:
        told = message.bounced_recipients, message.bounce_code, message.bounce_said
        marks.note_bounce(session, said_in, *told, now)
    if (
        message.is_automatic
        or message.is_bounce
        or _stays_apart(session, incoming, context, conversation, now)
    ):
        pass
    elif thanks.is_thanks(session, conversation, incoming.sight):
        values |= thanks.note(session, conversation, stored.id, raw.received_at)
    else:
        values |= _answer_owed(session, incoming, context, conversation, stored.id, now)
    if hinted["number"] is not None:
        add_event(session, conversation.id, EventKind.HINTED, now, hinted)
    change(session, conversation.id, **values)
    # Who chats writes line by line: the third one is no third time.
    if "asked_again" in values and raw.kind is not ChannelKind.CHAT:
        book, house = context.rulebook, context.house
        asking.raise_at_third(session, conversation, book, house, now)


def _stays_apart(
    session: Session,
    incoming: Incoming,
    context: Context,
    conversation: Conversation,
    now: datetime,
) -> bool:
    """Tell whether what is set apart stays so.

    A next message that is none brings back what was set apart by itself.
    """
    if conversation.status is not Status.SPAM:
        return False
    likely = incoming.sight.spam >= context.spam.least
    likely = likely or blocking.is_blocked(session, incoming.message.from_address)
    if likely or not spam.was_by_itself(session, conversation):
        return True
    book, house = context.rulebook, context.house
    spam.restore(session, conversation, book, house, by=None, now=now)
    session.refresh(conversation)
    return False


def _answer_owed(
    session: Session,
    incoming: Incoming,
    context: Context,
    conversation: Conversation,
    message_id: int,
    now: datetime,
) -> dict[str, Any]:
    """Let clocks and sorting follow the customer's next message."""
    book, said, arrived = context.rulebook, incoming.prediction, incoming.raw.received_at
    following.tell(session, conversation, following.WROTE, message_id, now)
    if not incoming.raw.kind is conversation.channel is ChannelKind.CHAT:
        later = rereading.Later(message_id, arrived, said)
        new = rereading.reread(session, conversation, later, book, context.house, now)
        return asking.owe_answer(session, conversation, book, arrived, now, stricter=new)
    values = asking.owe_answer(session, conversation, book, arrived, now)
    if not chat.may_sort(conversation):  # a chat's lines are sorted together: not again
        return values
    remember(session, incoming, context, conversation.id, message_id, now)
    return values | chat.sort_again(
        session,
        conversation,
        said,
        book,
        second_type=second_type(said),
        wrote_at=arrived,
        now=now,
    )
