"""Customers that insist: each tries until it is told yes, and keeps its own log of that."""

import asyncio
import json
import random
import smtplib
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
from websockets.exceptions import WebSocketException

from tests.chatclient import ChatClient
from tests.slow.product import TOKEN, Product, hidden, make_mail
from tests.weather.history import Told

GIVE_UP_S = 90.0  # a sender who is not told yes within this has found a bug
ANSWER_S = 10.0  # for one try
REFUSED = (
    *(smtplib.SMTPException, OSError, TimeoutError, httpx.TransportError),
    *(AssertionError, WebSocketException),  # an error frame, or no chat at all
)

# The topic with short targets, so that its clocks are due during the run.
SHORT = "account_access"


class Log:
    """What senders were told and when, in memory and, flushed line by line, in a file."""

    def __init__(self, path: Path, zero: float) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8")
        self._zero = zero
        self.told: list[Told] = []
        self.tried: set[str] = set()
        self.tries = 0

    def now(self) -> float:
        """Return the second of the run."""
        return time.time() - self._zero

    def try_(self, kind: str, key: str) -> None:
        """Write down that something is about to be tried."""
        with self._lock:
            self.tries += 1
            self.tried.add(key)
            self._write("tries", kind, key, "")

    def yes(self, kind: str, key: str, answer: str = "") -> None:
        """Write down that the sender was told yes."""
        with self._lock:
            self.told.append(Told(kind, key, self.now(), answer))
            self._write("yes", kind, key, answer)

    def _write(self, what: str, kind: str, key: str, answer: str) -> None:
        line = {"at": round(self.now(), 3), "what": what, "kind": kind, "key": key}
        self._file.write(json.dumps({**line, "answer": answer}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Sender:
    """One of many; ``pace_s`` is the pause between its messages, ``twice`` how many repeat."""

    def __init__(
        self, product: Product, log: Log, seed: int, pace_s: float, twice: float = 0.1
    ) -> None:
        self._product = product
        self._log = log
        self._random = random.Random(seed)
        self._pace_s = pace_s
        self._twice = twice

    def mail(self, name: str, count: int) -> None:
        """Send mails; some are sent again after the 250, as after a lost answer."""
        for number in range(count):
            key = f"mail-{name}-{number}@khach.example"
            raw = make_mail(key, f"Order {name}-{number}", "When will it arrive?")

            def send(key: str = key, raw: bytes = raw) -> str:
                self._product.send_mail(raw, key, timeout_s=ANSWER_S)
                return ""

            self._insist("mail", key, send)

    def form(self, name: str, count: int, short: int) -> None:
        """Post forms, each with its one token; the first ``short`` have short targets."""
        with self._client() as client:
            for number in range(count):
                self._one_form(client, f"form-{name}-{number}@khach.example", number < short)

    def _one_form(self, client: httpx.Client, key: str, short: bool) -> None:
        token = ""

        def post() -> str | None:
            nonlocal token
            token = token or hidden(client.get("/f/support").text).get("token", "")
            fields = {"token": token, "email": key, "body": "Is it in stock?"}
            fields["request_type"] = SHORT if short else ""
            answer = client.post("/f/support", data=fields)
            if answer.status_code != 303:
                return None
            return str(answer.headers["location"]).partition("?")[0]

        self._insist("form", key, post)

    def api(self, name: str, count: int, short: int) -> None:
        """File conversations, each under its one Idempotency-Key."""
        with self._client() as client:
            for number in range(count):
                self._one_call(client, f"api-{name}-{number}@khach.example", number < short)

    def _one_call(self, client: httpx.Client, key: str, short: bool) -> None:
        body = {"email": key, "text": "Which shops have it in stock?"}
        if short:
            body["request_type"] = SHORT
        headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": str(uuid.uuid4())}

        def post() -> str | None:
            answer = client.post("/api/v1/conversations", json=body, headers=headers)
            if answer.status_code == 202:  # stored; the number comes later
                return ""
            return str(answer.json()["number"]) if answer.status_code == 201 else None

        self._insist("api", key, post)

    def chat(self, name: str, count: int) -> None:
        """Say one line each as many visitors, each line under its one id."""
        for number in range(count):
            self._one_line(f"chat-{name}-{number}@khach.example")

    def _one_line(self, key: str) -> None:
        line = str(uuid.uuid4())
        token = ""

        async def say() -> str:
            nonlocal token
            async with ChatClient(self._product.base_url, "demo", token=token) as client:
                await client.hello()
                token = client.token
                await client.say(f"Is it in stock? {key}", line)
            return ""

        self._insist("chat", key, lambda: asyncio.run(say()))

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._product.base_url, timeout=ANSWER_S, trust_env=False)

    def _insist(self, kind: str, key: str, once: Callable[[], str | None]) -> None:
        """Try until told yes; then, for some, again what was accepted already."""
        self._until_yes(kind, key, once)
        if self._random.random() < self._twice:
            self._until_yes(kind, key, once)
        time.sleep(self._random.uniform(0.5, 1.5) * self._pace_s)

    def _until_yes(self, kind: str, key: str, once: Callable[[], str | None]) -> None:
        end = time.monotonic() + GIVE_UP_S
        while time.monotonic() < end:
            self._log.try_(kind, key)
            try:
                answer = once()
            except REFUSED:
                answer = None
            if answer is not None:
                self._log.yes(kind, key, answer)
                return
            time.sleep(0.1)
        raise AssertionError(f"{key} was never told yes")
