"""Live names to browsers: one Redis subscription a process, one queue a stream."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from inbox.queue import BUDGET_S, CHAT, listen

log = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
MAX_NAMES = 64  # a stream that lags this far is told that there is a gap instead
PERSONAL = ("notices-", "account-")
GAP = ("list", "gap")  # after one, a browser looks at everything once


class Hub:
    """Hands every announced name to every open stream; names that ring workers are left out."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._streams: set[asyncio.Queue[str | None]] = set()
        self._listeners: list[Callable[[str], None]] = []
        self._task: asyncio.Task[None] | None = None

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
            self._task = asyncio.create_task(self._listen(self._redis))

    async def stop(self) -> None:
        """Stop listening and end every stream."""
        self.end_streams()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def end_streams(self) -> None:
        """Tell every open stream that it is over."""
        for stream in self._streams:
            stream.put_nowait(None)

    async def _listen(self, redis: Redis) -> None:
        async for names in listen(redis):
            self.tell(list(GAP) if names is None else names)

    def hear(self, listener: Callable[[str], None]) -> None:
        """Have every name told, also those that no stream gets."""
        self._listeners.append(listener)

    def tell(self, names: list[str]) -> None:
        """Hand names to every listener and stream."""
        for name in names:
            for listener in self._listeners:
                listener(name)
            if name.startswith(("ring:", CHAT)):
                continue
            for stream in self._streams:
                room = MAX_NAMES - len(GAP) - stream.qsize()
                if room > 0:
                    stream.put_nowait(name)
                elif room == 0:
                    for instead in GAP:
                        stream.put_nowait(instead)

    async def names(self, wanted: frozenset[str]) -> AsyncIterator[str]:
        """Yield names as they come and "" as a heartbeat; one person's only if ``wanted``."""
        stream: asyncio.Queue[str | None] = asyncio.Queue()
        self._streams.add(stream)
        try:
            while True:
                try:
                    name = await asyncio.wait_for(stream.get(), HEARTBEAT_S)
                except TimeoutError:
                    name = ""
                if name is None:
                    return
                if name.startswith(PERSONAL) and name not in wanted:
                    continue
                yield name
        finally:
            self._streams.discard(stream)
