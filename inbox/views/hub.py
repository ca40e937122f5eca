"""Live names to browsers: one Redis subscription a process, and what each stream has not sent.

A stream costs a task that waits until its browser goes, and a few names. What is told goes to
all streams by one pass; a stream whose browser takes nothing is ended, and looks at everything
once when it comes back.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from inbox.queue import BUDGET_S, CHAT, SEAT, listen

log = logging.getLogger(__name__)

BEAT_S = 8.0  # a browser that hears nothing for 30 s knows that its stream is dead
RECHECK_S = 9.0  # R46 says 15, also when Redis lost the name
LOOK_S = 1.0
STUCK_S = 20.0  # the longest that a browser may take nothing
SLICE = 50  # streams that get the beat at once: pages are answered in between
MAX_NAMES = 64  # a stream that lags this far is told that there is a gap instead
NOTICES, ACCOUNT = "notices-", "account-"
GAP = ("list", "gap")  # after one, a browser looks at everything once
BEAT = "beat"
HERE = "here:"  # the only name with more to say: numbers

Send = Callable[[bytes], Awaitable[None]]
StillIn = Callable[[Sequence[str]], Awaitable[set[str]]]  # which of these sessions still hold


class Stream:
    """One browser's: what it is to be sent, and since when it takes nothing."""

    __slots__ = ("_sending", "agent_id", "names", "over", "send", "session_id", "since")

    def __init__(self, send: Send, agent_id: int = 0, session_id: str = "") -> None:
        self.send = send
        self.agent_id = agent_id
        self.session_id = session_id
        self.names: dict[str, None] = {}
        self.over = asyncio.Event()
        self.since = 0.0  # when the bytes on their way were handed over; 0: none are
        self._sending: asyncio.Task[None] | None = None

    def add(self, name: str) -> None:
        """Have a name sent; one that waits already is not sent twice."""
        if "gap" in self.names or name in self.names:
            return
        if len(self.names) >= MAX_NAMES - len(GAP):
            self.names = dict.fromkeys(GAP)
            return
        self.names[name] = None

    def flush(self) -> None:
        """Begin to send what waits, unless earlier bytes are still on their way."""
        if self.names and self._sending is None and not self.over.is_set():
            self._sending = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self.names and not self.over.is_set():
                told, self.names = self.names, {}
                self.since = time.monotonic()
                await self.send(b"".join(map(written, told)))
        except OSError as error:
            log.debug("a browser went away: %s", error)
            self.over.set()
        finally:
            self.since, self._sending = 0.0, None

    def end(self) -> None:
        """Tell that it is over; bytes on their way are given up."""
        self.over.set()
        if self._sending is not None and self.since:
            self._sending.cancel()


def written(name: str) -> bytes:
    """Return a name as an event."""
    if name.startswith(HERE):
        return f"event: here\ndata: {name[len(HERE) :]}\n\n".encode()
    shown = "notices" if name.startswith(NOTICES) else name
    return f"event: {shown}\ndata: 1\n\n".encode()


class Hub:
    """Hands every announced name to every open stream; names that ring workers are left out."""

    def __init__(self, redis: Redis | None, still_in: StillIn | None = None) -> None:
        self._redis = redis
        self._still_in = still_in
        self._streams: dict[Stream, None] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._doubted: set[int] = set()  # people whose sessions may have ended
        self._checked = time.monotonic()
        self._beaten = time.monotonic()

    @property
    def live(self) -> bool:
        """Whether there is a Redis to hear from; without one, pages poll."""
        return self._redis is not None

    async def answers(self) -> bool:
        """Tell whether Redis answers just now."""
        if self._redis is None:
            return False
        try:
            async with asyncio.timeout(BUDGET_S):
                await self._redis.ping()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    def start(self) -> None:
        """Begin listening."""
        if self._redis is not None:
            self._tasks.append(asyncio.create_task(self._listen(self._redis)))
            self._tasks.append(asyncio.create_task(self._look_after()))

    async def stop(self) -> None:
        """Stop listening and end every stream."""
        self.end_streams()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    def end_streams(self) -> None:
        """Tell every open stream that it is over."""
        for stream in self._streams:
            stream.end()

    async def _listen(self, redis: Redis) -> None:
        async for names in listen(redis):
            self.tell(list(GAP) if names is None else names)

    def hear(self, listener: Callable[[str], None]) -> None:
        """Have every name told, also those that no stream gets."""
        self._listeners.append(listener)

    def open(self, stream: Stream) -> None:
        """Begin to tell a stream."""
        self._streams[stream] = None

    def close(self, stream: Stream) -> None:
        """Forget a stream."""
        stream.end()
        self._streams.pop(stream, None)

    def tell(self, names: Iterable[str]) -> None:
        """Hand names to every listener and to the streams that they concern."""
        for name in names:
            for listener in self._listeners:
                listener(name)
            if name.startswith(("ring:", CHAT, SEAT)):
                continue
            if name.startswith(ACCOUNT):
                self._doubted.add(_number(name))
                continue
            only = _number(name) if name.startswith(NOTICES) else None
            for stream in self._streams:
                if only is None or stream.agent_id == only:
                    stream.add(name)
        for stream in self._streams:
            stream.flush()

    # ---- looked after, all together ------------------------------------------------------

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(min(LOOK_S, RECHECK_S))
            try:
                await self.look()
            except Exception:
                log.exception("looking after streams failed")

    async def look(self) -> None:
        """End streams whose session ended or whose browser takes nothing; beat for the rest."""
        now = time.monotonic()
        for stream in self._streams:
            if stream.since and now - stream.since > STUCK_S:
                log.info("a browser takes nothing for %.0f s: its stream ends", STUCK_S)
                stream.end()
        await self._check_sessions(now)
        if now - self._beaten >= BEAT_S:
            self._beaten = now
            await self._beat()

    async def _check_sessions(self, now: float) -> None:
        """Ask the database once for all: the sessions that have just been doubted, or all."""
        doubted, self._doubted = self._doubted, set()
        if all_of_them := now - self._checked >= RECHECK_S:
            self._checked = now
        asked = [one for one in self._streams if all_of_them or one.agent_id in doubted]
        if not asked or self._still_in is None:
            return
        held = await self._still_in(sorted({one.session_id for one in asked}))
        for stream in asked:
            if stream.session_id not in held:
                stream.end()

    async def _beat(self) -> None:
        streams = list(self._streams)
        for begin in range(0, len(streams), SLICE):
            for stream in streams[begin : begin + SLICE]:
                stream.add(BEAT)
                stream.flush()
            await asyncio.sleep(0.01)


def _number(name: str) -> int:
    text = name.rpartition("-")[2]
    return int(text) if text.isdecimal() else 0
