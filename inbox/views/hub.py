"""Live names to browsers: one Redis subscription a process, one queue a stream."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from inbox.queue import listen

log = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
MAX_NAMES = 64  # a stream that lags this far is told that there is a gap instead
GAP = ("list", "gap")  # after one, a browser looks at everything once


class Hub:
    """Hands every announced name to every open stream; names that ring workers are left out."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis
        self._streams: set[asyncio.Queue[str | None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """Whether there is a Redis to hear from; without one, pages poll."""
        return self._redis is not None

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

    def tell(self, names: list[str]) -> None:
        """Hand names to every stream."""
        for name in names:
            if name.startswith("ring:"):
                continue
            for stream in self._streams:
                room = MAX_NAMES - len(GAP) - stream.qsize()
                if room > 0:
                    stream.put_nowait(name)
                elif room == 0:
                    for instead in GAP:
                        stream.put_nowait(instead)

    async def names(self, wanted: frozenset[str]) -> AsyncIterator[str]:
        """Yield names as they come and "" as a heartbeat; notices only if ``wanted``."""
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
                if name.startswith("notices-") and name not in wanted:
                    continue
                yield name
        finally:
            self._streams.discard(stream)
