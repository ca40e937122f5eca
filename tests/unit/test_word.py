"""Our word as a clock: due when it was said, met by the next answer, moved by another word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.history import (
    Answered,
    Asked,
    Clock,
    Excused,
    Fact,
    GaveWord,
    Kind,
    Merged,
    Parted,
    Paused,
    Resolved,
    Rule,
    Ruled,
    TakenBack,
    Wait,
    replay,
)
from inbox.sla.policy import Targets

HOUR = 3600
OFFICE = WorkingCalendar.from_spec(
    {
        "timezone": "Asia/Ho_Chi_Minh",
        "hours": {day: [["08:00", "16:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    }
)
RULE = Rule("Complaint", OFFICE, Targets(4 * HOUR, 2 * HOUR, 24 * HOUR))
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 9:00 in Ho Chi Minh City


def at(hours: float) -> datetime:
    """Return an instant some hours after Monday 9:00."""
    return MONDAY + timedelta(hours=hours)


FRIDAY = at(4 * 24 + 7)  # 16:00
GIVEN: list[Fact] = [
    *(Ruled(MONDAY, RULE), Asked(MONDAY)),
    *(Answered(at(1)), GaveWord(at(1), FRIDAY)),
]


def word(*more: Fact) -> Clock:
    """Return the only clock of our word, after more has happened."""
    (found,) = (clock for clock in replay([*GIVEN, *more]) if clock.kind is Kind.WORD)
    return found


def test_it_is_due_when_it_was_said_and_met_by_the_next_answer() -> None:
    """F127: not by the answer that gave it."""
    assert (word().due_at, word().is_live, word().started_at) == (FRIDAY, True, at(1))
    kept = word(Answered(at(50)))
    assert (kept.met_at, kept.late_since(at(500))) == (at(50), None)
    missed = word(Answered(at(200)))
    assert missed.late_since(at(500)) == FRIDAY


def test_neither_rules_nor_hours_nor_waits_move_it() -> None:
    strict = replace(RULE, targets=Targets(1800, 1800, None), ladder_id=7)
    moved = word(Ruled(at(2), strict), Paused(at(3), Wait.CUSTOMER), Asked(at(4)))
    assert (moved.due_at, moved.generation) == (FRIDAY, 1)
    assert moved.rule.ladder_id == 7, "its ladder follows the rule"


def test_another_time_moves_it_and_does_not_keep_it() -> None:
    """Putting it off in time is told to the customer; too late, it stays a breach."""
    later = at(24 * 8)
    in_time = word(Answered(at(2)), GaveWord(at(2), later))
    assert (in_time.due_at, in_time.is_live, in_time.breached_at) == (later, True, None)
    too_late = word(Answered(at(150)), GaveWord(at(150), later))
    assert too_late.late_since(at(500)) == too_late.breached_at == FRIDAY


def test_an_answer_that_never_left_said_no_time() -> None:
    never = word(TakenBack(at(2), at(1)))
    assert (never.is_live, never.excuse, never.late_since(at(500))) == (
        *(False, "never_said"),
        None,
    )
    back = word(Answered(at(2)), GaveWord(at(2), at(24 * 8)), TakenBack(at(3), at(2)))
    assert (back.due_at, back.is_live) == (FRIDAY, True)
    run_on = word(Answered(at(2)), TakenBack(at(3), at(2)))
    assert (run_on.due_at, run_on.is_live) == (FRIDAY, True)


def test_done_or_excused_it_leaves_the_count_unless_too_late() -> None:
    assert word(Resolved(at(5), "answered_by_phone")).excuse == "answered_by_phone"
    assert word(Excused(at(5), "duplicate")).late_since(at(500)) is None
    assert word(Resolved(at(300))).late_since(at(500)) == FRIDAY


def test_the_customer_who_writes_meanwhile_is_owed_an_answer_besides() -> None:
    clocks = replay([*GIVEN, Asked(at(3))])
    live = {clock.kind for clock in clocks if clock.is_live}
    assert live == {Kind.NEXT_RESPONSE, Kind.WORD, Kind.RESOLUTION}


def test_of_two_conversations_that_become_one_the_earlier_time_holds() -> None:
    other = replay([*GIVEN[:3], GaveWord(at(1), at(30))])[-1]
    joined = word(Merged(at(2), 1002, (other,)))
    assert joined.due_at == at(30)
    assert word(Merged(at(2), 1002, (other,)), Parted(at(3), 1002)).due_at == FRIDAY


def test_its_ladder_counts_working_time_and_outside_of_hours_plain_time() -> None:
    """A step at the deadline never comes before the time that was said."""
    assert word().hours == OFFICE
    sunday = at(6 * 24)
    outside = replay([*GIVEN[:3], GaveWord(at(1), sunday)])[-1]
    assert outside.hours.is_always_open
    assert outside.hours.due_at(outside.started_at, (sunday - at(1)).total_seconds()) == sunday
