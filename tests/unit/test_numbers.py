"""Telephone numbers as they are kept and shown, and events as they are read (F115)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from inbox.channels import phone
from inbox.channels.numbers import e164, region_of_zone, shown
from inbox.channels.phone import Reading, Step, Unreadable, Way, read_event, reading_of


@pytest.mark.parametrize(
    "typed",
    ["0901 234 567", "+84901234567", "0084 90 123 45 67", "(090) 123-4567", "+84 (0)901234567"],
)
def test_one_number_however_it_is_typed(typed: str) -> None:
    assert e164(typed, "VN") == "+84901234567"


@pytest.mark.parametrize("typed", ["", "abc", "12", "101", "x" * 100, "+", "++84", "\0"])
def test_what_is_no_number(typed: str) -> None:
    assert e164(typed, "VN") == ""


def test_a_number_says_its_country_or_is_of_ours() -> None:
    assert e164("0901 234 567", "") == ""
    assert e164("+44 20 7946 0958", "VN") == "+442079460958"
    assert region_of_zone("Asia/Ho_Chi_Minh") == region_of_zone("Asia/Saigon") == "VN"
    assert region_of_zone("Europe/Berlin") == "DE"
    assert region_of_zone("UTC") == region_of_zone("../x") == ""


def test_it_is_shown_as_people_read_it() -> None:
    assert shown("+84901234567", "VN") == "0901 234 567"
    assert shown("+442079460958", "VN") == "+44 20 7946 0958"
    assert shown("101", "VN") == "101"


def _read(**said: Any) -> phone.Event:
    return read_event({"call": "c", "event": "missed", **said}, Reading(), "VN")


def test_an_event_says_who_rang_whom() -> None:
    rang = _read(**{"from": "0901234567", "to": "1900 1234"})
    assert (rang.way, rang.number, rang.step) == (Way.INBOUND, "+84901234567", Step.MISSED)
    ours = _read(**{"from": "19001234", "to": "0901234567", "direction": "OUT"})
    assert (ours.way, ours.number) == (Way.OUTBOUND, "+84901234567")


@pytest.mark.parametrize(
    ("at", "read"),
    [
        (1_772_418_600, datetime(2026, 3, 2, 2, 30, tzinfo=UTC)),
        (1_772_418_600_000, datetime(2026, 3, 2, 2, 30, tzinfo=UTC)),
        ("2026-03-02T09:30:00+07:00", datetime(2026, 3, 2, 2, 30, tzinfo=UTC)),
        ("2026-03-02T09:30:00", None),
        ("gestern", None),
        (1e300, None),
        (True, None),
    ],
)
def test_moments(at: Any, read: datetime | None) -> None:
    assert _read(at=at).at == read


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        *((200, 200), ("3:20", 200), ("1:00:05", 3605), (12.7, 12), ("-5", None)),
        *(("x", None), (10**9, None), ("1:2:3:4", None), ([], None)),
    ],
)
def test_lengths(length: Any, seconds: int | None) -> None:
    assert _read(length=length).length_s == seconds


def test_hostile_events_are_read_or_refused() -> None:
    """Nothing that a switchboard sends is an error of ours; a link is a link of the web."""
    event = _read(recording="javascript:alert(1)", name="a\0b\u202e" * 500, text="x" * 20_000)
    assert event.recording == ""
    assert "\0" not in event.name
    assert len(event.text) <= phone.MOST_TEXT
    for said in ({}, {"call": "1"}, {"event": "missed"}, {"call": {}, "event": "missed"}):
        with pytest.raises(Unreadable):
            read_event(said, Reading(), "VN")
    with pytest.raises(Unreadable):
        read_event({"call": "1", "event": "burning"}, Reading(), "VN")


def test_paths_lead_into_objects_and_lists() -> None:
    reading = reading_of({"paths": {"call": "a.0.id", "event": "a.1"}})
    event = read_event({"a": [{"id": 7}, "missed"]}, reading, "VN")
    assert (event.call, event.step) == ("7", Step.MISSED)
    assert reading_of(reading.data()) == reading
