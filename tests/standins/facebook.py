"""The Messenger Platform as its documentation describes it, strict, on this machine."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.standins.calls import Asked, Delivery, Said, parts_of, serve

APP, PAGE, TOKEN = "1234567890", "106540352242922", "EAAB-page-token"
APP_SECRET = "app-secret-of-the-tests"
USER = "6543210987654321"
VERSION = "/v23.0"
MOST_TEXT = 2000


class Refused(Exception):
    """An error of the Graph API."""

    def __init__(self, status: int, code: int, sub: int, text: str) -> None:
        super().__init__(f"({code}/{sub}) {text}")
        self.status, self.code = status, code
        error = {"message": text, "type": "OAuthException", "code": code}
        self.body = {"error": {**error, "error_subcode": sub, "fbtrace_id": "A"}}


@dataclass
class Page:
    """A page: who wrote to it, and what was sent from it."""

    url: str = ""
    token: str = TOKEN
    sent: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    open_to: set[str] = field(default_factory=set)  # wrote within 24 hours
    gone: set[str] = field(default_factory=set)
    may_tag: bool = False  # Meta has granted the human agent feature
    busy: list[int] = field(default_factory=list)  # the next: 613, so many minutes to wait
    break_off: int = 0
    subscribed: str = ""
    names: dict[str, tuple[str, str]] = field(default_factory=dict)

    # ---- what customers do ----

    def write(self, user: str = USER, at: int = 0, **message: Any) -> Delivery:
        """Let somebody send something."""
        self.open_to.add(user)
        return self.tell(self.event(user, at, message={"mid": "m_1", **message}))

    def event(self, user: str, at: int, **what: Any) -> dict[str, Any]:
        """Make one event."""
        return {"sender": {"id": user}, "recipient": {"id": PAGE}, "timestamp": at, **what}

    def tell(self, *events: dict[str, Any], page: str = PAGE) -> Delivery:
        """Make a signed webhook of some events."""
        entry = [{"id": page, "time": 1, "messaging": list(events)}]
        return self.sign(json.dumps({"object": "page", "entry": entry}).encode())

    def sign(self, body: bytes) -> Delivery:
        """Sign a body with the app's secret."""
        mark = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {"x-hub-signature-256": f"sha256={mark}"}, body

    # ---- what the company's side asks ----

    def answer(self, asked: Asked) -> Said | None:
        """Answer a request; None drops the connection."""
        try:
            if asked.path == f"{VERSION}/debug_token":
                return Said(200, json.dumps({"data": {"expires_at": 0}}).encode())
            self._admit(asked)
            found = self._call(asked)
        except Refused as error:
            if error.code == 100:
                self.complaints.append(str(error))
            return Said(
                error.status, json.dumps(error.body).encode(), headers=self._usage(error)
            )
        if self.break_off and asked.path.endswith("/messages"):
            self.break_off -= 1
            return None
        return Said(200, json.dumps(found).encode())

    def _usage(self, error: Refused) -> dict[str, str]:
        if error.code != 613:
            return {}
        usage = [{"type": "messenger", "estimated_time_to_regain_access": self.busy.pop(0)}]
        return {"x-business-use-case-usage": json.dumps({PAGE: usage})}

    def _admit(self, asked: Asked) -> None:
        token = asked.query.get("access_token", "")
        proof = hmac.new(APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
        if token != self.token:
            raise Refused(400, 190, 460, "Error validating access token")
        if asked.query.get("appsecret_proof") != proof:
            raise Refused(400, 100, 0, "Invalid appsecret_proof provided in the API argument")

    def _call(self, asked: Asked) -> dict[str, Any]:
        match (asked.method, asked.path.removeprefix(VERSION)):
            case ("GET", "/me"):
                return {"id": PAGE, "name": "Công ty Ổn"}
            case ("POST", "/me/subscribed_apps"):
                self.subscribed = asked.query["subscribed_fields"]
                return {"success": True}
            case ("POST", "/me/messages"):
                return self._message(asked)
            case ("GET", path) if path.removeprefix("/") in self.names:
                first, last = self.names[path.removeprefix("/")]
                return {"first_name": first, "last_name": last, "id": path[1:]}
        raise Refused(400, 100, 33, "Unsupported request")

    def _message(self, asked: Asked) -> dict[str, Any]:
        if self.busy:
            raise Refused(400, 613, 0, "Calls to this api have exceeded the rate limit.")
        said = self._said(asked)
        user = said["recipient"]["id"]
        tagged = said.get("tag") == "HUMAN_AGENT" and said["messaging_type"] == "MESSAGE_TAG"
        if not tagged and said["messaging_type"] != "RESPONSE":
            raise Refused(400, 100, 0, "Invalid messaging_type")
        if len(said["message"].get("text", "")) > MOST_TEXT:
            raise Refused(400, 100, 0, "(#100) Length of param message[text] must be less")
        if user in self.gone:
            raise Refused(400, 551, 1545041, "This person isn't available right now.")
        if user not in self.open_to and not (tagged and self.may_tag):
            text = "(#10) This message is sent outside of allowed window."
            raise Refused(400, 10, 2018278, text)
        self.sent.append(said)
        return {"recipient_id": user, "message_id": f"m_out{len(self.sent)}"}

    def _said(self, asked: Asked) -> dict[str, Any]:
        if asked.kind == "application/json":
            said: dict[str, Any] = json.loads(asked.body)
            return said
        parts = parts_of(asked)
        name, kind, data = parts["filedata"]
        whole = {key: json.loads(parts[key]) for key in ("recipient", "message")}
        return {**whole, "messaging_type": parts["messaging_type"], "file": (name, kind, data)}


@contextmanager
def page_server() -> Iterator[Page]:
    """Serve a page on this machine."""
    page = Page()
    with serve(page.answer) as page.url:
        yield page
