"""Telegram's Bot API for a bot that customers write to, as its documentation describes it.

Strict, on this machine: whatever the documentation does not allow is answered as the real one
does, and remembered in ``complaints``.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.standins.calls import Asked, Delivery, Said, parts_of, serve

TOKEN = "654321:AAcustomers-bot_of-the-tests"
MOST_TEXT, MOST_PHOTO, MOST_FILE = 4096, 10 * 1024 * 1024, 50 * 1024 * 1024
MOST_DOWNLOAD = 20 * 1024 * 1024
PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")
FIELDS: dict[str, dict[str, Any]] = {
    "getMe": {},
    "getWebhookInfo": {},
    "setWebhook": {"url": str, "secret_token": str, "allowed_updates": list},
    "sendMessage": {"chat_id": (int, str), "text": str, "link_preview_options": dict},
    "sendPhoto": {"chat_id": (int, str), "photo": tuple},
    "sendDocument": {"chat_id": (int, str), "document": tuple},
    "getFile": {"file_id": str},
}
NEEDED = {
    "setWebhook": ("url",),
    "sendMessage": ("chat_id", "text"),
    "sendPhoto": ("chat_id", "photo"),
    "sendDocument": ("chat_id", "document"),
    "getFile": ("file_id",),
}


class Refused(Exception):
    """An answer with ``ok`` false."""

    def __init__(self, code: int, text: str, **parameters: int) -> None:
        super().__init__(text)
        self.code = code
        self.body: dict[str, Any] = {"ok": False, "error_code": code, "description": text}
        if parameters:
            self.body["parameters"] = parameters


@dataclass
class Bot:
    """A bot of the company: what it was told, and what it was asked."""

    url: str = ""
    token: str = TOKEN
    webhook: dict[str, Any] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    wrote: set[str] = field(default_factory=set)  # who may be answered
    blocked: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    slow_down: list[int] = field(default_factory=list)  # the next answers: 429, wait so long
    break_off: int = 0  # so many next messages are taken, and the connection is dropped
    down: bool = False
    _next: int = 5000

    # ---- what customers do: each returns headers and body as they are delivered ----

    def write(self, chat: int = 4242, *, kind: str = "message", **what: Any) -> Delivery:
        """Let somebody write to the bot."""
        who = {"id": chat, "is_bot": False, "first_name": "Lan", "language_code": "vi"}
        self.wrote.add(str(chat))
        self.blocked.discard(str(chat))
        message = {
            "message_id": self._next,
            "from": who,
            "chat": {"id": chat, "type": "private", "first_name": "Lan"},
            "date": 1_772_000_000,
            **what,
        }
        return self.update(**{kind: message})

    def block(self, chat: int = 4242, *, date: int = 1_772_000_000) -> Delivery:
        """Let somebody block the bot."""
        self.blocked.add(str(chat))
        return self.update(
            my_chat_member={
                "chat": {"id": chat, "type": "private"},
                "from": {"id": chat, "is_bot": False, "first_name": "Lan"},
                "date": date,
                "old_chat_member": {"status": "member"},
                "new_chat_member": {"status": "kicked", "until_date": 0},
            }
        )

    def update(self, **what: Any) -> Delivery:
        """Make an update; delivered again it has the same number."""
        self._next += 1
        headers = {"content-type": "application/json"}
        if secret := self.webhook.get("secret_token"):
            headers["x-telegram-bot-api-secret-token"] = secret
        return headers, json.dumps({"update_id": self._next, **what}).encode()

    def keep(self, file_id: str, data: bytes) -> dict[str, Any]:
        """Keep a file that a customer sent; return what an update says of it."""
        self.files[file_id] = data
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": len(data)}

    # ---- what the company's side asks ----

    def answer(self, asked: Asked) -> Said | None:
        """Answer a request; None drops the connection."""
        if self.down:
            return Said(502, b"<html>Bad Gateway</html>", "text/html")
        try:
            if found := re.fullmatch(r"/file/bot([^/]+)/(.+)", asked.path):
                return self._file(found[1], found[2])
            found = re.fullmatch(r"/bot([^/]+)/(\w+)", asked.path)
            if found is None or asked.method != "POST":
                raise Refused(404, "Not Found")
            result = self._call(found[1], found[2], asked)
            if found[2].startswith("send") and self.break_off:
                self.break_off -= 1
                return None
            body: dict[str, Any] = {"ok": True, "result": result}
            return Said(200, json.dumps(body).encode())
        except Refused as error:
            if error.code in (400, 404):
                self.complaints.append(str(error))
            return Said(error.code, json.dumps(error.body).encode())

    def _file(self, token: str, path: str) -> Said:
        if token != self.token or path not in self.files:
            raise Refused(404, "Not Found")
        return Said(200, self.files[path], "application/octet-stream")

    def _call(self, token: str, method: str, asked: Asked) -> Any:
        if token != self.token:
            raise Refused(401, "Unauthorized")
        if method not in FIELDS:
            raise Refused(404, "Not Found")
        fields = self._fields(asked)
        known = FIELDS[method]
        wrong = [
            name
            for name, value in fields.items()
            if name not in known or not isinstance(value, known[name])
        ]
        wrong += [name for name in NEEDED.get(method, ()) if not fields.get(name)]
        if wrong:
            raise Refused(400, f"Bad Request: {', '.join(wrong)}")
        if self.slow_down and method.startswith("send"):
            wait = self.slow_down.pop(0)
            raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        found = {
            "getMe": self._me,
            "getWebhookInfo": lambda _: self.webhook,
            "setWebhook": self._set,
            "sendMessage": self._message,
            "sendPhoto": self._photo,
            "sendDocument": self._document,
            "getFile": self._where,
        }
        return found[method](fields)

    def _fields(self, asked: Asked) -> dict[str, Any]:
        if asked.kind == "application/json":
            try:
                found = json.loads(asked.body or b"{}")
            except ValueError:
                raise Refused(400, "Bad Request: can't parse JSON") from None
            return dict(found)
        if asked.kind == "multipart/form-data":
            return parts_of(asked)
        if asked.body:
            raise Refused(400, "Bad Request: unsupported content type")
        return {}

    def _me(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"id": 654321, "is_bot": True, "first_name": "Kịp", "username": "kip_khach_bot"}

    def _set(self, asked: dict[str, Any]) -> bool:
        if not asked["url"].startswith("https://"):
            said = "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"
            raise Refused(400, said)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", asked.get("secret_token", "x")):
            raise Refused(400, "Bad Request: secret token contains unallowed characters")
        self.webhook = asked
        return True

    def _to(self, asked: dict[str, Any]) -> int:
        chat = str(asked["chat_id"])
        if chat in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        if chat not in self.wrote:
            raise Refused(400, "Bad Request: chat not found")
        return int(chat)

    def _message(self, asked: dict[str, Any]) -> dict[str, Any]:
        units = len(asked["text"].encode("utf-16-le")) // 2
        if units > MOST_TEXT:
            raise Refused(400, "Bad Request: message is too long")
        return self._sent(self._to(asked), text=asked["text"])

    def _photo(self, asked: dict[str, Any]) -> dict[str, Any]:
        chat, (name, _, data) = self._to(asked), asked["photo"]
        if len(data) > MOST_PHOTO or not data.startswith(PICTURES):
            raise Refused(400, "Bad Request: IMAGE_PROCESS_FAILED")
        return self._sent(chat, photo=name, data=data)

    def _document(self, asked: dict[str, Any]) -> dict[str, Any]:
        chat, (name, kind, data) = self._to(asked), asked["document"]
        if not data:
            raise Refused(400, "Bad Request: file must be non-empty")
        if len(data) > MOST_FILE:
            raise Refused(413, "Request Entity Too Large")
        return self._sent(chat, document=name, kind=kind, data=data)

    def _sent(self, chat: int, **what: Any) -> dict[str, Any]:
        self.sent.append({"chat": chat, **what})
        return {"message_id": 100 + len(self.sent), "date": 1, "chat": {"id": chat}}

    def _where(self, asked: dict[str, Any]) -> dict[str, Any]:
        data = self.files.get(asked["file_id"])
        if data is None:
            raise Refused(400, "Bad Request: wrong file_id or the file is unavailable")
        if len(data) > MOST_DOWNLOAD:
            raise Refused(400, "Bad Request: file is too big")
        return {
            "file_id": asked["file_id"],
            "file_size": len(data),
            "file_path": asked["file_id"],
        }


@contextmanager
def start_bot() -> Iterator[Bot]:
    """Serve one bot on this machine."""
    bot = Bot()
    with serve(bot.answer) as url:
        bot.url = url
        yield bot
