"""WhatsApp's Cloud API as its documentation describes it, strict, on this machine.

As the real one does, it takes a message after the window has closed, or to somebody who is
not there, and says only later, by webhook, that it failed.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.standins.calls import Asked, Delivery, Said, parts_of, serve

TOKEN, APP_SECRET = "EAAJtests-token", "app-secret-of-the-tests"
AT = 1_772_000_000
NUMBER, ACCOUNT = "106540352242922", "215589313241560883"
MOST_TEXT = 4096
KINDS = {  # the media types of the documentation, and the most bytes of each
    "image": (("image/jpeg", "image/png"), 5 * 2**20),
    "video": (("video/mp4", "video/3gpp"), 16 * 2**20),
    "audio": (("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * 2**20),
    "document": (("text/plain", "application/pdf"), 100 * 2**20),
}
_USER = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")


class Refused(Exception):
    """An error of the Graph API."""

    def __init__(self, status: int, code: int, text: str, details: str = "") -> None:
        super().__init__(f"({code}) {text}")
        self.status, self.code = status, code
        data = {"messaging_product": "whatsapp", "details": details or text}
        error = {"message": f"(#{code}) {text}", "type": "OAuthException", "code": code}
        self.body = {"error": {**error, "error_data": data, "fbtrace_id": "A"}}


@dataclass
class Number:
    """A business number: who wrote to it, and what was sent from it."""

    url: str = ""
    at: int = AT  # when states are told, in seconds
    token: str = TOKEN
    expired: bool = False
    sent: list[dict[str, Any]] = field(default_factory=list)
    uploaded: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    open_to: set[str] = field(default_factory=set)  # wrote within 24 hours
    gone: set[str] = field(default_factory=set)
    media: dict[str, bytes] = field(default_factory=dict)
    refuse: list[Refused] = field(default_factory=list)  # the next messages are answered so
    break_off: int = 0
    subscribed: bool = False
    later: list[Delivery] = field(default_factory=list)  # webhooks that follow what was sent

    # ---- what customers do ----

    def write(
        self, user: str = "84901234567", number: int = 1, at: int = AT, **what: Any
    ) -> Delivery:
        """Let somebody write."""
        self.open_to.add(user)
        kind = next(iter(what))
        message = {"id": f"wamid.in{number}", "timestamp": str(at), "type": kind, **what}
        if user.isdigit():
            who = {"wa_id": user, "profile": {"name": "Lan"}}
            return self.tell(contacts=[who], messages=[{"from": user, **message}])
        named = {"user_id": user, "profile": {"name": "Lan", "username": "lan.ng"}}
        return self.tell(contacts=[named], messages=[{"from_user_id": user, **message}])

    def state(self, reference: str, status: str, code: int = 0, to: str = "") -> Delivery:
        """Say how far a message has come."""
        told: dict[str, Any] = {"id": reference, "status": status, "timestamp": str(self.at)}
        if to:
            told["recipient_id"] = to
        if code:
            told["errors"] = [{"code": code, "title": "No", "error_data": {"details": "No."}}]
        return self.tell(statuses=[told])

    def tell(self, number: str = NUMBER, **value: Any) -> Delivery:
        """Make a signed webhook of the field ``messages``."""
        about = {"display_phone_number": "842873000000", "phone_number_id": number}
        whole = {"messaging_product": "whatsapp", "metadata": about, **value}
        entry = [{"id": ACCOUNT, "changes": [{"field": "messages", "value": whole}]}]
        return self.sign(json.dumps({"object": "whatsapp_business_account", "entry": entry}))

    def sign(self, body: str) -> Delivery:
        """Sign a body with the app's secret, as Meta does: letters beyond ASCII escaped."""
        raw = body.encode()
        mark = hmac.new(APP_SECRET.encode(), raw, hashlib.sha256).hexdigest()
        return {
            "content-type": "application/json",
            "x-hub-signature-256": f"sha256={mark}",
        }, raw

    # ---- what the company's side asks ----

    def answer(self, asked: Asked) -> Said | None:
        """Answer a request; None drops the connection."""
        try:
            if asked.path.startswith("/lookaside/"):
                return self._download(asked)
            found = re.fullmatch(r"/v\d{2}\.0/(\d+)(/\w+)?", asked.path)
            if found is None:
                raise Refused(404, 2500, "Unknown path components")
            self._admit(asked)
            result = self._call(asked, found[1], found[2] or "")
            if found[2] == "/messages" and self.break_off:
                self.break_off -= 1
                return None
            return Said(200, json.dumps(result).encode())
        except Refused as error:
            if error.code in (33, 100, 2500, 131008, 131009):
                self.complaints.append(str(error))
            headers = {"retry-after": "7"} if error.status == 429 else {}
            return Said(error.status, json.dumps(error.body).encode(), headers=headers)

    def _admit(self, asked: Asked) -> None:
        given = asked.headers.get("authorization", "")
        if given != f"Bearer {self.token}":
            raise Refused(401, 190, "Invalid OAuth access token - Cannot parse access token")
        if self.expired:
            raise Refused(401, 190, "Error validating access token: Session has expired")

    def _call(self, asked: Asked, node: str, edge: str) -> dict[str, Any]:
        match (asked.method, edge):
            case ("GET", "") if node == NUMBER:
                number = {"display_phone_number": "+84 28 7300 0000", "id": NUMBER}
                return {**number, "verified_name": "Công ty"}
            case ("GET", "") if node in self.media:
                return self._where(node)
            case ("POST", "/subscribed_apps") if node == ACCOUNT:
                self.subscribed = True
                return {"success": True}
            case ("POST", "/media") if node == NUMBER:
                return self._upload(asked)
            case ("POST", "/messages") if node == NUMBER:
                return self._message(asked)
        raise Refused(400, 100, "Unsupported request. Object does not exist", "33")

    def _where(self, node: str) -> dict[str, Any]:
        data = self.media[node]
        return {
            "url": f"{self.url}/lookaside/{node}",
            "mime_type": "image/jpeg",
            "sha256": hashlib.sha256(data).hexdigest(),
            "file_size": len(data),
            "id": node,
            "messaging_product": "whatsapp",
        }

    def _download(self, asked: Asked) -> Said:
        self._admit(asked)
        data = self.media.get(asked.path.rpartition("/")[2])
        return Said(404, b"") if data is None else Said(200, data, "image/jpeg")

    def _upload(self, asked: Asked) -> dict[str, Any]:
        parts = parts_of(asked) if asked.kind == "multipart/form-data" else {}
        if set(parts) != {"messaging_product", "type", "file"}:
            raise Refused(400, 100, "Invalid parameter", "file, type, messaging_product")
        name, kind, data = parts["file"]
        most = next((most for kinds, most in KINDS.values() if kind in kinds), 0)
        if kind != parts["type"] or not most:
            raise Refused(400, 100, "Param file must be a file with one of the known types")
        if not 0 < len(data) <= most:
            raise Refused(400, 131053, "Media upload error")
        number = str(9000 + len(self.uploaded))
        self.uploaded[number] = (name, kind, data)
        return {"id": number}

    def _message(self, asked: Asked) -> dict[str, Any]:
        if self.refuse:
            raise self.refuse.pop(0)
        try:
            said = json.loads(asked.body)
        except ValueError:
            raise Refused(400, 100, "Invalid parameter") from None
        user = self._whom(said)
        self._check(said)
        self.sent.append(said)
        reference = f"wamid.out{len(self.sent)}"
        if user in self.gone:
            self.later.append(self.state(reference, "failed", 131026, user))
        elif user not in self.open_to:
            self.later.append(self.state(reference, "failed", 131047, user))
        else:
            steps = ("sent", "delivered", "read")
            self.later += [self.state(reference, one, to=user) for one in steps]
        whom = [{"input": user, "wa_id": user}]
        found = {"messaging_product": "whatsapp", "contacts": whom}
        return {**found, "messages": [{"id": reference}]}

    def _whom(self, said: dict[str, Any]) -> str:
        if said.pop("messaging_product", "") != "whatsapp":
            raise Refused(400, 100, "The parameter messaging_product is required.")
        if said.pop("recipient_type", "individual") != "individual":
            raise Refused(400, 131009, "Parameter value is not valid")
        to, recipient = str(said.get("to", "")), str(said.get("recipient", ""))
        if not (re.fullmatch(r"\+?\d{5,20}", to) or _USER.fullmatch(recipient)):
            raise Refused(400, 131009, "Parameter value is not valid", "to")
        return to or recipient

    def _check(self, said: dict[str, Any]) -> None:
        kind = said.get("type", "")
        if set(said) - {"to", "recipient"} != {"type", kind}:
            raise Refused(400, 100, "Invalid parameter", ", ".join(said))
        content = said[kind]
        if kind == "text":
            fits = set(content) == {"body"} and 1 <= len(content["body"]) <= MOST_TEXT
        else:
            known = {"id", "filename", "caption"} if kind == "document" else {"id", "caption"}
            _, mime, _ = self.uploaded.get(content.get("id", ""), ("", "", b""))
            fits = set(content) <= known and mime in KINDS.get(kind, ((), 0))[0]
        if not fits:
            raise Refused(400, 131009, "Parameter value is not valid")


@contextmanager
def start_number() -> Iterator[Number]:
    """Serve one business number on this machine."""
    number = Number()
    with serve(number.answer) as url:
        number.url = url
        yield number
