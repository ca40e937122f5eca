"""Working time against an oracle that only looks at each minute and counts."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Zone and a date near which its clock changes: by an hour, by half an hour, at midnight, at one
# minute past midnight, by a whole date, and (twice) never.
CHANGES = [
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2017, 10, 15)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/St_Johns", date(2006, 4, 2)),
    ("America/St_Johns", date(2006, 10, 29)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Africa/Casablanca", date(2026, 2, 15)),
    ("Asia/Kathmandu", date(2026, 6, 1)),
    ("Asia/Ho_Chi_Minh", date(2026, 2, 14)),
]


class Oracle:
    """Knows of each minute (or second) of a window whether it is worked, and only counts."""

    def __init__(
        self, spec: dict[str, object], first: datetime, days: int, step_s: int = 60
    ) -> None:
        self.first, self.step_s = first, step_s
        zone = ZoneInfo(str(spec["timezone"]))
        minutes = [
            is_worked(spec, (first + timedelta(minutes=minute)).astimezone(zone))
            for minute in range(days * 1440)
        ]
        self.worked = np.repeat(np.array(minutes, dtype=bool), 60 // step_s)

    def index(self, instant: datetime) -> int:
        steps = (instant - self.first) // timedelta(seconds=self.step_s)
        return min(max(steps, 0), self.worked.size)

    def left(self, start: datetime, pauses: Sequence[Pause]) -> NDArray[np.bool_]:
        worked: NDArray[np.bool_] = self.worked.copy()
        for begin, end in pauses:
            worked[self.index(begin) : self.index(end)] = False
        worked[: self.index(start)] = False
        return worked

    def due_at(self, start: datetime, steps: int, pauses: Sequence[Pause]) -> datetime | None:
        """Return the end of the last step that the target needs; None: not in the window."""
        if steps == 0:
            return start
        total = np.cumsum(self.left(start, pauses))
        if total[-1] < steps:
            return None
        last = int(np.searchsorted(total, steps))
        return self.first + timedelta(seconds=self.step_s * (last + 1))


def is_worked(spec: dict[str, object], wall: datetime) -> bool:
    special, hours, holidays = spec["special_days"], spec["hours"], spec["holidays"]
    assert isinstance(special, dict)
    assert isinstance(hours, dict)
    assert isinstance(holidays, list)
    text = wall.isoformat()
    on, time = text[:10], text[11:16]
    if on in special:
        spans = special[on]
    elif on in holidays:
        spans = []
    else:
        spans = hours.get(DAYS[wall.weekday()], [])
    return any(opens <= time < closes for opens, closes in spans)


def random_spans(rng: random.Random) -> list[list[str]]:
    count = rng.choice([0, 1, 1, 2, 2, 3])
    grid = rng.choice([1, 5, 30])
    marks = sorted(rng.sample(range(0, 1440 // grid + 1), count * 2))
    times = [f"{mark * grid // 60:02}:{mark * grid % 60:02}" for mark in marks]
    return [[opens, closes] for opens, closes in zip(times[::2], times[1::2], strict=True)]


def random_spec(rng: random.Random, zone: str, near: date) -> dict[str, object]:
    if rng.random() < 0.15:
        hours = {day: [["00:00", "24:00"]] for day in DAYS}
    else:
        hours = {day: random_spans(rng) for day in DAYS if rng.random() < 0.9}
    around = [(near + timedelta(days=offset)).isoformat() for offset in range(-6, 12)]
    return {
        "timezone": zone,
        "hours": hours,
        "holidays": rng.sample(around, rng.randrange(4)),
        "special_days": {
            day: random_spans(rng) for day in rng.sample(around, rng.randrange(3))
        },
    }


def random_pauses(rng: random.Random, pick: Callable[[], datetime]) -> list[Pause]:
    pauses = []
    for _ in range(rng.choice([0, 0, 1, 2, 4])):
        begin = pick()
        pauses.append((begin, begin + timedelta(minutes=rng.choice([0, 1, 45, 600, 3000]))))
    return pauses


@pytest.mark.slow
def test_ten_thousand_random_cases_equal_the_minute_by_minute_oracle() -> None:
    """F31, R27: starts, calendars, pauses and targets at random, around clock changes."""
    rng = random.Random(31)
    reached = 0
    for number in range(100):
        zone, near = CHANGES[number % len(CHANGES)]
        spec = random_spec(rng, zone, near)
        calendar = WorkingCalendar.from_spec(spec)
        first = datetime(near.year, near.month, near.day, tzinfo=UTC) - timedelta(days=4)
        oracle = Oracle(spec, first, days=11)

        def pick(first: datetime = first) -> datetime:
            return first + timedelta(minutes=rng.randrange(6 * 1440))

        for _ in range(100):
            start, pauses = pick(), random_pauses(rng, pick)
            minutes = rng.choice([0, 1, 30, 60, 240, rng.randrange(3000)])
            expected = oracle.due_at(start, minutes, pauses)
            due = calendar.due_at(start, minutes * 60, pauses)
            case = (spec, start, minutes, pauses)
            if expected is None:
                end = first + timedelta(days=11)
                assert due is None or due > end, case
                worked = int(oracle.left(start, pauses).sum()) * 60
                assert calendar.working_seconds(start, end, pauses) == worked, case
                continue
            reached += 1
            assert due == expected, case
            assert calendar.working_seconds(start, expected, pauses) == minutes * 60, case
    assert reached > 8000


@pytest.mark.slow
def test_cases_on_odd_seconds_equal_the_oracle() -> None:
    """F31: starts, targets and pauses that no minute divides."""
    rng = random.Random(32)
    for number in range(len(CHANGES)):
        zone, near = CHANGES[number]
        spec = random_spec(rng, zone, near)
        calendar = WorkingCalendar.from_spec(spec)
        first = datetime(near.year, near.month, near.day, tzinfo=UTC) - timedelta(days=2)
        oracle = Oracle(spec, first, days=5, step_s=1)

        def pick(first: datetime = first) -> datetime:
            return first + timedelta(seconds=rng.randrange(3 * 86400))

        for _ in range(30):
            start, pauses = pick(), random_pauses(rng, pick)
            target = rng.choice([1, 59, 3601, rng.randrange(90000)])
            expected = oracle.due_at(start, target, pauses)
            due = calendar.due_at(start, target, pauses)
            if expected is None:
                assert due is None or due > first + timedelta(days=5)
            else:
                assert due == expected, (spec, start, target, pauses)
