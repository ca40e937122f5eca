"""Clocks from histories: what each fact does, and what holds for any history at all."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.sla.calendar import WorkingCalendar, always_open
from inbox.sla.explain import explain
from inbox.sla.history import (
    REPLIES,
    TARGETED,
    Answered,
    Asked,
    Clock,
    Excused,
    Fact,
    GaveWord,
    Kind,
    Paused,
    Promised,
    Reopened,
    Resolved,
    Resumed,
    Rule,
    Ruled,
    TakenBack,
    Undone,
    Voided,
    Wait,
    merged,
    replay,
)
from inbox.sla.policy import Targets

HOUR = 3600
OFFICE = WorkingCalendar.from_spec(
    {
        "timezone": "Asia/Ho_Chi_Minh",
        "hours": {
            day: [["08:00", "12:00"], ["13:30", "17:30"]]
            for day in ("mon", "tue", "wed", "thu", "fri", "sat")
        },
    }
)
ALWAYS = always_open("UTC")
RULE = Rule("Complaint", OFFICE, Targets(4 * HOUR, 2 * HOUR, 24 * HOUR))
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 9:00 in Ho Chi Minh City


def at(hours: float) -> datetime:
    """Return an instant some hours after Monday 9:00."""
    return MONDAY + timedelta(hours=hours)


def one(facts: list[Fact], kind: Kind = Kind.FIRST_RESPONSE) -> Clock:
    """Return the only clock of a kind."""
    (found,) = (clock for clock in replay(facts) if clock.kind is kind)
    return found


START: list[Fact] = [Ruled(MONDAY, RULE), Asked(MONDAY)]


def test_three_clocks_each_its_own() -> None:
    """F29: and any of them may be absent."""
    first, resolution = replay(START)
    assert (first.kind, resolution.kind) == (Kind.FIRST_RESPONSE, Kind.RESOLUTION)
    assert first.due_at == at(5.5)  # 3 h before the break at 12:00, 1 h after it
    assert resolution.due_at == at(72)  # Thursday 9:00: eight hours a day

    bare = Rule("Only replies", OFFICE, Targets(HOUR, None, None))
    assert [clock.kind for clock in replay([Ruled(MONDAY, bare), Asked(MONDAY)])] == [
        Kind.FIRST_RESPONSE
    ]


def test_several_messages_in_a_row_are_owed_one_answer_from_the_first_on() -> None:
    """F38."""
    facts = [*START, Answered(at(1)), Asked(at(2)), Asked(at(2.5)), Asked(at(3))]

    assert one(facts, Kind.NEXT_RESPONSE).started_at == at(2)


def test_met_at_the_due_instant_is_in_time_a_second_later_is_not() -> None:
    """F39: whenever somebody looks."""
    due = one(START).due_at
    assert due is not None
    second = timedelta(seconds=1)

    in_time, late = one([*START, Answered(due)]), one([*START, Answered(due + second)])

    assert in_time.late_since(at(1000)) is None
    assert late.late_since(at(1000)) == due
    assert one(START).late_since(due) is None
    assert one(START).late_since(due + second) == due


def test_a_wait_for_the_customer_stops_the_clock_and_the_answer_starts_it_again() -> None:
    """F32, F33: with the working time that was left."""
    facts = [*START, Answered(at(1)), Paused(at(1), Wait.CUSTOMER)]
    waiting = one(facts, Kind.RESOLUTION)
    assert (waiting.due_at, waiting.paused_at) == (None, at(1))

    back = one([*facts, Asked(at(25))], Kind.RESOLUTION)

    assert back.pauses == [(at(1), at(25))]
    assert back.due_at == at(96)  # a whole working day later


def test_a_third_party_keeps_us_waiting_whatever_the_customer_writes() -> None:
    only = frozenset({Kind.RESOLUTION})
    facts = [*START, Answered(at(1)), Paused(at(1), Wait.THIRD_PARTY, only), Asked(at(2))]

    assert one(facts, Kind.RESOLUTION).due_at is None
    assert one(facts, Kind.NEXT_RESPONSE).due_at == at(5.5)  # an answer is owed all the same


def test_another_rule_counts_from_the_arrival_and_keeps_pauses() -> None:
    """F35."""
    strict = replace(RULE, targets=Targets(2 * HOUR, 2 * HOUR, 8 * HOUR))
    facts = [*START, Paused(at(0.5), Wait.SNOOZED), Resumed(at(1)), Ruled(at(1.5), strict)]

    assert one(facts).due_at == at(2.5)
    assert one(facts).pauses == [(at(0.5), at(1))]


def test_a_longer_rule_takes_no_breach_back() -> None:
    """F35."""
    generous = replace(RULE, targets=Targets(8 * HOUR, 8 * HOUR, 80 * HOUR))
    facts = [*START, Ruled(at(6), generous), Answered(at(7))]

    assert one(facts).due_at == at(24)
    assert one(facts).late_since(at(7)) == at(5.5)


def test_a_promise_holds_whatever_the_rules_say_later() -> None:
    """F25."""
    generous = replace(RULE, targets=Targets(8 * HOUR, 8 * HOUR, 80 * HOUR))
    facts = [*START, Promised(MONDAY, at(5.5)), Ruled(at(1), generous)]

    assert one(facts).due_at == at(5.5)


def test_an_answer_that_never_left_is_no_answer() -> None:
    facts = [*START, Answered(at(1)), TakenBack(at(2), at(1))]
    assert one(facts).is_live
    assert one(facts).due_at == at(5.5)

    newer = [*START, Answered(at(1)), Asked(at(2)), Answered(at(3)), TakenBack(at(4), at(1))]
    assert one(newer, Kind.NEXT_RESPONSE).met_at == at(3)


def test_an_excuse_leaves_the_count_unless_it_comes_too_late() -> None:
    """F118."""
    early = one([*START, Excused(at(1), "answered by phone")])
    late = one([*START, Excused(at(6), "duplicate")])

    assert (early.is_live, early.excuse) == (False, "answered by phone")
    assert early.late_since(at(100)) is None
    assert late.late_since(at(100)) == at(5.5)


def test_what_ended_without_being_solved_is_not_met() -> None:
    """F106: who asked was erased; no answer and no solution is owed any more, and none came."""
    facts = [*START, Resolved(at(1), "erased", is_solved=False)]

    for kind in (Kind.FIRST_RESPONSE, Kind.RESOLUTION):
        ended = one(facts, kind)
        assert (ended.met_at, ended.excused_at, ended.excuse) == (None, at(1), "erased")


def test_reopened_goes_on_or_starts_anew_as_the_rule_has_it() -> None:
    """F40: resumed, the report has one clock; the time in between is left out."""
    facts = [*START, Answered(at(1)), Resolved(at(1)), Asked(at(25))]
    resumed = one(facts, Kind.RESOLUTION)
    assert resumed.pauses == [(at(1), at(25))]
    assert resumed.due_at == at(96)
    assert one(facts, Kind.NEXT_RESPONSE).started_at == at(25)

    anew = [Ruled(MONDAY, replace(RULE, resumes=False)), *facts[1:]]
    first, second = (clock for clock in replay(anew) if clock.kind is Kind.RESOLUTION)
    assert (first.met_at, second.started_at) == (at(1), at(25))


def test_of_two_that_become_one_the_oldest_running_clock_stays() -> None:
    """F41."""
    early = replay(START)
    late = replay([Ruled(at(1), RULE), Asked(at(1))])
    answered = replay([*START, Answered(at(1)), Asked(at(4))])

    assert {clock.kind: clock.started_at for clock in merged(late, early)} == {
        Kind.FIRST_RESPONSE: MONDAY,
        Kind.RESOLUTION: MONDAY,
    }
    assert {clock.kind for clock in merged(answered, late)} == set(TARGETED)


def test_pausing_a_hundred_times_moves_the_deadline_by_exactly_the_paused_time() -> None:
    """R28."""
    random_ = random.Random(7)
    rule = Rule("All hours", ALWAYS, Targets(500 * HOUR, HOUR, HOUR))
    facts: list[Fact] = [Ruled(MONDAY, rule), Asked(MONDAY)]
    moment, paused = MONDAY, timedelta()
    for _ in range(100):
        moment += timedelta(seconds=random_.randint(1, 5000))
        facts.append(Paused(moment, Wait.THIRD_PARTY))
        length = timedelta(microseconds=random_.randint(1, 10**10))
        moment += length
        paused += length
        facts.append(Resumed(moment))

    assert one(facts).due_at == at(500) + paused


def test_asking_before_there_is_a_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with the rule"):
        replay([Asked(MONDAY)])


RULES = [
    RULE,
    Rule("All hours", ALWAYS, Targets(1800, 1800, None)),
    Rule("Slow", OFFICE, Targets(8 * HOUR, 8 * HOUR, 40 * HOUR), resumes=False),
]


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Draw what may happen to a conversation, in order of time."""
    facts: list[Fact] = [Ruled(MONDAY, RULES[0]), Asked(MONDAY)]
    now, answers = MONDAY, [MONDAY]
    for _ in range(draw(st.integers(0, 14))):
        now += timedelta(minutes=draw(st.sampled_from([0, 1, 30, 240, 1500])))
        what = draw(st.integers(0, 9))
        if what == 0:
            facts.append(Ruled(now, draw(st.sampled_from(RULES))))
        elif what == 1:
            facts.append(Promised(now, now + timedelta(hours=draw(st.integers(1, 9)))))
        elif what == 2:
            answers.append(now)
            facts.append(Answered(now))
            if draw(st.booleans()):
                facts.append(GaveWord(now, now + timedelta(hours=draw(st.integers(1, 50)))))
        elif what == 3:
            facts.append(TakenBack(now, draw(st.sampled_from(answers))))
        elif what == 4:
            facts.append(Paused(now, draw(st.sampled_from(list(Wait)))))
        else:
            simple: list[Fact] = [Asked(now), Resumed(now), Resolved(now), Reopened(now)]
            facts.append(draw(st.sampled_from(simple)))
    return facts


