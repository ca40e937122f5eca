"""Working time: when a company is open, and when a target of open hours is used up.

Everything is counted in whole microseconds since 1970 UTC, in blocks of 16 days that are
compiled when first needed. A block holds its open intervals and the work before each, so that
a question costs a bisection per block, however long the target.
"""

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from inbox.sla import spec as form
from inbox.sla.instants import (
    BLOCK,
    DAY,
    MINUTE,
    SECOND,
    Pause,
    between,
    instant,
    offsets,
    ticks,
)
from inbox.sla.spec import CalendarError, Day

__all__ = ["CalendarError", "Pause", "WorkingCalendar", "always_open"]

LIMIT = timedelta(days=5 * 365 + 2)
"""Five years. A target that is not used up by then is never due."""

_LIMIT = LIMIT // timedelta(microseconds=1)
_MOST_BLOCKS = 256


@dataclass(slots=True)
class _Block:
    """The open intervals of 16 days in UTC, and how much work lies before each of them."""

    opens: list[int]
    closes: list[int]
    before: list[int]
    total: int

    def worked_until(self, at: int) -> int:
        index = bisect_right(self.opens, at) - 1
        if index < 0:
            return 0
        return self.before[index] + min(at, self.closes[index]) - self.opens[index]

    def instant(self, work: int) -> int:
        """Return the earliest instant at which ``work`` > 0 has been done."""
        index = bisect_left(self.before, work) - 1
        return self.opens[index] + work - self.before[index]


