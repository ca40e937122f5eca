"""TXT records, asked of the name servers this machine uses: one question, one answer.

The answer says what an administrator reads on a page and decides nothing by itself, so there
is no cache, no DNSSEC and no walk from the root: the machine's own resolver does that.
"""

import asyncio
import secrets
import struct
from collections.abc import Sequence
from pathlib import Path

from inbox.errors import Invalid, Unavailable

TIMEOUT_S = 3.0
MOST_SERVERS = 3
PORT = 53
_TXT, _IN, _OPT = 16, 1, 41
_HEADER = struct.Struct("!HHHHHH")
_FIXED = struct.Struct("!HHIH")
_NO_SUCH_NAME, _OK = 3, 0
_TRUNCATED, _ANSWER = 0x0200, 0x8000
_UDP_BYTES = 1232  # what passes every network in one piece

Server = tuple[str, int]


def name_servers(path: Path = Path("/etc/resolv.conf")) -> list[Server]:
    """Return the name servers of this machine."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = [line.split() for line in lines]
    named = [words[1] for words in found if len(words) > 1 and words[0] == "nameserver"]
    return [(host.partition("%")[0], PORT) for host in named[:MOST_SERVERS]]


async def look_up_txt(name: str, servers: Sequence[Server] | None = None) -> list[str]:
    """Return the texts of a name's TXT records; none if there is no such name.

    Raises
    ------
    Unavailable
        If no name server answers.
    """
    question = _question(name)
    for server in servers if servers is not None else name_servers():
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await _ask(server, question)
                if int.from_bytes(answer[2:4], "big") & _TRUNCATED:
                    answer = await _ask_by_tcp(server, question)
                return _texts(answer, question)
        except (OSError, TimeoutError, ValueError, struct.error, IndexError):
            continue  # the next one may know
    raise Unavailable("No name server answers from here.")


def _question(name: str) -> bytes:
    labels = name.rstrip(".").split(".")
    if not all(label.isascii() and 0 < len(label) < 64 for label in labels):
        raise Invalid("This is no name that the DNS can have.")
    asked = b"".join(bytes([len(label)]) + label.encode("ascii") for label in labels) + b"\0"
    extra = b"\0" + struct.pack("!HHIH", _OPT, _UDP_BYTES, 0, 0)
    header = _HEADER.pack(secrets.randbelow(65536), 0x0100, 1, 0, 0, 1)
    return header + asked + struct.pack("!HH", _TXT, _IN) + extra


class _Reply(asyncio.DatagramProtocol):
    """Takes the first datagram that answers the question."""

    def __init__(self, question: bytes) -> None:
        self._question = question
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if data[:2] == self._question[:2] and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask(server: Server, question: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    transport, reply = await loop.create_datagram_endpoint(
        lambda: _Reply(question), remote_addr=server
    )
    try:
        transport.sendto(question)
        return await reply.answer
    finally:
        transport.close()


async def _ask_by_tcp(server: Server, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(struct.pack("!H", len(question)) + question)
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise ValueError("the answer was cut") from error
    finally:
        writer.close()


def _texts(answer: bytes, question: bytes) -> list[str]:
    """Read the TXT records out of an answer.

    Raises
    ------
    ValueError
        If it is no answer to the question, or the server could not find out.
    """
    number, flags, asked, count, _, _ = _HEADER.unpack_from(answer)
    code = flags & 0x0F
    if number != int.from_bytes(question[:2], "big") or not flags & _ANSWER:
        raise ValueError("another question's answer")
    if code == _NO_SUCH_NAME:
        return []
    if code != _OK:
        raise ValueError(f"the name server said {code}")
    at = _HEADER.size
    for _ in range(asked):
        at = _after_name(answer, at) + 4
    found = []
    for _ in range(count):
        at = _after_name(answer, at)
        kind, group, _, size = _FIXED.unpack_from(answer, at)
        at += _FIXED.size
        if kind == _TXT and group == _IN:
            found.append(_strings(answer[at : at + size]))
        at += size
    return found


def _after_name(answer: bytes, at: int) -> int:
    while size := answer[at]:
        if size >= 0xC0:  # the rest stands elsewhere
            return at + 2
        at += 1 + size
    return at + 1


def _strings(data: bytes) -> str:
    """Join the pieces of one record, as DKIM wants it."""
    out, at = b"", 0
    while at < len(data):
        out += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return out.decode("utf-8", "replace")
