"""An agent's answer on its way out and back, also while the mail server is away or refuses."""

import email
import email.policy
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.slow.product import Product, composer, free_port, make_mail, running, until

pytestmark = pytest.mark.slow

WITHIN_S = 5.0


def _asked(product: Product, address: str) -> dict[str, Any]:
    """Let somebody write, and return the conversation."""
    product.send_mail(make_mail(f"Kim Yen <{address}>", "Bookcase"), address)
    return product.conversation_of(address)


def _answer(browser: httpx.Client, number: int, text: str) -> httpx.Response:
    """Write into the composer of the page, without any script."""
    fields = composer(browser.get(f"/inbox/{number}").text)
    answer = browser.post(
        f"/inbox/{number}/messages", data={**fields, "kind": "reply", "body": text}
    )
    answer.raise_for_status()
    return answer


def _last(product: Product, number: int) -> dict[str, Any]:
    message: dict[str, Any] = product.api(f"conversations/{number}")["messages"][-1]
    return message


def _delivery(product: Product, number: int, state: str) -> dict[str, Any] | None:
    """Return the last message once its delivery is in this state."""
    message = _last(product, number)
    return message if message["delivery"] == state else None


def test_an_answer_arrives_in_the_customer_s_thread_and_the_reply_comes_back(
    product: Product,
) -> None:
    """F9, F29: In-Reply-To names the customer's mail; the reply address alone joins."""
    address = "kim.yen@customer.example"
    one = _asked(product, address)
    number = one["number"]
    with product.signed_in() as browser:
        page = _answer(browser, number, "It ships tomorrow.\n\nKind regards").text
        assert "It ships tomorrow." in page
    message = until(lambda: _delivery(product, number, "sent"), WITHIN_S, "it was sent")
    assert message["author"] == "agent@demo.example"

    (mail,) = [one for one in product.sink(address) if "ships tomorrow" in one["text"]]
    headers = mail["headers"]
    ((asked_id,),) = product.rows(
        "SELECT email_message_id FROM messages WHERE conversation_id = ?"
        " AND direction = 'inbound'",
        number,
    )
    assert headers["In-Reply-To"] == f"<{asked_id}>"
    assert asked_id in headers["References"]
    assert "Auto-Submitted" not in headers
    assert headers["Subject"] == "Re: Bookcase"
    answered = product.api(f"conversations/{number}")
    assert answered["first_responded_at"] is not None
    assert answered["next_due_at"] is None

    _, reply_to = email.utils.parseaddr(headers["Reply-To"])
    product.send_mail(make_mail(address, "new subject", "Thank you!"), address, to=reply_to)
    until(lambda: _last(product, number)["text"].strip() == "Thank you!", WITHIN_S, "it joined")
    assert len(product.conversations_of(address)) == 1
    assert product.api(f"conversations/{number}")["next_due_at"] is not None


def test_a_click_sent_twice_is_one_answer(product: Product) -> None:
    """R6's page: the same form twice, the same key, one mail."""
    address = "double@customer.example"
    number = _asked(product, address)["number"]
    with product.signed_in() as browser:
        fields = composer(browser.get(f"/inbox/{number}").text)
        fields |= {"kind": "reply", "body": "Only once."}
        for _ in range(2):
            browser.post(f"/inbox/{number}/messages", data=fields)
    until(lambda: _delivery(product, number, "sent"), WITHIN_S, "it was sent")

    outbound = [
        one
        for one in product.api(f"conversations/{number}")["messages"]
        if one["direction"] == "outbound"
    ]
    assert len(outbound) == 1
    assert len([one for one in product.sink(address) if "Only once." in one["text"]]) == 1


class Outside:
    """A mail server of the outside world that takes, or refuses for good."""

    def __init__(self, refuse: str = "") -> None:
        self.refuse = refuse
        self.mails: list[email.message.EmailMessage] = []

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take a recipient, or say why not."""
        if self.refuse and address.startswith(self.refuse):
            return "550 5.1.1 This mailbox does not exist"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the mail."""
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, email.message.EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def to(self, address: str) -> list[email.message.EmailMessage]:
        """Return the mails to somebody."""
        return [mail for mail in self.mails if address in str(mail["To"])]


@contextmanager
def _opened(outside: Outside, port: int) -> Iterator[None]:
    controller = Controller(outside, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, int]]:
    """Run it with a mail server at a port where nobody listens; give the port as well."""
    port = free_port()
    env = {"KIP_SMTP_URL": f"smtp://127.0.0.1:{port}"}
    with running(tmp_path_factory.mktemp("away") / "data", env=env) as started:
        yield started, port


def _retry_now(product: Product) -> None:
    """Let the pause before the next try be over; the pause itself has tests of its own."""
    product.write("UPDATE outbox SET leased_until = created_at WHERE state = 'queued'")


def _words_of(mail: email.message.EmailMessage) -> str:
    plain = mail.get_body(("plain",))
    assert plain is not None
    return str(plain.get_content())


def test_without_a_mail_server_all_goes_on_and_the_answer_leaves_once_it_is_back(
    away: tuple[Product, int],
) -> None:
    """R23's core: the conversation is there, the state has a name, nothing is sent twice."""
    product, port = away
    address = "patient@customer.example"
    number = _asked(product, address)["number"]
    with product.signed_in() as browser:
        _answer(browser, number, "We are on it.")
        waiting = until(
            lambda: _last(product, number)["delivery_error"] and _last(product, number),
            WITHIN_S,
            "the failed try is written down",
        )
        assert waiting["delivery"] == "queued"
        assert "did not answer" in waiting["delivery_error"]
        assert re.search(
            r'class="delivery delivery-queued"', browser.get(f"/inbox/{number}").text
        )

    outside = Outside()
    with _opened(outside, port):
        _retry_now(product)
        until(lambda: _delivery(product, number, "sent"), WITHIN_S, "it left")
        until(lambda: len(outside.to(address)) >= 2, WITHIN_S, "acknowledgement and answer")
        _retry_now(product)
        bodies = [_words_of(mail) for mail in outside.to(address)]
    assert len(bodies) == 2
    assert sum("We are on it." in body for body in bodies) == 1


def test_a_refusal_for_good_is_shown_and_the_clock_runs_on(away: tuple[Product, int]) -> None:
    """R21: on the message within five seconds, in the server's own words."""
    product, port = away
    address = "gone@customer.example"
    number = _asked(product, address)["number"]
    due = product.api(f"conversations/{number}")["next_due_at"]
    with _opened(Outside(refuse="gone@"), port), product.signed_in() as browser:
        _answer(browser, number, "Into the void.")
        # What waited for the server that was away holds up nobody; this is the first try.
        message = until(lambda: _delivery(product, number, "failed"), WITHIN_S, "it failed")
        assert "This mailbox does not exist" in message["delivery_error"]
        page = html.unescape(browser.get(f"/inbox/{number}").text)
    assert 'class="delivery delivery-failed"' in page
    assert "This mailbox does not exist" in page
    after = product.api(f"conversations/{number}")
    assert after["next_due_at"] == due
    assert after["first_responded_at"] is None
    assert [event["kind"] for event in after["events"]].count("reply_failed") == 1
