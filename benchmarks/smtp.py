"""Both ends of the mail: senders that wait for nobody, and a server that takes everything."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from inbox.demo.traffic import SUPPORT

CONNECTIONS = 10  # what one address may have at once
COME_AGAIN = 421  # the receiver ends this connection; another may do


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Sender:
    """One connection to a mail receiver."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        """Connect and say hello; again where the place of one that left is not free yet."""
        for _ in range(50):
            sender = cls(*await asyncio.open_connection("127.0.0.1", port))
            if (code := await sender._answer()) != COME_AGAIN:
                break
            sender.hang_up()
            await asyncio.sleep(0.02)
        assert code == 220
        assert (await sender._say(b"HELO bench")) == 250
        return sender

    async def _answer(self) -> int:
        line = await self._reader.readline()
        return int(line[:3]) if line else COME_AGAIN

    async def _say(self, line: bytes) -> int:
        self._writer.write(line + b"\r\n")
        return await self._answer()

    async def send(self, sender: str, mail: bytes, to: str = SUPPORT) -> int:
        """Hand over a mail; return the code that decided."""
        for line, good in (
            (f"MAIL FROM:<{sender}>".encode(), 250),
            (f"RCPT TO:<{to}>".encode(), 250),
            (b"DATA", 354),
        ):
            code = await self._say(line)
            if code != good:
                if code != COME_AGAIN:
                    await self._say(b"RSET")
                return code
        return await self._say(mail + b"\r\n.")

    async def close(self) -> None:
        """Say good-bye."""
        await self._say(b"QUIT")
        self.hang_up()

    def hang_up(self) -> None:
        """Leave without a word."""
        self._writer.close()


async def offer(
    port: int, letters: list[tuple[str, bytes]], rate: float
) -> list[tuple[int, float]]:
    """Hand over mails, each when its turn at ``rate`` a second comes.

    Returns each one's answer and how many seconds after its turn it came. Whoever is told to
    come again does so at once, as mail servers do.
    """
    answers: list[tuple[int, float]] = [(0, 0.0)] * len(letters)
    numbers = iter(range(len(letters)))
    began = time.monotonic()

    async def work() -> None:
        sender = await Sender.connect(port)
        for number in numbers:
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            code = await sender.send(*letters[number])
            if code == COME_AGAIN:
                sender.hang_up()
                sender = await Sender.connect(port)
                code = await sender.send(*letters[number])
            answers[number] = (code, time.monotonic() - due)
        await sender.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return answers


class Outside:
    """A mail server that takes everything and keeps nothing; cheap, as it shares our cores."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 outside\r\n")
        in_data = False
        while line := await reader.readline():
            if in_data:
                if line == b".\r\n":
                    in_data = False
                    self.taken += 1
                    writer.write(b"250 taken\r\n")
                continue
            word = line[:4].upper()
            in_data = word == b"DATA"
            writer.write(
                {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(word, b"250 ok\r\n")
            )
            if word == b"QUIT":
                break
        writer.close()


@contextmanager
def outside_process() -> Iterator[int]:
    """Run such a server as a process of its own; yield its port."""
    line = [sys.executable, "-m", "benchmarks.smtp"]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _serve_for_ever() -> None:
    async with Outside() as outside:
        print(outside.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve_for_ever())
