"""A system that hears webhooks, on this machine: it checks signatures with code of its own."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_by(self, secret: str) -> bool:
        """Verify as the specification tells receivers to."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        stamp = self.headers["webhook-timestamp"]
        said = f"{self.id}.{stamp}.".encode() + self.body
        mark = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
        return f"v1,{mark}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """What it heard, and how it answers: ``answers`` first, then 204."""

    origin: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None

    def types(self) -> list[str]:
        return [one.event["type"] for one in self.heard]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.heard.append(Heard(self.path, headers, body))
            usual: tuple[int, dict[str, str], bytes] = (204, {}, b"")
            code, more, text = receiver.answers.pop(0) if receiver.answers else usual
            receiver.before_answer()
            self.send_response(code)
            for name, value in more.items():
                self.send_header(name, value)
            if code != 204:
                self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def start_receiver() -> Iterator[Receiver]:
    """Serve one receiver on this machine."""
    receiver = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    server.daemon_threads = True
    receiver.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
