"""The outside world: a mail server that takes everything and remembers it before it says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import compat32
from typing import Any

from aiosmtpd.controller import Controller

from tests.slow.product import free_port


class Sink:
    """Remembers (recipient, Message-ID) of each mail; ``url`` is where to send."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: list[tuple[str, str]] = []
        self.port = free_port()
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, ready_timeout=30
        )

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep what identifies the mail."""
        head = envelope.content.partition(b"\r\n\r\n")[0]
        message_id = str(message_from_bytes(head, policy=compat32)["Message-ID"]).strip()
        with self._lock:
            self._received += [(to, message_id) for to in envelope.rcpt_tos]
        return "250 2.0.0 kept"

    @property
    def received(self) -> list[tuple[str, str]]:
        """Everything that arrived so far."""
        with self._lock:
            return list(self._received)

    @property
    def url(self) -> str:
        """What ``KIP_SMTP_URL`` is to be."""
        return f"smtp://127.0.0.1:{self.port}"

    @contextmanager
    def open(self) -> Iterator["Sink"]:
        """Receive until left."""
        self._controller.start()
        try:
            yield self
        finally:
            self._controller.stop()
