"""Who will be late: the simulation of open work against each person's pace."""

import random
from datetime import UTC, datetime, timedelta

from inbox.sla.calendar import WorkingCalendar, always_open
from inbox.sla.forecast import Foreseen, Owed, Worker, foresee

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday, 9:00 in Ho Chi Minh City
ALWAYS = always_open("UTC")
MORNING = WorkingCalendar.from_spec(
    {"timezone": "Asia/Ho_Chi_Minh", "hours": {"mon": [["08:00", "10:00"]]}}
)
CLOSED = WorkingCalendar.from_spec({"timezone": "UTC", "hours": {}})
TEN = 600.0


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def person(number: int, *teams: int, pace_s: float = TEN) -> Worker:
    return Worker(number, frozenset(teams or {1}), ALWAYS, pace_s)


def test_seven_answers_of_ten_minutes_do_not_fit_into_an_hour() -> None:
    """F98: each clock alone looks fine."""
    owed = [Owed(number, minutes(60), 1, 1) for number in range(7)]

    found = foresee(owed, [person(1)], NOW)

    late = [one.number for one in found.answers if one.is_late]
    assert late == [6]
    assert found.free_at[1] == minutes(70)


def test_the_earliest_due_time_goes_first_whoever_owns_it() -> None:
    owed = [Owed(1, minutes(30), 1, 1), Owed(2, minutes(10), 1, 1), Owed(3, minutes(20), 1, 1)]

    found = foresee(owed, [person(1)], NOW)

    assert [one.number for one in found.answers] == [2, 3, 1]
    assert not any(one.is_late for one in found.answers)


def test_what_nobody_owns_goes_to_whoever_is_free_first() -> None:
    owed = [
        Owed(1, minutes(5), 1, 1),
        Owed(2, minutes(40), None, 1),
        Owed(3, minutes(50), 9, 1),
    ]

    found = foresee(owed, [person(1), person(2), person(3, 7)], NOW)

    # The owner 9 is not at work: the team answers.
    assert [(one.number, one.worker) for one in found.answers] == [(1, 1), (2, 2), (3, 1)]


def test_without_anybody_there_it_will_be_late() -> None:
    assert foresee([Owed(1, minutes(60), None, 1)], [], NOW).answers == (
        Foreseen(1, minutes(60), None, None),
    )
    alone = Worker(1, frozenset({1}), CLOSED, TEN)
    found = foresee([Owed(n, minutes(60), 1, 1) for n in (1, 2)], [alone], NOW)
    assert all(one.is_late for one in found.answers)


def test_working_hours_end_the_day() -> None:
    slow = Worker(1, frozenset({1}), MORNING, 45 * 60)
    found = foresee([Owed(n, minutes(600), 1, 1) for n in (1, 2)], [slow], NOW)

    first, second = found.answers
    assert first.answered_at == minutes(45)
    assert second.answered_at == minutes(7 * 24 * 60 - 60 + 30)  # 8:30, a week later
    assert found.room_s([slow], minutes(60)) == {1: 0.0}


def test_room_is_what_is_left_of_the_hours() -> None:
    found = foresee([Owed(1, minutes(60), 1, 1)], [person(1), person(2)], NOW)

    assert found.room_s([person(1), person(2)], minutes(60)) == {1: 3000.0, 2: 3600.0}


def test_one_person_alone_finishes_no_order_with_fewer_late() -> None:
    """Earliest deadline first misses nothing that any other order would keep entirely."""
    random_ = random.Random(11)
    for _ in range(200):
        count = random_.randint(1, 5)
        owed = [Owed(n, minutes(random_.randint(5, 60)), 1, 1) for n in range(count)]
        orders = [random_.sample(owed, count) for _ in range(50)]
        kept = any(
            all(minutes(10 * (place + 1)) <= one.due_at for place, one in enumerate(order))
            for order in orders
        )
        if kept:
            assert not any(one.is_late for one in foresee(owed, [person(1)], NOW).answers)
