"""What a draft makes of a conversation's events, and how the figures are counted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from inbox.company import rehearsing
from inbox.company.rehearsing import Play, Talk, drafted_book, played_again
from inbox.rulebook import About, Rulebook
from inbox.sla.calendar import WorkingCalendar, always_open
from inbox.store.setup import Type
from inbox.timeline import Happened
from models import EventKind, SLAPolicy

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALWAYS = always_open("UTC")
OFFICE = WorkingCalendar.from_spec(
    {"timezone": "UTC", "hours": {day: [["08:00", "17:00"]] for day in ("mon", "tue")}}
)
RULES = (
    SLAPolicy(id=1, name="A", request_type="a", first_response_s=7200, resolution_s=36000),
    SLAPolicy(id=2, name="B", request_type="b", first_response_s=3600, calendar_id=1),
)


def book() -> Rulebook:
    """Return two types with a rule each, and two calendars."""
    kinds = {key: Type(key, key, key, None) for key in ("a", "b")}
    made = Rulebook(kinds, (), {1: ALWAYS, 2: OFFICE}, 1, {}, {1: 10, 2: 20})
    return made.with_rules(RULES)


def play(**draft: Any) -> Play:
    """Return the rules beside a draft of them."""
    drafted = drafted_book(book(), {"rules": {}, "calendars": {}, **draft})
    return Play(book(), drafted, ZoneInfo("UTC"), NOW + 48 * HOUR)


def ruled(first_s: int = 7200, at: datetime = NOW, **data: Any) -> Happened:
    """Return the event of a rule that holds."""
    said = {"policy": "A", "calendar": 1, "version": 10, "targets": [first_s, None, 36000]}
    return Happened(EventKind.RULED, at, {**said, **data})


def talk(*more: Happened, **values: Any) -> Talk:
    """Return a request of type a that came in at NOW."""
    events = [Happened(EventKind.RECEIVED, NOW, {}), *more]
    plain: dict[str, Any] = {
        "number": 1001,
        "request_type": "a",
        "urgency": "normal",
        "about": About("", "email", None, 1),
        "team_id": 3,
    }
    return Talk(**{**plain, **values}, happened=events)


SHORTER = {"rules": {"1": {"first_response_s": 1800}}}


def targets_of(one: Talk, side: Play) -> list[list[int | None]]:
    """Return the targets of each rule that would have held."""
    found = played_again(one, side)
    assert found is not None
    return [what.data["targets"] for what in found[0] if what.kind is EventKind.RULED]


def test_what_a_draft_does_not_touch_is_what_it_was() -> None:
    """F42."""
    assert played_again(talk(ruled()), play(rules={"2": {"first_response_s": 60}})) is None
    assert played_again(talk(ruled()), play()) is None


def test_a_draft_follows_what_people_said_of_the_sorting() -> None:
    """F42: each rule is asked with the type and urgency of its moment."""
    corrected = Happened(EventKind.CORRECTED, NOW, {"field": "request_type", "new": "b"})
    rushed = Happened(EventKind.CORRECTED, NOW, {"field": "urgency", "new": "high"})
    sorted_as = Happened(EventKind.SORTED, NOW, {"to": {"request_type": "a"}})
    one = talk(sorted_as, ruled(), rushed, ruled(3600), corrected, ruled(1800))
    assert targets_of(one, play(**SHORTER)) == [
        [1800, None, 36000],
        [900, None, 18000],
        [1800, None, 36000],
    ], "type b is not in the draft: as it was"


def test_what_was_promised_is_promised_again_by_the_draft() -> None:
    """F42: a longer draft is not held at a promise that it would not have made."""
    promised = (NOW + 2 * HOUR).isoformat()
    again = Happened(EventKind.PROMISED_AGAIN, NOW + HOUR, {"promised_at": promised})
    one = talk(ruled(promised_at=promised), again)
    longer = play(rules={"1": {"first_response_s": 14400}})
    found = played_again(one, longer)
    assert found is not None
    kinds = [what.kind for what in found[0]]
    assert EventKind.PROMISED_AGAIN not in kinds
    assert found[0][1].data["promised_at"] == (NOW + 4 * HOUR).isoformat()


def test_a_chat_that_began_with_both_there_keeps_its_five_minutes() -> None:
    one = talk(ruled(300), about=About("", "chat", None, 1))
    assert targets_of(one, play(**SHORTER)) == [[300, 300, 36000]]


def test_an_unsure_one_has_the_strictest_of_its_candidates() -> None:
    """DECISIONS 25, F42: until somebody says what it is."""
    one = talk(
        Happened(EventKind.SORTED, NOW, {"to": {"request_type": "a"}}),
        ruled(3600),
        may_be=("a", "b"),
    )
    assert targets_of(one, play(**SHORTER)) == [[1800, None, 36000]]
    longer = play(rules={"1": {"first_response_s": 14400, "resolution_s": 72000}})
    assert targets_of(one, longer) == [[3600, None, 72000]]


def test_other_hours_hold_for_every_rule_that_uses_them() -> None:
    found = played_again(talk(ruled()), play(calendars={"1": 2}))
    assert found is not None
    events, calendars = found
    assert calendars == {20: OFFICE}
    assert events[1].data["version"] == 20


def test_clocks_that_were_carried_over_stay() -> None:
    """What an older version took in begins with the clocks that it had."""
    assert played_again(talk(ruled(clocks=[])), play(**SHORTER)) is None


@pytest.mark.parametrize(
    ("answered", "was", "would"),
    [(HOUR / 4, "met", "met"), (HOUR, "met", "missed"), (3 * HOUR, "missed", "missed")],
)
def test_figures_count_both_sides(answered: timedelta, was: str, would: str) -> None:
    """F42, F92: met against missed; what ends otherwise is listed."""
    figures = rehearsing.empty()
    reply = Happened(EventKind.REPLIED, NOW + answered, {"message": 1})
    rehearsing.add(figures, [talk(ruled(), reply)], {10: ALWAYS}, play(**SHORTER))
    assert figures["now"]["first_response"][was] == 1
    assert figures["draft"]["first_response"][would] == 1
    assert figures["now"]["resolution"]["missed"] == 1, "not solved in ten hours"
    assert figures["ends_otherwise"] == (was != would)
    assert len(figures["different"]) == (was != would)
    assert figures["after"] == 1001
    assert figures["teams"] == {"3": [2, 2]}
