"""When each step falls, and what becomes of those that are past at take-in."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from inbox.sla.calendar import WorkingCalendar, always_open
from inbox.sla.history import REPLIES, Kind
from inbox.sla.ladder import (
    DEFAULT_STEPS,
    Action,
    Moment,
    Step,
    collapse_past,
    is_before_due,
    read_key,
    step_times,
    steps_for,
)
from inbox.sla.rungs import (
    MOST_STEPS,
    NO_ACTION,
    NO_CLOCK,
    NO_STEP,
    TOO_MANY,
    TWICE,
    WRONG_ACTION,
    WRONG_MINUTES,
    WRONG_REPEAT,
    WRONG_SHARE,
    LadderError,
    people_of,
    read_steps,
    write_steps,
)

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # a Friday
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OWNER = (Action.OWNER,)
FRIDAY_TO_MONDAY = WorkingCalendar.from_spec(
    {"timezone": "UTC", "hours": {"fri": [["08:00", "10:00"]], "mon": [["08:00", "12:00"]]}}
)
MONDAY = START.replace(day=23, hour=8)


def test_the_owner_is_warned_at_half_and_at_four_fifths() -> None:
    """F43: then the supervisor at due, then the backup has it a quarter of the target later."""
    times = step_times(always_open("UTC"), START, 4 * 3600)

    assert [(step.key, at - START, step.actions) for step, at in times] == [
        ("half_used", 2 * HOUR, (Action.OWNER,)),
        ("nearly_due", 3.2 * HOUR, (Action.OWNER,)),
        ("due", 4 * HOUR, (Action.OWNER, Action.SUPERVISOR)),
        ("overdue", 5 * HOUR, (Action.BACKUP, Action.HAND_OVER)),
    ]


def test_out_of_the_box_only_answers_have_steps() -> None:
    assert [len(steps_for(DEFAULT_STEPS, kind)) for kind in Kind] == [4, 4, 0, 4]


def test_steps_count_working_time_and_respect_pauses() -> None:
    """F43: the fractions are of working time; R28."""
    pause = (START + timedelta(minutes=30), START + HOUR)
    times = step_times(FRIDAY_TO_MONDAY, START, 2 * 3600, DEFAULT_STEPS, [pause])

    minutes = [30, 66, 90, 120]
    assert [at for _, at in times] == [MONDAY + timedelta(minutes=m) for m in minutes]
    assert times[2][1] == FRIDAY_TO_MONDAY.due_at(START, 2 * 3600, [pause])


@pytest.mark.parametrize("times", [1, 100])
def test_pauses_move_every_step_by_exactly_what_they_took(times: int) -> None:
    """R28: a hundred pauses of a minute, and each step is as many minutes later."""
    steps = (*DEFAULT_STEPS, Step(Moment(minutes=-20), OWNER), Step(Moment(minutes=45), OWNER))
    pauses = [(START + 2 * n * MINUTE, START + (2 * n + 1) * MINUTE) for n in range(times)]
    plain = dict(step_times(always_open("UTC"), START, 10 * 3600, steps))
    moved = dict(step_times(always_open("UTC"), START, 10 * 3600, steps, pauses))

    assert {at - plain[step] for step, at in moved.items()} == {times * MINUTE}


def test_minutes_before_and_after_due_are_of_working_time_or_plain() -> None:
    """F43, F44: due on Monday at 9:00, with Friday 10:00 to Monday 8:00 closed."""
    steps = [
        Step(Moment(minutes=-90), OWNER),
        Step(Moment(minutes=-90, plain=True), OWNER),
        Step(Moment(minutes=200), OWNER),
        Step(Moment(minutes=200, plain=True), OWNER),
    ]
    times = step_times(FRIDAY_TO_MONDAY, START, 2 * 3600, steps)

    friday = FRIDAY_TO_MONDAY.due_at(MONDAY, 5 * 3600)
    assert [(step.key, at) for step, at in times] == [
        ("due-90", START + 30 * MINUTE),
        ("due-90plain", MONDAY - 30 * MINUTE),
        ("due+200plain", MONDAY + HOUR + 200 * MINUTE),
        ("due+200", friday - 40 * MINUTE if friday else None),
    ]


def test_what_would_lie_before_the_clocks_start_is_left_out() -> None:
    """An urgent clock of half an hour has no step an hour before it is due."""
    steps = [
        Step(Moment(minutes=minutes, plain=plain), OWNER)
        for minutes, plain in ((-60, False), (-60, True), (-30, False), (-30, True))
    ]
    assert step_times(always_open("UTC"), START, 1800, steps) == []


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25)],
)
def test_steps_over_a_change_of_the_clocks(zone: str, day: str, hours: int) -> None:
    """R27: the day has 23 or 25 hours, and its steps are parts of what it has."""
    start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo(zone))
    whole = WorkingCalendar.from_spec(
        {"timezone": zone, "hours": {"sun": [["00:00", "24:00"]]}}
    )
    times = step_times(whole, start, hours * 3600)

    begun = start.astimezone(UTC)
    assert [at - begun for _, at in times[:3]] == [
        hours * HOUR * part for part in (0.5, 0.8, 1)
    ]
    assert times[3][1] > start + timedelta(days=6)  # the next Sunday


def test_steps_out_of_order_come_in_order_and_unreachable_ones_are_left_out() -> None:
    steps = [Step(Moment(100), OWNER), Step(Moment(10), OWNER)]
    years_s = 6 * 365 * 86400

    assert [step.key for step, _ in step_times(always_open("UTC"), START, 60, steps)] == [
        "p10",
        "due",
    ]
    assert [s.key for s, _ in step_times(always_open("UTC"), START, years_s, steps)] == ["p10"]


def test_the_last_step_repeats_without_what_it_changes() -> None:
    """F44: told again every hour, handed over and raised once."""
    last = Step(
        Moment(125), (Action.RAISE, Action.HAND_OVER, Action.SUPERVISOR), every=60, times=3
    )
    found = steps_for([Step(Moment(50), OWNER), last], Kind.RESOLUTION)
    times = step_times(always_open("UTC"), START, 4 * 3600, found)

    assert [(step.key, at - START) for step, at in times] == [
        ("half_used", 2 * HOUR),
        *(
            (key, 5 * HOUR + n * HOUR)
            for n, key in enumerate(("overdue", "overdue+60", "overdue+120", "overdue+180"))
        ),
    ]
    assert {step.actions for step, _ in times[2:]} == {(Action.OWNER, Action.SUPERVISOR)}


@pytest.mark.parametrize(
    ("key", "moment", "before"),
    [
        ("half_used", Moment(50), True),
        ("nearly_due", Moment(80), True),
        ("due", Moment(100), False),
        ("overdue", Moment(125), False),
        ("p33", Moment(33), True),
        ("p150", Moment(150), False),
        ("due-30", Moment(minutes=-30), True),
        ("due+45plain", Moment(minutes=45, plain=True), False),
        ("overdue+60", Moment(125, 60), False),
        ("nearly_due+30", Moment(80, 30), True),
    ],
)
def test_a_steps_key_names_its_moment(key: str, moment: Moment, before: bool) -> None:
    assert moment.key == key
    assert read_key(key) == moment
    assert is_before_due(key) is before


@pytest.mark.parametrize("key", ["", "handed_over", "p", "pdue", "due--3", "half_used plain"])
def test_other_words_name_no_moment(key: str) -> None:
    assert read_key(key) is None
    assert not is_before_due(key)


def test_past_steps_become_one_late_step_that_does_all_of_them() -> None:
    times = step_times(always_open("UTC"), START, 3600)

    plan = collapse_past(times, START + timedelta(minutes=100))

    assert [(p.step.key, p.late) for p in plan] == [("overdue", True)]
    assert plan[0].words == "owner,supervisor,backup,hand_over"
    assert plan[0].at == START + timedelta(minutes=75)


def test_steps_to_come_stay_as_they_are() -> None:
    times = step_times(always_open("UTC"), START, 3600)

    plan = collapse_past(times, START + timedelta(minutes=50))

    assert [(p.step.key, p.late) for p in plan] == [
        ("nearly_due", True),
        ("due", False),
        ("overdue", False),
    ]
    assert plan[0].step.actions == (Action.OWNER,)
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


def test_a_ladder_is_written_and_read_back() -> None:
    steps = (
        Step(Moment(33), OWNER, REPLIES),
        Step(Moment(minutes=-30, plain=True), ("person:7", Action.RAISE), loud=True),
        Step(Moment(minutes=90), (Action.TEAM, "person:12", "group:3"), every=30, times=10),
    )
    rows = write_steps(steps)

    assert read_steps(rows) == steps
    assert read_steps(write_steps(DEFAULT_STEPS)) == DEFAULT_STEPS
    assert people_of(steps) == {7, 12}
    assert rows[0] == {
        "at": {"percent": 33},
        "do": ["owner"],
        "clocks": ["first_response", "next_response"],
    }


AT = {"percent": 50}


@pytest.mark.parametrize(
    ("rows", "number", "what"),
    [
        ([], 0, NO_STEP),
        ("due", 0, NO_STEP),
        ([{"at": AT}], 0, NO_STEP),
        ([{"at": AT, "do": ["owner"], "colour": "red"}], 0, NO_STEP),
        ([{"at": AT, "do": ["owner"], "clocks": ["lunch"]}], 0, NO_STEP),
        ([{"at": AT, "do": ["owner"], "clocks": []}], 0, NO_CLOCK),
        ([{"at": {"percent": 0}, "do": ["owner"]}], 0, WRONG_SHARE),
        ([{"at": {"percent": 1001}, "do": ["owner"]}], 0, WRONG_SHARE),
        ([{"at": {"minutes": 43201}, "do": ["owner"]}], 0, WRONG_MINUTES),
        ([{"at": {"percent": 50, "minutes": 5}, "do": ["owner"]}], 0, WRONG_MINUTES),
        ([{"at": AT, "do": []}], 0, NO_ACTION),
        ([{"at": AT, "do": ["everybody"]}], 0, WRONG_ACTION),
        ([{"at": AT, "do": ["person:x"]}], 0, WRONG_ACTION),
        ([{"at": AT, "do": ["group:"]}], 0, WRONG_ACTION),
        ([{"at": AT, "do": ["team:3"]}], 0, WRONG_ACTION),
        ([{"at": AT, "do": ["owner", "owner"]}], 0, WRONG_ACTION),
        ([{"at": AT, "do": ["owner"]}, {"at": AT, "do": ["team"]}], 1, TWICE),
        (
            [{"at": AT, "do": ["owner"], "repeat": {"every": 5, "times": 11}}],
            *(0, WRONG_REPEAT),
        ),
        (
            [{"at": AT, "do": ["owner"], "repeat": {"every": 0, "times": 2}}],
            *(0, WRONG_REPEAT),
        ),
        (
            [
                {"at": AT, "do": ["owner"], "repeat": {"every": 5, "times": 2}},
                {"at": {"percent": 60}, "do": ["owner"]},
            ],
            *(0, WRONG_REPEAT),
        ),
        (
            [{"at": {"percent": n}, "do": ["owner"]} for n in range(1, MOST_STEPS + 2)],
            *(MOST_STEPS, TOO_MANY),
        ),
    ],
)
def test_a_ladder_with_a_mistake_is_refused(rows: object, number: int, what: str) -> None:
    with pytest.raises(LadderError) as error:
        read_steps(rows)
    assert (error.value.number, error.value.what) == (number, what)


def test_one_moment_may_do_different_things_for_different_clocks() -> None:
    rows = [
        {"at": AT, "do": ["owner"], "clocks": ["first_response", "next_response"]},
        {"at": AT, "do": ["supervisor"], "clocks": ["resolution"]},
    ]
    steps = read_steps(rows)
    assert [steps_for(steps, kind)[0].actions[0] for kind in Kind] == [
        *("owner", "owner", "supervisor", "owner")  # our word climbs as a next reply
    ]