@settings(max_examples=300, deadline=None)
@given(histories())
def test_what_holds_for_every_history(facts: list[Fact]) -> None:
    """F28–F30: recomputing gives the same; one live clock a kind; breaches only ever come."""
    clocks = replay(facts)

    assert clocks == replay(facts)
    for kind in Kind:
        assert sum(clock.is_live and clock.kind is kind for clock in clocks) <= 1
    for clock in clocks:
        assert clock.met_at is None or clock.excused_at is None
        if clock.due_at is not None:
            assert clock.due_at >= min(clock.started_at, MONDAY)
        assert all(begin < end for begin, end in clock.pauses)
    now = facts[-1].at
    for length in range(2, len(facts)):
        before = replay(facts[:length])
        for earlier, later in zip(before, clocks, strict=False):
            assert (earlier.kind, earlier.started_at) == (later.kind, later.started_at)
            if earlier.breached_at is not None:
                assert later.late_since(now) == earlier.breached_at


@settings(max_examples=100, deadline=None)
@given(histories())
def test_an_explanation_adds_up(facts: list[Fact]) -> None:
    """F33, F34: the counted stretches are the target, and end at the due time."""
    for clock in replay(facts):
        target_s = clock.rule.target_s(clock.kind)
        if target_s is None:
            continue
        told = explain(clock.rule.calendar, clock.started_at, target_s, clock.pauses)
        assert told.is_whole
        assert sum(stretch.seconds for stretch in told.counted) == pytest.approx(target_s)
        assert told.counted[-1].end == told.due_at
        for stretch in told.counted:
            worked = clock.rule.calendar.working_seconds(
                stretch.start, stretch.end, clock.pauses
            )
            assert worked == pytest.approx(stretch.seconds)


