"""An answer is owed: since when, and how often somebody had to ask for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from inbox import chat, clocks, corrections, record
from inbox.acknowledgement import House
from inbox.db import after_commit
from inbox.queue import conversation_name
from inbox.rulebook import Rulebook, promise_of
from inbox.sla.history import Wait
from inbox.store.changes import add_happened, moved
from inbox.store.conversations import change, get_to_change
from inbox.timeline import Happened
from models import ClockKind, Conversation, EventKind, SLAClock, Status
from models.base import columns

conversations = columns(Conversation)

THIRD_TIME = 2  # asked again so often: the urgency goes up
_END_OF = {Status.WAITING: EventKind.RESUMED, Status.SNOOZED: EventKind.RESUMED}
_OLDEST_OWED = (
    select(conversations.id)
    .where(
        conversations.contact_id == bindparam("contact_id"),
        conversations.status == Status.OPEN,
        conversations.next_due_at.is_not(None),
    )
    .order_by(conversations.created_at, conversations.id)
    .limit(1)
)


def owe_answer(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    arrived: datetime,
    now: datetime,
    *,
    stricter: bool = False,
    by: int | None = None,
) -> dict[str, Any]:
    """Start the next-response clock, or count that the customer had to ask again.

    ``stricter``: what the rules say has just become stricter, also for a clock that runs.
    """
    number = conversation.id
    values: dict[str, Any] = {"last_inbound_at": arrived, "thanked_at": None}
    asked = Happened(EventKind.ASKED, arrived, {}, by)
    owed = _list_owed(session, conversation)
    waits = any(clock.kind in clocks.REPLY_KINDS for clock in owed)
    promise = None
    if stricter or not waits:
        promise = promise_of(session, rulebook, conversation)
        promise = chat.for_chat(session, conversation, promise, now=now, wrote_at=arrived)
    if waits:
        values["asked_again"] = conversations.asked_again + 1
        if promise is None and _stay(owed):
            add_happened(session, [(number, *asked)])
            return values
        return values | record.keep(
            session,
            number,
            asked,
            now=now,
            promise=promise,
            only_earlier=True,
            since=arrived if stricter else None,
        )
    happened = [asked]
    if conversation.status is not Status.OPEN:
        values |= {"status": Status.OPEN, "resolved_at": None}
        data = moved({"status": conversation.status.value}, {"status": Status.OPEN.value})
        ends = _END_OF.get(conversation.status, EventKind.REOPENED)
        happened.append(Happened(ends, now, data))
        if ends is EventKind.REOPENED:
            values["reopened"] = conversations.reopened + 1
    if conversation.wait_reason != Wait.THIRD_PARTY:
        values |= {"waiting_until": None, "wait_reason": "", "followed_up_at": None}
    return values | record.keep(session, number, *happened, now=now, promise=promise, kinds=())


def hint_at_unanswered(session: Session, contact_id: int) -> dict[str, Any]:
    """Return the hint to the contact's oldest conversation that is owed an answer.

    On any channel; its number is None if there is none.
    """
    found = session.execute(_OLDEST_OWED, {"contact_id": contact_id}).scalar_one_or_none()
    return {"number": found, "asks_again": True}


def _list_owed(session: Session, conversation: Conversation) -> list[SLAClock]:
    """Return the live clocks of what is open."""
    if conversation.status is not Status.OPEN:
        return []
    return clocks.list_live(session, conversation.id)


def _stay(live: Sequence[SLAClock]) -> bool:
    """Tell whether one more question changes none of these clocks.

    Nothing stands still that it would let run again, and there is nothing to start: an
    answer is owed already, and so is the solution.
    """
    kinds = {ClockKind.FIRST_RESPONSE, ClockKind.NEXT_RESPONSE}
    is_answer = any(clock.kind in kinds for clock in live)
    is_solution = any(clock.kind is ClockKind.RESOLUTION for clock in live)
    return is_answer and is_solution and all(clock.paused_at is None for clock in live)


def asked_elsewhere(
    session: Session,
    unanswered: int,
    number: int,
    arrived: datetime,
    now: datetime,
) -> Conversation | None:
    """Count on an unanswered conversation that its customer asks again in another one.

    Return it if an answer was owed there.
    """
    theirs = get_to_change(session, unanswered)
    owed = _list_owed(session, theirs) if theirs is not None else []
    if not any(clock.kind in clocks.REPLY_KINDS for clock in owed):
        return None
    asked = Happened(EventKind.ASKED, arrived, {"number": number})
    values: dict[str, Any] = {}
    if _stay(owed):
        add_happened(session, [(unanswered, *asked)])
    else:
        values = record.keep(session, unanswered, asked, now=now)
    change(session, unanswered, asked_again=conversations.asked_again + 1, **values)
    after_commit(session, conversation_name(unanswered))
    return theirs


def ask_again(
    session: Session,
    conversation: Conversation,
    unanswered: int,
    rulebook: Rulebook,
    house: House,
    arrived: datetime,
    now: datetime,
) -> None:
    """Count on an earlier conversation that its customer asks again in a new one.

    An address that a visitor typed is a claim, and another topic another matter: they make
    nothing more urgent.
    """
    theirs = asked_elsewhere(session, unanswered, conversation.id, arrived, now)
    if theirs is None or theirs.contact_id != conversation.contact_id:
        return
    if theirs.request_type == conversation.request_type:
        raise_at_third(session, theirs, rulebook, house, now)


def raise_at_third(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    now: datetime,
) -> None:
    """Raise the urgency by one if it was just asked for the third time."""
    session.flush()
    session.refresh(conversation)
    if conversation.asked_again == THIRD_TIME:
        corrections.raise_urgency(
            session, conversation, rulebook, house, now, because="asked_again"
        )
