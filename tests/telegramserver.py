"""Telegram's Bot API as its documentation describes it, strict, on this machine.

Whatever the documentation does not allow is answered with an error as the real one gives it,
and is remembered in ``complaints``, so that a test sees it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "123456:AA-token_of-the-tests"
MOST_TEXT, MOST_DATA, MOST_ANSWER = 4096, 64, 200
FIELDS: dict[str, dict[str, Any]] = {
    "getMe": {},
    "getUpdates": {"offset": int, "limit": int, "timeout": int, "allowed_updates": list},
    "sendMessage": {
        "chat_id": (int, str),
        "text": str,
        "link_preview_options": dict,
        "reply_markup": dict,
    },
    "answerCallbackQuery": {"callback_query_id": str, "text": str},
}
NEEDED = {"sendMessage": ("chat_id", "text"), "answerCallbackQuery": ("callback_query_id",)}


class Refused(Exception):
    """An answer with ``ok`` false."""

    def __init__(self, code: int, text: str, **parameters: int) -> None:
        super().__init__(text)
        self.body: dict[str, Any] = {"ok": False, "error_code": code, "description": text}
        if parameters:
            self.body["parameters"] = parameters
        self.code = code


@dataclass
class Telegram:
    """What the bot can see and do, and what was asked of it."""

    url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    chats: set[str] = field(default_factory=set)  # who has written to the bot
    slow_down: list[int] = field(default_factory=list)  # the next answers: 429, wait so long
    break_off: int = 0  # so many next messages are taken, and the connection is dropped
    token: str = TOKEN
    _updates: list[dict[str, Any]] = field(default_factory=list)
    _next: int = 1000
    _polling: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def write(self, chat: int, text: str, kind: str = "private") -> None:
        """Let somebody write to the bot."""
        who = {"id": chat, "type": kind, "username": f"u{chat}", "first_name": "An"}
        self.chats.add(str(chat))
        self._happen(
            message={
                "message_id": 1,
                "date": 1,
                "chat": who,
                "from": {**who, "is_bot": False},
                "text": text,
            }
        )

    def press(self, sender: int, data: str, query: str = "q1") -> None:
        """Let somebody press a button below a message."""
        who = {"id": sender, "is_bot": False, "first_name": "An"}
        self._happen(
            callback_query={"id": query, "from": who, "data": data, "chat_instance": "1"}
        )

    def _happen(self, **what: Any) -> None:
        with self._changed:
            self._updates.append({"update_id": self._next, **what})
            self._next += 1
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many updates nobody has confirmed."""
        return len(self._updates)

    def call(self, token: str, method: str, asked: dict[str, Any]) -> Any:
        """Do what a method does; raises ``Refused``."""
        if token != self.token:
            raise Refused(401, "Unauthorized")
        if method not in FIELDS:
            raise Refused(404, "Not Found")
        known = FIELDS[method]
        wrong = [name for name in asked if name not in known]
        wrong += [
            name
            for name, value in asked.items()
            if name in known and not isinstance(value, known[name])
        ]
        wrong += [name for name in NEEDED.get(method, ()) if not asked.get(name)]
        if wrong:
            raise Refused(400, f"Bad Request: {', '.join(wrong)}")
        if self.slow_down:
            wait = self.slow_down.pop(0)
            raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        found = {
            "getMe": self._me,
            "getUpdates": self._poll,
            "sendMessage": self._send,
            "answerCallbackQuery": self._answer,
        }
        return found[method](asked)

    def _me(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"id": 123456, "is_bot": True, "first_name": "Kịp", "username": "kip_test_bot"}

    def _poll(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        if not 0 <= asked.get("timeout", 0) <= 50 or not 1 <= asked.get("limit", 100) <= 100:
            raise Refused(400, "Bad Request: timeout or limit")
        with self._changed:
            if self._polling:
                raise Refused(409, "Conflict: terminated by other getUpdates request")
            self._polling = True
            try:
                offset = asked.get("offset", 0)
                self._updates = [one for one in self._updates if one["update_id"] >= offset]
                if not self._updates:
                    self._changed.wait(min(asked.get("timeout", 0), 1))
                return self._updates[: asked.get("limit", 100)]
            finally:
                self._polling = False

    def _send(self, asked: dict[str, Any]) -> dict[str, Any]:
        chat = str(asked["chat_id"])
        if not 1 <= len(asked["text"]) <= MOST_TEXT:
            raise Refused(400, "Bad Request: message is too long")
        for row in asked.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                fits = 1 <= len(button["callback_data"].encode()) <= MOST_DATA
                if set(button) != {"text", "callback_data"} or not fits or not button["text"]:
                    raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        if chat in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        if chat not in self.chats:
            raise Refused(400, "Bad Request: chat not found")
        self.sent.append(asked)
        return {"message_id": len(self.sent), "date": 1, "chat": {"id": int(chat)}}

    def _answer(self, asked: dict[str, Any]) -> bool:
        if len(asked.get("text", "")) > MOST_ANSWER:
            raise Refused(400, "Bad Request: MESSAGE_TOO_LONG")
        self.answered.append(asked)
        return True


def _handler(telegram: Telegram) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server calls
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            bot, _, method = self.path.lstrip("/").partition("/")
            try:
                if not bot.startswith("bot"):
                    raise Refused(404, "Not Found")
                if self.headers.get_content_type() != "application/json":
                    raise Refused(400, "Bad Request: content type")
                asked = json.loads(raw)
                result = telegram.call(bot.removeprefix("bot"), method, asked)
                if method == "sendMessage" and telegram.break_off:
                    telegram.break_off -= 1
                    self.close_connection = True
                    return
                code, body = 200, {"ok": True, "result": result}
            except Refused as error:
                code, body = error.code, error.body
                if code in (400, 404, 409):
                    telegram.complaints.append(body["description"])
            answer = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def start_telegram() -> Iterator[Telegram]:
    """Serve one bot on this machine."""
    telegram = Telegram()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(telegram))
    server.daemon_threads = True
    telegram.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield telegram
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
