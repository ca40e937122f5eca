"""Clocks in rows: a new conversation's, their ladders, and what conversations show of them.

Nothing in here changes a clock: they follow from what happened, see ``inbox.record``.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update
from sqlmodel import Session

from inbox.ladders import Ladders, load_ladders
from inbox.rulebook import Promise
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.history import TARGETED, Kind
from inbox.sla.instants import Pause
from inbox.sla.ladder import (
    CHANGING,
    Action,
    PlannedStep,
    collapse_past,
    is_before_due,
    read_key,
    step_times,
    steps_for,
    without,
)
from inbox.timeline import Terms
from models import ClockKind, EscalationStep, SLAClock, SLAState
from models.base import columns, core

clocks = columns(SLAClock)
steps = columns(EscalationStep)

_ADD_STEPS = insert(core(EscalationStep))

NEVER = datetime(9000, 1, 1, tzinfo=UTC)  # where an answered conversation stands in the order
REPLY_KINDS = (ClockKind.FIRST_RESPONSE, ClockKind.NEXT_RESPONSE, ClockKind.WORD)
"""What an answer of ours meets."""


def target_of(promise: Promise, kind: ClockKind) -> int | None:
    """Return a clock's target in working seconds; None if the policy has no such clock."""
    found = {
        ClockKind.FIRST_RESPONSE: promise.targets.first_response_s,
        ClockKind.NEXT_RESPONSE: promise.targets.next_response_s,
        ClockKind.RESOLUTION: promise.targets.resolution_s,
    }
    return found.get(kind)


def terms_of(promise: Promise) -> Terms:
    """Return what the policies say, as events keep it."""
    first, following, resolution = (target_of(promise, ClockKind(kind)) for kind in TARGETED)
    return Terms(
        promise.policy,
        promise.calendar_id,
        promise.version,
        (first, following, resolution),
        promise.resumes,
        promise.ladder_id,
        promise.rules,
    )


def opening(promise: Promise, promised_at: datetime | None) -> dict[str, Any]:
    """Return the data of the event that a conversation's history begins with."""
    data = terms_of(promise).data()
    return data | ({"promised_at": promised_at.isoformat()} if promised_at else {})


def set_up(
    kinds: Iterable[ClockKind], promise: Promise, started_at: datetime
) -> list[SLAClock]:
    """Return a new conversation's clocks, as far as the policy has them; nothing is written.

    The same comes out of its history, which needs not be read for that.
    """
    found = (_set_up(kind, promise, started_at) for kind in kinds)
    return [clock for clock in found if clock is not None]


def _set_up(kind: ClockKind, promise: Promise, started_at: datetime) -> SLAClock | None:
    target_s = target_of(promise, kind)
    if target_s is None:
        return None
    return SLAClock(
        conversation_id=0,  # until it is written
        kind=kind,
        policy=promise.policy,
        calendar_id=promise.calendar_id,
        ladder_id=promise.ladder_id,
        target_s=target_s,
        started_at=started_at,
        due_at=promise.calendar.due_at(started_at, target_s) or NEVER,
    )


def write(
    session: Session,
    conversation_id: int,
    started: list[SLAClock],
    calendar: WorkingCalendar,
    now: datetime,
) -> None:
    """Write a conversation's clocks that were just set up, and plan their ladders."""
    for clock in started:
        clock.conversation_id = conversation_id
    session.add_all(started)
    ladders = load_ladders(session)
    with_ladder = [
        clock
        for clock in started
        if steps_for(ladders.steps(clock.ladder_id), Kind(clock.kind.value))
    ]
    if with_ladder:  # its steps name a clock by its id
        session.flush()
    plan_steps(session, [Course(clock, calendar) for clock in with_ladder], now)


class Course(NamedTuple):
    """A running clock with what its ladder is counted by."""

    clock: SLAClock
    calendar: WorkingCalendar
    pauses: Sequence[Pause] = ()


