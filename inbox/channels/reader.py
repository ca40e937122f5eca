"""Read mail in two child processes that can be killed, so that no mail can hurt its parent.

Before each mail a child may use 5 more seconds of CPU and 512 MiB more memory than it started
with; the parent kills it after 10 s. A child is replaced after 500 mails.
"""

import asyncio
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from inbox.channels.base import InboundMessage, decode

PROCESSES = 2
WALL_S = 10.0
MAILS_PER_PROCESS = 500
START_S = 20.0

_COMMAND = (sys.executable, "-m", "inbox.channels.reader_child")
_LENGTH = struct.Struct(">I")  # as in reader_child, which must not be imported here
_request = msgspec.msgpack.Encoder()


class ReadFailed(Exception):
    """The mail could not be read; ``reason`` is a sentence for the quarantine page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MailReader:
    """Two persistent reading processes, started when first needed; one event loop only."""

    def __init__(
        self,
        command: Sequence[str] = _COMMAND,
        *,
        processes: int = PROCESSES,
        wall_s: float = WALL_S,
        mails_per_process: int = MAILS_PER_PROCESS,
    ) -> None:
        self._command = tuple(command)
        self._wall_s = wall_s
        self._mails_per_process = mails_per_process
        self._free: asyncio.LifoQueue[_Child | None] = asyncio.LifoQueue()
        for _ in range(processes):
            self._free.put_nowait(None)
        self._children: set[_Child] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def read(
        self, raw: bytes, envelope_from: str | None = None, instance_id: str = ""
    ) -> InboundMessage:
        """Read one mail; waits while both processes are busy.

        Raises
        ------
        ReadFailed
            If reading raised, took too long or too much, or the process died. The next mail
            gets a fresh process.
        """
        if self._closed:
            raise ReadFailed("The mail reader has been closed.")
        child = await self._free.get()
        if child is not None and child.is_gone:  # it died while idle: no mail's fault
            self._children.discard(child)
            child = None
        healthy = False
        try:
            if child is None:
                child = await self._start()
            request = _request.encode((raw, envelope_from, instance_id))
            answer = await child.ask(request, self._wall_s)
            healthy = child.mails < self._mails_per_process and not self._closed
        finally:
            if child is not None and not healthy:
                self._children.discard(child)
                await child.stop()
                child = None
            self._free.put_nowait(child)
        return _message(answer)

    async def close(self) -> None:
        """End the processes; a mail being read fails."""
        self._closed = True
        children, self._children = self._children, set()
        for child in children:
            await child.stop()

    async def _start(self) -> "_Child":
        try:
            async with asyncio.timeout(START_S):
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(os.getpid()),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    env=_environment(),
                )
        except (OSError, TimeoutError) as error:
            raise ReadFailed("The reading process could not be started.") from error
        child = _Child(process)
        self._children.add(child)
        return child


def _environment() -> dict[str, str]:
    """Only what Python needs to find the same packages: no secrets for the child."""
    root = str(Path(__file__).resolve().parents[2])
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
    return kept | {"PYTHONPATH": root, "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"}


def _message(answer: bytes) -> InboundMessage:
    if answer[:1] != b"m":
        raise ReadFailed(answer[1:].decode("utf-8", "replace"))
    try:
        return decode(answer[1:])
    except msgspec.MsgspecError as error:
        raise ReadFailed("The reading process gave an answer we do not understand.") from error


class _Child:
    """One reading process and how many mails it has had."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.mails = 0

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._process.returncode is not None

    async def ask(self, request: bytes, wall_s: float) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ReadFailed("The reading process has no pipes.")
        self.mails += 1
        try:
            async with asyncio.timeout(wall_s):
                stdin.write(_LENGTH.pack(len(request)) + request)
                await stdin.drain()
                (length,) = _LENGTH.unpack(await stdout.readexactly(_LENGTH.size))
                return await stdout.readexactly(length)
        except TimeoutError as error:
            raise ReadFailed(f"Reading took more than {wall_s:g} seconds.") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ReadFailed("The reading process died: too much time or memory.") from error

    async def stop(self) -> None:
        """Kill the process and wait until it is gone."""
        if not self.is_gone:
            try:
                self._process.kill()
            except ProcessLookupError:
                return  # it went by itself
        await self._process.wait()
