"""A push service as RFC 8030, 8188, 8291 and 8292 describe it, strict, on this machine.

It plays the browsers too: each has its keys, and reads what was sent to it by code of its own.
Whatever the papers do not allow is refused and remembered in ``complaints``.
"""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from inbox.channels.webpush import Browser, from_base64
from tests.factories import NOW

CURVE = ec.SECP256R1()
MOST_BYTES = 4096
DAY = timedelta(days=1)


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def raw(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _expand(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF (RFC 5869) of at most one block."""
    key = hmac.digest(salt, secret, hashlib.sha256)
    return hmac.digest(key, info + b"\1", hashlib.sha256)[:length]


@dataclass
class Window:
    """A browser: what it lets in, and what it was shown."""

    path: str
    url: str
    signer: str  # whose messages it takes, as its page said
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(CURVE)
    )
    auth: bytes = b"sixteen bytes of"
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def said(self) -> Browser:
        """What it says of itself."""
        return Browser(self.url, raw(self.key.public_key()), self.auth)

    def read(self, body: bytes) -> bytes:
        """Decrypt a message of one record; raises ``ValueError`` and the like."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        if length != 65 or not 18 <= len(sealed) <= size:
            raise ValueError("not one record")
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender)
        shared = self.key.exchange(ec.ECDH(), theirs)
        info = b"WebPush: info\0" + raw(self.key.public_key()) + sender
        secret = _expand(self.auth, shared, info, 32)
        key = _expand(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _expand(salt, secret, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        if plain[-1:] != b"\2":
            raise ValueError("not the last record")
        return plain[:-1]


@dataclass
class PushService:
    """What it knows and was sent."""

    origin: str = ""
    now: datetime = NOW
    windows: dict[str, Window] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # the next ones
    break_off: int = 0  # so many next messages are taken, and the connection is dropped
    complaints: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def open_window(self, signer: str) -> Window:
        """Let a browser subscribe to what one signer sends."""
        path = f"/p/{len(self.windows)}-a-secret-of-forty-letters-or-so"
        window = Window(path, self.origin + path, signer)
        self.windows[path] = window
        return window

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Deliver a message; raises ``Refused``."""
        window = self.windows.get(path)
        if window is None or path in self.gone:
            raise Refused(410, "gone")
        self._check(headers, body)
        self._verify(headers.get("authorization", ""), window)
        if self.answers:
            code, more = self.answers.pop(0)
            refused = Refused(code, "as asked")
            refused.more = more  # type: ignore[attr-defined]
            raise refused
        try:
            window.shown.append(json.loads(window.read(body)))
        except Exception as error:
            raise Refused(400, f"it cannot be read: {error!r}") from error
        self.headers.append(headers)

    def _check(self, headers: dict[str, str], body: bytes) -> None:
        if headers.get("content-encoding") != "aes128gcm":
            raise Refused(400, "content-encoding")
        if not headers.get("ttl", "").isdigit():
            raise Refused(400, "ttl")
        if headers.get("urgency", "normal") not in ("very-low", "low", "normal", "high"):
            raise Refused(400, "urgency")
        if f"http://{headers.get('host', '')}" != self.origin:
            raise Refused(400, "host")
        if not 0 < len(body) <= MOST_BYTES:
            raise Refused(413, "size")

    def _verify(self, said: str, window: Window) -> None:
        scheme, _, rest = said.partition(" ")
        parts = dict(one.strip().partition("=")[::2] for one in rest.split(","))
        if scheme != "vapid" or set(parts) != {"t", "k"}:
            raise Refused(401, "no vapid")
        if parts["k"] != window.signer:
            raise Refused(403, "another signer")
        point = from_base64(parts["k"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
        try:
            claims = jwt.decode(
                parts["t"],
                key,
                algorithms=["ES256"],
                audience=self.origin,
                options={"verify_exp": False, "require": ["aud", "exp", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Refused(401, f"{error!r}") from error
        until = datetime.fromtimestamp(claims["exp"], self.now.tzinfo)
        if not self.now < until <= self.now + DAY:
            raise Refused(401, "exp")
        if not str(claims["sub"]).startswith(("mailto:", "https:", "http://127.0.0.1")):
            raise Refused(401, "sub")


def _handler(service: PushService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            code, more = 201, {"location": f"{service.origin}/m/1"}
            try:
                service.take(self.path, headers, body)
                if service.break_off:
                    service.break_off -= 1
                    self.close_connection = True
                    return
            except Refused as error:
                code, more = error.code, getattr(error, "more", {})
                if code in (400, 401, 403, 413) and not more:
                    service.complaints.append(str(error))
            self.send_response(code)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def start_push_service() -> Iterator[PushService]:
    """Serve one push service on this machine."""
    service = PushService()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    server.daemon_threads = True
    service.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
