"""From a message on it is another matter, which goes on in a conversation of its own.

Messages belong to exactly one conversation, so they move. Both have clocks from what is left of
and said in them; the customer is told nothing. It is taken back by merging the two.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox import clocks, record, timeline
from inbox.auth import random_token
from inbox.errors import Conflict, Invalid
from inbox.later.merging import IN_WORK
from inbox.queue import CLOCKS
from inbox.rulebook import Rulebook, promise_of
from inbox.sla.facts import REPLIES
from inbox.sla.history import replay
from inbox.store import conversations as rows
from inbox.store import merges
from inbox.store.changes import changed, moved
from inbox.store.people import Person
from inbox.templating import N_
from inbox.timeline import Happened, Terms
from models import (
    ChannelKind,
    Conversation,
    Direction,
    EventKind,
    Message,
    Outbox,
    RawMessage,
    Status,
    Triage,
)
from models.base import columns

messages = columns(Message)
outbox = columns(Outbox)
raws = columns(RawMessage)

NOT_IN_WORK = N_("Only a request that is open can be split.")
A_CHAT = N_("A chat is one talk: it cannot be split.")
HAS_PARTS = N_("Something was merged into it. Take that out again first.")
CHOOSE = N_("Choose a message of the customer, but not the first.")
MOST_SUBJECT = 200
_ABOUT_ANSWERS = (EventKind.REPLIED, EventKind.REPLY_FAILED)


def may_split(conversation: Conversation) -> bool:
    """Tell whether it can be split as it stands, if it has a message to be split from."""
    return conversation.status in IN_WORK and conversation.channel is not ChannelKind.CHAT


def splittable(session: Session, conversation: Conversation) -> list[Message]:
    """Return the messages that another matter may begin with: the customer's, but the first."""
    if not may_split(conversation):
        return []
    found = session.execute(
        select(Message)
        .where(
            messages.conversation_id == conversation.id,
            messages.direction == Direction.INBOUND,
            messages.is_machine.is_(False),
        )
        .order_by(messages.id)
    ).scalars()
    return list(found)[1:]


def split(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    *,
    message_id: int,
    subject: str = "",
    by: Person,
    now: datetime,
) -> int:
    """Move a message and all later ones into a new conversation; return its number.

    What an answer that goes too had met in the old one is owed again. Owner, team, type and
    urgency are the old one's.

    Raises
    ------
    Invalid
        If the message is not one of ``splittable``.
    Conflict
        If it is done, a chat, or has others merged into it.
    """
    if conversation.status not in IN_WORK:
        raise Conflict(NOT_IN_WORK)
    if conversation.channel is ChannelKind.CHAT:
        raise Conflict(A_CHAT)
    if len(merges.family(session, conversation)) > 1:
        raise Conflict(HAS_PARTS)
    first = {one.id: one for one in splittable(session, conversation)}.get(message_id)
    if first is None:
        raise Invalid(CHOOSE, {"message": CHOOSE})
    said = (
        session.execute(
            select(Message)
            .where(messages.conversation_id == conversation.id, messages.id >= first.id)
            .order_by(messages.id)
        )
        .scalars()
        .all()
    )
    new = _made(conversation, said, subject, now)
    session.add(new)
    session.flush()
    (told,) = record.load(session, [conversation.id], now)
    record.settle(session, [told], now)  # what an older version took in begins its record
    theirs = _of_these(told.happened, said)
    dues = [
        one.due_at
        for one in record.clocks_of(session, told)
        if one.is_live and one.kind in REPLIES and one.started_at >= first.created_at
    ]
    _move(session, said, new.id)
    _leave(session, conversation, new.id, said, theirs, by, now)
    most = min((due for due in dues if due is not None), default=None)
    _begin(session, conversation, new, rulebook, theirs, most, by, now)
    return new.id


def _made(
    old: Conversation, said: Sequence[Message], subject: str, now: datetime
) -> Conversation:
    answers = [one.created_at for one in said if one.direction is Direction.OUTBOUND]
    triage = Triage.AUTO if old.triage is Triage.NEEDS_REVIEW else old.triage
    return Conversation(
        public_token=random_token(),
        inbox_id=old.inbox_id,
        contact_id=old.contact_id,
        account_id=old.account_id,
        channel=old.channel,
        subject=(subject.strip() or old.subject)[:MOST_SUBJECT],
        language=old.language,
        request_type=old.request_type,
        request_type_confidence=old.request_type_confidence,
        urgency=old.urgency,
        urgency_rank=old.urgency_rank,
        urgency_confidence=old.urgency_confidence,
        triage=triage,
        product_group=old.product_group,
        team_id=old.team_id,
        owner_id=old.owner_id,
        covered_for_id=old.covered_for_id,
        split_from_id=old.id,
        order_at=now,  # until its clocks are set up
        created_at=said[0].created_at,
        first_responded_at=min(answers, default=None),
        **_spoken(said),
    )


