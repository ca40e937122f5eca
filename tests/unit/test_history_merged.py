"""Clocks of conversations that become one, and of rules that hold from a message on."""

from dataclasses import replace

import pytest

from inbox.sla.history import (
    Answered,
    Asked,
    Clock,
    Fact,
    Kind,
    Merged,
    Parted,
    Paused,
    Resumed,
    Ruled,
    Wait,
    replay,
)
from inbox.sla.policy import Targets
from tests.unit.test_history import HOUR, MONDAY, RULE, START, at, one

STRICT = replace(RULE, policy="Advice", targets=Targets(HOUR, HOUR, 8 * HOUR))
LATE_START: list[Fact] = [Ruled(at(1), STRICT), Asked(at(1))]


def live(facts: list[Fact]) -> dict[Kind, Clock]:
    return {clock.kind: clock for clock in replay(facts) if clock.is_live}


def joined(number: int, moment: float, facts: list[Fact]) -> Merged:
    """Return that what has these facts became part of this one."""
    return Merged(at(moment), number, tuple(live(facts).values()))


def test_the_oldest_runs_on_and_is_due_when_the_first_of_both_was() -> None:
    """F41: the rule of merged clocks; nothing gets later by merging."""
    facts = [*START, joined(2, 1.5, LATE_START)]
    first = live(facts)[Kind.FIRST_RESPONSE]
    assert first.started_at == MONDAY
    assert first.due_at == at(2)  # the part's: an hour from 10:00
    assert first.generation == 2

    other = [*LATE_START, joined(1, 1.5, START)]
    first = live(other)[Kind.FIRST_RESPONSE]
    assert (first.started_at, first.due_at) == (MONDAY, at(2))
    assert live([*facts, Answered(at(1.8))]).keys() == {Kind.RESOLUTION}


def test_what_is_answered_here_still_owes_the_parts_answer() -> None:
    facts = [*START, Answered(at(0.5)), joined(2, 1.5, LATE_START)]
    found = live(facts)
    assert (found[Kind.FIRST_RESPONSE].started_at, found[Kind.FIRST_RESPONSE].due_at) == (
        at(1),
        at(2),
    )
    assert len([clock for clock in replay(facts) if clock.kind is Kind.FIRST_RESPONSE]) == 2


@pytest.mark.parametrize("with_part", [LATE_START, [*LATE_START, Answered(at(1.2))]])
def test_apart_again_each_clock_is_as_it_was(with_part: list[Fact]) -> None:
    """F79."""
    before = live(START)
    found = live([*START, joined(2, 1.5, with_part), Parted(at(1.7), 2)])
    assert {kind: (clock.started_at, clock.due_at) for kind, clock in found.items()} == {
        kind: (clock.started_at, clock.due_at) for kind, clock in before.items()
    }
    answered = [*START, joined(2, 1.5, with_part), Answered(at(1.6)), Parted(at(1.7), 2)]
    assert Kind.FIRST_RESPONSE not in live(answered)


def test_of_two_that_wait_only_one_stands_still_while_the_other_ran() -> None:
    """Whoever asked twice is not kept waiting for the pause of the other request."""
    paused = [*START, Paused(at(0.5), Wait.CUSTOMER)]
    ran = [*paused, joined(2, 1.5, LATE_START)]
    first = live(ran)[Kind.FIRST_RESPONSE]
    assert (first.paused_at, first.due_at) == (None, at(2))
    assert first.pauses == [(at(0.5), at(1.5))]
    both = [*paused, joined(2, 1.5, [*LATE_START, Paused(at(1.2), Wait.CUSTOMER)])]
    assert live(both)[Kind.FIRST_RESPONSE].due_at is None
    assert live([*both, Resumed(at(2))])[Kind.FIRST_RESPONSE].due_at is not None


def test_a_stricter_rule_counts_from_the_message_that_says_so() -> None:
    """F138: nobody is late by what came later, and what comes after keeps that start."""
    since = [*START, Ruled(at(2), STRICT, since=at(2))]
    first = one(since)
    assert (first.due_at, first.counted_from) == (at(3), at(2))
    assert one([*since, Ruled(at(2.5), RULE)]).due_at == one(START).due_at
    plain = one([*START, Ruled(at(2), STRICT)])
    assert (plain.due_at, plain.breached_at) == (at(1), None)
    late = [*START, Ruled(at(5.4), STRICT, since=at(5.4))]  # six minutes before it is due
    assert one(late).due_at == one(START).due_at
    lenient = replace(RULE, targets=Targets(9 * HOUR, HOUR, HOUR))
    assert (
        one([*START, Ruled(at(1), lenient, since=at(1))]).due_at
        == one([Ruled(MONDAY, lenient), Asked(MONDAY)]).due_at
    )
