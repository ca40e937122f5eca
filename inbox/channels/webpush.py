"""Web push: a message to one browser, encrypted for it alone (RFC 8291), signed by us (8292).

The push service in between, which the browser chose, sees when and how much, never what.
"""

import asyncio
import base64
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from inbox.channels.outward import Target, check_url, look_up, origin_of
from inbox.channels.telegram import SlowDown
from inbox.errors import Rejected, Unavailable, Unconfirmed

CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the curve
POINT_BYTES, AUTH_BYTES, SALT_BYTES = 65, 16, 16
RECORD_BYTES = 4096  # every push service takes that much
MOST_BYTES = 3993  # of the message: one record without its head, its mark and its seal
SIGNED_FOR = timedelta(hours=12)
WITHIN_S = 10.0
LONGEST_WAIT_S = 3600  # that we believe a "retry after"
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Gone(Rejected):
    """The browser has let go of it, or forgot us: nothing reaches it there any more."""


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a browser is reached, and its keys.

    Whoever knows the address can send to it, so it is kept as a secret.
    """

    endpoint: str = field(repr=False)
    public: bytes = field(repr=False)  # an uncompressed point
    auth: bytes = field(repr=False)


def read_browser(endpoint: str, public: str, auth: str, own: Collection[str] = ()) -> Browser:
    """Read what a browser says of itself: keys in base64url.

    Raises
    ------
    Rejected
        If it is nothing that can be sent to.
    """
    check_url(endpoint, own)
    try:
        keys = from_base64(public), from_base64(auth)
        if len(keys[0]) != POINT_BYTES or len(keys[1]) != AUTH_BYTES:
            raise ValueError("a key's length")
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, keys[0])
    except ValueError as error:
        raise Rejected("These are no keys of a browser.") from error
    return Browser(endpoint, *keys)


def to_base64(data: bytes) -> str:
    """Write bytes as addresses and tokens have them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    """Read them; raises ``ValueError``."""
    plain = text.rstrip("=")
    if not plain.isascii() or not plain.replace("-", "").replace("_", "").isalnum():
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derive(secret: bytes, salt: bytes | None, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


class Signer:
    """Says to push services who sends: the installation, by a key made of its secret."""

    def __init__(self, secret: bytes, contact: str) -> None:
        """Take the installation's secret, and a ``mailto:`` or https address for complaints."""
        number = int.from_bytes(_derive(secret, None, b"kip web push 1", 48))
        self._key = ec.derive_private_key(number % (_ORDER - 1) + 1, CURVE)
        self._contact = contact

    @property
    def public(self) -> str:
        """The key that browsers let send to them, in base64url."""
        return to_base64(_point(self._key.public_key()))

    def header(self, endpoint: str, now: datetime) -> str:
        """Return the ``Authorization`` of a message."""
        claims = {
            "aud": origin_of(endpoint),
            "exp": int((now + SIGNED_FOR).timestamp()),
            "sub": self._contact,
        }
        parts = [{"typ": "JWT", "alg": "ES256"}, claims]
        text = ".".join(to_base64(msgspec.json.encode(one)) for one in parts)
        signed = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(SHA256())))
        seal = to_base64(b"".join(one.to_bytes(32) for one in signed))
        return f"vapid t={text}.{seal}, k={self.public}"


def encrypt(
    message: bytes,
    browser: Browser,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes = b"",
) -> bytes:
    """Encrypt a message of at most ``MOST_BYTES``; key and salt are random unless given.

    Raises
    ------
    ValueError
        If it is longer.

    References
    ----------
    .. [1] RFC 8291, section 3.4, and RFC 8188 with its one record.
    """
    if len(message) > MOST_BYTES:
        raise ValueError(f"{len(message)} bytes are too many")
    ours = key or ec.generate_private_key(CURVE)
    salt = salt or os.urandom(SALT_BYTES)
    point = _point(ours.public_key())
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, browser.public)
    info = b"WebPush: info\0" + browser.public + point
    shared = _derive(ours.exchange(ec.ECDH(), theirs), browser.auth, info, 32)
    cipher = AESGCM(_derive(shared, salt, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derive(shared, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD_BYTES.to_bytes(4) + bytes([len(point)]) + point
    return head + cipher.encrypt(nonce, message + b"\2", None)


class PushSender:
    """Sends messages to browsers, wherever their push services are."""

    def __init__(self, signer: Signer, own: Collection[str] = ()) -> None:
        """Take who signs, and origins of push services that need not be public."""
        self._signer = signer
        self._own = frozenset(own)

    async def send(
        self, browser: Browser, message: bytes, *, keep_s: int, now: datetime
    ) -> None:
        """Hand a message to the browser's push service, to be kept so long at most.

        Raises
        ------
        Gone
            If nothing reaches the browser there any more.
        Rejected
            If the service will not have it, or we may not call there.
        Unavailable, SlowDown
            If it is to be tried again, after ``wait_s``.
        Unconfirmed
            If it may have arrived.
        """
        target = await look_up(browser.endpoint, self._own)
        headers = {
            "host": target.host,
            "authorization": self._signer.header(browser.endpoint, now),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(max(keep_s, 0)),
            "urgency": "high",
        }
        status, wait = await _post(target, headers, encrypt(message, browser))
        _judge(status, wait)


async def _post(target: Target, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    """Post to the first address that answers; return the status and its ``Retry-After``.

    What else it answers is not read.
    """
    name = {"sni_hostname": target.name}
    async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
        for place, url in enumerate(target.urls, 1):
            try:
                async with (
                    asyncio.timeout(WITHIN_S),
                    client.stream(
                        "POST", url, headers=headers, content=body, extensions=name
                    ) as got,
                ):
                    return got.status_code, got.headers.get("retry-after", "")
            except _NEVER_SENT as error:
                if place == len(target.urls):
                    reason = f"The push service cannot be reached ({type(error).__name__})."
                    raise Unavailable(reason) from None
            except (httpx.HTTPError, TimeoutError) as error:
                reason = f"The push service's answer broke off ({type(error).__name__})."
                raise Unconfirmed(reason) from None
    raise Unavailable("The push service has no address.")


def _judge(status: int, wait: str) -> None:
    if 200 <= status < 300:
        return
    said = f"The push service answered {status}."
    if status in (404, 410):
        raise Gone("The browser does not take alerts any more.")
    if status == 429 or status >= 500:
        if wait.isascii() and wait.isdigit():
            raise SlowDown(said, min(int(wait[:9]), LONGEST_WAIT_S))
        raise Unavailable(said)
    raise Rejected(said)


def host_of(endpoint: str) -> str:
    """Return the name of the push service, which is no secret."""
    return urlsplit(endpoint).hostname or ""
