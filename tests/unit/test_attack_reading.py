"""Mail and forms written to break the reader, the store or the eye."""

import asyncio
import base64

import pytest

from inbox.channels import chat, maildata, webform
from inbox.channels.base import encode
from inbox.channels.maildata import NeverEnds, NoRoom, TooBig, read_data
from inbox.channels.mime import parse
from inbox.channels.webform import Posted, PostedFile, pack

HELLO = '{"type": "hello", "token": null, "last": %d}'
HALF = base64.b64encode(b"+2AA-")


async def received(*pieces: bytes, limit: int = 1_000_000, room: bool = True) -> bytes:
    """Read what was sent after DATA with a small buffer."""
    reader = asyncio.StreamReader(limit=1024)
    reader.feed_data(b"".join(pieces))
    return await read_data(reader, limit, lambda _: room)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n...a\r\n.\r\n", b".\r\n..a\r\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
        (b"a\r.\r\nb\r\n.\r\n", b"a\r.\r\nb\r\n"),
        (b"x" * 5000 + b"\r\n.\r\n", b"x" * 5000 + b"\r\n"),
        (b"x" * 1024 + b".\r\n.\r\n", b"x" * 1024 + b".\r\n"),
        (b"." + b"x" * 5000 + b"\r\n.\r\n", b"x" * 5000 + b"\r\n"),
        (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
        (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
        (b"a\r\n\0.\r\n.\r\n", b"a\r\n\0.\r\n"),
    ],
)
async def test_only_a_lone_dot_ends_a_mail(sent: bytes, kept: bytes) -> None:
    """R39, S11: a dozen ways to end it sooner; and a line may be longer than the buffer."""
    assert await received(sent) == kept


async def test_what_follows_the_dot_is_left_to_the_next_command() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"a\r\n.\r\nQUIT\r\n")
    assert await read_data(reader, 1000, lambda _: True) == b"a\r\n"
    assert await reader.readline() == b"QUIT\r\n"


async def test_a_line_without_an_end_is_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is read past the limit is not kept, and not read without end either."""
    monkeypatch.setattr(maildata, "DRAIN_BYTES", 100_000)
    with pytest.raises(NeverEnds):
        await received(b"x" * 1_000_000, limit=10_000)


async def test_over_the_limit_or_without_room_it_is_read_to_its_end() -> None:
    with pytest.raises(TooBig):
        await received(b"x\r\n" * 10_000, b".\r\n", limit=20_000)
    with pytest.raises(NoRoom):
        await received(b"x\r\n" * 30_000, b".\r\n", room=False)


@pytest.mark.parametrize(
    "mail",
    [
        b"Content-Type: text/plain; charset=utf-7\r\n\r\nhello +2AA- there\r\n",
        b"Subject: =?utf-7?B?" + HALF + b"?=\r\n\r\nhello\r\n",
        b"From: =?utf-7?Q?+2AA-?= <a@x.example>\r\n\r\nhello\r\n",
        b"Content-Disposition: attachment; filename*=utf-7''%2B2AA-\r\n\r\nhello\r\n",
    ],
)
def test_half_a_letter_keeps_no_mail_out(mail: bytes) -> None:
    """R38: UTF-7 can write lone surrogates, which nothing can store."""
    message = parse(mail)
    assert encode(message)
    assert "�" in message.text + message.subject + message.from_name + "".join(
        file.filename for file in message.attachments
    )


def test_nothing_turns_a_line_about() -> None:
    """A name or subject cannot make the words after it read backwards."""
    message = parse(
        "Subject: a\u202etxt.exe\u2066b\r\nFrom: \u202eA <a@x.example>\r\n\r\nx".encode()
    )
    assert (message.subject, message.from_name) == ("atxt.exeb", "A")


def test_a_posted_files_name_is_as_safe_as_a_mailed_ones() -> None:
    """R37: no path, and no letters that hide what it is."""
    files = (
        PostedFile("../../etc/passwd", "text/plain", ""),
        PostedFile("hoá đơn\u202efdp.exe", "text/plain", ""),
    )
    read = webform.read(pack(Posted(body="x", files=files)))
    assert [file.filename for file in read.attachments] == ["passwd", "hoá đơnfdp.exe"]


@pytest.mark.parametrize("frame", ['{"type": "received", "id": %d}', HELLO])
def test_a_chat_frame_with_a_number_no_column_holds_is_refused(frame: str) -> None:
    """R49: PostgreSQL's integers end before SQLite's do."""
    assert chat.read_frame(frame % 2**31) == "bad_frame"
    assert chat.read_frame(frame % (2**31 - 1)) != "bad_frame"