def plan_steps(session: Session, courses: Sequence[Course], now: datetime) -> None:
    """Write the moments of each clock's ladder for its generation, by the ladder as it is now.

    A step that told somebody before the due time moved is planned again where it is still to
    come, without what it changed then; what is past up to it is not told again.
    """
    if not courses:
        return
    told = _told(session, [one.clock.id for one in courses if one.clock.generation > 1])
    _write_steps(session, load_ladders(session), courses, told, now)


def plan_again(session: Session, courses: Sequence[Course], now: datetime) -> None:
    """Let the ladder of clocks whose due time did not move follow what it is now.

    What has fired stays fired; what would have been before now is left out.
    """
    ids = [one.clock.id for one in courses]
    if not ids:
        return
    own = select(clocks.generation).where(clocks.id == steps.clock_id).scalar_subquery()
    session.execute(
        delete(EscalationStep).where(
            steps.clock_id.in_(ids), steps.fired_at.is_(None), steps.generation == own
        )
    )
    told = _told(session, ids)
    _write_steps(session, load_ladders(session), courses, told, now, only_later=True)


def _write_steps(
    session: Session,
    ladders: Ladders,
    courses: Sequence[Course],
    told: Mapping[int, Mapping[str, int]],
    now: datetime,
    *,
    only_later: bool = False,
) -> None:
    rows = [
        {
            "clock_id": one.clock.id,
            "conversation_id": one.clock.conversation_id,
            "generation": one.clock.generation,
            "step": planned.step.key,
            "audience": planned.words,
            "at": planned.at,
            "is_late": planned.late,
            "fired_at": None,
            "cancelled_at": None,
        }
        for one in courses
        for planned in plan(one, ladders, told.get(one.clock.id, {}), now)
        if planned.at > now or not only_later
    ]
    if rows:
        session.execute(_ADD_STEPS, rows)


def plan(
    course: Course, ladders: Ladders, told: Mapping[str, int], now: datetime
) -> list[PlannedStep]:
    """Return what is to come for a clock.

    ``told`` are the keys that have fired for it, each with the generation in which it did.
    """
    clock, calendar, pauses = course
    # A due time held at an earlier promise has its own length.
    length_s = calendar.working_seconds(clock.started_at, clock.due_at, pauses)
    done = [moment for key in told if (moment := read_key(key)) is not None]
    reached = [one.instant(calendar, clock.started_at, length_s, pauses) for one in done]
    last = max((at for at in reached if at is not None), default=None)
    todo = [
        without(step, CHANGING) if step.key in told else step
        for step in steps_for(ladders.steps(clock.ladder_id), Kind(clock.kind.value))
        if told.get(step.key) != clock.generation
    ]
    times = [
        (step, at)
        for step, at in step_times(calendar, clock.started_at, length_s, todo, pauses)
        if step.actions and (at > now or last is None or at > last)
    ]
    planned = collapse_past(times, now)
    if planned and planned[0].at <= now and clock.generation == 1:
        # Nobody was silent about what has only just come in.
        planned[0] = replace(planned[0], step=without(planned[0].step, {Action.HAND_OVER}))
    return [one for one in planned if one.step.actions]


_FIRED = (
    select(steps.clock_id, steps.step, steps.generation)
    .where(
        steps.clock_id.in_(bindparam("clock_ids", expanding=True)), steps.fired_at.is_not(None)
    )
    .order_by(steps.generation)
)


