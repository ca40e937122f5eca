"""Signed webhooks in: the proof that a request comes from whom we gave the secret.

The form is that of the Standard Webhooks specification (standardwebhooks.com): the headers
``webhook-id``, ``webhook-timestamp`` (seconds since 1970) and ``webhook-signature`` (one or
more ``v1,<base64>`` with spaces between), signed over ``id.timestamp.body`` by HMAC-SHA256.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
PREFIX = "whsec_"  # what a secret begins with, so that people see what it is
MAX_ID = 255
MAX_SIGNATURES = 8


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request is measured against: the key's secret and the time."""

    secret: str
    now: datetime


def make_secret(random: bytes) -> str:
    """Write 24 or more random bytes as a secret that can be given to the sender."""
    return PREFIX + base64.b64encode(random).decode()


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Sign an event as its sender does.

    Raises
    ------
    ValueError
        If the secret is none of ours.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(f"A webhook's secret begins with {PREFIX}.")
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def event_id(headers: Mapping[str, str]) -> str:
    """Return the event's id; the same event has the same one however often it comes."""
    return headers.get("webhook-id", "")


def is_genuine(headers: Mapping[str, str], body: bytes, proof: Proof) -> bool:
    """Tell whether whoever holds the secret sent this, not more than five minutes ago.

    ``headers`` have lower-case names.
    """
    number = event_id(headers)
    stamp = headers.get("webhook-timestamp", "")
    if not (0 < len(number) <= MAX_ID and number.isascii() and number.isprintable()):
        return False
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        return False
    if abs(proof.now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        return False
    try:
        ours = signature(proof.secret, number, int(stamp), body).encode()
    except (ValueError, binascii.Error):
        return False
    given = headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]
    return any(hmac.compare_digest(ours, one.encode()) for one in given)
