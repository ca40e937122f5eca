"""The chat's socket, and the script that a company puts on its pages."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, WebSocket, get, websocket
from litestar.datastructures import State
from litestar.params import FromPath
from sqlmodel import Session

from inbox import chat as service
from inbox.channels.chat import (
    FRAMES_WITHIN_S,
    MAX_FRAMES,
    Code,
    Frame,
    Hello,
    Line,
    Ping,
    Received,
    Said,
    may_show,
    read_frame,
)
from inbox.chat import ChatDoor, Greeting, NewLine
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.errors import InboxError, NotFound
from inbox.failpoints import failpoint
from inbox.staging import MAX_BACKLOG, Arrival, count_waiting, has_room, stage
from inbox.store import chat as rows
from inbox.store import people
from inbox.store.company import Door
from inbox.templating import LANGUAGES
from inbox.views.assets import answer_with
from inbox.views.desk import Seat
from inbox.views.forms import peer
from inbox.views.render import short_name
from inbox.views.site import HttpRequest, Site, read, site
from models import ChannelKind, Direction

log = logging.getLogger(__name__)

Socket = WebSocket[Any, Any, State]

HELLO_WITHIN_S = 20.0
MOST_REFUSED = 400  # frames too fast in a row: whoever goes on so is no widget
TRY_AGAIN_S = 1.0
MAX_NAME, MAX_EMAIL = 200, 254
FROM = {Direction.OUTBOUND: "agent", Direction.AUTOMATIC: "auto", Direction.INBOUND: "visitor"}
TOO_FAST, GOING_WRONG = 1008, 1011  # codes of closing


class Welcome(msgspec.Struct, tag="welcome", tag_field="type"):
    """Who you are from now on, and when somebody answers."""

    token: str
    company: str
    open: bool
    promise: str | None


class Accepted(msgspec.Struct, tag="accepted", tag_field="type"):
    """A line is stored."""

    id: UUID


class Told(msgspec.Struct, tag="message", tag_field="type", omit_defaults=True):
    """A line of the conversation."""

    id: int
    sender: str = msgspec.field(name="from")
    text: str
    at: datetime
    name: str = ""
    client_id: str = ""


class Pong(msgspec.Struct, tag="pong", tag_field="type"):
    """Somebody is there."""


class Sorry(msgspec.Struct, tag="error", tag_field="type", omit_defaults=True):
    """Something was not done; ``id`` says which message, where it was one."""

    code: Code
    id: UUID | None = None


Answer = Welcome | Accepted | Told | Pong | Sorry


class Gone(Exception):
    """The other side has left, or is asked to."""

    def __init__(self, code: int = 1000) -> None:
        super().__init__(code)
        self.code = code


@websocket("/chat/{key:str}", opt={"access": "link"})
async def chat(socket: Socket, key: FromPath[str]) -> None:
    """Serve one visitor's widget."""
    where: Site = socket.app.state.site
    whence = peer(socket)
    try:
        status, found = await _admit(where, socket, key, whence)
    except DatabaseGone:
        status, found = 503, None
    if found is None:
        await _refuse(socket, status)
        return
    await socket.accept()
    with where.desk.seat(whence) as seat:
        code = await Visit(where, socket, key, found.door, seat).serve()
    with contextlib.suppress(OSError, RuntimeError):  # it is closed already
        await socket.close(code)


async def _admit(
    where: Site, socket: Socket, key: str, whence: str
) -> tuple[int, ChatDoor | None]:
    """Return the open chat, or the status of a refusal: nothing is accepted before."""
    found = None
    if "\0" not in key:
        found = await where.database.read(service.find_chat_door, key)
    if found is None:
        return 404, None
    own = where.origin(socket.headers.get("host", ""))
    if not may_show(socket.headers.get("origin"), own, list(found.sites)):
        return 403, None
    return (200, found) if where.desk.has_room(whence) else (503, None)


