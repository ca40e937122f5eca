"""Working time in cases that a person can check by hand, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from inbox.sla.calendar import CalendarError, WorkingCalendar, always_open

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HANOI = {
    "timezone": "Asia/Ho_Chi_Minh",
    "hours": {
        **{day: [["08:00", "12:00"], ["13:30", "17:30"]] for day in DAYS[:5]},
        "sat": [["08:00", "12:00"]],
        "sun": [],
    },
    "holidays": ["2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20"],
    "special_days": {"2026-02-22": [["08:00", "12:00"]], "2026-02-20": [["09:00", "10:00"]]},
}
HOUR = 3600


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def local(text: str, zone: str = "Asia/Ho_Chi_Minh") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def open_all_day(zone: str, *spans: list[str]) -> WorkingCalendar:
    return WorkingCalendar.from_spec(
        {"timezone": zone, "hours": {day: list(spans) for day in DAYS}}
    )


@pytest.mark.parametrize(
    ("zone", "spans", "start", "target_s", "due"),
    [
        # London, 29 March 2026: 01:00 becomes 02:00; an interval over it is an hour shorter.
        (
            "Europe/London",
            ["00:00", "06:00"],
            "2026-03-28T23:00Z",
            2 * HOUR,
            "2026-03-29T02:00Z",
        ),
        ("Europe/London", ["01:00", "02:00"], "2026-03-29T00:00Z", HOUR, "2026-03-30T01:00Z"),
        (
            "Europe/London",
            ["00:00", "03:00"],
            "2026-03-29T00:00Z",
            2 * HOUR,
            "2026-03-29T02:00Z",
        ),
        # London, 25 October 2026: 01:00 to 02:00 comes twice and counts twice.
        (
            "Europe/London",
            ["01:00", "02:00"],
            "2026-10-25T00:00Z",
            2 * HOUR,
            "2026-10-25T02:00Z",
        ),
        ("Europe/London", ["01:30", "01:45"], "2026-10-25T00:00Z", 1800, "2026-10-25T01:45Z"),
        # New York, 8 March and 1 November 2026, at 02:00.
        (
            "America/New_York",
            ["00:00", "08:00"],
            "2026-03-08T05:00Z",
            7 * HOUR,
            "2026-03-08T12:00Z",
        ),
        (
            "America/New_York",
            ["00:00", "08:00"],
            "2026-11-01T04:00Z",
            9 * HOUR,
            "2026-11-01T13:00Z",
        ),
        # Lord Howe moves by half an hour: 5 April back, 4 October forward, at 02:00.
        (
            "Australia/Lord_Howe",
            ["01:00", "03:00"],
            "2026-04-04T13:00Z",
            9000,
            "2026-04-04T16:30Z",
        ),
        (
            "Australia/Lord_Howe",
            ["01:00", "03:00"],
            "2026-10-03T13:00Z",
            5400,
            "2026-10-03T16:00Z",
        ),
        # Sao Paulo skipped the first hour of 15 October 2017; 17 February 2018 had 25.
        (
            "America/Sao_Paulo",
            ["00:00", "02:00"],
            "2017-10-15T03:00Z",
            HOUR,
            "2017-10-15T04:00Z",
        ),
        (
            "America/Sao_Paulo",
            ["23:00", "24:00"],
            "2018-02-18T00:00Z",
            7200,
            "2018-02-18T03:00Z",
        ),
        # Samoa left out 30 December 2011.
        ("Pacific/Apia", ["08:00", "09:00"], "2011-12-29T19:00Z", HOUR, "2011-12-30T19:00Z"),
        # Where no clock changes.
        (
            "Asia/Ho_Chi_Minh",
            ["08:00", "12:00"],
            "2026-03-29T01:00Z",
            4 * HOUR,
            "2026-03-29T05:00Z",
        ),
    ],
)
def test_clock_changes_fall_on_the_instants_of_the_table(
    zone: str, spans: list[str], start: str, target_s: int, due: str
) -> None:
    """R27: the written table of deadlines over both changes."""
    assert open_all_day(zone, spans).due_at(at(start), target_s) == at(due)


def test_holidays_and_special_days_by_hand() -> None:
    """F30: Tết is closed, a special day on a holiday and one on a Sunday are open."""
    calendar = WorkingCalendar.from_spec(HANOI)
    friday = local("2026-02-13T16:00")

    # Fri 1.5 h, Sat 4 h, Fri 20th (holiday, special) 1 h, Sat 4 h, Sun 22nd (special).
    assert calendar.due_at(friday, 6 * HOUR) == local("2026-02-20T09:30")
    assert calendar.due_at(friday, 7 * HOUR) == local("2026-02-21T08:30")
    assert calendar.due_at(friday, 11 * HOUR) == local("2026-02-22T08:30")


def test_a_target_is_due_at_the_end_of_the_interval_that_uses_it_up() -> None:
    calendar = WorkingCalendar.from_spec(HANOI)

    assert calendar.due_at(local("2026-02-02T08:00"), 4 * HOUR) == local("2026-02-02T12:00")
    assert calendar.due_at(local("2026-02-02T08:00"), 4 * HOUR + 1) == local(
        "2026-02-02T13:30:01"
    )


def test_zero_is_due_at_start_even_when_closed_or_paused() -> None:
    calendar = WorkingCalendar.from_spec(HANOI)
    sunday = local("2026-02-01T10:00:00.5")

    assert calendar.due_at(sunday, 0, [(sunday, sunday + timedelta(hours=1))]) == sunday


def test_no_working_time_in_five_years_is_never_due() -> None:
    closed = WorkingCalendar.from_spec({"timezone": "UTC", "hours": {}})
    start = at("2026-01-01T00:00Z")

    assert closed.due_at(start, 1) is None
    assert closed.next_opening(start) is None
    assert list(closed.intervals(start)) == []
    assert always_open("UTC").due_at(start, 1e300) is None
    assert (
        always_open("UTC").due_at(start, 1e8, [(start, start + timedelta(days=4000))]) is None
    )


def test_a_long_target_costs_no_walk_over_days() -> None:
    start = at("2026-01-01T00:00Z")

    assert always_open("UTC").due_at(start, 1800 * 86400) == start + timedelta(days=1800)


def test_pauses_are_half_open_and_may_overlap_and_come_unordered() -> None:
    calendar = open_all_day("UTC", ["00:00", "24:00"])
    pauses = [
        (at("2026-01-01T03:00Z"), at("2026-01-01T04:00Z")),
        (at("2026-01-01T01:00Z"), at("2026-01-01T02:00Z")),
        (at("2026-01-01T01:30Z"), at("2026-01-01T02:30Z")),
        (at("2025-01-01T01:30Z"), at("2025-01-01T02:30Z")),
    ]
    start = at("2026-01-01T00:00Z")

    assert calendar.due_at(start, HOUR, pauses) == at("2026-01-01T01:00Z")
    assert calendar.due_at(start, HOUR + 1, pauses) == at("2026-01-01T02:30:01Z")
    assert calendar.due_at(start, 2 * HOUR, pauses) == at("2026-01-01T04:30Z")
    assert calendar.working_seconds(start, at("2026-01-01T05:00Z"), pauses) == 2.5 * HOUR


def test_a_hundred_pauses_shift_the_deadline_by_exactly_the_paused_time() -> None:
    """R28."""
    calendar = WorkingCalendar.from_spec(HANOI)
    start = local("2026-03-02T08:00")
    pauses = [
        (begin, begin + timedelta(seconds=37, microseconds=123))
        for begin in (start + timedelta(seconds=61 * n) for n in range(100))
    ]
    whole = always_open("Asia/Ho_Chi_Minh")
    paused = timedelta(seconds=3700, microseconds=12300)

    assert whole.due_at(start, 12 * HOUR, pauses) == start + timedelta(hours=12) + paused
    due = calendar.due_at(start, 2.5 * HOUR, pauses)
    assert due == start + timedelta(hours=2.5) + paused


def test_open_and_next_opening() -> None:
    calendar = WorkingCalendar.from_spec(HANOI)

    assert calendar.is_open(local("2026-02-02T08:00"))
    assert not calendar.is_open(local("2026-02-02T12:00"))
    assert calendar.next_opening(local("2026-02-02T12:00")) == local("2026-02-02T13:30")
    assert calendar.next_opening(local("2026-02-02T09:15")) == local("2026-02-02T09:15")
    assert calendar.next_opening(local("2026-02-14T23:00")) == local("2026-02-20T09:00")


def test_intervals_join_over_midnight_and_between_blocks() -> None:
    night = WorkingCalendar.from_spec(
        {
            "timezone": "Asia/Ho_Chi_Minh",
            "hours": {"mon": [["22:00", "24:00"]], "tue": [["00:00", "06:00"]]},
        }
    )
    spans = night.intervals(local("2026-02-02T23:00"))

    assert next(spans) == (local("2026-02-02T23:00"), local("2026-02-03T06:00"))
    assert next(spans) == (local("2026-02-09T22:00"), local("2026-02-10T06:00"))
    assert len(list(always_open("UTC").intervals(at("2026-01-01T00:00Z")))) == 1


def test_the_spec_survives_a_round_trip_and_equal_specs_share_a_calendar() -> None:
    calendar = WorkingCalendar.from_spec(HANOI)

    assert WorkingCalendar.from_spec(calendar.to_spec()) == calendar
    assert WorkingCalendar.from_spec(HANOI) is calendar
    assert calendar.to_spec()["hours"] == HANOI["hours"]
    assert hash(WorkingCalendar.from_spec(calendar.to_spec())) == hash(calendar)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timezone": "Asia/Hanoi_"}, 'no time zone "Asia/Hanoi_"; use a name'),
        ({"timezone": "../etc/passwd"}, "no time zone"),
        ({"timezone": None}, 'Give "timezone" a name'),
        ({"hours": {"monday": []}}, 'no weekday "monday"; use mon'),
        ({"hours": []}, 'Give "hours" as an object'),
        ({"hours": {"mon": [["08:00", "12:00"], ["11:00", "13:00"]]}}, "overlap at 11:00"),
        ({"hours": {"mon": [["08:00", "25:00"]]}}, '"25:00" on mon is no time of day'),
        ({"hours": {"mon": [["08:00", "24:01"]]}}, '"24:01" on mon'),
        ({"hours": {"mon": [["08:00", "09:60"]]}}, '"09:60" on mon'),
        ({"hours": {"mon": [["08:00", 12]]}}, '"12" on mon'),
        ({"hours": {"mon": [["08:00"]]}}, "needs an opening and a closing time"),
        ({"hours": {"mon": "08:00"}}, "Give mon a list of intervals"),
        ({"hours": {"mon": [["22:00", "06:00"]]}}, "split hours that pass midnight"),
        ({"hours": {"mon": [["08:00", "08:00"]]}}, "not after 08:00"),
        ({"holidays": ["17/02/2026"]}, 'write dates as "2026-02-17"'),
        ({"holidays": "2026-02-17"}, 'Give "holidays" as a list'),
        ({"special_days": {"soon": []}}, '"soon" is no date'),
        ({"special_days": []}, 'Give "special_days" as an object'),
        ({"holiday": []}, 'no "holiday"'),
    ],
)
def test_a_wrong_calendar_is_refused_with_what_to_write(
    change: dict[str, object], says: str
) -> None:
    with pytest.raises(CalendarError) as caught:
        WorkingCalendar.from_spec({**HANOI, **change})

    assert says in str(caught.value)


def test_what_is_no_calendar_at_all_is_refused() -> None:
    with pytest.raises(CalendarError, match="as an object"):
        WorkingCalendar.from_spec(None)
    with pytest.raises(CalendarError, match="plain JSON"):
        WorkingCalendar.from_spec({"timezone": "UTC", "hours": {}, "holidays": [date.min]})
    with pytest.raises(CalendarError, match="no time zone"):
        always_open("Mars/Olympus")


def test_wrong_questions_are_refused() -> None:
    calendar = always_open("UTC")
    start = at("2026-01-01T00:00Z")

    with pytest.raises(ValueError, match="no zone"):
        calendar.due_at(start.replace(tzinfo=None), 1)
    with pytest.raises(ValueError, match="0 seconds or more"):
        calendar.due_at(start, -1)
    with pytest.raises(ValueError, match="0 seconds or more"):
        calendar.due_at(start, float("nan"))
    with pytest.raises(ValueError, match="end before it begins"):
        calendar.due_at(start, 1, [(start, start - timedelta(seconds=1))])
    with pytest.raises(ValueError, match="year between 1000"):
        calendar.due_at(datetime(9999, 12, 31, tzinfo=UTC), 1)
