"""When somebody is busy, out of calendars as other programs write them (F132)."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.channels.ics import NoCalendar, read_busy
from inbox.channels.icsrules import RuleError, read_rule

VN = ZoneInfo("Asia/Ho_Chi_Minh")
SINCE = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
UNTIL = SINCE + timedelta(days=14)


def calendar(*events: str, head: str = "") -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{one}\r\nEND:VEVENT\r\n" for one in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{body}END:VCALENDAR\r\n"


def busy(*events: str, head: str = "") -> list[str]:
    """Return what is busy in the fortnight, in Vietnam's time."""
    found = read_busy(calendar(*events, head=head), SINCE, UNTIL, VN)
    return [
        f"{begin.astimezone(VN):%d %H:%M}-{end.astimezone(VN):%H:%M}"
        for begin, end in found.spans
    ]


def event(start: str, lasts: str = "DURATION:PT1H", *more: str) -> str:
    return "\r\n".join(["UID:a", f"DTSTART{start}", lasts, *more])


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (event(":20260303T020000Z"), ["03 09:00-10:00"]),
        (event(":20260303T090000"), ["03 09:00-10:00"]),  # floating: the company's
        (event(";TZID=Europe/Berlin:20260303T090000"), ["03 15:00-16:00"]),
        (event(';TZID="SE Asia Standard Time":20260303T090000'), ["03 09:00-10:00"]),
        (event(":20260303T090000", "DTEND:20260303T093000"), ["03 09:00-09:30"]),
        (event(";VALUE=DATE:20260303", "TRANSP:OPAQUE"), ["03 00:00-00:00"]),
        (event(":20260303T090000", "DURATION:PT1H", "TRANSP:TRANSPARENT"), []),
        (event(":20260303T090000", "DURATION:PT1H", "STATUS:CANCELLED"), []),
        (event(":20260303T090000", "DURATION:PT1H", "X-MICROSOFT-CDO-BUSYSTATUS:FREE"), []),
        (event(":20260303T090000", "DTEND:20260303T090000"), []),
        (event(":20260303T090000", "DTEND:20270303T090000"), []),  # a year: no meeting
        (event(":20260401T090000"), []),  # later
        (event(":20269903T090000"), []),  # no date
        (event(":20260303T090000", "BEGIN:VALARM\r\nDURATION:PT9H\r\nEND:VALARM"), []),
    ],
)
def test_one_event(one: str, expected: list[str]) -> None:
    assert busy(one) == expected


WEEKS = "DTSTART;TZID=Asia/Ho_Chi_Minh:20260105T090000"


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,WE", ["02", "04", "09", "11"]),
        ("FREQ=WEEKLY", ["02", "09"]),
        ("FREQ=WEEKLY;INTERVAL=2", ["02"]),
        ("FREQ=DAILY;INTERVAL=5", ["06", "11"]),
        ("FREQ=WEEKLY;COUNT=9", ["02"]),
        ("FREQ=WEEKLY;UNTIL=20260305T000000Z", ["02"]),
        ("FREQ=MONTHLY;BYDAY=1TU", ["03"]),
        ("FREQ=MONTHLY;BYMONTHDAY=5,-18", ["05", "14"]),
        ("FREQ=MONTHLY", ["05"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2", ["03"]),
        ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=8", ["08"]),
        ("FREQ=YEARLY", []),
    ],
)
def test_an_event_that_repeats(rule: str, days: list[str]) -> None:
    found = busy(f"UID:a\r\n{WEEKS}\r\nDURATION:PT30M\r\nRRULE:{rule}")

    assert found == [f"{day} 09:00-09:30" for day in days]


def test_an_occurrence_that_was_left_out_or_moved_is_not_where_it_was() -> None:
    series = f"UID:a\r\n{WEEKS}\r\nDURATION:PT30M\r\nRRULE:FREQ=DAILY;INTERVAL=7"
    gone = "EXDATE;TZID=Asia/Ho_Chi_Minh:20260302T090000"
    moved = (
        "UID:a\r\nRECURRENCE-ID;TZID=Asia/Ho_Chi_Minh:20260309T090000\r\n"
        "DTSTART;TZID=Asia/Ho_Chi_Minh:20260310T140000\r\nDURATION:PT30M"
    )

    assert busy(f"{series}\r\n{gone}", moved) == ["10 14:00-14:30"]


def test_a_meeting_stays_at_its_hour_when_the_clocks_change() -> None:
    series = "DTSTART;TZID=Europe/Berlin:20260105T090000\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY"
    since = datetime(2026, 3, 28, tzinfo=UTC)
    found = read_busy(calendar(series), since, since + timedelta(days=2), VN)

    assert [f"{begin:%d %H}" for begin, _ in found.spans] == ["28 08", "29 07"]


def test_what_overlaps_is_one_time_and_an_unknown_rule_is_counted() -> None:
    text = calendar(
        event(":20260303T090000"),
        event(":20260303T093000"),
        event(":20260304T090000", "DURATION:PT1H", "RRULE:FREQ=SECONDLY"),
    )
    found = read_busy(text, SINCE, UNTIL, VN)

    assert (len(found.spans), found.left_out) == (1, 1)


def test_no_calendar_and_hostile_ones_end_soon() -> None:
    """A rule that never comes true, thousands of them, and one without an end (S15)."""
    with pytest.raises(NoCalendar):
        read_busy("<html>Sign in</html>", SINCE, UNTIL, VN)
    never = "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
    counted = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=999999"
    rows = [event(":19700101T090000", "DURATION:PT1H", one) for one in (never, counted)]
    began = time.process_time()
    found = read_busy(calendar(*rows * 300), SINCE, UNTIL, VN)

    assert not found.spans
    assert found.left_out
    assert time.process_time() - began < 5


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200))
def test_whatever_a_rule_says_it_is_read_or_refused(text: str) -> None:
    for rule in (text, f"FREQ=WEEKLY;{text}", f"FREQ=MONTHLY;BYDAY={text}"):
        try:
            found = read_rule(rule)
            list(found.days(date(2026, 1, 5), date(2026, 3, 2), date(2026, 3, 16)))
        except RuleError:
            continue


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=400))
def test_whatever_an_event_says_nothing_raises(text: str) -> None:
    read_busy(calendar(text, f"DTSTART:20260303T090000\r\nDTEND:{text}"), SINCE, UNTIL, VN)