async def _refuse(socket: Socket, status: int) -> None:
    """Answer the handshake with a plain status."""
    start: Any = {"type": "websocket.http.response.start", "status": status, "headers": []}
    body: Any = {"type": "websocket.http.response.body", "body": b""}
    await socket.send(start)
    await socket.send(body)
    # The server takes it for a fault of ours if we end before the connection has.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TRY_AGAIN_S):
            for _ in range(2):
                while (await socket.receive())["type"] != "websocket.disconnect":
                    pass


@dataclass(frozen=True, slots=True)
class Coming:
    """What a hello finds."""

    greeting: Greeting
    is_known: bool


def _come(session: Session, door: Door, value: str, language: str, now: datetime) -> Coming:
    greeting = service.greet(session, door, language, now)
    return Coming(greeting, rows.find_visitor(session, value) is not None)


def _newer(session: Session, value: str, after: int, own: bool) -> list[Told]:
    found = rows.list_newer(session, value, after, own=own)
    names = people.list_colleagues(session) if found else {}
    told = []
    for one in found:
        author = names.get(one.author_id or 0)
        told.append(
            Told(
                id=one.id,
                sender=FROM[one.direction],
                text=one.text,
                at=one.created_at,
                name=short_name(author.name) if author is not None else "",
                client_id=(one.client_key or "").rpartition(":")[2]
                if one.direction is Direction.INBOUND
                else "",
            )
        )
    return told


def _keep(session: Session, key: str, new: NewLine, now: datetime) -> Code | None:
    """Store a line once, or return the code that says why not."""
    if service.find_chat_door(session, key) is None:
        return "not_open"
    if count_waiting(session, MAX_BACKLOG) >= MAX_BACKLOG:
        return "try_later"
    if not service.may_write(session, new, now):
        return "try_later"
    body, meta = service.pack_line(new)
    arrival = Arrival(
        inbox_id=new.inbox_id,
        kind=ChannelKind.CHAT,
        dedupe_key=service.dedupe_key(new),
        body=body,
        meta=meta,
    )
    stage(session, arrival, now)
    failpoint("chat.staged")
    return None


