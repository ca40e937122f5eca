"""Why a clock is due when it is: the stretches that were counted, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause

MOST = 200  # stretches; a target of weeks is explained by its first ones


@dataclass(frozen=True, slots=True)
class Stretch:
    """Working time that counted, in [start, end); ``left_s`` of the target remain after it.

    ``holidays`` are those that were passed over before it.
    """

    start: datetime
    end: datetime
    seconds: float
    left_s: float
    holidays: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """The way from the start to the due time. ``due_at`` is None beyond five years."""

    start: datetime
    target_s: float
    counted: tuple[Stretch, ...]
    pauses: tuple[Pause, ...]
    due_at: datetime | None
    is_whole: bool  # False: there are more stretches than are listed


def explain(
    calendar: WorkingCalendar,
    start: datetime,
    target_s: float,
    pauses: Sequence[Pause] = (),
    most: int = MOST,
) -> Explained:
    """Count a target down as ``WorkingCalendar.due_at`` does, writing down each stretch.

    Raises
    ------
    ValueError
        As `WorkingCalendar.due_at` does.
    """
    due_at = calendar.due_at(start, target_s, pauses)
    ordered = tuple(sorted(pause for pause in pauses if pause[0] < pause[1]))
    counted: list[Stretch] = []
    left = float(target_s)
    for opens, closes in calendar.intervals(start):
        if left <= 0 or len(counted) == most:
            break
        for begin, end in _outside(opens, closes, ordered):
            # In absolute time: an hour that the clock repeats counts twice.
            seconds = min((end - begin).total_seconds(), left)
            if seconds <= 0 or len(counted) == most:
                break
            left -= seconds
            stop = due_at if left <= 0 and due_at is not None else end
            closed = calendar.holidays_between(counted[-1].end if counted else start, begin)
            counted.append(Stretch(begin, stop, seconds, left, tuple(closed)))
    return Explained(start, target_s, tuple(counted), ordered, due_at, left <= 0)


def _outside(
    start: datetime, end: datetime, pauses: Sequence[Pause]
) -> list[tuple[datetime, datetime]]:
    """Return what ordered pauses leave of [start, end)."""
    parts = []
    for begin, finish in pauses:
        if begin > start:
            parts.append((start, min(begin, end)))
        start = max(start, finish)
        if start >= end:
            return parts
    return [*parts, (start, end)]
