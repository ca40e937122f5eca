"""How fast somebody answers, and how far back some working time reaches: measured, not set.

An answer takes the working time since the person's answer before it, or since it was asked
where that is later: whoever had nothing to do is not slow. What was answered outside of the
hours says nothing and is left out.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from inbox.sla.calendar import WorkingCalendar

ENOUGH = 20  # answers that a median is taken of
UNKNOWN_S = 900.0  # where nobody has answered enough yet


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: who gave it, since when it was owed, and when it was given."""

    worker: int
    asked_at: datetime
    given_at: datetime


def times_taken(
    answers: Iterable[Answer], calendar_of: Mapping[int, WorkingCalendar]
) -> dict[int, list[float]]:
    """Return the working seconds that each person's answers took, in the order given."""
    found: dict[int, list[float]] = {}
    last: dict[int, datetime] = {}
    for one in sorted(answers, key=lambda answer: answer.given_at):
        calendar = calendar_of.get(one.worker)
        if calendar is None:
            continue
        begin = max(one.asked_at, last.get(one.worker, one.asked_at))
        seconds = calendar.working_seconds(begin, one.given_at)
        last[one.worker] = one.given_at
        if seconds > 0:
            found.setdefault(one.worker, []).append(seconds)
    return found


def paces(
    taken: Mapping[int, Sequence[float]], teams_of: Mapping[int, Iterable[int]]
) -> dict[int, float]:
    """Return each person's usual time for an answer, in working seconds.

    That is the median of their own; of their teams' where they gave fewer than ``ENOUGH``,
    then of everybody's, then ``UNKNOWN_S``.
    """
    everybody = [one for times in taken.values() for one in times]
    found = {}
    for worker, teams in teams_of.items():
        own = set(teams)
        of_teams = [
            one
            for mate, times in taken.items()
            if not own.isdisjoint(teams_of.get(mate, ()))
            for one in times
        ]
        choices = (taken.get(worker, ()), of_teams, everybody)
        enough = next((one for one in choices if len(one) >= ENOUGH), None)
        found[worker] = statistics.median(enough) if enough else UNKNOWN_S
    return found


def working_ago(calendar: WorkingCalendar, at: datetime, seconds: float) -> datetime:
    """Return the latest moment from which this much working time leads to ``at``.

    To the minute, towards the past; not more than a year back.
    """
    span = timedelta(seconds=seconds)
    most = timedelta(days=366)
    while span < most and calendar.working_seconds(at - span, at) < seconds:
        span *= 2
    low, high = timedelta(0), min(span, most)
    while high - low > timedelta(minutes=1):
        middle = (low + high) / 2
        if calendar.working_seconds(at - middle, at) < seconds:
            low = middle
        else:
            high = middle
    return at - high


@dataclass(frozen=True, slots=True)
class Slow:
    """A stage that takes much longer today than usual: medians of working seconds."""

    today_s: float
    usual_s: float
    count: int  # of today


FEWEST_TODAY = 5
FEWEST_BEFORE = 20
TIMES_SLOWER = 2.0
AT_LEAST_S = 300.0  # slower than usual, in working seconds


def find_slow(today: Sequence[float], usual_s: float, before: int) -> Slow | None:
    """Return whether a stage is slow today; None if not, or if too few passed through it.

    ``today`` are the working seconds in the stage of what was solved today and passed through
    it, ``usual_s`` is the median of ``before`` such requests of the weeks before.
    """
    if len(today) < FEWEST_TODAY or before < FEWEST_BEFORE:
        return None
    median = statistics.median(today)
    if median <= TIMES_SLOWER * usual_s or median - usual_s < AT_LEAST_S:
        return None
    return Slow(median, usual_s, len(today))
