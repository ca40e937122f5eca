"""TXT records asked of a name server of our own."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from inbox.channels import dns
from inbox.channels.dns import look_up_txt, name_servers
from inbox.errors import Invalid, Unavailable

NAME = "kip202603._domainkey.shop.example"
LONG = "v=DKIM1; k=rsa; p=" + "A" * 392


def answer(question: bytes, *texts: str, code: int = 0, cut: bool = False) -> bytes:
    """Answer as name servers do: the name by a pointer, long texts in pieces."""
    end = question.index(b"\0", 12) + 5
    flags = 0x8180 | code | (0x0200 if cut else 0)
    records = b""
    for text in texts:
        data = text.encode()
        pieces = [data[at : at + 255] for at in range(0, len(data), 255)]
        packed = b"".join(bytes([len(piece)]) + piece for piece in pieces)
        records += b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 300, len(packed)) + packed
    alias = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 300, 2) + b"\xc0\x0c"
    head = question[:2] + struct.pack("!HHHHH", flags, 1, len(texts) + 1, 0, 0)
    return head + question[12:end] + alias + records


class Names(asyncio.DatagramProtocol):
    """A name server that says what it is told to say."""

    def __init__(
        self, *texts: str, code: int = 0, cut: bool = False, noise: bytes = b""
    ) -> None:
        self.texts, self.code, self.cut, self.noise = texts, code, cut, noise
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.noise:
            self.transport.sendto(self.noise, addr)
        said = () if self.cut else self.texts
        self.transport.sendto(answer(data, *said, code=self.code, cut=self.cut), addr)

    async def by_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        said = answer(await reader.readexactly(size), *self.texts)
        writer.write(struct.pack("!H", len(said)) + said)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(names: Names) -> AsyncIterator[dns.Server]:
    server = await asyncio.start_server(names.by_tcp, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: names, local_addr=("127.0.0.1", port)
    )
    try:
        yield "127.0.0.1", port
    finally:
        transport.close()
        server.close()


@pytest.mark.parametrize("cut", [False, True])
async def test_a_long_record_is_read_whole(cut: bool) -> None:
    """In pieces of 255 bytes, over TCP where a datagram is too small."""
    async with serving(Names("v=spf1 -all", LONG, cut=cut, noise=b"\0\0nonsense")) as server:
        assert await look_up_txt(NAME, [server]) == ["v=spf1 -all", LONG]


async def test_no_such_name_has_no_record() -> None:
    async with serving(Names(code=3)) as server:
        assert await look_up_txt(NAME, [server]) == []


async def test_who_cannot_say_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "TIMEOUT_S", 0.3)
    async with serving(Names(code=2)) as broken, serving(Names("yes")) as good:
        assert await look_up_txt(NAME, [("127.0.0.1", 1), broken, good]) == ["yes"]
        with pytest.raises(Unavailable):
            await look_up_txt(NAME, [broken])
    with pytest.raises(Unavailable):
        await look_up_txt(NAME, [])


@pytest.mark.parametrize("name", ["", "a..b", "a" * 64 + ".example", "ô.example"])
async def test_what_is_no_name_is_not_asked(name: str) -> None:
    with pytest.raises(Invalid):
        await look_up_txt(name, [("127.0.0.1", 1)])


def test_the_machine_s_own_servers_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# own\nnameserver 192.0.2.1\nsearch x\nnameserver fe80::1%eth0\nnameserver\n"
    )

    assert name_servers(path) == [("192.0.2.1", 53), ("fe80::1", 53)]
    assert name_servers(tmp_path / "none") == []
