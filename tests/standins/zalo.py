"""Zalo's Official Account API as its documentation describes it, strict, on this machine."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.standins.calls import Asked, Delivery, Said, parts_of, serve

APP, OA = "4218736451234567890", "579745863508352884"
APP_SECRET, OA_SECRET = "app-secret-of-the-tests", "oa-secret-of-the-tests"
REFRESH = "refresh-0"
MOST_TEXT, MOST_PICTURE = 2000, 2**20
USER = "8761234567890123456"


class Refused(Exception):
    """An answer with an error; the status is 200, as Zalo's is."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"({code}) {text}")
        self.code, self.text = code, text


@dataclass
class Zalo:
    """An Official Account: its tokens, who may be written to, what was sent."""

    url: str = ""
    refresh: str = REFRESH  # the only refresh token that is good, for one use
    token: str = ""  # the only access token that is good
    renewed: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    open_to: set[str] = field(default_factory=set)  # wrote within seven days
    gone: set[str] = field(default_factory=set)
    refuse: list[tuple[int, str]] = field(default_factory=list)  # the next messages
    too_many: list[int] = field(default_factory=list)  # 429, with so many seconds to wait
    break_off: int = 0
    names: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)  # a file's address leads elsewhere
    fetched: list[str] = field(default_factory=list)

    # ---- what customers do ----

    def write(
        self,
        text: str = "",
        user: str = USER,
        number: str = "m1",
        at: int = 0,
        kind: str = "text",
        **payload: Any,
    ) -> Delivery:
        """Let somebody send something; ``payload`` is an attachment's."""
        self.open_to.add(user)
        said: dict[str, Any] = {"msg_id": number, **({"text": text} if text else {})}
        if kind != "text":
            said["attachments"] = [{"type": kind, "payload": payload}]
        return self.tell(f"user_send_{kind}", at, sender=user, message=said)

    def seen(self, reference: str, at: int, *, read: bool, user: str = USER) -> Delivery:
        """Say that a message was received, or seen."""
        name = "user_seen_message" if read else "user_received_message"
        said = {"msg_ids": [reference]} if read else {"msg_id": reference}
        return self.tell(name, at, sender=OA, recipient=user, message=said)

    def tell(
        self, name: str, at: int, *, sender: str = USER, recipient: str = OA, **more: Any
    ) -> Delivery:
        """Make a signed webhook; ``at`` is in milliseconds."""
        whom = {"sender": {"id": sender}, "recipient": {"id": recipient}}
        body = {"app_id": APP, "event_name": name, "timestamp": str(at), **whom, **more}
        return self.sign(json.dumps(body, ensure_ascii=False), str(at))

    def sign(self, body: str, stamp: str, secret: str = OA_SECRET) -> Delivery:
        """Sign a body with the account's secret."""
        mark = hashlib.sha256(f"{APP}{body}{stamp}{secret}".encode()).hexdigest()
        return {"x-zevent-signature": f"mac={mark}"}, body.encode()

    # ---- what the company's side asks ----

    def answer(self, asked: Asked) -> Said | None:
        """Answer a request; None drops the connection."""
        if asked.path in self.files or asked.path in self.moved:
            return self._file(asked.path)
        if asked.path == "/v4/oa/access_token":
            return self._renew(asked)
        if self.too_many:
            return Said(429, b"{}", headers={"retry-after": str(self.too_many.pop(0))})
        try:
            if asked.headers.get("access_token") != self.token or not self.token:
                raise Refused(-216, "Access token is invalid")
            data = self._call(asked)
        except Refused as error:
            if error.code in (-201, -100, -210):
                self.complaints.append(str(error))
            said: dict[str, Any] = {"error": error.code, "message": error.text}
            return Said(200, json.dumps(said).encode())
        if self.break_off and "message" in asked.path:
            self.break_off -= 1
            return None
        return Said(200, json.dumps({"error": 0, "message": "Success", "data": data}).encode())

    def _file(self, path: str) -> Said:
        self.fetched.append(path)
        if path in self.moved:
            return Said(302, headers={"location": self.moved[path]})
        return Said(200, self.files[path], "image/jpeg")

    def _renew(self, asked: Asked) -> Said:
        form = dict(parse_qsl(asked.body.decode()))
        wanted = {"refresh_token": self.refresh, "app_id": APP, "grant_type": "refresh_token"}
        if form != wanted or asked.headers.get("secret_key") != APP_SECRET:
            said = {"error": -14014, "error_name": "Invalid refresh token"}
            return Said(200, json.dumps(said).encode())
        self.renewed += 1
        self.token, self.refresh = f"access-{self.renewed}", f"refresh-{self.renewed}"
        given = {"access_token": self.token, "refresh_token": self.refresh}
        return Said(200, json.dumps({**given, "expires_in": "90000"}).encode())

    def _call(self, asked: Asked) -> dict[str, Any]:
        match (asked.method, asked.path):
            case ("GET", "/v2.0/oa/getoa"):
                return {"oa_id": OA, "name": "Công ty Ổn"}
            case ("GET", "/v3.0/oa/user/detail"):
                user = json.loads(asked.query["data"])["user_id"]
                return {"user_id": user, "display_name": self.names.get(user, "")}
            case ("POST", "/v2.0/oa/upload/image"):
                name, kind, data = parts_of(asked)["file"]
                if kind not in ("image/jpeg", "image/png") or len(data) > MOST_PICTURE:
                    raise Refused(-210, f"{name} exceeds the limit")
                return {"attachment_id": f"image-{len(data)}"}
            case ("POST", "/v2.0/oa/upload/file"):
                return {"token": f"file-{parts_of(asked)['file'][0]}"}
            case ("POST", "/v3.0/oa/message/cs"):
                return self._message(json.loads(asked.body))
        raise Refused(-201, f"{asked.method} {asked.path}")

    def _message(self, said: dict[str, Any]) -> dict[str, Any]:
        if self.refuse:
            raise Refused(*self.refuse.pop(0))
        user, message = said["recipient"]["user_id"], said["message"]
        if set(said) != {"recipient", "message"} or set(message) not in (
            {"text"},
            {"attachment"},
        ):
            raise Refused(-201, "Params is invalid")
        if not 0 < len(message.get("text", "x")) <= MOST_TEXT:
            raise Refused(-210, "Param exceeds the limit")
        if user in self.gone:
            raise Refused(-213, "User has not followed OA")
        if user not in self.open_to:
            raise Refused(-230, "User has not interacted with the OA in the past 7 days")
        self.sent.append(said)
        return {"message_id": f"out{len(self.sent)}", "user_id": user}


@contextmanager
def zalo_server() -> Iterator[Zalo]:
    """Serve an Official Account on this machine."""
    account = Zalo()
    with serve(account.answer) as account.url:
        yield account
