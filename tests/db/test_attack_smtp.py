"""The mail receiver, spoken to by a stranger with bad manners."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inbox.db import Database
from inbox.smtpd import Receiver, Server, make_server
from models import RawMessage
from tests.factories import SUPPORT, Firm, everything


@pytest.fixture
async def port(database: Database, firm: Firm, tmp_path: Path) -> AsyncIterator[int]:
    """Start a receiver on a free port."""
    receiver = Receiver(database, tmp_path)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: make_server(receiver, "kip"), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for _ in range(200):
        if not Server.open_by_peer:
            break
        await asyncio.sleep(0.01)


async def talk(port: int, *lines: bytes) -> list[bytes]:
    """Say one thing after the other; return the first line of each answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    answers = []
    for line in lines:
        writer.write(line + b"\r\n")
        answer = await reader.readline()
        while answer[3:4] == b"-":
            answer = await reader.readline()
        answers.append(answer)
    writer.close()
    return answers


@pytest.mark.parametrize(
    "sender", [b"a\0b@x.example", b"a\xff@x.example", b"\x1b[2J@x.example"]
)
async def test_an_envelope_holds_text_that_every_database_holds(
    port: int, database: Database, sender: bytes
) -> None:
    """A NUL or half a letter in the envelope would be a 451 for ever, or quarantine."""
    answers = await talk(
        port,
        b"EHLO x",
        b"MAIL FROM:<" + sender + b">",
        b"MAIL FROM:<a@x.example>",
        b"RCPT TO:<support+\0@" + SUPPORT.partition("@")[2].encode() + b">",
        b"RCPT TO:<" + SUPPORT.encode() + b">",
        b"DATA",
        b"From: a@x.example\r\n\r\nhello\r\n.",
    )

    refused, *others = (answer[:3] for answer in answers[1:])
    assert refused in (b"501", b"553")
    assert others == [b"250", b"550", b"250", b"354", b"250"]
    (row,) = await database.read(lambda session: everything(session, RawMessage))
    assert row.meta["rcpt"] == [SUPPORT]


async def test_a_mail_of_empty_lines_is_held_as_its_bytes(
    port: int, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is arriving together is held to a limit, and given back."""
    mail = b"From: a@x.example\r\n\r\n" + b"\r\n" * 100_000 + b"."
    start = (
        b"EHLO x",
        b"MAIL FROM:<a@x.example>",
        b"RCPT TO:<" + SUPPORT.encode() + b">",
        b"DATA",
    )

    kept = await talk(port, *start, mail)
    monkeypatch.setattr("inbox.smtpd.MAX_HELD_BYTES", 100_000)
    refused = await talk(port, *start, mail)

    assert (kept[-1][:3], refused[-1][:3]) == (b"250", b"452")
    assert Server.held_bytes == 0
    (row,) = await database.read(lambda session: everything(session, RawMessage))
    assert len(row.body) == len(mail) - 1
