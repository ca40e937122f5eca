"""The ladder in real time: `make demo` shows a warning and a breach while somebody watches."""

import time
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tests.slow.product import Product, until

pytestmark = pytest.mark.slow

SHOWN_WITHIN_S = 75.0  # of the start: steps at +30 s and +60 s, and what a slow start takes
LATEST_S = 5.0  # after a step's moment

AGENT, SUPERVISOR = "agent@demo.example", "supervisor@demo.example"


def _soon_due(product: Product) -> list[int]:
    """Return the conversations whose answer is due within the next ten minutes."""
    now, by = (
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + more))
        for more in (0, 600)
    )
    open_ones = product.api("conversations", status="open", limit=200)["items"]
    return [
        one["number"]
        for one in open_ones
        if one["next_due_at"] and now < one["next_due_at"] < by
    ]


def _fired(
    product: Product, numbers: list[int], kind: str
) -> tuple[int, dict[str, Any]] | None:
    """Return the first step of this kind that fell at its own moment."""
    for number in numbers:
        for event in product.api(f"conversations/{number}")["events"]:
            if event["kind"] == kind and not event["data"]["late"]:
                return number, event
    return None


def _left_s(product: Product) -> float:
    return product.started_at + SHOWN_WITHIN_S - time.monotonic()


def _delay_s(event: dict[str, Any]) -> float:
    fired = datetime.fromisoformat(event["at"])  # whole seconds
    return (fired - datetime.fromisoformat(event["data"]["at"])).total_seconds()


def _told(product: Product, number: int, step: str) -> Counter[str]:
    """Return who has a notice of a step."""
    return Counter(
        email
        for (email,) in product.rows(
            "SELECT a.email FROM notices n JOIN agents a ON a.id = n.agent_id"
            " WHERE n.conversation_id = ? AND n.step = ?",
            number,
            step,
        )
    )


def _mailed(product: Product, number: int) -> Counter[str]:
    """Return who got mails of it: of its own, or one of several at once."""
    one, several = f"{product.base_url}/inbox/{number}\r\n", f"yêu cầu {number},"
    return Counter(
        mail["to"] for mail in product.sink() if one in mail["text"] or several in mail["text"]
    )


def test_a_warning_and_a_breach_happen_once_each_also_while_redis_is_killed(
    product: Product,
) -> None:
    """F43, R22: owner, then owner and supervisor; a notice and one mail for each of them."""
    numbers = _soon_due(product)
    assert len(numbers) >= 2
    warned, warning = until(
        lambda: _fired(product, numbers, "warned"), _left_s(product), "a warning", 0.5
    )
    assert _delay_s(warning) <= LATEST_S
    owner = product.api(f"conversations/{warned}")["owner"]
    step = warning["data"]["step"]
    assert _told(product, warned, step) == {owner: 1}

    redis = product.kill("redis")
    breached, breach = until(
        lambda: _fired(product, numbers, "escalated"), _left_s(product), "a breach", 0.5
    )
    assert product.pid("redis", other_than=redis)
    assert _delay_s(breach) <= LATEST_S
    late = product.api(f"conversations/{breached}")
    assert late["sla_state"] == "breached"
    assert _told(product, breached, "due") == {late["owner"]: 1, SUPERVISOR: 1}

    until(lambda: _mailed(product, warned)[owner], 5, "the owner's mail", 0.2)
    until(lambda: _mailed(product, breached)[SUPERVISOR], 5, "the supervisor's mail", 0.2)
    for number in (warned, breached):
        events = Counter(
            event["data"]["step"]
            for event in product.api(f"conversations/{number}")["events"]
            if event["kind"] in ("warned", "escalated")
        )
        assert set(events.values()) == {1}, events
        told = product.rows(
            "SELECT step, agent_id, count(*) FROM notices WHERE conversation_id = ?"
            " GROUP BY step, agent_id HAVING count(*) > 1",
            number,
        )
        assert told == []
    assert _mailed(product, breached)[SUPERVISOR] == 1

    for person in {late["owner"], SUPERVISOR} & {AGENT, SUPERVISOR}:
        with product.signed_in(person.partition("@")[0]) as browser:
            assert f"/inbox/{breached}" in browser.get("/notices").text


def test_the_worker_fires_what_fell_while_it_was_away(product: Product) -> None:
    """R22: at most five seconds after it is back, and once."""
    ((step_id, number),) = product.rows(
        "SELECT id, conversation_id FROM escalation_steps"
        " WHERE fired_at IS NULL AND cancelled_at IS NULL ORDER BY at LIMIT 1"
    )
    product.write(
        "UPDATE escalation_steps SET at = strftime('%Y-%m-%d %H:%M:%f000', 'now', '+1 second')"
        " WHERE id = ?",
        step_id,
    )
    old = product.kill("worker")
    product.pid("worker", other_than=old)
    fired = "SELECT step FROM escalation_steps WHERE id = ? AND fired_at IS NOT NULL"
    ((step,),) = until(
        lambda: product.rows(fired, step_id), 6 + LATEST_S, "the step fired", 0.2
    )
    again = product.kill("worker")
    product.pid("worker", other_than=again)

    told = _told(product, number, step)
    assert told
    assert set(told.values()) == {1}
