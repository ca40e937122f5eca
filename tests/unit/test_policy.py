"""Targets of the starter types and what urgency does to them."""

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import pytest

from inbox.sla.policy import (
    HEAVIEST_FIRST,
    STARTER_TARGETS,
    Case,
    Targets,
    matches,
    rank,
    shorten,
    strictest,
)


@dataclass(frozen=True)
class Asks:
    """The conditions of a rule."""

    tier: str | None = None
    urgency: str | None = None
    product_group: str | None = None
    request_type: str | None = None
    inbox_id: int | None = None
    channel: str | None = None


ANY = Asks()
TYPE = Asks(request_type="complaint")
URGENCY = Asks(urgency="urgent")
BOTH = Asks(request_type="complaint", urgency="urgent")
TIER = Asks(tier="vip")
CASE = Case("complaint", "urgent", "VIP ", "form", "Máy lọc nước", 3)


def test_the_starter_types_answer_in_the_time_their_kind_allows() -> None:
    """F28: advice in 1 h, complaints in 4 h, technical support in 2 h, out of the box."""
    hours = {key: targets.first_response_s for key, targets in STARTER_TARGETS.items()}

    assert hours == {
        "product_advice": 3600,
        "order_delivery": 7200,
        "complaint": 14400,
        "return_refund": 14400,
        "technical_support": 7200,
        "billing_payment": 14400,
        "account_access": 7200,
        "general": 28800,
    }
    assert STARTER_TARGETS["complaint"] == Targets(14400, 14400, 86400)


@pytest.mark.parametrize(
    ("urgency", "expected"),
    [
        ("low", Targets(7200, 14400, 57600)),
        ("normal", Targets(7200, 14400, 57600)),
        ("high", Targets(3600, 7200, 28800)),
        ("urgent", Targets(1800, 1800, 1800)),
    ],
)
def test_urgency_only_shortens(urgency: str, expected: Targets) -> None:
    assert shorten(STARTER_TARGETS["technical_support"], urgency) == expected


def test_urgent_keeps_a_time_that_is_shorter_than_half_an_hour() -> None:
    assert shorten(Targets(300, None, 3600), "urgent") == Targets(300, None, 1800)


def test_absent_clocks_stay_absent() -> None:
    """F29: any of the three may be missing."""
    assert shorten(Targets(None, None, None), "high") == Targets(None, None, None)


def test_an_unknown_urgency_is_refused() -> None:
    with pytest.raises(ValueError, match='no urgency "asap"'):
        shorten(STARTER_TARGETS["general"], "asap")


def test_the_strictest_of_several_takes_the_shortest_of_each_time() -> None:
    """F29, F34: an unsure type runs on the strictest clock among its candidates."""
    assert strictest([Targets(7200, None, 86400), Targets(14400, 3600, None)]) == Targets(
        7200, 3600, 86400
    )
    assert strictest([Targets(None, None, 60)]) == Targets(None, None, 60)
    with pytest.raises(ValueError, match="at least one"):
        strictest([])


def test_rules_that_ask_more_come_first() -> None:
    """F34: type and urgency, tier, urgency, type, any; as it always was without a tier."""
    for shuffled in permutations([ANY, TYPE, URGENCY, BOTH, TIER]):
        assert sorted(shuffled, key=rank) == [BOTH, TIER, URGENCY, TYPE, ANY]


def test_of_as_many_conditions_the_heavier_one_comes_first() -> None:
    """F34: the order is the one that the documentation gives."""
    marks: dict[str, Any] = dict.fromkeys(HEAVIEST_FIRST, "x") | {"inbox_id": 1}
    alone = [replace(ANY, **{name: mark}) for name, mark in marks.items()]
    assert sorted(reversed(alone), key=rank) == alone
    form_and_type = Asks(channel="form", request_type="complaint")
    tier_and_form = Asks(channel="form", tier="vip")
    assert sorted([form_and_type, tier_and_form, TIER], key=rank) == [
        tier_and_form,
        form_and_type,
        TIER,
    ]


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (ANY, True),
        (BOTH, True),
        (TIER, True),
        (Asks("vip", "urgent", "máy lọc nước", "complaint", 3, "form"), True),
        (Asks(tier="standard"), False),
        (Asks(channel="email"), False),
        (Asks(inbox_id=4), False),
        (Asks(product_group="Ga giường"), False),
        (Asks(request_type="complaint", urgency="low"), False),
    ],
)
def test_a_rule_matches_what_meets_all_its_conditions(rule: Asks, fits: bool) -> None:
    """F34: texts that people type are alike in any case."""
    assert matches(rule, CASE) is fits


def test_what_is_unknown_meets_only_rules_that_do_not_ask() -> None:
    assert not matches(TIER, Case("complaint", "urgent"))
    assert not matches(Asks(product_group="x"), Case("complaint", "urgent"))
    assert matches(TYPE, Case("complaint", "low"))
