"""A visitor of the chat, for the tests of its socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import update
from sqlmodel import Session

from models import ChannelKind, Inbox
from models.base import columns
from tests.web.scene import BASE, CHAT_KEY, Scene

inboxes = columns(Inbox)

Frame = dict[str, Any]
Open = Callable[..., Any]


class Socket:
    """A WebSocket client that speaks ASGI to the application; ``status`` is a refusal's."""

    def __init__(self, scene: Scene, key: str, headers: dict[str, str]) -> None:
        self._in: asyncio.Queue[Any] = asyncio.Queue()
        self.frames: list[Frame] = []
        self.status = 0
        self.code = 0  # of being closed
        self.accepted = False
        self._came = asyncio.Condition()
        scope: Any = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": f"/chat/{key}",
            "raw_path": f"/chat/{key}".encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
            "client": ("192.0.2.7", 4000),
            "server": ("testserver.example", 80),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
            "state": {},
        }
        self._in.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(scene.app(scope, self._in.get, self._send))

    async def _send(self, event: Any) -> None:
        async with self._came:
            if event["type"] == "websocket.accept":
                self.accepted = True
            elif event["type"] == "websocket.http.response.start":
                self.status = event["status"]
            elif event["type"] == "websocket.close":
                self.code = event["code"]
            elif event["type"] == "websocket.send":
                self.frames.append(json.loads(event["text"]))
            self._came.notify_all()

    async def until(self, look: Callable[[], Any]) -> Any:
        """Wait until something that came makes ``look`` true; return it."""
        async with asyncio.timeout(10), self._came:
            while not (found := look()):
                await self._came.wait()
            return found

    def say(self, frame: Frame | str | bytes) -> None:
        """Send a frame; bytes go as a binary one."""
        if isinstance(frame, bytes):
            self._in.put_nowait({"type": "websocket.receive", "bytes": frame})
            return
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    async def ask(self, frame: Frame | str | bytes) -> Frame:
        """Send a frame and return the next answer to a frame (lines come in between)."""
        count = len(self.answers)
        self.say(frame)
        await self.until(lambda: self.code or len(self.answers) > count)
        return self.answers[count]

    def is_open(self) -> bool:
        return self.accepted

    @property
    def answers(self) -> list[Frame]:
        """What answered our frames."""
        return [one for one in self.frames if one["type"] != "message"]

    @property
    def lines(self) -> list[Frame]:
        """The conversation's lines."""
        return [one for one in self.frames if one["type"] == "message"]

    async def hello(self, token: str | None = None, **fields: Any) -> Frame:
        return await self.ask({"type": "hello", "token": token, **fields})

    async def write(self, text: str, client_id: str = "") -> str:
        """Send a line; return its id once it is accepted."""
        number = client_id or str(uuid4())
        answer = await self.ask({"type": "message", "id": number, "text": text})
        assert answer == {"type": "accepted", "id": number}
        return number

    async def leave(self) -> None:
        for _ in range(2):  # as the server says it to whoever was refused
            self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.task


@asynccontextmanager
async def visits(scene: Scene) -> AsyncIterator[Open]:
    """Give what opens a socket from our own page; all are left at the end."""
    opened: list[Socket] = []
    _let_the_hub_hear(scene)

    async def open_socket(key: str = CHAT_KEY, origin: str | None = BASE) -> Socket:
        headers = {"host": "testserver.example"} | ({"origin": origin} if origin else {})
        socket = Socket(scene, key, headers)
        opened.append(socket)
        await socket.until(lambda: socket.accepted or socket.status)
        return socket

    yield open_socket
    for socket in opened:
        await socket.leave()


def _let_the_hub_hear(scene: Scene) -> None:
    """Stand where Redis stands between the processes."""
    announce = scene.site.database.announce

    async def tell(names: list[str]) -> None:
        await announce(names)
        scene.site.hub.tell(names)

    scene.site.database.announce = tell


async def change_key(scene: Scene, **values: Any) -> None:
    """Change the chat's inbox."""

    def work(session: Session) -> None:
        chats = inboxes.kind == ChannelKind.CHAT
        session.execute(update(Inbox).where(chats).values(**values))

    await scene.write(work)
