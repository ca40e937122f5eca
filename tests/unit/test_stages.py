"""Where time went, and why a deadline was missed (F95, F96)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox.sla.calendar import always_open
from inbox.sla.stages import Cause, Happening, Miss, Stage, cause_of, time_in_stages

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
DUE = START + timedelta(hours=4)
OPEN = always_open("UTC")
AN, BINH = 1, 2


def _at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def _one(kind: str, hours: float, **data: Any) -> Happening:
    return Happening(kind, _at(hours), data)


def _given(hours: float, owner: int | None = AN) -> Happening:
    return _one("assigned", hours, to={"owner": owner})


def test_every_stage_gets_its_time_and_together_they_are_all_of_it() -> None:
    """F95."""
    events = [
        _given(1),
        _one("department_asked", 2),
        _one("department_answered", 5),
        _one("covered", 6, to={"covered_for": AN, "owner": BINH}),
        _one("covered", 8, to={"covered_for": None, "owner": AN}),
        _one("waited", 9, reason="customer"),
        _one("asked", 15),
    ]
    found = time_in_stages(events, START, _at(16), OPEN)

    hours = {stage: seconds / 3600 for stage, seconds in found.items()}
    assert hours == {
        Stage.NOBODY: 1,
        Stage.OWNER: 4,
        Stage.DEPARTMENT: 3,
        Stage.BACKUP: 2,
        Stage.CUSTOMER: 6,
    }


def test_what_happens_before_the_start_or_after_the_end_adds_nothing() -> None:
    events = [_given(-1), _one("waited", 3)]
    found = time_in_stages(events, START, _at(2), OPEN)
    assert sum(found.values()) == found[Stage.OWNER] == 2 * 3600


@pytest.mark.parametrize(
    ("events", "ended", "cause", "shown"),
    [
        ([], 5.0, Cause.NOBODY_ON_DUTY, 4.0),
        ([_given(0), _given(2, None)], None, Cause.NOBODY_ON_DUTY, 4.0),
        ([_given(0, BINH)], 5.0, Cause.OWNER_ABSENT, -9.0),
        ([_given(0), _one("department_asked", 1)], 9.0, Cause.OTHER_DEPARTMENT, 1.0),
        ([_given(0), _one("corrected", 2)], 9.0, Cause.RETYPED, 2.0),
        ([_given(0), _one("passed_on", 3)], 9.0, Cause.PASSED_ON_LATE, 3.0),
        ([_given(0), _one("passed_on", 1)], 9.0, Cause.NOT_ANSWERED, 9.0),
        ([_given(3.5)], 4.1, Cause.CAME_LATE, 3.5),
        ([_given(0)], 4.5, Cause.JUST_LATE, 4.5),
        ([_given(0)], 5.0, Cause.NOT_ANSWERED, 5.0),
        ([_given(0), _given(4.5, BINH)], None, Cause.NOT_ANSWERED, 4.0),
    ],
)
def test_a_missed_deadline_has_one_cause_and_the_stamp_that_shows_it(
    events: list[Happening], ended: float | None, cause: Cause, shown: float
) -> None:
    """F96."""
    away = [(BINH, _at(-9), _at(20))]
    miss = Miss(START, DUE, None if ended is None else _at(ended), away)
    assert cause_of(miss, events, OPEN) == (cause, _at(shown))