class Visit:
    """One connection, from hello to its end."""

    def __init__(self, where: Site, socket: Socket, key: str, door: Door, seat: Seat) -> None:
        self._where = where
        self._socket = socket
        self._key = key
        self._door = door
        self._seat = seat
        self._visitor = ""
        self._hello = Hello(token=None)
        self._last = 0
        self._frames: deque[float] = deque()
        self._refused = 0

    async def serve(self) -> int:
        """Hear and tell until one side ends it; return the code to close with."""
        telling = asyncio.create_task(self._tell())
        try:
            await self._hear()
        except Gone as gone:
            return gone.code
        except Exception:
            log.exception("a chat failed")
            return GOING_WRONG
        finally:
            telling.cancel()
            await asyncio.wait([telling])
        return 1000

    # ---- hearing -----------------------------------------------------------

    async def _hear(self) -> None:
        async for text in self._texts():
            now = time.monotonic()
            while self._frames and self._frames[0] < now - FRAMES_WITHIN_S:
                self._frames.popleft()
            if len(self._frames) >= MAX_FRAMES:
                self._refused += 1
                if self._refused > MOST_REFUSED:
                    raise Gone(TOO_FAST)
                await self._send(Sorry("too_fast"))
                continue
            self._frames.append(now)
            self._refused = 0
            frame = read_frame(text)
            if isinstance(frame, str):
                await self._send(Sorry(frame))
            else:
                await self._answer(frame)

    async def _texts(self) -> AsyncIterator[str]:
        """Yield what comes, until the connection ends or nobody says hello."""
        end = time.monotonic() + HELLO_WITHIN_S
        while True:
            left = None if self._visitor else max(end - time.monotonic(), 0.01)
            try:
                event: Any = await asyncio.wait_for(self._socket.receive(), left)
            except TimeoutError:
                raise Gone(TOO_FAST) from None
            if event["type"] == "websocket.disconnect":
                return
            yield event.get("text") or ""

    async def _answer(self, frame: Frame) -> None:
        try:
            if isinstance(frame, Hello):
                await self._greet(frame)
            elif isinstance(frame, Ping):
                await self._send(Pong())
            elif not self._visitor:
                await self._send(Sorry("say_hello"))
            elif isinstance(frame, Said):
                await self._keep(frame)
            else:
                await self._note_received(frame)
        except DatabaseGone as error:
            log.warning("a chat waits: %s (%s)", error, error.__cause__)
            await self._send(Sorry("try_later", frame.id if isinstance(frame, Said) else None))

    async def _greet(self, hello: Hello) -> None:
        where, door = self._where, self._door
        visitor = service.visitor_of(where.secret, door.id, hello.token)
        visitor = visitor or self._visitor or service.new_visitor()
        language = hello.language if hello.language in LANGUAGES else ""
        value = rows.visitor_value(door.id, visitor)
        now = utcnow()
        come = await where.database.read(_come, door, value, language, now)
        if come.is_known:
            await where.database.write(rows.seen, [value], now)
        self._visitor, self._hello, self._last = visitor, hello, hello.last
        await self._send(
            Welcome(
                token=service.make_token(where.secret, door.id, visitor),
                company=come.greeting.company,
                open=come.greeting.is_open,
                promise=come.greeting.promise,
            )
        )
        self._seat.visitor = value
        self._seat.bell.set()

    async def _keep(self, said: Said) -> None:
        hello = self._hello
        new = NewLine(
            inbox_id=self._door.id,
            visitor=self._visitor,
            client_id=str(said.id),
            line=Line(
                text=said.text,
                name=hello.name[:MAX_NAME],
                email=hello.email[:MAX_EMAIL],
                language=hello.language if hello.language in LANGUAGES else "",
            ),
            peer=self._seat.peer,
        )
        refused: Code | None = "try_later"
        if has_room(self._where.settings.data_dir):
            write = self._where.database.write
            refused = await write(_keep, self._key, new, utcnow())
        failpoint("chat.committed")
        await self._send(Sorry(refused, said.id) if refused else Accepted(said.id))

    async def _note_received(self, receipt: Received) -> None:
        shown = min(receipt.id, self._last)  # nothing that was not sent can have been shown
        await self._where.database.write(service.received, self._seat.visitor, shown, utcnow())

    # ---- telling -----------------------------------------------------------

    async def _tell(self) -> None:
        """Send what is new whenever the bell rings."""
        seat = self._seat
        while True:
            await seat.bell.wait()
            seat.bell.clear()
            try:
                await self._tell_newer()
            except Gone:
                return
            except DatabaseGone:
                await asyncio.sleep(TRY_AGAIN_S)
                seat.bell.set()
            except InboxError:
                log.exception("telling a visitor failed")

    async def _tell_newer(self) -> None:
        while self._seat.visitor:
            value, after = self._seat.visitor, self._last
            newer = await self._where.database.read(_newer, value, after, self._hello.history)
            for told in newer:
                await self._send(told)
                self._last = max(self._last, told.id)
            if len(newer) < rows.MOST_AT_ONCE:
                return

    async def _send(self, answer: Answer) -> None:
        try:
            await self._socket.send_text(msgspec.json.encode(answer).decode())
        except (OSError, RuntimeError) as error:  # the server's words for "it is closed"
            raise Gone from error


@get("/widget/{script:str}", opt={"access": "link"})
async def widget(request: HttpRequest, script: FromPath[str]) -> Response[Any]:
    """Serve the widget's script under its key's own address, to be shown on any site."""
    key, dot, ending = script.rpartition(".")
    found = None
    if dot and ending == "js":
        found = await read(request, service.find_chat_door, key)
    asset = site(request).assets.get("widget.js")
    if found is None or asset is None:
        raise NotFound("There is no such file.")
    return answer_with(
        request,
        asset,
        {
            "cache-control": "public, max-age=300",
            "cross-origin-resource-policy": "cross-origin",
        },
    )
