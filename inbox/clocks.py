"""Clocks in rows: start, meet, take back, recompute; and what a conversation shows of them."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session

from inbox.rulebook import Promise
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.ladder import DEFAULT_STEPS, collapse_past, step_times
from models import ClockKind, EscalationStep, SLAClock, SLAState
from models.base import columns, core

clocks = columns(SLAClock)
steps = columns(EscalationStep)

_ADD_STEPS = insert(core(EscalationStep))

NEVER = datetime(9000, 1, 1, tzinfo=UTC)  # where an answered conversation stands in the order
BEFORE_DUE = frozenset(step.key for step in DEFAULT_STEPS if step.percent < 100)
RUNG = {step.key: number for number, step in enumerate(DEFAULT_STEPS)}
REPLY_KINDS = (ClockKind.FIRST_RESPONSE, ClockKind.NEXT_RESPONSE)


def target_of(promise: Promise, kind: ClockKind) -> int | None:
    """Return a clock's target in working seconds; None if the policy has no such clock."""
    targets = promise.targets
    if kind is ClockKind.RESOLUTION:
        return targets.resolution_s
    # Until policies say otherwise each later answer has the first one's time.
    return targets.first_response_s


def start(
    session: Session,
    conversation_id: int,
    kind: ClockKind,
    promise: Promise,
    *,
    started_at: datetime,
    now: datetime,
) -> SLAClock | None:
    """Start a clock and plan its ladder; None if the policy has no such clock.

    A live clock of the same kind must not be there.
    """
    started = set_up([kind], promise, started_at)
    write(session, conversation_id, started, promise.calendar, now)
    return started[0] if started else None


def set_up(
    kinds: Iterable[ClockKind], promise: Promise, started_at: datetime
) -> list[SLAClock]:
    """Return clocks of these kinds, as far as the policy has them; nothing is written yet."""
    found = (_set_up(kind, promise, started_at) for kind in kinds)
    return [clock for clock in found if clock is not None]


