"""Customers of the sample company (``python -m inbox.demo.traffic --base-url URL --smtp H:P``).

They write through the real doors, mail by SMTP, the public form by HTTP and the chat by its
WebSocket, at the pace of a busy shop, until told to stop. Besides the WebSocket's client only
the standard library is loaded: this process counts in what the demo takes.
"""

import argparse
import contextlib
import http.client
import json
import logging
import re
import secrets
import smtplib
import time
import tomllib
import unicodedata
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, formatdate, make_msgid, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

SUPPORT = "support@demo.example"
FORM = "/f/support"
CHAT = "/chat/demo"
LOCAL_NAME = "customers.example"  # what we say of ourselves to the mail receiver
TOKEN = "kip-demo-token"  # noqa: S105 -- the demo's, known to everybody
LIVELY_S = 300  # after so long the pace slows down
LIVELY_PACE_S, CALM_PACE_S = (8, 20), (20, 40)
TYPING_S = (1.0, 3.0)  # before the next line of a chat
READING_S = 2.0
RETRY_S = 1.0
TIMEOUT_S = 10
MOST_OPEN = 300  # a forgotten demo must not fill the disk
COUNT_EVERY = 20  # messages
FULL_PAUSE_S = 60
KEPT_CUSTOMERS = 40
TROUBLE = (OSError, smtplib.SMTPException, http.client.HTTPException, ValueError, LookupError)

