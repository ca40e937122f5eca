"""When each step falls, and what becomes of those that are past at take-in."""

from datetime import UTC, datetime, timedelta

from inbox.sla.calendar import WorkingCalendar, always_open
from inbox.sla.ladder import DEFAULT_STEPS, Audience, Step, collapse_past, step_times

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_owner_is_warned_at_half_and_at_four_fifths() -> None:
    """F43: then the supervisor at due, then the backup a quarter of the target later."""
    times = step_times(always_open("UTC"), START, 4 * 3600)

    assert [(step.percent, at - START, step.audience) for step, at in times] == [
        (50, 2 * HOUR, (Audience.OWNER,)),
        (80, 3.2 * HOUR, (Audience.OWNER,)),
        (100, 4 * HOUR, (Audience.OWNER, Audience.SUPERVISOR)),
        (125, 5 * HOUR, (Audience.BACKUP,)),
    ]


def test_steps_count_working_time_and_respect_pauses() -> None:
    """F43: the fractions are of working time; R28."""
    calendar = WorkingCalendar.from_spec(
        {"timezone": "UTC", "hours": {"fri": [["08:00", "10:00"]], "mon": [["08:00", "12:00"]]}}
    )
    pause = (START + timedelta(minutes=30), START + HOUR)
    times = step_times(calendar, START, 2 * 3600, DEFAULT_STEPS, [pause])

    monday = START.replace(day=23, hour=8)
    minutes = [30, 66, 90, 120]
    assert [at for _, at in times] == [monday + timedelta(minutes=m) for m in minutes]
    assert times[2][1] == calendar.due_at(START, 2 * 3600, [pause])


def test_steps_out_of_order_come_in_order_and_unreachable_ones_are_left_out() -> None:
    steps = [Step("due", 100, (Audience.OWNER,)), Step("early", 10, (Audience.OWNER,))]
    years_s = 6 * 365 * 86400

    assert [step.key for step, _ in step_times(always_open("UTC"), START, 60, steps)] == [
        "early",
        "due",
    ]
    assert [s.key for s, _ in step_times(always_open("UTC"), START, years_s, steps)] == [
        "early"
    ]


def test_past_steps_become_one_late_step_that_tells_all_of_them() -> None:
    times = step_times(always_open("UTC"), START, 3600)

    plan = collapse_past(times, START + timedelta(minutes=100))

    assert [(p.step.key, p.late) for p in plan] == [("overdue", True)]
    assert plan[0].step.audience == (Audience.OWNER, Audience.SUPERVISOR, Audience.BACKUP)
    assert plan[0].at == START + timedelta(minutes=75)


def test_steps_to_come_stay_as_they_are() -> None:
    times = step_times(always_open("UTC"), START, 3600)

    plan = collapse_past(times, START + timedelta(minutes=50))

    assert [(p.step.key, p.late) for p in plan] == [
        ("nearly_due", True),
        ("due", False),
        ("overdue", False),
    ]
    assert plan[0].step.audience == (Audience.OWNER,)
    assert [p.late for p in collapse_past(times, START)] == [False] * 4


def test_a_step_due_this_very_instant_is_not_late() -> None:
    """F39, R26: an instant belongs to what ends at it."""
    times = step_times(always_open("UTC"), START, 3600)

    plan = collapse_past(times, START + timedelta(minutes=30))

    assert [(p.step.key, p.late) for p in plan][:2] == [
        ("half_used", False),
        ("nearly_due", False),
    ]


def test_planning_again_at_any_later_instant_repeats_no_step_to_come() -> None:
    """R26: the clock forward an hour makes past what is then due, back again nothing more."""
    times = step_times(always_open("UTC"), START, 2 * 3600)
    later = {p.step.key for p in collapse_past(times, START + HOUR) if p.at > START + HOUR}

    assert later == {"nearly_due", "due", "overdue"}
    assert {p.step.key for p in collapse_past(times, START)} == {"half_used"} | later
