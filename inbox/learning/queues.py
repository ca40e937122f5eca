"""The review page's queues: what waits for a person's word, and who looks at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, cast, func, or_, select
from sqlmodel import Session

from inbox.db import insert_into
from inbox.store.counts import MOST, visible_to
from inbox.store.people import Person
from inbox.triage.worth import Waiting, most_worth
from models import Agent, Conversation, Correction, Message, Status, Triage, TriageReview
from models.base import columns, core

conversations = columns(Conversation)
reviews = columns(TriageReview)
said = columns(Correction)
messages = columns(Message)
agents = columns(Agent)

UNSURE, CHANGED, SAMPLE = "unsure", "changed", "sample"
QUEUES = (UNSURE, CHANGED, SAMPLE)
SHOWN = 30
LOOKED_AT = 90  # before near-copies are put behind
CHANGED_FOR = DISPUTED_FOR = timedelta(days=30)
SAMPLED_FOR = timedelta(days=14)
TAKEN_FOR = timedelta(minutes=3)
PACE_OF = timedelta(hours=1)
USUAL_S = 8.0  # for one decision, before we know better
_MIX, _OF, _TENTH = 40503, 65536, 6554  # spreads numbers; a tenth of them is checked at random


def is_sampled() -> ColumnElement[bool]:
    """Return the condition for the tenth of all conversations that is checked at random."""
    return (cast(conversations.id, BigInteger) * _MIX) % _OF < _TENTH


def _queue(queue: str, who: Person, now: datetime) -> Select[Any]:
    """Return a queue's conversations with their review, the most valuable first."""
    query = (
        select(conversations.id)
        .outerjoin(core(TriageReview), reviews.conversation_id == conversations.id)
        .where(visible_to(who))
    )
    unchecked = reviews.checked_at.is_(None)
    if queue == CHANGED:
        latest = (
            select(said.conversation_id, func.max(said.at).label("at"))
            .where(
                said.field == "request_type",
                said.old != said.new,
                said.at > now - CHANGED_FOR,
                said.agent_id != who.id,
            )
            .group_by(said.conversation_id)
            .subquery()
        )
        return (
            query.join(latest, latest.c.conversation_id == conversations.id)
            .where(
                conversations.triage == Triage.CORRECTED,
                conversations.status.not_in((Status.SPAM, Status.MERGED)),  # read only
                or_(unchecked, reviews.checked_at < latest.c.at),
            )
            .order_by(latest.c.at.desc(), conversations.id)
        )
    if queue == SAMPLE:
        undecided = conversations.triage.in_((Triage.AUTO, Triage.NEEDS_REVIEW))
        shown = conversations.status.not_in((Status.SPAM, Status.MERGED))
        recent = conversations.created_at > now - SAMPLED_FOR
        return query.where(undecided, shown, recent, unchecked, is_sampled()).order_by(
            conversations.id.desc()
        )
    return query.where(
        conversations.status == Status.OPEN, conversations.triage == Triage.NEEDS_REVIEW
    ).order_by(conversations.review_worth.desc(), conversations.id.desc())


def counts(session: Session, who: Person, now: datetime) -> dict[str, int]:
    """Count every queue, up to a hundred each, in one statement."""
    each = []
    for queue in QUEUES:
        query = _queue(queue, who, now).limit(MOST + 1)
        if queue != UNSURE:  # its order is that of an index with nothing else in it
            query = query.order_by(None)
        some = query.subquery()
        each.append(select(func.count()).select_from(some).scalar_subquery())
    found = session.execute(select(*each)).one()
    return dict(zip(QUEUES, map(int, found), strict=True))


def list_queue(
    session: Session, queue: str, who: Person, now: datetime, skipped: Sequence[int] = ()
) -> list[int]:
    """Return the next conversations: the most valuable first, near-copies behind the others.

    What was skipped comes last; what somebody else looks at just now is left out.
    """
    busy = (
        select(reviews.conversation_id)
        .where(reviews.taken_by_id != who.id, reviews.taken_at > now - TAKEN_FOR)
        .scalar_subquery()
    )
    query = _queue(queue, who, now).where(conversations.id.not_in(busy)).limit(LOOKED_AT)
    found = [int(number) for number in session.execute(query).scalars()]
    if queue == UNSURE:
        found = _thinned(session, found)
    fresh = [number for number in found if number not in skipped]
    return [*fresh, *(number for number in found if number in skipped)][:SHOWN]


