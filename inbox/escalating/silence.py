"""Who said "I have it", and which owner did nothing at all.

Whoever said "I have it" to an alert is left alone by the next step that would have concerned
them, once; an owner also keeps what that step would have taken away. What was left out is in
the event of that step (``grace``), and that is how we know that it was.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlmodel import Session

from inbox.escalating.due import Due
from inbox.sla.ladder import Action
from models import ClockKind, EscalationStep, Event, EventKind, Notice
from models.base import columns

notices = columns(Notice)
events = columns(Event)
steps = columns(EscalationStep)

FIRED = (EventKind.WARNED, EventKind.ESCALATED)
GIVEN = (EventKind.ASSIGNED, EventKind.COVERED, EventKind.PASSED_ON)
ACTED = (
    *(EventKind.REPLIED, EventKind.NOTED, EventKind.WAITED, EventKind.EXCUSED),
    EventKind.DEPARTMENT_ASKED,
)
"""What an owner does with a conversation; doing one of these is not being silent."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What is known of the people of some steps."""

    graced: Collection[tuple[int, int]] = frozenset()  # clock, person
    silent: Collection[int] = frozenset()  # clocks whose owner did nothing with it


def look(session: Session, due: Sequence[Due], now: datetime) -> Silence:
    """Find out who is to be left alone, and which owners were silent; a few statements."""
    taking = [one for one in due if Action.HAND_OVER in one.actions and one.owner_id]
    return Silence(_graced(session, due, now), _silent(session, taking))


def _graced(session: Session, due: Sequence[Due], now: datetime) -> set[tuple[int, int]]:
    taken: dict[tuple[int, int], datetime] = {
        (row.clock_id, row.agent_id): row.taken_at
        for row in session.execute(
            select(
                notices.clock_id,
                notices.agent_id,
                func.max(notices.taken_at).label("taken_at"),
            )
            .where(
                notices.clock_id.in_({one.clock_id for one in due}),
                notices.taken_at <= now,
            )
            .group_by(notices.clock_id, notices.agent_id)
        )
    }
    if not taken:
        return set()
    about = {one.conversation_id for one in due if any(one.clock_id == c for c, _ in taken)}
    fired = session.execute(
        select(events.at, events.data).where(
            events.conversation_id.in_(about),
            events.kind.in_(FIRED),
            events.at >= min(taken.values()),
        )
    )
    spent = {
        (data.get("clock"), person)
        for at, data in fired
        for person in data.get("grace", ())
        if at >= taken.get((data.get("clock"), person), at)
    }
    return taken.keys() - spent


def _silent(session: Session, taking: Sequence[Due]) -> set[int]:
    """Return the clocks of these steps whose owner had it long enough and did nothing."""
    if not taking:
        return set()
    numbers = [one.conversation_id for one in taking]
    given: dict[int, datetime] = {
        number: at
        for number, at in session.execute(
            select(events.conversation_id, func.max(events.at))
            .where(events.conversation_id.in_(numbers), events.kind.in_(GIVEN))
            .group_by(events.conversation_id)
        )
    }
    before: dict[int, datetime] = {
        clock: at
        for clock, at in session.execute(
            select(steps.clock_id, func.max(steps.at))
            .where(
                or_(
                    *(
                        and_(
                            steps.clock_id == one.clock_id,
                            steps.generation == one.generation,
                            steps.at < one.at,
                        )
                        for one in taking
                    )
                )
            )
            .group_by(steps.clock_id)
        )
    }
    last_acted: dict[tuple[int, int], datetime] = {
        (number, actor): at
        for number, actor, at in session.execute(
            select(events.conversation_id, events.actor_id, func.max(events.at))
            .where(events.conversation_id.in_(numbers), events.kind.in_(ACTED))
            .group_by(events.conversation_id, events.actor_id)
        )
    }
    silent = set()
    for one in taking:
        acted = last_acted.get((one.conversation_id, one.owner_id or 0))
        since = before.get(one.clock_id, one.started_at)
        # Given to somebody shortly before, it is not they who left it lying.
        fair = since + (one.at - since) / 2
        idle = acted is None or acted < one.started_at
        # Our word begins with an answer of theirs: that is not what is owed since then.
        idle = idle or (one.kind is ClockKind.WORD and acted == one.started_at)
        if idle and given.get(one.conversation_id, since) <= fair:
            silent.add(one.clock_id)
    return silent
