"""A visitor's side of the chat over a real socket, for tests and benchmarks.

async with ChatClient("http://127.0.0.1:8000", "demo") as chat:
await chat.hello(email="lan@khach.example")
client_id = await chat.say("Xin chào")          # returns once it is accepted
answer = await chat.heard(lambda one: one.get("from") == "agent")
"""

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
WITHIN_S = 10.0


class ChatClient:
    """One connection. Everything that comes is kept in ``frames``, in order."""

    def __init__(
        self, base_url: str, key: str = "demo", *, origin: str | None = None, token: str = ""
    ) -> None:
        parts = urlsplit(base_url)
        scheme = {"http": "ws", "https": "wss"}[parts.scheme]
        self.address = f"{scheme}://{parts.netloc}/chat/{key}"
        self.origin = base_url if origin is None else origin
        self.token = token
        self.last = 0  # the highest message id that came
        self.frames: list[Frame] = []
        self.is_closed = False
        self._came = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> "ChatClient":
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self, local_address: str = "") -> None:
        """Connect, if need be from an address of this machine's.

        Raises what ``websockets`` raises when it is refused.
        """
        more: dict[str, Any] = {"local_addr": (local_address, 0)} if local_address else {}
        self._socket = await connect(
            self.address,
            additional_headers={"Origin": self.origin},
            proxy=None,
            open_timeout=WITHIN_S,
            compression=None,
            **more,
        )
        self.is_closed = False
        self._reading = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        """Leave."""
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            await self._reading

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                frame: Frame = json.loads(text)
                if frame["type"] == "message":
                    self.last = max(self.last, frame["id"])
                async with self._came:
                    self.frames.append(frame)
                    self._came.notify_all()
        except ConnectionClosed:
            pass  # as it ends when a server dies
        finally:
            async with self._came:
                self.is_closed = True
                self._came.notify_all()

    async def send(self, frame: Frame | str) -> None:
        """Send a frame, or any text."""
        assert self._socket is not None
        await self._socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def heard(
        self, wanted: Callable[[Frame], bool], within_s: float = WITHIN_S, since: int = 0
    ) -> Frame:
        """Return the first frame that is wanted, of those after ``since``; wait for it.

        Raises
        ------
        TimeoutError, ConnectionError
            If none comes in time, or before the connection ends.
        """
        async with asyncio.timeout(within_s), self._came:
            while True:
                for frame in self.frames[since:]:
                    if wanted(frame):
                        return frame
                if self.is_closed:
                    raise ConnectionError("the chat was closed")
                await self._came.wait()

    async def hello(self, **fields: Any) -> Frame:
        """Say who we are (again, with the token that we were given); return the welcome."""
        since = len(self.frames)
        frame = {"type": "hello", "token": self.token or None, "last": self.last, **fields}
        await self.send(frame)
        welcome = await self.heard(lambda one: one["type"] == "welcome", since=since)
        self.token = welcome["token"]
        return welcome

    async def say(self, text: str, client_id: str = "", within_s: float = WITHIN_S) -> str:
        """Send a line and wait until it is stored; return its id."""
        number = client_id or str(uuid4())
        since = len(self.frames)
        await self.send({"type": "message", "id": number, "text": text})
        answer = await self.heard(
            lambda one: one["type"] in ("accepted", "error") and one.get("id") == number,
            within_s,
            since,
        )
        assert answer["type"] == "accepted", answer
        return number

    @property
    def messages(self) -> list[Frame]:
        """The lines that came, in order."""
        return [one for one in self.frames if one["type"] == "message"]
