"""The company's days, and how a clock was decided."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models import Outcome

A_DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)  # nothing is stamped more finely


@dataclass(frozen=True, slots=True)
class Days:
    """Local dates. What belongs to a day before ``open_from`` counts for that one."""

    zone: ZoneInfo
    open_from: date

    def midnight(self, day: date) -> datetime:
        """Return when a day begins."""
        return datetime.combine(day, time(), self.zone)

    def day_of(self, at: datetime) -> date:
        """Return the day for which something counts."""
        return max(at.astimezone(self.zone).date(), self.open_from)

    def slot_of(self, at: datetime) -> int:
        """Return the hour of the week, 0 to 167; 0 is Monday from midnight."""
        there = at.astimezone(self.zone)
        return there.weekday() * 24 + there.hour


@dataclass(frozen=True, slots=True)
class Stamps:
    """What decides a clock."""

    due_at: datetime
    met_at: datetime | None
    cancelled_at: datetime | None
    paused_at: datetime | None = None
    breached_at: datetime | None = None


def decide(clock: Stamps, until: datetime) -> tuple[Outcome, datetime] | None:
    """Return how a clock was decided and when, as known at ``until`` (excluded); None if open.

    Due at 10:00:00 and met at 10:00:00 is in time. Late is decided at the due time, whenever
    somebody looks, and neither a later answer nor an excuse takes it back.
    """
    met, cancelled = _known(clock.met_at, until), _known(clock.cancelled_at, until)
    breached = _known(clock.breached_at, until)
    if breached is not None:
        return Outcome.MISSED, breached
    end = met or cancelled or _known(clock.paused_at, until) or until - INSTANT
    if end > clock.due_at:
        return Outcome.MISSED, clock.due_at
    if cancelled is not None:
        return Outcome.EXCUSED, cancelled
    return (Outcome.MET, met) if met is not None else None


def _known(at: datetime | None, until: datetime) -> datetime | None:
    return at if at is not None and at < until else None
