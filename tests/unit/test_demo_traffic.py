"""The sample company's customers, against a web address and a mail receiver of this test."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiosmtpd.controller import Controller
from websockets.sync.server import ServerConnection, serve

from inbox.channels import mime
from inbox.channels.base import InboundMessage
from inbox.demo import traffic as module
from inbox.demo.traffic import Traffic, Web, run

OURS = "<k.1042.abc.def@demo.example>"
REPLY_TO = "support+k1042.sig@demo.example"


class Shop:
    """Everything that arrived."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], InboundMessage]] = []
        self.forms: list[dict[str, list[str]]] = []
        self.sent: list[dict[str, Any]] = []
        self.open = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        read = mime.parse(envelope.content)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, read))
        return "250 OK"

    def answer(self, customer: InboundMessage) -> None:
        """Put an acknowledgement of ours into the sink."""
        headers = {"Message-ID": OURS, "Reply-To": REPLY_TO}
        self.sent.append(
            {"to": customer.from_address, "subject": "We will answer", "headers": headers}
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def web(shop: Shop) -> Iterator[Web]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = '<input type="hidden" name="token" value="signed">'
            if self.path == "/demo/mail.json":
                page = json.dumps(shop.sent)
            elif self.path.startswith("/api/v1/conversations"):
                page = json.dumps({"items": [{}] * shop.open, "next": None})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page.encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            shop.forms.append(parse_qs(body.decode(), keep_blank_values=True))
            self.send_response(303)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Web(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def traffic(shop: Shop, web: Web) -> Iterator[Traffic]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(shop, hostname="127.0.0.1", port=port)
    controller.start()
    yield Traffic(web, "127.0.0.1", port)
    controller.stop()


def test_mails_are_in_both_languages_and_have_nothing_left_to_fill_in(
    traffic: Traffic, shop: Shop
) -> None:
    for _ in range(40):
        traffic.write_mail()

    read = [mail for _, _, mail in shop.mails]
    assert {mail.language for mail in read} == {"vi", "en"}
    assert not any("{" in mail.subject + mail.text for mail in read)
    assert all(to == ["support@demo.example"] for _, to, _ in shop.mails)
    assert all(sender == mail.from_address for sender, _, mail in shop.mails)
    assert len({mail.subject for mail in read}) > 15


def test_a_form_is_posted_with_its_token(traffic: Traffic, shop: Shop) -> None:
    traffic.post_form()

    (form,) = shop.forms
    assert form["token"] == ["signed"]
    assert form["website"] == [""]
    assert "@" in form["email"][0]
    assert form["body"][0]


def test_a_customer_answers_our_mail_once_at_the_address_it_names(
    traffic: Traffic, shop: Shop
) -> None:
    assert not traffic.answer_us()
    traffic.write_mail()
    shop.answer(shop.mails[0][2])

    assert traffic.answer_us()
    assert not traffic.answer_us()

    sender, to, mail = shop.mails[-1]
    assert to == [REPLY_TO]
    assert sender == mail.from_address == shop.mails[0][0]
    assert mail.in_reply_to == OURS.strip("<>")
    assert not mail.is_automatic


def test_a_machines_answer_says_that_it_is_one(traffic: Traffic, shop: Shop) -> None:
    traffic.write_mail()
    shop.answer(shop.mails[0][2])

    assert traffic.answer_by_machine()

    sender, _, mail = shop.mails[-1]
    assert sender == "<>"
    assert mail.is_auto_reply


def test_somebody_writes_again_about_the_same(traffic: Traffic, shop: Shop) -> None:
    assert not traffic.write_again()
    traffic.write_mail()
    assert traffic.write_again()

    first, second = (mail for _, _, mail in shop.mails)
    assert second.in_reply_to == first.message_id
    assert second.from_address == first.from_address


class _EnoughError(Exception):
    """The test has seen what it wanted."""


def _stop_at(waits: list[float], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) >= most:
            raise _EnoughError

    monkeypatch.setattr(time, "sleep", sleep)


def test_it_waits_for_the_product_and_then_keeps_its_pace(
    traffic: Traffic, web: Web, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    _stop_at(waits, 4, monkeypatch)
    nobody = Traffic(Web("http://127.0.0.1:1"), "127.0.0.1", 1)
    with pytest.raises(_EnoughError):
        run(nobody, Web("http://127.0.0.1:1"))
    assert waits[0] <= 3
    assert waits[1:] == [module.RETRY_S] * 3

    waits.clear()
    talks: list[str] = []  # the shop has no chat: it is enough that somebody wanted to talk
    monkeypatch.setattr(traffic, "write_in_chat", lambda: talks.append("chat"))
    with pytest.raises(_EnoughError):
        run(traffic, web)
    assert len(shop.mails) + len(shop.forms) + len(talks) == 3
    assert all(8 <= wait <= 20 for wait in waits[1:])


def test_a_full_demo_gets_no_more(
    traffic: Traffic, web: Web, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    _stop_at(waits, 3, monkeypatch)
    shop.open = module.MOST_OPEN

    with pytest.raises(_EnoughError):
        run(traffic, web)

    assert waits[1:] == [module.FULL_PAUSE_S] * 2
    assert shop.mails == []
    assert shop.forms == []


class Talks:
    """A chat that keeps what visitors say, in the words of the real one."""

    def __init__(self, code: str = "") -> None:
        self.code = code  # what every line is refused with
        self.hellos: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.receipts: list[int] = []

    def serve(self, socket: ServerConnection) -> None:
        for text in socket:
            frame = json.loads(text)
            if frame["type"] == "hello":
                self.hellos.append(frame)
                answer = {"type": "welcome", "token": frame["token"] or f"t{len(self.hellos)}"}
            elif frame["type"] == "received":
                self.receipts.append(frame["id"])
                continue
            else:
                self.lines.append(frame["text"])
                told = {"type": "message", "id": len(self.lines), "from": "auto", "text": "x"}
                socket.send(json.dumps(told))
                answer = {"type": "accepted", "id": frame["id"]}
                if self.code:
                    answer = {"type": "error", "code": self.code}
            socket.send(json.dumps(answer))


@contextmanager
def serving(talks: Talks) -> Iterator[Traffic]:
    with serve(talks.serve, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        yield Traffic(Web(f"http://127.0.0.1:{port}"), "127.0.0.1", 1)
        server.shutdown()
        thread.join()


def test_visitors_chat_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TYPING_S", (0.0, 0.01))
    monkeypatch.setattr(module, "READING_S", 0.05)
    talks = Talks()
    with serving(talks) as traffic:
        while not any(hello["token"] for hello in talks.hellos):
            traffic.write_in_chat()

    assert talks.hellos[0]["token"] is None
    assert "@" in talks.hellos[0]["email"]
    assert talks.lines
    assert not any("{" in line for line in talks.lines)


def test_a_chat_that_takes_nothing_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TYPING_S", (0.0, 0.01))
    with serving(Talks("try_later")) as traffic, pytest.raises(ValueError, match="try_later"):
        traffic.write_in_chat()