def _spoken(said: Sequence[Message]) -> dict[str, Any]:
    """Return the columns that follow from the messages of a conversation."""
    came = [
        one.created_at
        for one in said
        if one.direction is Direction.INBOUND and not one.is_machine
    ]
    return {
        "last_message_id": max((one.id for one in said), default=None),
        "last_inbound_at": max(came, default=None),
    }


def _of_these(happened: Sequence[Happened], said: Sequence[Message]) -> list[Happened]:
    """Return what clocks follow from, of the messages that go; the first is not asked again."""
    numbers = {one.id for one in said if one.direction is Direction.OUTBOUND}
    asked = {one.created_at for one in said[1:] if one.direction is Direction.INBOUND}
    answers = [
        what
        for what in happened
        if what.kind in _ABOUT_ANSWERS and what.data.get("message") in numbers
    ]
    given = {what.at for what in answers if what.kind is EventKind.REPLIED}
    return [
        what
        for what in happened
        if what in answers
        or (what.kind is EventKind.ASKED and what.at in asked)
        or (what.kind is EventKind.GAVE_WORD and what.at in given)
    ]


def _move(session: Session, said: Sequence[Message], number: int) -> None:
    """Give messages, their mails and what they came as to another conversation."""
    moving = [one.id for one in said]
    came_as = [one.raw_id for one in said if one.raw_id is not None]
    for table, condition in (
        (Message, messages.id.in_(moving)),
        (Outbox, outbox.message_id.in_(moving)),
        (RawMessage, raws.id.in_(came_as)),
    ):
        session.execute(update(table).where(condition).values(conversation_id=number))


def _leave(
    session: Session,
    old: Conversation,
    into: int,
    said: Sequence[Message],
    theirs: Sequence[Happened],
    by: Person,
    now: datetime,
) -> None:
    """Let the old one be what is left of it."""
    left = (
        session.execute(
            select(Message).where(messages.conversation_id == old.id).order_by(messages.id)
        )
        .scalars()
        .all()
    )
    answered = [what.at.isoformat() for what in theirs if what.kind is EventKind.REPLIED]
    data = {"into": into, "since": said[0].created_at.isoformat(), "answered": answered}
    data |= {"count": len(said)}
    values = record.keep(session, old.id, Happened(EventKind.SPLIT, now, data, by.id), now=now)
    answers = [one.created_at for one in left if one.direction is Direction.OUTBOUND]
    values |= _spoken(left)
    values |= {"first_responded_at": min(answers, default=None), "asked_again": 0}
    changed(session, old.id, CLOCKS, thanked_at=None, proposed_type=None, **values)


def _begin(
    session: Session,
    old: Conversation,
    new: Conversation,
    rulebook: Rulebook,
    theirs: Sequence[Happened],
    not_after: datetime | None,
    by: Person,
    now: datetime,
) -> None:
    """Begin the new one's record: with the clocks that its messages would have had.

    Nothing is due later than it was: ``not_after`` is what the old one was due for them.
    """
    promise = promise_of(session, rulebook, new)
    terms: Terms = clocks.terms_of(promise)
    arrived = new.created_at
    history = [
        Happened(EventKind.RULED, arrived, terms.data()),
        Happened(EventKind.RECEIVED, arrived, {}),
        *theirs,
    ]
    known = timeline.load_calendars(session, history)
    ran = replay(timeline.facts_of(history, known))
    for clock in ran:
        if not_after is not None and clock.is_live and clock.kind in REPLIES:
            clock.not_after = not_after
            clock.due_at = min(clock.due_at or not_after, not_after)
    stood = [timeline.clock_data(one, terms) for one in ran]
    came = {"channel": new.channel.value, **moved({}, {"status": Status.OPEN.value})}
    values = record.keep(
        session,
        new.id,
        Happened(EventKind.RECEIVED, arrived, came),
        Happened(EventKind.SPLIT, now, {"number": old.id}, by.id),
        *(what for what in theirs if what.kind is EventKind.REPLIED),
        Happened(EventKind.RULED, now, {**terms.data(), "clocks": stood}),
        now=now,
    )
    changed(session, new.id, CLOCKS, **values)


def find_source(session: Session, conversation: Conversation, who: Person) -> Conversation:
    """Return the one that it was split from, for this person.

    Raises
    ------
    Conflict
        If it was not split from any.
    """
    if conversation.split_from_id is None:
        raise Conflict(N_("It was not split from another request."))
    return rows.get_for_agent(session, conversation.split_from_id, who)
