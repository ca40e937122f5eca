"""Days for which a team has nobody."""

from datetime import UTC, date, datetime

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.rota import Member, uncovered

OFFICE = {
    "timezone": "Asia/Ho_Chi_Minh",
    "hours": {day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed")},
}
HOURS = WorkingCalendar.from_spec(OFFICE)
MORNINGS = WorkingCalendar.from_spec(
    {"timezone": "Asia/Ho_Chi_Minh", "hours": {"mon": [["08:00", "12:00"]]}}
)
MONDAY = date(2026, 11, 23)


def _away(first: int, last: int) -> tuple[datetime, datetime]:
    """Return an absence from one November morning to another, 00:00 to 00:00 UTC."""
    return datetime(2026, 11, first, tzinfo=UTC), datetime(2026, 11, last, tzinfo=UTC)


def test_a_day_on_which_all_are_away_is_named() -> None:
    """Design 23: the alarm names the team and the day, and days off raise none."""
    here, away = Member(None, ()), Member(None, [_away(24, 26)])

    assert uncovered(HOURS, {1: [away, here], 2: [away]}, MONDAY, 7) == [
        (date(2026, 11, 24), 2),
        (date(2026, 11, 25), 2),
    ]


def test_half_a_day_is_somebody() -> None:
    member = Member(None, [(datetime(2026, 11, 24, 3, tzinfo=UTC), _away(24, 25)[1])])

    assert uncovered(HOURS, {1: [member]}, MONDAY, 7) == []


def test_own_hours_count_and_a_team_of_nobody_does_not() -> None:
    assert uncovered(HOURS, {1: [Member(MORNINGS, ())], 2: []}, MONDAY, 2) == [
        (date(2026, 11, 24), 1)
    ]
