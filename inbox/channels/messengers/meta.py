"""What all of Meta's webhooks have: a signature over the raw body, and a handshake."""

import hmac
from collections.abc import Mapping

SIGNATURE_HEADER = "x-hub-signature-256"
MAX_CHALLENGE = 256


def signature(secret: str, body: bytes) -> str:
    """Sign a body as Meta does, with the app's secret."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Tell whether whoever holds the app's secret sent this; ``headers`` are lower-case."""
    given = headers.get(SIGNATURE_HEADER, "")
    return bool(secret) and hmac.compare_digest(
        given.encode(), signature(secret, body).encode()
    )


def challenge(query: Mapping[str, str], token: str) -> str | None:
    """Return what the handshake wants to hear; None where it has not our verify token."""
    given, word = query.get("hub.verify_token", ""), query.get("hub.challenge", "")
    if query.get("hub.mode") != "subscribe" or not token:
        return None
    if not hmac.compare_digest(given.encode(), token.encode()):
        return None
    fits = 0 < len(word) <= MAX_CHALLENGE and word.isascii() and word.isprintable()
    return word if fits else None
