"""A provider's token server on this machine: what it is asked, and what it answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class TokenServer:
    """Gives tokens for the right refresh token and client; ``turn`` replaces it each time."""

    origin: str = ""
    refresh_token: str = "canary-refresh-1"
    client_secret: str = "canary-client"
    user: str = "support"
    turn: bool = False
    answer: tuple[int, bytes] | None = None  # instead of what is right
    asked: list[dict[str, str]] = field(default_factory=list)
    given: int = 0

    def is_good(self, token: str) -> bool:
        """Tell whether an access token is the last one given."""
        return self.given > 0 and token == f"canary-access-{self.given}"

    @property
    def info_url(self) -> str:
        """Where a mail server asks whose a token is."""
        return f"{self.origin}/info?token="

    @property
    def url(self) -> str:
        """Where tokens are asked for."""
        return f"{self.origin}/token"

    def reply(self, form: dict[str, str]) -> tuple[int, bytes]:
        """Answer one question."""
        self.asked.append(form)
        if self.answer is not None:
            return self.answer
        by_client = form.get("grant_type") == "client_credentials"
        is_right = by_client or form.get("refresh_token") == self.refresh_token
        if form.get("client_secret") != self.client_secret or not is_right:
            return 400, b'{"error": "invalid_grant", "error_description": "canary-words"}'
        self.given += 1
        said: dict[str, Any] = {
            "access_token": f"canary-access-{self.given}",
            "expires_in": 3599,
        }
        if self.turn:
            self.refresh_token = f"canary-refresh-{self.given + 1}"
            said["refresh_token"] = self.refresh_token
        return 200, json.dumps(said).encode()


def _handler(service: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            code, said = service.reply(dict(parse_qsl(body.decode())))
            self.send_response(code)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def do_GET(self) -> None:
            good = service.is_good(self.path.partition("token=")[2])
            said = json.dumps(
                {"email": service.user} if good else {"error": "invalid"}
            ).encode()
            self.send_response(200 if good else 401)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def start_token_server() -> Iterator[TokenServer]:
    """Serve one token server on this machine."""
    service = TokenServer()
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
