"""Why a deadline is when it is, so that somebody who adds it up finds the same (F34)."""

from datetime import UTC, date, datetime

import pytest

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.explain import explain
from inbox.views.present_deadlines import _closed, _counted
from inbox.views.words import speaker

OFFICE = {"timezone": "Asia/Ho_Chi_Minh", "special_days": {}}
WEEK = {
    day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")
}
MONDAY = datetime(2026, 11, 23, 9, 17, 18, tzinfo=UTC)  # 16:17 in Vietnam


def calendar(*holidays: str, **special: list[list[str]]) -> WorkingCalendar:
    """Make office hours with holidays; a special day is named by its date."""
    days = {name.replace("on_", "").replace("_", "-"): hours for name, hours in special.items()}
    return WorkingCalendar.from_spec(
        {**OFFICE, "hours": WEEK, "holidays": list(holidays), "special_days": days}
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "vi",
            [
                "16:17 đến 17:00: 43 phút, còn 7 giờ 17 phút.",
                "T3 24/11: nghỉ lễ.",
                "T4 08:00 đến T4 12:00: 4 giờ, còn 3 giờ 17 phút.",
                "T4 13:00 đến T4 16:17: 3 giờ 17 phút, phần cuối cùng.",
            ],
        ),
        (
            "en",
            [
                "16:17 to 17:00: 43 min, 7 h 17 min left.",
                "Tue 24/11: closed, a holiday.",
                "Wed 08:00 to Wed 12:00: 4 h, 3 h 17 min left.",
                "Wed 13:00 to Wed 16:17: 3 h 17 min, the last of it.",
            ],
        ),
    ],
)
def test_the_steps_add_up_and_name_the_holiday_between(language: str, said: list[str]) -> None:
    """F34: eight hours from Monday 16:17, and Tuesday is a holiday."""
    told = explain(calendar("2026-11-24"), MONDAY, 8 * 3600)
    speak = speaker(language, "Asia/Ho_Chi_Minh", MONDAY)

    steps = [
        line for one in told.counted for line in (*_closed(one, speak), _counted(one, speak))
    ]

    assert steps == said


def test_holidays_in_a_row_are_one_line() -> None:
    """F34: a week of Tết between two stretches, weekend and all."""
    tet = [f"2026-02-{day}" for day in range(14, 23)]
    told = explain(calendar(*tet), datetime(2026, 2, 13, 9, tzinfo=UTC), 2 * 3600)
    speak = speaker("vi", "Asia/Ho_Chi_Minh", MONDAY)

    assert [line for one in told.counted for line in _closed(one, speak)] == [
        "T2 16/02 đến T6 20/02: nghỉ lễ."
    ]


def test_only_what_kept_it_closed_is_named() -> None:
    """A weekend, and a holiday on which one works all the same, close nothing."""
    found = calendar("2026-11-28", "2026-11-25", on_2026_11_25=[["08:00", "12:00"]])

    between = found.holidays_between(MONDAY, datetime(2026, 12, 1, tzinfo=UTC))

    assert between == []
    assert calendar("2026-11-25").holidays_between(MONDAY, MONDAY) == []
    later = datetime(2026, 11, 25, 20, tzinfo=UTC)  # the 26th there
    assert calendar("2026-11-25").holidays_between(MONDAY, later) == [date(2026, 11, 25)]