log = logging.getLogger("traffic")
_random = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who wrote, and the mail they wrote ("" by form)."""

    name: str
    email: str
    language: str
    subject: str = ""
    message_id: str = ""


class Web:
    """The product's web address."""

    def __init__(self, base_url: str) -> None:
        self._parts = urlsplit(base_url)

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, str]:
        """Send one request; return status and text. Redirects are not followed.

        Raises
        ------
        OSError, http.client.HTTPException
            If there is no answer.
        """
        https = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
        try:
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            connection.request(method, self._parts.path.rstrip("/") + path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def count_open(self, most: int) -> int:
        """Count open conversations through the API, up to ``most`` and a page more."""
        found, after = 0, ""
        while found < most:
            path = f"/api/v1/conversations?status=open&limit=50{after}"
            status, text = self.ask("GET", path, Authorization=f"Bearer {TOKEN}")
            if status != 200:
                raise ValueError(f"the API answered {status}")
            page = json.loads(text)
            found += len(page["items"])
            if not page["next"]:
                break
            after = "&" + urlencode({"after": page["next"]})
        return found

    def chat(self, one: Customer, token: str, lines: list[str]) -> str:
        """Write lines as the widget does, and see what came back; return the visitor's token.

        Raises
        ------
        OSError, ValueError
            If there is no chat, or not everything is accepted.
        """
        scheme = "wss" if self._parts.scheme == "https" else "ws"
        origin = f"{self._parts.scheme}://{self._parts.netloc}"
        address = f"{scheme}://{self._parts.netloc}{self._parts.path.rstrip('/')}{CHAT}"
        try:
            with connect(
                address,
                origin=Origin(origin),
                open_timeout=TIMEOUT_S,
                compression=None,
                proxy=None,
            ) as socket:
                return _talk(socket, one, token, lines)
        except WebSocketException as error:
            raise ValueError(f"the chat ended: {error}") from error


def _talk(socket: ClientConnection, one: Customer, token: str, lines: list[str]) -> str:
    hello = {"name": one.name, "email": one.email, "language": one.language}
    socket.send(json.dumps({"type": "hello", "token": token or None, **hello}))
    welcome = _next(socket, "welcome")
    last = 0
    for text in lines:
        number = str(uuid.uuid4())
        socket.send(json.dumps({"type": "message", "id": number, "text": text}))
        _next(socket, "accepted")
        time.sleep(_random.uniform(*TYPING_S))
    with contextlib.suppress(TimeoutError):
        while True:
            last = _next(socket, "message", READING_S)["id"]
    if last:
        socket.send(json.dumps({"type": "received", "id": last}))
    return str(welcome["token"])


def _next(socket: ClientConnection, kind: str, within_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return the next frame of a kind; others are passed over, but a refusal is one."""
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=within_s))
        if frame["type"] == "error":
            raise ValueError(f"the chat said {frame['code']}")
        if frame["type"] == kind:
            return frame


class Traffic:
    """Who wrote so far, and what they do next."""

    def __init__(self, web: Web, smtp_host: str, smtp_port: int) -> None:
        self._web = web
        self._smtp = (smtp_host, smtp_port)
        path = Path(__file__).with_name("traffic.toml")
        self._texts: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        self._customers: deque[Customer] = deque(maxlen=KEPT_CUSTOMERS)
        self._answered: set[str] = set()  # of our mails, by Message-ID
        self._deck: list[dict[str, str]] = []
        self._chats: deque[tuple[Customer, str]] = deque(maxlen=KEPT_CUSTOMERS)

    def act(self) -> None:
        """Let one customer do one thing; a rare one that is not possible yet is a new mail.

        Raises
        ------
        OSError, smtplib.SMTPException, http.client.HTTPException, ValueError, LookupError
            If the product does not take it just now.
        """
        chance = _random.random()
        rare: tuple[tuple[float, Callable[[], bool]], ...] = (
            (0.12, self.answer_us),
            (0.18, self.answer_by_machine),
            (0.26, self.write_again),
        )
        for limit, do in rare:
            if chance < limit:
                if do():
                    return
                break
        if chance > 0.87:
            self.write_in_chat()
        elif chance > 0.7:
            self.post_form()
        else:
            self.write_mail()

    def write_mail(self) -> None:
        """Write a mail about something new."""
        one = self._somebody()
        subject, text = self._something(one.language)
        message_id = self._send(one, subject, text)
        self._customers.append(replace(one, subject=subject, message_id=message_id))

    def post_form(self) -> None:
        """Fill in the public form."""
        one = self._somebody()
        subject, text = self._something(one.language)
        address = f"{FORM}?lang={one.language}"
        status, page = self._web.ask("GET", address)
        token = re.search(r'name="token"[^>]*value="([^"]+)"', page)
        if status != 200 or token is None:
            raise ValueError(f"the form answered {status}")
        fields = {
            **{"token": token[1], "name": one.name, "email": one.email, "phone": ""},
            **{"subject": subject, "body": text, "request_type": "", "website": ""},
        }
        status, _ = self._web.ask(
            "POST",
            address,
            urlencode(fields),
            Content_Type="application/x-www-form-urlencoded",
        )
        if status != 303:
            raise ValueError(f"the form answered {status} to what was posted")
        self._customers.append(replace(one, subject=subject))

    def write_in_chat(self) -> None:
        """Open the widget and write a line or two; somebody who did may come back and go on."""
        comes_back = bool(self._chats) and _random.random() < 0.4
        if comes_back:
            one, token = self._chats.pop()
            lines = [_random.choice(self._texts["again"][one.language])]
        else:
            one, token = self._somebody(), ""
            subject, text = self._something(one.language)
            lines = [subject, text] if _random.random() < 0.5 else [text]
        self._chats.appendleft((one, self._web.chat(one, token, lines)))

    def write_again(self) -> bool:
        """Let somebody who wrote a mail write again; False if nobody did."""
        known = [one for one in self._customers if one.message_id]
        if not known:
            return False
        one = _random.choice(known)
        text = _random.choice(self._texts["again"][one.language])
        self._send(one, f"Re: {one.subject}", text, **{"In-Reply-To": one.message_id})
        return True

    def answer_us(self) -> bool:
        """Let a customer answer a mail of ours; False if there is none yet."""
        return self._answer(
            lambda one: _random.choice(self._texts["answers"][one.language]), "Re: "
        )

    def answer_by_machine(self) -> bool:
        """Let a customer's mailbox answer a mail of ours; False if there is none yet."""
        return self._answer(
            lambda one: str(self._texts["away"][one.language]),
            "Automatic reply: ",
            **{"Auto-Submitted": "auto-replied", "Precedence": "bulk"},
        )

    def _answer(self, words: Callable[[Customer], str], prefix: str, **headers: str) -> bool:
        by_email = {one.email: one for one in self._customers}
        status, text = self._web.ask("GET", "/demo/mail.json")
        if status != 200:
            raise ValueError(f"the outgoing mail answered {status}")
        for mail in json.loads(text):
            head = _lower(mail["headers"])
            one = by_email.get(mail["to"].strip().lower())
            ours = head.get("message-id", "")
            if one is None or not ours or ours in self._answered:
                continue
            self._answered.add(ours)
            subject = prefix + mail["subject"]
            links = {"In-Reply-To": ours, "References": ours, **headers}
            to = head.get("reply-to", SUPPORT)
            self._send(one, subject, words(one), to=to, **links)
            return True
        return False

    def _send(
        self, one: Customer, subject: str, text: str, *, to: str = SUPPORT, **headers: str
    ) -> str:
        """Send a mail and return its id; a machine's has an empty envelope sender."""
        mail = EmailMessage(policy=SMTP)
        mail["From"] = formataddr((one.name, one.email))
        mail["To"] = to
        mail["Subject"] = subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = message_id = make_msgid(domain=one.email.partition("@")[2])
        for key, value in headers.items():
            mail[key] = value
        mail.set_content(f"{text}\n\n{one.name}\n")
        sender = "" if "Auto-Submitted" in headers else one.email
        recipient = parseaddr(to)[1]
        with smtplib.SMTP(*self._smtp, local_hostname=LOCAL_NAME, timeout=TIMEOUT_S) as smtp:
            smtp.sendmail(sender, [recipient], mail.as_bytes())
        return message_id

    def _somebody(self) -> Customer:
        """Make up a customer."""
        language = "vi" if _random.random() < 0.6 else "en"
        words = self._texts["words"][language]
        family, given = _random.choice(words["families"]), _random.choice(words["given"])
        name = f"{family} {given}" if language == "vi" else f"{given} {family}"
        plain = _ascii(f"{given}.{family}")
        domain = "khach.example" if language == "vi" else "customer.example"
        return Customer(name, f"{plain}{_random.randrange(1000)}@{domain}", language)

    def _something(self, language: str) -> tuple[str, str]:
        """Return subject and text of the next message in a language; all come up in turn."""
        if not any(one["language"] == language for one in self._deck):
            fresh = [one for one in self._texts["message"] if one["language"] == language]
            _random.shuffle(fresh)
            self._deck += fresh
        one = next(one for one in self._deck if one["language"] == language)
        self._deck.remove(one)
        filled = {
            "order": f"ML-{_random.randrange(21000, 29999)}",
            "product": _random.choice(self._texts["words"][language]["products"]),
        }
        subject, text = (_sentence(one[part].format(**filled)) for part in ("subject", "text"))
        return subject, text


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d").replace(" ", ""))
    return "".join(char for char in plain if char.isascii())


def _lower(headers: Any) -> dict[str, str]:
    """Return headers by their names in lower case; they come as an object or as pairs."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {str(key).lower(): str(value) for key, value in pairs}


def run(traffic: Traffic, web: Web) -> None:
    """Go on until the process is told to stop; trouble is tried again quietly."""
    began = time.monotonic()
    sent, failing = 0, False
    time.sleep(_random.uniform(1, 3))
    while True:
        try:
            if sent % COUNT_EVERY == 0 and web.count_open(MOST_OPEN) >= MOST_OPEN:
                time.sleep(FULL_PAUSE_S)
                continue
            traffic.act()
        except TROUBLE as error:
            if not failing:
                log.info("not taken yet, trying again: %s", error)
            failing = True
            time.sleep(RETRY_S)
            continue
        sent, failing = sent + 1, False
        lively = time.monotonic() - began < LIVELY_S
        time.sleep(_random.uniform(*(LIVELY_PACE_S if lively else CALM_PACE_S)))


def main() -> None:
    """Read the options and run. SIGTERM ends the process at once: nothing has to be saved."""
    parser = argparse.ArgumentParser(prog="python -m inbox.demo.traffic")
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT")
    options = parser.parse_args()
    host, _, port = options.smtp.rpartition(":")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s  %(message)s")
    web = Web(options.base_url)
    try:
        run(Traffic(web, host.strip("[]"), int(port)), web)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