def _told(session: Session, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return the keys of the steps that fired, with their last generation, by clock."""
    found: dict[int, dict[str, int]] = {}
    if ids:
        for clock_id, key, generation in session.execute(_FIRED, {"clock_ids": list(ids)}):
            found.setdefault(clock_id, {})[key] = generation
    return found


_LIVE = select(SLAClock).where(
    clocks.conversation_id == bindparam("number"),
    clocks.met_at.is_(None),
    clocks.cancelled_at.is_(None),
)


def list_live(
    session: Session, conversation_id: int, kinds: Iterable[ClockKind] = ClockKind
) -> list[SLAClock]:
    """Return the live clocks of these kinds."""
    wanted = set(kinds)
    found = session.execute(_LIVE, {"number": conversation_id}).scalars()
    return [clock for clock in found if clock.kind in wanted]


_SILENCE = (
    update(core(EscalationStep))
    .where(
        steps.clock_id.in_(bindparam("clock_ids", expanding=True)),
        steps.fired_at.is_(None),
        steps.cancelled_at.is_(None),
    )
    .values(cancelled_at=bindparam("now"))
)


def silence(session: Session, clock_ids: list[int], at: datetime) -> None:
    """Cancel the steps that have not fired: nothing fires at an old moment."""
    if clock_ids:
        session.execute(_SILENCE, {"clock_ids": clock_ids, "now": at})


def summary(session: Session, conversation_id: int) -> dict[str, Any]:
    """Return the conversation columns that follow from its clocks."""
    session.flush()
    rows = session.execute(
        select(SLAClock).where(clocks.conversation_id == conversation_id).order_by(clocks.id)
    ).scalars()
    (values,) = summaries(session, [list(rows)])
    return values


def summaries(session: Session, rows: Sequence[Sequence[SLAClock]]) -> list[dict[str, Any]]:
    """Do what ``summary`` does for several conversations, given all clocks of each."""
    counted = [[clock for clock in one if clock.cancelled_at is None] for one in rows]
    owed = {clock.id: number for number, one in enumerate(counted) for clock in _owed(one)}
    fired: list[set[str]] = [set() for _ in counted]
    if owed:
        for clock_id, key, _ in session.execute(_FIRED, {"clock_ids": list(owed)}):
            fired[owed[clock_id]].add(key)
    return [summary_of(one, told) for one, told in zip(counted, fired, strict=True)]


def summary_of(rows: list[SLAClock], fired: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Do what ``summary`` does for clocks at hand, oldest first, none of them cancelled.

    ``fired`` are the keys of the steps that fired for clocks still running.
    """
    due = {clock.kind: clock.due_at for clock in rows if clock.due_at != NEVER}
    owed = _owed(rows)
    next_due = min((clock.due_at for clock in owed if clock.due_at != NEVER), default=None)
    return {
        "first_response_due_at": due.get(ClockKind.FIRST_RESPONSE),
        "next_response_due_at": due.get(ClockKind.NEXT_RESPONSE),
        "resolution_due_at": due.get(ClockKind.RESOLUTION),
        "next_due_at": next_due,
        "order_at": next_due or NEVER,
        "sla_state": _state(rows, owed, fired),
    }


def is_live(clock: SLAClock) -> bool:
    """Tell whether a clock still waits for something, running or standing still."""
    return clock.met_at is None and clock.cancelled_at is None


def stands_still(clock: SLAClock) -> bool:
    """Tell whether a live clock is paused with time left."""
    return clock.paused_at is not None and clock.due_at == NEVER and is_live(clock)


def _owed(rows: Iterable[SLAClock]) -> list[SLAClock]:
    return [clock for clock in rows if clock.met_at is None and clock.kind in REPLY_KINDS]


def _state(rows: list[SLAClock], owed: list[SLAClock], fired: AbstractSet[str]) -> SLAState:
    """Return how the promise stands in rows; a breach by passing time is seen on reading."""
    replies = [clock for clock in rows if clock.kind in REPLY_KINDS]
    # A breach that was told stays told, whatever the due time is moved to (F35).
    late = any(
        clock.breached_at or (clock.met_at and clock.met_at > clock.due_at) for clock in replies
    )
    if any(clock.breached_at for clock in owed) or not all(map(is_before_due, fired)):
        return SLAState.BREACHED
    if all(stands_still(clock) for clock in owed) and any(map(stands_still, rows)):
        return SLAState.PAUSED
    if not replies:
        return SLAState.NONE
    if not owed:
        return SLAState.BREACHED if late else SLAState.ON_TIME
    return SLAState.WARNED if fired else SLAState.ON_TIME
