"""The promise, its correction, and how times and hours are said in both languages."""

from datetime import UTC, date, datetime, timedelta

import pytest

from inbox.sla.calendar import WorkingCalendar, always_open
from inbox.sla.holidays import public_holidays
from inbox.sla.promise import (
    corrected_promise,
    hours_text,
    opening_sentence,
    promised_at,
    spoken_time,
)

ZONE = "Asia/Ho_Chi_Minh"
WORKDAY = [["08:00", "12:00"], ["13:30", "17:30"]]
SHOP = WorkingCalendar.from_spec(
    {
        "timezone": ZONE,
        "hours": dict.fromkeys(["mon", "tue", "wed", "thu", "fri", "sat"], WORKDAY),
    }
)


def at(text: str) -> datetime:
    """Read local time in Vietnam."""
    return datetime.fromisoformat(f"{text}+07:00")


NOW = at("2026-11-20T10:00")  # a Friday


@pytest.mark.parametrize(
    ("due", "promise"),
    [
        ("2026-11-20T14:30:00", "2026-11-20T14:30:00"),
        ("2026-11-20T14:30:00.000001", "2026-11-20T14:35:00"),
        ("2026-11-20T14:34:59", "2026-11-20T14:35:00"),
        ("2026-11-20T23:56:00", "2026-11-21T00:00:00"),
    ],
)
def test_a_promise_is_the_due_time_rounded_up_to_five_minutes(due: str, promise: str) -> None:
    rounded = promised_at(at(due))

    assert rounded == at(promise)
    assert rounded.tzinfo is UTC


def test_a_correction_to_later_keeps_the_promise_and_says_nothing() -> None:
    old = at("2026-11-20T14:30")

    assert corrected_promise(old, old + timedelta(hours=3)) == (old, None, False)


def test_a_correction_to_a_little_earlier_moves_due_only() -> None:
    old = at("2026-11-20T14:30")
    due = old - timedelta(minutes=30)

    assert corrected_promise(old, due) == (due, None, False)


def test_a_correction_to_much_earlier_sends_one_new_promise() -> None:
    old = at("2026-11-20T14:30")
    due = at("2026-11-20T11:02")

    assert corrected_promise(old, due) == (due, at("2026-11-20T11:05"), True)


@pytest.mark.parametrize(
    ("when", "english", "vietnamese"),
    [
        ("2026-11-20T14:30", "before 14:30 today", "trước 14:30 hôm nay"),
        ("2026-11-21T08:05", "before 8:05 tomorrow", "trước 8:05 ngày mai"),
        ("2026-11-21T00:00", "before 24:00 today", "trước 24:00 hôm nay"),
        ("2026-11-23T08:30", "before 8:30 on Monday 23 November", "trước 8:30 thứ Hai, 23/11"),
        (
            "2026-11-22T17:00",
            "before 17:00 on Sunday 22 November",
            "trước 17:00 Chủ nhật, 22/11",
        ),
        (
            "2027-01-04T08:30",
            "before 8:30 on Monday 4 January 2027",
            "trước 8:30 thứ Hai, 4/1/2027",
        ),
    ],
)
def test_a_time_is_said_as_people_say_it(when: str, english: str, vietnamese: str) -> None:
    assert spoken_time(at(when), ZONE, NOW, "en") == english
    assert spoken_time(at(when), ZONE, NOW, "vi") == vietnamese


def test_today_is_the_zone_s_day_not_utc_s() -> None:
    late = at("2026-11-20T06:00")  # still the 19th in UTC

    assert spoken_time(at("2026-11-20T09:00"), ZONE, late, "en") == "before 9:00 today"


def test_saturday_night_hears_of_monday() -> None:
    """F24: an item of Saturday 23:00 is told that we are closed, and the Monday time."""
    saturday = at("2026-11-21T23:00")

    assert (
        opening_sentence(SHOP, saturday, "en")
        == "We are closed now and open again at 8:00 on Monday 23 November."
    )
    assert (
        opening_sentence(SHOP, saturday, "vi")
        == "Hiện chúng tôi đang nghỉ và sẽ làm việc lại lúc 8:00 thứ Hai, 23/11."
    )


def test_noon_hears_of_the_afternoon_and_open_hours_hear_nothing() -> None:
    noon = at("2026-11-20T12:00")

    assert (
        opening_sentence(SHOP, noon, "en") == "We are closed now and open again at 13:30 today."
    )
    assert opening_sentence(SHOP, at("2026-11-20T11:59"), "vi") is None


def test_a_company_that_never_opens_promises_no_opening() -> None:
    closed = WorkingCalendar.from_spec({"timezone": ZONE, "hours": {}})

    assert opening_sentence(closed, NOW, "en") == "We are closed now."
    assert opening_sentence(closed, NOW, "vi") == "Hiện chúng tôi đang nghỉ."
    assert (hours_text(closed, "en"), hours_text(closed, "vi")) == ("closed", "nghỉ")


def test_hours_are_said_in_short() -> None:
    week = WorkingCalendar.from_spec(
        {
            "timezone": ZONE,
            "hours": {
                **dict.fromkeys(["mon", "tue", "wed", "thu", "fri"], WORKDAY),
                "sun": [["08:00", "12:00"]],
            },
        }
    )

    assert hours_text(SHOP, "en") == "Mon–Sat 08:00–12:00, 13:30–17:30"
    assert hours_text(SHOP, "vi") == "T2–T7 08:00–12:00, 13:30–17:30"
    assert hours_text(week, "vi") == "T2–T6 08:00–12:00, 13:30–17:30; CN 08:00–12:00"
    assert hours_text(always_open(ZONE), "vi") == "24/7"


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(ValueError, match='no texts in "fr"'):
        spoken_time(NOW, ZONE, NOW, "fr")


def test_tet_and_days_in_lieu_come_with_their_names_in_both_languages() -> None:
    """F30: fixed holidays, single days, and those of the lunar year."""
    vietnamese = dict(public_holidays("VN", [2026], "vi"))
    english = dict(public_holidays("vn", [2026], "en"))

    assert vietnamese[date(2026, 2, 17)] == "Tết Nguyên Đán"
    assert english[date(2026, 9, 2)] == "National Day"
    assert list(vietnamese) == sorted(english)
    assert date(2026, 4, 27) in vietnamese  # a Monday, for 26 April, a Sunday


def test_other_countries_answer_in_english_and_unknown_ones_are_refused() -> None:
    assert (date(2026, 7, 4), "Independence Day") in public_holidays("US", [2026], "vi")
    with pytest.raises(ValueError, match='no holidays of "XX"'):
        public_holidays("XX", [2026])