def _thinned(session: Session, found: list[int]) -> list[int]:
    texts = _first_words(session, found)
    order = {number: len(found) - place for place, number in enumerate(found)}
    waiting = [Waiting(number, order[number], texts.get(number, "")) for number in found]
    return [one.message for one in most_worth(waiting, SHOWN)]


def _first_words(session: Session, numbers: list[int]) -> dict[int, str]:
    found = session.execute(
        select(messages.conversation_id, messages.visible_text)
        .where(messages.conversation_id.in_(numbers), messages.direction == "inbound")
        .order_by(messages.id.desc())
    )
    return {number: text[:1000] for number, text in found}


# ---- who looks at it ---------------------------------------------------------------


def take(session: Session, number: int, who: Person, now: datetime) -> None:
    """Say that this person looks at it, unless somebody else does."""
    values = {"taken_by_id": who.id, "taken_at": now}
    free = or_(
        reviews.taken_by_id.is_(None),
        reviews.taken_by_id == who.id,
        reviews.taken_at <= now - TAKEN_FOR,
    )
    insert = insert_into(session, TriageReview).values(
        conversation_id=number, undo={}, **values
    )
    session.execute(
        insert.on_conflict_do_update(
            index_elements=[reviews.conversation_id], set_=values, where=free
        )
    )


def holder(session: Session, number: int, who: Person, now: datetime) -> str:
    """Return the name of whoever else looks at it just now, or ""."""
    found = session.execute(
        select(agents.name)
        .join(core(TriageReview), reviews.taken_by_id == agents.id)
        .where(
            reviews.conversation_id == number,
            reviews.taken_by_id != who.id,
            reviews.taken_at > now - TAKEN_FOR,
        )
    ).scalar_one_or_none()
    return found or ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What somebody said of a conversation's type."""

    name: str
    request_type: str


_SAID_OF_TYPE = (
    select(said.agent_id, agents.name, said.new)
    .join(core(Agent), agents.id == said.agent_id)
    .where(said.conversation_id == bindparam("number"), said.field == "request_type")
    .order_by(said.id)
)


def opinions(session: Session, number: int) -> list[Opinion]:
    """Return what people said of the type if they do not agree, each one's last word."""
    found = session.execute(_SAID_OF_TYPE, {"number": number})
    last = {agent_id: Opinion(name, new) for agent_id, name, new in found}
    return list(last.values()) if len({one.request_type for one in last.values()}) > 1 else []


def list_disputed(session: Session, now: datetime, limit: int = 20) -> list[int]:
    """Return conversations on whose type people have said different things lately."""
    found = session.execute(
        select(said.conversation_id)
        .where(said.field == "request_type", said.at > now - DISPUTED_FOR)
        .group_by(said.conversation_id)
        .having(func.count(said.new.distinct()) > 1, func.count(said.agent_id.distinct()) > 1)
        .order_by(said.conversation_id.desc())
        .limit(limit)
    )
    return [int(number) for number in found.scalars()]


@dataclass(frozen=True, slots=True)
class Checked:
    """What this person decided, when, and whether it can be taken back."""

    number: int
    at: datetime
    may_undo: bool


def lately(session: Session, who: Person, now: datetime) -> list[Checked]:
    """Return what this person decided in the last hour, the oldest first."""
    found = session.execute(
        select(reviews.conversation_id, reviews.checked_at, reviews.undo)
        .where(reviews.checked_by_id == who.id, reviews.checked_at > now - PACE_OF)
        .order_by(reviews.checked_at)
    )
    return [Checked(row.conversation_id, row.checked_at, bool(row.undo)) for row in found]


def pace(checked: Sequence[Checked]) -> tuple[int, float]:
    """Return how many were decided in the last hour, and seconds for each."""
    found = [one.at for one in checked]
    if len(found) < 2:
        return len(found), USUAL_S
    each = (found[-1] - found[0]).total_seconds() / (len(found) - 1)
    return len(found), min(max(each, 2.0), 60.0)
