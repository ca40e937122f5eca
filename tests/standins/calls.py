"""Answering a provider's calls over real sockets: what was asked, what is said."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Delivery = tuple[dict[str, str], bytes]  # a webhook's headers and body


@dataclass(frozen=True)
class Asked:
    """A request as it came; header names are lower-case, ``kind`` is its content type."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Return the content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def parts_of(asked: Asked) -> dict[str, Any]:
    """Return the fields of a multipart form; a file is its name, content type and bytes."""
    head = f"content-type: {asked.headers['content-type']}\r\n\r\n".encode()
    found: dict[str, Any] = {}
    whole: Message = BytesParser(policy=HTTP).parsebytes(head + asked.body)
    for part in whole.walk():
        name = part.get_param("name", header="content-disposition")
        if part.is_multipart() or not isinstance(name, str):
            continue
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        file = part.get_filename()
        found[name] = data.decode() if file is None else (file, part.get_content_type(), data)
    return found


def _handler(answer: Callable[[Asked], Said | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            said = answer(Asked(self.command, unquote(parts.path), query, headers, body))
            if said is None:
                self.close_connection = True
                return
            self.send_response(said.status)
            self.send_header("content-type", said.kind)
            self.send_header("content-length", str(len(said.body)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = _do  # noqa: N815 -- the names that http.server calls

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serve(answer: Callable[[Asked], Said | None]) -> Iterator[str]:
    """Serve on this machine, and return the address; None as an answer hangs up."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
