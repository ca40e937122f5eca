"""Who a visitor is, said and signed by the site that shows the chat.

A site's server writes ``PAYLOAD.SIGNATURE``: the payload is JSON in base64url without padding,
``{"id": "42", "until": 1790000000, "email": "…", "name": "…"}`` (the last two optional), the
signature HMAC-SHA256 over the payload as it stands there, under the chat's identity secret, in
hexadecimal digits. ``until`` is in seconds since 1970: a page that somebody keeps or copies
proves nothing for ever.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from inbox.channels.addresses import is_strict, normalise
from inbox.channels.words import one_line

MOST_CHARS = 2000
MOST_ID, MOST_NAME = 200, 200


class _Payload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    id: str
    until: int
    email: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the site vouches for; ``is_fresh``: its word still holds."""

    id: str
    email: str  # "" or a proper address
    name: str
    is_fresh: bool


def sign_payload(secret: str, payload: str) -> str:
    """Return a payload's signature."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def write_identity(secret: str, user_id: str, until: int, **more: str) -> str:
    """Write what a site's server hands to its page."""
    packed = msgspec.json.encode({"id": user_id, "until": until, **more})
    payload = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return f"{payload}.{sign_payload(secret, payload)}"


def read_identity(text: str, secret: str, now_s: float) -> Identity | None:
    """Return whom a site vouches for; None if it was not signed with this secret."""
    payload, _, signature = text.partition(".")
    if not secret or len(text) > MOST_CHARS or not text.isascii():
        return None
    if not hmac.compare_digest(sign_payload(secret, payload), signature):
        return None
    try:
        packed = base64.b64decode(payload + "=" * (-len(payload) % 4), b"-_", validate=True)
        said = msgspec.json.decode(packed, type=_Payload)
    except (msgspec.MsgspecError, ValueError):
        return None
    if not said.id or len(said.id) > MOST_ID:
        return None
    email = normalise(said.email)
    return Identity(
        id=said.id,
        email=email if is_strict(email) else "",
        name=one_line(said.name)[:MOST_NAME],
        is_fresh=now_s < said.until,
    )


def visitor_of_identity(inbox_id: int, user_id: str) -> str:
    """Return the visitor that a site's user is, in whatever browser; under one key only."""
    return "u" + hashlib.sha256(f"{inbox_id}:{user_id}".encode()).hexdigest()[:40]
