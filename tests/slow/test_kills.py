"""The worker is killed: the next message does not wait. The storms are in tests/weather."""

import pytest

from tests.slow.product import PATIENCE_S, Product, make_mail, until

pytestmark = pytest.mark.slow


def test_after_a_kill_of_the_worker_the_next_message_is_taken_in_at_once(
    product: Product,
) -> None:
    """R12, F54: within five seconds of its restart."""
    old = product.kill("worker")
    product.pid("worker", other_than=old)
    product.send_mail(make_mail("after@customer.example"), "after@customer.example")
    assert product.conversation_of("after@customer.example", within_s=5)


def test_a_mail_that_waits_when_the_worker_dies_over_it_is_taken_in_once(
    product: Product,
) -> None:
    """R12: killed again and again while there is work, the work is done once."""
    address = "stubborn@customer.example"
    pid = 0
    for number in range(3):
        product.send_mail(make_mail(address, f"No {number}", "Hello?"), address)
        pid = product.pid("worker", other_than=pid)
        product.kill("worker")
    until(
        lambda: len(product.conversations_of(address)) == 3,
        PATIENCE_S,
        "all three are there",
        0.2,
    )
    assert len(product.conversations_of(address)) == 3
