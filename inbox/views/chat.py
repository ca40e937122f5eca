"""The chat's socket, and the script that a company puts on its pages."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

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
    Typing,
    may_show,
    read_frame,
)
from inbox.chat import ChatDoor, NewLine
from inbox.chatting.greeting import NEVER, lacks_name
from inbox.chatting.identity import Who, identify
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.errors import InboxError, NotFound
from inbox.failpoints import failpoint
from inbox.staging import MAX_BACKLOG, Arrival, count_waiting, has_room, stage
from inbox.store import chat as rows
from inbox.store.company import Door
from inbox.templating import LANGUAGES
from inbox.views.assets import answer_with
from inbox.views.chat_frames import (
    Accepted,
    Answer,
    FileLinks,
    Pong,
    Seen,
    Sorry,
    Welcome,
    Writing,
    come,
    newer,
)
from inbox.views.desk import Seat
from inbox.views.forms import peer
from inbox.views.room import LEFT, VISITOR, WRITES, seat_name
from inbox.views.site import HttpRequest, Site, read, site
from models import ChannelKind

log = logging.getLogger(__name__)

Socket = WebSocket[Any, Any, State]

HELLO_WITHIN_S = 20.0
MOST_REFUSED = 400  # frames too fast in a row: whoever goes on so is no widget
TRY_AGAIN_S = 1.0
MAX_NAME, MAX_EMAIL = 200, 254
TOO_FAST, GOING_WRONG = 1008, 1011  # codes of closing


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


def keep(session: Session, key: str, new: NewLine, now: datetime) -> Code | None:
    """Store a line once, or return the code that says why not."""
    found = service.find_chat_door(session, key)
    if found is None:
        return "not_open"
    if count_waiting(session, MAX_BACKLOG) >= MAX_BACKLOG:
        return "try_later"
    if not new.vouched and lacks_name(session, found, new, now):
        return "say_who"
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
        self._who = Who("")
        self._read_at: datetime | None = None
        self._files = FileLinks(where.secret, key, door.id)
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
            elif isinstance(frame, Typing):
                await self._announce_typing(frame)
            else:
                await self._note_received(frame)
        except DatabaseGone as error:
            log.warning("a chat waits: %s (%s)", error, error.__cause__)
            await self._send(Sorry("try_later", frame.id if isinstance(frame, Said) else None))

    async def _greet(self, hello: Hello) -> None:
        where, door = self._where, self._door
        now = utcnow()
        who = await self._identify(hello, now)
        if who is None:
            await self._send(Sorry("bad_identity"))
            return
        visitor = who.visitor
        language = hello.language if hello.language in LANGUAGES else ""
        value = rows.visitor_value(door.id, visitor)
        found = await where.database.read(come, door, value, language, now)
        if found.is_known:
            await where.database.write(rows.seen, [value], now)
        self._visitor, self._hello, self._last = visitor, hello, hello.last
        self._who, self._read_at = who, None
        await self._send(
            Welcome(
                token=service.make_token(where.secret, door.id, visitor),
                company=found.greeting.company,
                open=found.greeting.is_open,
                promise=found.greeting.promise,
                ask=NEVER if who.vouched else found.greeting.ask,
            )
        )
        self._seat.visitor = value
        self._seat.bell.set()

    async def _identify(self, hello: Hello, now: datetime) -> Who | None:
        """Return who comes: whom the site vouches for, who has a token of ours, or somebody."""
        where, door = self._where, self._door
        if hello.identity:
            work, given = identify, (where.secret, hello.identity, hello.token, now)
            return await where.database.read(work, door.id, *given)
        visitor = service.visitor_of(where.secret, door.id, hello.token)
        if visitor is None and not self._who.vouched:
            visitor = self._visitor or None
        return Who(visitor or service.new_visitor(), hello.name, hello.email)

    async def _announce_typing(self, typing: Typing) -> None:
        number = self._seat.number
        if number:
            tab = hashlib.sha256(self._seat.visitor.encode()).hexdigest()[:16]
            name = seat_name(number, VISITOR, tab, WRITES if typing.on else LEFT)
            self._where.room.hear(name)
            await self._where.database.announce([name])

    async def _keep(self, said: Said) -> None:
        hello, who = self._hello, self._who
        new = NewLine(
            inbox_id=self._door.id,
            visitor=self._visitor,
            client_id=str(said.id),
            line=Line(
                text=said.text,
                name=who.name[:MAX_NAME],
                email=who.email[:MAX_EMAIL],
                language=hello.language if hello.language in LANGUAGES else "",
            ),
            peer=self._seat.peer,
            vouched=who.vouched,
        )
        refused: Code | None = "try_later"
        if has_room(self._where.settings.data_dir):
            write = self._where.database.write
            refused = await write(keep, self._key, new, utcnow())
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
            seat, after = self._seat, self._last
            own, read = self._hello.history, self._where.database.read
            if (on := seat.typing) is not None:
                seat.typing = None
                await self._send(Writing(on))
            news = await read(newer, seat.visitor, after, own, self._files)
            seat.number = news.number
            for told in news.lines:
                await self._send(told)
                self._last = max(self._last, told.id)
            if len(news.lines) < rows.MOST_AT_ONCE:
                if news.read_at is not None and news.read_at != self._read_at:
                    self._read_at = news.read_at
                    await self._send(Seen(news.read_at))
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