@dataclass(frozen=True)
class WorkingCalendar:
    """When a company works, in its own zone. Equal content is equal; build by `from_spec`.

    An instant is working time if its local wall time lies in [open, close) on a local date
    that is no holiday: an hour that the clock repeats counts twice, one that it skips not at
    all. A special day replaces its date's hours, also on a holiday. Instants are aware; what
    comes back is UTC. Years 1000 to 9990.
    """

    timezone: str
    hours: tuple[Day, ...]
    holidays: frozenset[date] = frozenset()
    special_days: tuple[tuple[date, Day], ...] = ()
    _week: tuple[Day, ...] = field(init=False, repr=False, compare=False)
    _dates: dict[int, Day] = field(init=False, repr=False, compare=False, default_factory=dict)
    _blocks: dict[int, _Block] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_week", tuple(_in_ticks(day) for day in self.hours))
        self._dates.update({_day_number(holiday): () for holiday in self.holidays})
        self._dates.update({_day_number(on): _in_ticks(day) for on, day in self.special_days})

    @staticmethod
    def from_spec(spec: object) -> "WorkingCalendar":
        """Read the JSON form; the same content gives the same, already compiled calendar.

        Raises
        ------
        CalendarError
            A ValueError whose message says what is wrong and what to write instead.
        """
        try:
            return _read(json.dumps(spec))
        except (TypeError, RecursionError):
            raise CalendarError(
                "Give the calendar as plain JSON, with dates as text."
            ) from None

    def to_spec(self) -> dict[str, object]:
        """Write the JSON form, all seven days named and every list sorted."""
        days = zip(form.WEEKDAYS, self.hours, strict=True)
        special = {on.isoformat(): form.write_day(day) for on, day in self.special_days}
        return {
            "timezone": self.timezone,
            "hours": {name: form.write_day(day) for name, day in days},
            "holidays": [day.isoformat() for day in sorted(self.holidays)],
            "special_days": special,
        }

    def holidays_between(self, start: datetime, end: datetime) -> list[date]:
        """Return the holidays that kept it closed in [start, end), on which it is open else.

        Dates of its own zone; both instants aware.
        """
        zone = ZoneInfo(self.timezone)
        first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        special = {on for on, _ in self.special_days}
        return sorted(
            day
            for day in self.holidays
            if first <= day <= last and day not in special and self.hours[day.weekday()]
        )

    @property
    def is_always_open(self) -> bool:
        """Whether there is no closed minute at all."""
        closed_dates = any(day != ((0, 1440),) for _, day in self.special_days)
        return set(self.hours) == {((0, 1440),)} and not self.holidays and not closed_dates

    def due_at(
        self, start: datetime, target_seconds: float, pauses: Iterable[Pause] = ()
    ) -> datetime | None:
        """Return when the target is used up, which may be the very end of an interval.

        Parameters
        ----------
        start : datetime
            When the clock starts; it may lie outside the hours or inside a pause.
        target_seconds : float
            Working time in seconds, 0 or more; 0 is due at ``start``, open or not.
        pauses : iterable of (datetime, datetime)
            Half-open; they may overlap, come unordered, and end before ``start``.

        Returns
        -------
        due_at : datetime or None
            UTC. None if five years do not hold that much working time.

        Raises
        ------
        ValueError
            If an instant has no zone or no usable year, a pause ends before it begins, or the
            target is negative or no number.
        """
        if not 0 <= target_seconds < math.inf:
            raise ValueError("Give a target of 0 seconds or more.")
        begin = ticks(start)
        if target_seconds == 0:
            return start.astimezone(UTC)
        if target_seconds > _LIMIT / SECOND:
            return None
        wanted = round(target_seconds * SECOND)
        for opens, closes in between(begin, begin + _LIMIT, pauses):
            due, wanted = self._use_up(opens, closes, wanted)
            if due is not None:
                return instant(due)
        return None

    def working_seconds(
        self, start: datetime, end: datetime, pauses: Iterable[Pause] = ()
    ) -> float:
        """Count the seconds worked in [start, end) outside pauses; 0.0 if it is reversed."""
        spans = between(ticks(start), ticks(end), pauses)
        return sum(self._worked(opens, closes) for opens, closes in spans) / SECOND

    def reaching(self, start: datetime, due_at: datetime) -> "WorkingCalendar":
        """Return the hours by which time from ``start`` on ends at ``due_at`` exactly.

        These, unless a person named a time outside of them: then every hour counts.
        """
        length_s = self.working_seconds(start, due_at)
        fits = length_s > 0 and self.due_at(start, length_s) == due_at
        return self if fits else always_open(self.timezone)

    def is_open(self, at: datetime) -> bool:
        """Whether the instant is working time."""
        tick = ticks(at)
        return self._worked(tick, tick + 1) > 0

    def next_opening(self, at: datetime) -> datetime | None:
        """Return the first working instant from ``at`` on: ``at`` itself when open.

        None if there is none within five years.
        """
        first = next(self.intervals(at), None)
        return first[0] if first else None

    def intervals(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open stretches of the five years from ``start``, cut to them, in UTC.

        Stretches that touch come as one, so midnight inside a night shift divides nothing.
        """
        begin = ticks(start)
        limit = begin + _LIMIT
        pending: tuple[int, int] | None = None
        for index in range(begin // BLOCK, limit // BLOCK + 1):
            block = self._block(index)
            for nth in range(bisect_right(block.closes, begin), len(block.opens)):
                low, high = max(block.opens[nth], begin), min(block.closes[nth], limit)
                if low >= high:
                    break
                if pending and pending[1] == low:
                    pending = (pending[0], high)
                    continue
                if pending:
                    yield instant(pending[0]), instant(pending[1])
                pending = (low, high)
        if pending:
            yield instant(pending[0]), instant(pending[1])

    def _use_up(self, start: int, end: int, wanted: int) -> tuple[int | None, int]:
        """Work from start to end; return the due instant, or None and what is still wanted."""
        while start < end:
            index = start // BLOCK
            block = self._block(index)
            stop = min(end, (index + 1) * BLOCK)
            done = block.worked_until(start)
            here = block.worked_until(stop) - done
            if here >= wanted:
                return block.instant(done + wanted), 0
            wanted -= here
            start = stop
        return None, wanted

    def _worked(self, start: int, end: int) -> int:
        work = 0
        while start < end:
            index = start // BLOCK
            block = self._block(index)
            stop = min(end, (index + 1) * BLOCK)
            work += block.worked_until(stop) - block.worked_until(start)
            start = stop
        return work

    def _block(self, index: int) -> _Block:
        block = self._blocks.get(index)
        if block is None:
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            block = self._blocks[index] = self._compile(index)
        return block

    def _compile(self, index: int) -> _Block:
        """Lay the hours over each stretch of one offset, which is exact at every change."""
        opens: list[int] = []
        closes: list[int] = []
        before: list[int] = []
        total = 0
        for start, end, offset in offsets(self.timezone, index):
            for day in range((start + offset) // DAY, (end - 1 + offset) // DAY + 1):
                midnight = day * DAY - offset
                # 1970-01-01, day 0, was a Thursday.
                hours = self._dates.get(day)
                for span in self._week[(day + 3) % 7] if hours is None else hours:
                    low, high = (max(start, midnight + span[0]), min(end, midnight + span[1]))
                    if low < high:
                        opens.append(low)
                        closes.append(high)
                        before.append(total)
                        total += high - low
        return _Block(opens, closes, before, total)


def always_open(timezone: str) -> WorkingCalendar:
    """Make the calendar without a closed minute; the zone serves the texts.

    Raises
    ------
    CalendarError
        If there is no such zone.
    """
    return WorkingCalendar(form.read_zone(timezone), (((0, 1440),),) * 7)


@lru_cache(maxsize=256)
def _read(text: str) -> WorkingCalendar:
    spec = form.read_keys(json.loads(text))
    return WorkingCalendar(
        timezone=form.read_zone(spec.get("timezone")),
        hours=form.read_hours(spec.get("hours")),
        holidays=form.read_dates(spec.get("holidays", ())),
        special_days=form.read_special(spec.get("special_days", {})),
    )


def _day_number(on: date) -> int:
    return on.toordinal() - 719163  # 1970-01-01


def _in_ticks(day: Day) -> Day:
    return tuple((opens * MINUTE, closes * MINUTE) for opens, closes in day)