def _set_up(kind: ClockKind, promise: Promise, started_at: datetime) -> SLAClock | None:
    target_s = target_of(promise, kind)
    due_at = promise.calendar.due_at(started_at, target_s) if target_s is not None else None
    if target_s is None or due_at is None:
        return None
    return SLAClock(
        conversation_id=0,  # until it is written
        kind=kind,
        policy=promise.policy,
        calendar_id=promise.calendar_id,
        target_s=target_s,
        started_at=started_at,
        due_at=due_at,
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
    with_ladder = [clock for clock in started if clock.kind in REPLY_KINDS]
    if with_ladder:  # its steps name a clock by its id
        session.flush()
    for clock in with_ladder:
        plan_steps(session, clock, calendar, now)


def plan_steps(
    session: Session, clock: SLAClock, calendar: WorkingCalendar, now: datetime
) -> None:
    """Write the ladder's moments for the clock's generation; only reply clocks have one."""
    if clock.kind is ClockKind.RESOLUTION:
        return
    # A due time held at an earlier promise has its own length.
    length = calendar.working_seconds(clock.started_at, clock.due_at)
    times = step_times(calendar, clock.started_at, length, DEFAULT_STEPS)
    told = _told(session, clock)
    planned_steps = [
        {
            "clock_id": clock.id,
            "conversation_id": clock.conversation_id,
            "generation": clock.generation,
            "step": planned.step.key,
            "audience": ",".join(planned.step.audience),
            "at": planned.at,
            "is_late": planned.late,
            "fired_at": None,
            "cancelled_at": None,
        }
        for planned in collapse_past(times, now)
        if planned.at > now or RUNG[planned.step.key] > told
    ]
    if planned_steps:
        session.execute(_ADD_STEPS, planned_steps)


def _told(session: Session, clock: SLAClock) -> int:
    """Return the highest rung that has told somebody before the due time moved, else -1.

    What is past under the new due time is not told again by a rung up to that one.
    """
    if clock.generation == 1:
        return -1
    fired = session.execute(
        select(steps.step).where(steps.clock_id == clock.id, steps.fired_at.is_not(None))
    ).scalars()
    return max((RUNG[key] for key in fired), default=-1)


def list_live(
    session: Session, conversation_id: int, kinds: Iterable[ClockKind]
) -> list[SLAClock]:
    """Return the running clocks of these kinds."""
    rows = session.execute(
        select(SLAClock).where(
            clocks.conversation_id == conversation_id,
            clocks.kind.in_(list(kinds)),
            clocks.met_at.is_(None),
            clocks.cancelled_at.is_(None),
        )
    )
    return list(rows.scalars())


def meet(
    session: Session, conversation_id: int, kinds: Iterable[ClockKind], at: datetime
) -> list[int]:
    """Stop the running clocks of these kinds as met at ``at``; return their ids."""
    met = [clock.id for clock in list_live(session, conversation_id, kinds)]
    session.execute(update(SLAClock).where(clocks.id.in_(met)).values(met_at=at))
    silence(session, met, at)
    return met


def cancel(
    session: Session, conversation_id: int, kinds: Iterable[ClockKind], at: datetime
) -> None:
    """Take running clocks out of every count, because no answer is owed any more."""
    ids = [clock.id for clock in list_live(session, conversation_id, kinds)]
    session.execute(update(SLAClock).where(clocks.id.in_(ids)).values(cancelled_at=at))
    silence(session, ids, at)


def silence(session: Session, clock_ids: list[int], at: datetime) -> None:
    """Cancel the steps that have not fired: nothing fires at an old moment."""
    if clock_ids:
        session.execute(
            update(EscalationStep)
            .where(
                steps.clock_id.in_(clock_ids),
                steps.fired_at.is_(None),
                steps.cancelled_at.is_(None),
            )
            .values(cancelled_at=at)
        )


def run_on(
    session: Session,
    clock_ids: Iterable[int],
    calendar: dict[int, WorkingCalendar],
    now: datetime,
) -> None:
    """Take back that clocks were met (the reply never left): they run on from the arrival."""
    for clock in session.execute(
        select(SLAClock).where(clocks.id.in_(list(clock_ids)))
    ).scalars():
        if list_live(session, clock.conversation_id, [clock.kind]):
            continue  # the customer wrote again meanwhile and has a newer clock
        clock.met_at = None
        clock.generation += 1
        session.add(clock)
        session.flush()
        plan_steps(session, clock, calendar[clock.calendar_id], now)


def recompute(
    session: Session,
    conversation_id: int,
    promise: Promise,
    *,
    latest_due: datetime | None,
    now: datetime,
    only_earlier: bool = False,
) -> None:
    """Give the running clocks another policy, from their original start.

    ``latest_due`` caps the first response: what was promised is never put off; with
    ``only_earlier`` a clock whose due time would not become earlier stays as it is. Steps of
    the old due time fall silent; those that fired have fired.
    """
    for clock in list_live(session, conversation_id, ClockKind):
        target_s = target_of(promise, clock.kind)
        if target_s is None:
            continue
        due_at = promise.calendar.due_at(clock.started_at, target_s)
        if due_at is None:
            continue
        if latest_due is not None and clock.kind is ClockKind.FIRST_RESPONSE:
            due_at = min(due_at, latest_due)
        if only_earlier and due_at >= clock.due_at:
            continue
        clock.policy = promise.policy
        clock.calendar_id = promise.calendar_id
        clock.target_s = target_s
        if due_at != clock.due_at:
            _move(session, clock, due_at, promise.calendar, now)
        session.add(clock)


def _move(
    session: Session,
    clock: SLAClock,
    due_at: datetime,
    calendar: WorkingCalendar,
    now: datetime,
) -> None:
    """Give a running clock another due time, and its ladder the moments that follow."""
    clock.due_at = due_at
    clock.generation += 1
    silence(session, [clock.id], now)
    session.add(clock)
    session.flush()
    plan_steps(session, clock, calendar, now)


def due_under(
    calendar: WorkingCalendar, clock: SLAClock, promised_at: datetime | None, now: datetime
) -> datetime:
    """Return when a running clock is due once its calendar's hours are these.

    What is late stays late, nothing becomes late by it, and a first response is never put off
    beyond what was promised.
    """
    due_at = calendar.due_at(clock.started_at, clock.target_s)
    if due_at is None or clock.due_at <= now:
        return clock.due_at
    if promised_at is not None and clock.kind is ClockKind.FIRST_RESPONSE:
        due_at = min(due_at, promised_at)
    return due_at if due_at > now else clock.due_at


def follow_calendar(
    session: Session,
    conversation_id: int,
    calendar_id: int,
    calendar: WorkingCalendar,
    *,
    promised_at: datetime | None,
    now: datetime,
) -> bool:
    """Let a conversation's running clocks on this calendar follow its hours; True if any moved.

    Their targets and policies stay; see ``due_under`` for what does not move.
    """
    moved = False
    for clock in list_live(session, conversation_id, ClockKind):
        if clock.calendar_id != calendar_id:
            continue
        due_at = due_under(calendar, clock, promised_at, now)
        if due_at != clock.due_at:
            _move(session, clock, due_at, calendar, now)
            moved = True
    return moved


def summary(session: Session, conversation_id: int) -> dict[str, Any]:
    """Return the conversation columns that follow from its clocks."""
    session.flush()
    rows = list(
        session.execute(
            select(SLAClock)
            .where(clocks.conversation_id == conversation_id, clocks.cancelled_at.is_(None))
            .order_by(clocks.id)
        ).scalars()
    )
    owed = [clock.id for clock in _owed(rows)]
    fired: set[str] = set()
    if owed:
        fired = set(
            session.execute(
                select(steps.step).where(steps.clock_id.in_(owed), steps.fired_at.is_not(None))
            ).scalars()
        )
    return summary_of(rows, fired)


def summary_of(rows: list[SLAClock], fired: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Do what ``summary`` does for clocks at hand, oldest first, none of them cancelled.

    ``fired`` are the keys of the steps that fired for clocks still running.
    """
    due = {clock.kind: clock.due_at for clock in rows}
    owed = _owed(rows)
    next_due = min((clock.due_at for clock in owed), default=None)
    return {
        "first_response_due_at": due.get(ClockKind.FIRST_RESPONSE),
        "next_response_due_at": due.get(ClockKind.NEXT_RESPONSE),
        "resolution_due_at": due.get(ClockKind.RESOLUTION),
        "next_due_at": next_due,
        "order_at": next_due or NEVER,
        "sla_state": _state(rows, owed, fired),
    }


def _owed(rows: list[SLAClock]) -> list[SLAClock]:
    return [clock for clock in rows if clock.met_at is None and clock.kind in REPLY_KINDS]


def _state(rows: list[SLAClock], owed: list[SLAClock], fired: AbstractSet[str]) -> SLAState:
    """Return how the promise stands in rows; a breach by passing time is seen on reading."""
    replies = [clock for clock in rows if clock.kind in REPLY_KINDS]
    if not replies:
        return SLAState.NONE
    if not owed:
        late = any(clock.met_at and clock.met_at > clock.due_at for clock in replies)
        return SLAState.BREACHED if late else SLAState.ON_TIME
    if not fired:
        return SLAState.ON_TIME
    # A breach that was told stays told, whatever the due time is moved to (F35).
    return SLAState.WARNED if fired <= BEFORE_DUE else SLAState.BREACHED
