"""How fast people answer, how far back working time reaches, and what is slow (F95, F98)."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from inbox.sla.calendar import WorkingCalendar, always_open
from inbox.sla.pace import (
    ENOUGH,
    UNKNOWN_S,
    Answer,
    find_slow,
    paces,
    times_taken,
    working_ago,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NINE_TO_FIVE = WorkingCalendar.from_spec(
    {
        "timezone": "UTC",
        "hours": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    }
)
HOURS = {1: NINE_TO_FIVE, 2: NINE_TO_FIVE, 3: NINE_TO_FIVE}


def _at(hour: float, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


def test_an_answer_takes_from_the_one_before_or_from_the_question() -> None:
    """F98: a queue is worked off one by one; who had nothing to do is not slow."""
    answers = [
        Answer(1, _at(9), _at(9.5)),  # half an hour
        Answer(1, _at(9), _at(9.75)),  # a quarter, after the first
        Answer(1, _at(14), _at(14.25)),  # came hours later
        Answer(1, _at(16.75), _at(9.25, day=1)),  # a night between
        Answer(2, _at(20), _at(21)),  # outside of the hours: says nothing
        Answer(9, _at(9), _at(10)),  # nobody who works here
    ]
    random.Random(1).shuffle(answers)
    assert times_taken(answers, HOURS) == {1: [1800, 900, 900, 1800]}


def test_few_answers_of_ones_own_are_filled_up_from_the_team_then_from_all() -> None:
    """F98: person, team, company, and what is assumed where nobody answered enough."""
    taken = {1: [600.0] * ENOUGH, 2: [60.0] * (ENOUGH - 1)}
    teams = {1: [7], 2: [7, 8], 3: [7], 4: [9]}
    found = paces(taken, teams)
    assert found == {1: 600, 2: 600, 3: 600, 4: 600}
    assert paces({2: [60.0] * (ENOUGH - 1)}, teams)[2] == UNKNOWN_S
    assert paces({2: [60.0] * ENOUGH}, {2: [7], 4: [9]}) == {2: 60, 4: 60}


@pytest.mark.parametrize("seed", range(20))
def test_working_ago_is_the_latest_such_moment(seed: int) -> None:
    """Counted forward again it gives the same working time, to the minute."""
    rng = random.Random(seed)
    at = MONDAY + timedelta(seconds=rng.randrange(30 * 86400))
    seconds = rng.choice([60, 3600, 4 * 3600, 20 * 3600])
    since = working_ago(NINE_TO_FIVE, at, seconds)
    assert NINE_TO_FIVE.working_seconds(since, at) >= seconds
    assert NINE_TO_FIVE.working_seconds(since + timedelta(minutes=1), at) < seconds + 60
    assert working_ago(always_open("UTC"), at, 3600) <= at - timedelta(hours=1)


def test_slow_is_more_than_twice_and_of_enough() -> None:
    """F95: today's median against the norm, and not of two requests."""
    assert find_slow([4000.0] * 5, 1800, 20) is not None
    assert find_slow([3600.0] * 5, 1800, 20) is None, "exactly twice"
    assert find_slow([4000.0] * 4, 1800, 20) is None, "too few today"
    assert find_slow([4000.0] * 5, 1800, 19) is None, "too few before"
    assert find_slow([250.0] * 5, 60, 100) is None, "three minutes are nothing"
    found = find_slow([60.0, 9000.0, 9000.0, 9000.0, 60.0], 1800, 20)
    assert found is not None
    assert (found.today_s, found.count) == (9000, 5)
