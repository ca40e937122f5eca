"""The ladder: who is told at which part of a target, before and after it is due."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause


class Audience(StrEnum):
    """Whom a step tells. Who that is, is looked up when the step fires."""

    OWNER = "owner"
    SUPERVISOR = "supervisor"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung. ``percent`` is of the target's working time; 100 is due, above it is after."""

    key: str
    percent: int
    audience: tuple[Audience, ...]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its instant (UTC); late if that had passed when the plan was made."""

    step: Step
    at: datetime
    late: bool = False


DEFAULT_STEPS = (
    Step("half_used", 50, (Audience.OWNER,)),
    Step("nearly_due", 80, (Audience.OWNER,)),
    Step("due", 100, (Audience.OWNER, Audience.SUPERVISOR)),
    Step("overdue", 125, (Audience.BACKUP,)),
)
"""Out of the box: the owner twice, the supervisor at due, the backup a quarter later."""


def step_times(
    calendar: WorkingCalendar,
    start: datetime,
    target_seconds: float,
    steps: Iterable[Step] = DEFAULT_STEPS,
    pauses: Sequence[Pause] = (),
) -> list[tuple[Step, datetime]]:
    """Compute when each step falls, in order of time; 100 % falls exactly on the due time.

    A step that five years do not reach is left out. Where a due time was held at an earlier
    promise, give that clock's own length: ``calendar.working_seconds(start, due_at, pauses)``.

    Raises
    ------
    ValueError
        As `WorkingCalendar.due_at` does.
    """
    times = []
    for step in sorted(steps, key=lambda step: step.percent):
        at = calendar.due_at(start, target_seconds * step.percent / 100, pauses)
        if at is not None:
            times.append((step, at))
    return times


def collapse_past(times: Iterable[tuple[Step, datetime]], now: datetime) -> list[PlannedStep]:
    """Make one late step of all that are past at take-in, and plan the others.

    The one keeps the last past step's key and instant and tells everybody whom one of them
    would have told, so that an owner does not miss a deadline that only the backup hears of.
    A step at ``now`` exactly is past with them, but late only if it is not alone.
    """
    ordered = sorted(times, key=lambda timed: timed[1])
    past = [timed for timed in ordered if timed[1] <= now]
    plan = [PlannedStep(step, at) for step, at in ordered[len(past) :]]
    if not past:
        return plan
    step, at = past[-1]
    told = dict.fromkeys(audience for other, _ in past for audience in other.audience)
    late = past[0][1] < now
    return [PlannedStep(replace(step, audience=tuple(told)), at, late), *plan]
