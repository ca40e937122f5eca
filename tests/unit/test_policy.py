"""Targets of the starter types and what urgency does to them."""

import pytest

from inbox.sla.policy import STARTER_TARGETS, Targets, shorten, strictest


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