def test_reply_clocks_are_two() -> None:
    assert {Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE} == REPLIES


@pytest.mark.parametrize(
    "doing",
    [
        [Excused(at(2), "duplicate"), Resolved(at(2))],
        [Paused(at(2), Wait.CUSTOMER)],
        [Paused(at(6), Wait.SNOOZED, frozenset({Kind.RESOLUTION}))],
        [Voided(at(6), "spam")],
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_what_is_undone_leaves_clocks_as_they_were(doing: list[Fact], waits: bool) -> None:
    """F81, DESIGN 27: also pauses and breaches; only the number grows where due moved."""
    begun: list[Fact] = [Ruled(at(0), RULE), Asked(at(0))]
    begun += [Paused(at(1), Wait.THIRD_PARTY)] if waits else []
    undone = Undone(at(7), doing[0].at)
    before, after = replay(begun), replay([*begun, *doing, undone])
    assert [replace(one, generation=0) for one in after] == [
        replace(one, generation=0) for one in before
    ]
    later: list[Fact] = [Resumed(at(8)), Answered(at(9))]
    assert [(one.due_at, one.met_at) for one in replay([*begun, *doing, undone, *later])] == [
        (one.due_at, one.met_at) for one in replay([*begun, *later])
    ]


def test_only_the_last_doing_is_undone() -> None:
    """What names another moment changes nothing."""
    facts: list[Fact] = [Ruled(at(0), RULE), Asked(at(0)), Resolved(at(1))]
    assert replay([*facts, Undone(at(2), at(0))]) == replay(facts)
    twice: list[Fact] = [*facts, Undone(at(2), at(1)), Undone(at(3), at(1))]
    assert replay(twice) == replay(twice[:-1])
