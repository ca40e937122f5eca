"""On which days a repeating event takes place (RFC 5545, RRULE), asked day by day.

Whoever sends a calendar chooses its rules, and a rule may name a day that never comes. So
nothing here looks for the next occurrence: each day of a window is asked whether it is one,
which ends whatever the rule says. Rules by the hour, by week number or by day of the year are
refused: no meeting in an office's calendar has one.
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
KNOWN = frozenset(
    {
        *("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH"),
        *("BYSETPOS", "WKST"),
    }
)
MOST_COUNTED = 20_000  # days that a rule with a COUNT may be followed over
_BY_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_DAY = timedelta(days=1)


class RuleError(ValueError):
    """A rule that is not one that we follow."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that can be asked. ``until`` is its last day; ``weekdays`` 0 is Monday."""

    freq: str
    interval: int = 1
    count: int | None = None
    until: date | None = None
    weekdays: tuple[tuple[int, int], ...] = ()  # which of the month (0: each), and the weekday
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    places: tuple[int, ...] = ()  # of a month's or year's days: 1 the first, -1 the last
    week_start: int = 0

    def days(self, start: date, first: date, last: date) -> Iterator[date]:
        """Yield the days of [first, last] on which an event begins that first did on ``start``.

        Raises
        ------
        RuleError
            If it would have to be counted over too many days.
        """
        last = min(last, self.until or last)
        if self.count is None:
            yield from self._matching(start, max(start, first), last)
            return
        if (last - start).days > MOST_COUNTED:
            raise RuleError("too far")
        left = self.count
        for day in self._matching(start, start, last):
            if left <= 0:
                return
            left -= 1
            if day >= first:
                yield day

    def _matching(self, start: date, first: date, last: date) -> Iterator[date]:
        day = first
        while day <= last:
            # Where an event begins is one of its days, whatever its rule says.
            if day == start or self._takes(start, day):
                yield day
            day += _DAY

    def _takes(self, start: date, day: date) -> bool:
        if not self._is_turn(start, day) or not self._fits(start, day):
            return False
        return not self.places or self._is_placed(start, day)

    def _is_turn(self, start: date, day: date) -> bool:
        """Tell whether it is the day, week, month or year's turn, by the interval."""
        if self.freq == "DAILY":
            apart = (day - start).days
        elif self.freq == "WEEKLY":
            apart = (self._week(day) - self._week(start)).days // 7
        elif self.freq == "MONTHLY":
            apart = (day.year - start.year) * 12 + day.month - start.month
        else:
            apart = day.year - start.year
        return apart % self.interval == 0

    def _week(self, day: date) -> date:
        return day - timedelta(days=(day.weekday() - self.week_start) % 7)

    def _fits(self, start: date, day: date) -> bool:
        months = self.months
        if self.freq == "YEARLY" and not months and not self.weekdays and not self.month_days:
            months = (start.month,)
        if months and day.month not in months:
            return False
        if self.month_days and not self._is_month_day(day):
            return False
        if self.weekdays:
            return self._is_weekday(day)
        if self.month_days or self.freq == "DAILY":
            return True
        if self.freq == "WEEKLY":
            return day.weekday() == start.weekday()
        return day.day == start.day

    def _is_month_day(self, day: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        return day.day in self.month_days or day.day - length - 1 in self.month_days

    def _is_weekday(self, day: date) -> bool:
        for which, weekday in self.weekdays:
            if weekday == day.weekday() and (not which or which in self._nth(day)):
                return True
        return False

    def _nth(self, day: date) -> tuple[int, int]:
        """Return which of its weekday it is in its month or year, from either end."""
        if self.freq == "YEARLY" and not self.months:
            begin, end = date(day.year, 1, 1), date(day.year, 12, 31)
        else:
            length = calendar.monthrange(day.year, day.month)[1]
            begin, end = day.replace(day=1), day.replace(day=length)
        return (day - begin).days // 7 + 1, -((end - day).days // 7) - 1

    def _is_placed(self, start: date, day: date) -> bool:
        """Tell whether it is one of the chosen among its month's days that fit."""
        length = calendar.monthrange(day.year, day.month)[1]
        fit = [
            one
            for one in (day.replace(day=n) for n in range(1, length + 1))
            if self._fits(start, one)
        ]
        place = fit.index(day)
        return place + 1 in self.places or place - len(fit) in self.places


def read_rule(text: str) -> Rule:
    """Read ``FREQ=WEEKLY;BYDAY=MO,WE``.

    Raises
    ------
    RuleError
        If it is none, or none that we follow.
    """
    parts = dict(part.partition("=")[::2] for part in text.strip().upper().split(";") if part)
    freq = parts.get("FREQ", "")
    if not parts.keys() <= KNOWN or freq not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        raise RuleError(text[:60])
    places = _numbers(parts.get("BYSETPOS", ""), 366)
    if places and freq != "MONTHLY":
        raise RuleError("BYSETPOS")
    return Rule(
        freq,
        _number(parts.get("INTERVAL", "1")) or 1,
        _number(parts["COUNT"]) if "COUNT" in parts else None,
        _until(parts.get("UNTIL", "")),
        tuple(_weekday(one) for one in parts.get("BYDAY", "").split(",") if one),
        _numbers(parts.get("BYMONTHDAY", ""), 31),
        _numbers(parts.get("BYMONTH", ""), 12),
        places,
        DAYS.index(parts["WKST"]) if parts.get("WKST") in DAYS else 0,
    )


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise RuleError(text[:20])
    return int(text)


def _numbers(text: str, most: int) -> tuple[int, ...]:
    found = []
    for one in text.split(",") if text else ():
        number = _number(one.lstrip("+-")) * (-1 if one.startswith("-") else 1)
        if not 1 <= abs(number) <= most:
            raise RuleError(one[:20])
        found.append(number)
    return tuple(found)


def _weekday(text: str) -> tuple[int, int]:
    found = _BY_DAY.fullmatch(text)
    if found is None:
        raise RuleError(text[:20])
    return int(found[1] or 0), DAYS.index(found[2])


def _until(text: str) -> date | None:
    if not text:
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError as error:
        raise RuleError(text[:20]) from error
