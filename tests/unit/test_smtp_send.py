"""Sending: what reaches the wire, and which failure means what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from inbox.channels.base import OutboundMessage, Receipt
from inbox.channels.compose import build
from inbox.channels.smtp import SmtpSender
from inbox.errors import Rejected, Unavailable, Unconfirmed


class Sink:
    """A real SMTP server that remembers, and fails where a test wants it to."""

    def __init__(self, fail: str = "") -> None:
        self.fail = fail
        self.commands: list[str] = []
        self.mails: list[tuple[str, list[str], bytes]] = []

    async def handle_MAIL(  # noqa: N802 - the name aiosmtpd looks for
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        self.commands.append(f"MAIL {address}")
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd looks for
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        self.commands.append(f"RCPT {address}")
        if self.fail == "rcpt 550":
            return "550 5.1.1 no such\tuser"
        if self.fail == "rcpt 451":
            return "451 4.7.1 later"
        if self.fail == "rcpt hang up" and server.transport:
            server.transport.close()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name aiosmtpd looks for
        self.commands.append("RSET")
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name aiosmtpd looks for
        if self.fail == "data hang up" and server.transport:
            server.transport.close()
            return "250 too late"
        if self.fail == "data 554":
            return "554 5.7.1 looks like spam"
        if self.fail == "data 452":
            return "452 4.3.1 disk full"
        content = envelope.original_content or b""
        self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return "250 2.0.0 queued as ABC123"


@asynccontextmanager
async def running(sink: Sink, **options: Any) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(sink, hostname="sink.example", loop=loop, **options), "127.0.0.1", 0
    )
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"127.0.0.1:{port}"
    finally:
        server.close()


def outbound(**changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {
        "message_id": "1.tok@shop.example",
        "from_address": "help@shop.example",
        "from_name": "Hỗ trợ Mai",
        "to": "an@x.example",
        "subject": "Đơn hàng #1042",
        "text": "Chào anh/chị,\n.\nĐơn đã được gửi.\n",
        "in_reply_to": "0@x.example",
        "references": ("00@x.example", "0@x.example"),
        "reply_to": "help+1042.tok@shop.example",
        "envelope_from": "bounce@shop.example",
        "date": datetime(2026, 7, 14, 2, 15, tzinfo=UTC),
        "instance_id": "inst-1",
    }
    return OutboundMessage(**(values | changes))


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def deliver(url: str, message: OutboundMessage) -> Receipt | None:
    async with SmtpSender(url).session() as session:
        return await session.send(message, yes)


async def test_a_reply_arrives_as_written() -> None:
    sink = Sink()
    async with running(sink) as host:
        receipt = await deliver(f"smtp://{host}", outbound())
    assert receipt is not None
    assert "ABC123" in receipt.reference
    [(sender, recipients, content)] = sink.mails
    assert (sender, recipients) == ("bounce@shop.example", ["an@x.example"])
    mail = message_from_bytes(content, policy=policy.default)
    assert mail["From"] == "Hỗ trợ Mai <help@shop.example>"
    assert mail["Subject"] == "Đơn hàng #1042"
    assert mail["Message-ID"] == "<1.tok@shop.example>"
    assert mail["References"] == "<00@x.example> <0@x.example>"
    assert mail["Reply-To"] == "help+1042.tok@shop.example"
    assert mail["Date"] == "Tue, 14 Jul 2026 02:15:00 +0000"
    assert mail.get_content().replace("\r\n", "\n") == "Chào anh/chị,\n.\nĐơn đã được gửi.\n"
    assert "Auto-Submitted" not in mail


async def test_automatic_mail_is_marked_and_has_no_envelope_sender() -> None:
    """S8, R29, DESIGN 39: nothing may answer it, and a bounce of it goes nowhere."""
    sink = Sink()
    async with running(sink) as host:
        await deliver(f"smtp://{host}", outbound(automatic=True))
    [(sender, _, content)] = sink.mails
    mail = message_from_bytes(content)
    assert sender in ("", "<>")  # as aiosmtpd spells the null sender
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Precedence"] == "auto_reply"
    assert mail["X-Kip-Instance"] == "inst-1"


async def test_a_closed_fence_sends_nothing_and_the_next_goes_out() -> None:
    sink = Sink()
    async with running(sink) as host, SmtpSender(f"smtp://{host}").session() as session:
        assert await session.send(outbound(), no) is None
        assert sink.mails == []
        assert "RSET" in sink.commands
        await session.send(outbound(to="b@x.example"), yes)
    assert [recipients for _, recipients, _ in sink.mails] == [["b@x.example"]]


async def test_the_fence_stands_after_rcpt_and_before_data() -> None:
    sink = Sink()
    seen: list[str] = []

    async def fence() -> bool:
        seen.extend(sink.commands)
        assert sink.mails == []
        return True

    async with running(sink) as host, SmtpSender(f"smtp://{host}").session() as session:
        await session.send(outbound(), fence)
    assert seen == ["MAIL bounce@shop.example", "RCPT an@x.example"]


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        ("rcpt 550", Rejected),
        ("rcpt 451", Unavailable),
        ("rcpt hang up", Unavailable),
        ("data 554", Rejected),
        ("data 452", Unavailable),
        ("data hang up", Unconfirmed),
    ],
)
async def test_each_failure_has_its_meaning(fail: str, error: type[Exception]) -> None:
    """Only a broken line after the fence is unconfirmed."""
    async with running(Sink(fail)) as host:
        with pytest.raises(error) as failure:
            await deliver(f"smtp://{host}", outbound())
    assert "\n" not in str(failure.value)
    assert "\t" not in str(failure.value)


async def test_after_a_refusal_the_session_goes_on() -> None:
    sink = Sink("rcpt 550")
    async with running(sink) as host, SmtpSender(f"smtp://{host}").session() as session:
        with pytest.raises(Rejected):
            await session.send(outbound(), yes)
        sink.fail = ""
        assert await session.send(outbound(), yes) is not None


async def test_nobody_there_is_unavailable() -> None:
    async with running(Sink()) as host:
        pass
    with pytest.raises(Unavailable):
        await deliver(f"smtp://{host}", outbound())


async def test_a_wrong_password_is_our_fault_not_the_messages() -> None:
    def refuse(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    options = {"authenticator": refuse, "auth_require_tls": False}
    async with running(Sink(), **options) as host:
        with pytest.raises(Unavailable, match="password"):
            await deliver(f"smtp://user:wrong@{host}", outbound())


async def test_a_password_is_sent_when_asked_for() -> None:
    asked: list[Any] = []

    def accept(*given: Any) -> AuthResult:
        asked.append(given[-1])
        return AuthResult(success=True)

    sink = Sink()
    async with running(sink, authenticator=accept, auth_require_tls=False) as host:
        await deliver(f"smtp://us%40er:p%3Aw@{host}", outbound())
    assert (asked[0].login, asked[0].password) == (b"us@er", b"p:w")
    assert len(sink.mails) == 1


async def test_console_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert await deliver("console://", outbound()) is not None
    assert "To: an@x.example" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["", "http://x", "smtp://", "mail.example:25"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP URL"):
        SmtpSender(url)


BREAKS = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\u2028",
    "\u2029",
    "\x85",
    "\x0b",
    "\x0c",
    "\x1c",
    "%0d%0a",
]
SMUGGLED = [
    f"x{mark}Bcc: evil@x.example{mark}RCPT TO:<evil@x.example>{mark}" for mark in BREAKS
]
ODD = [
    *SMUGGLED,
    "=?utf-8?q?a=0D=0ABcc:_evil@x.example?=",
    '"evil" <evil@x.example>, x',
    "a" * 5000,
    "đ" * 5000,
    "\ud800 lone",
    "<evil@x.example>",
    "",
]
HEADERS = {
    "from", "to", "reply-to", "subject", "date", "message-id", "in-reply-to", "references",
    "x-kip-instance", "mime-version", "content-type", "content-transfer-encoding",
}  # fmt: skip


@pytest.mark.parametrize(
    "field", ["subject", "from_name", "in_reply_to", "instance_id", "text"]
)
async def test_hostile_texts_add_no_header_and_no_recipient(field: str) -> None:
    """R44 and S10, on the raw bytes a server got."""
    sink = Sink()
    async with running(sink) as host, SmtpSender(f"smtp://{host}").session() as session:
        for odd in ODD:
            await session.send(outbound(**{field: odd}), yes)
        for odd in SMUGGLED:
            await session.send(outbound(references=(odd, "0@x.example")), yes)
    assert len(sink.mails) == len(ODD) + len(SMUGGLED)
    for _, recipients, content in sink.mails:
        assert recipients == ["an@x.example"]
        head, _, _ = content.partition(b"\r\n\r\n")
        names = [
            line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"
        ]
        folded = [name.decode("ascii").lower() for name in names]
        assert set(folded) <= HEADERS
        assert len(folded) == len(set(folded))
        assert content.isascii()
        assert b"\n" not in content.replace(b"\r\n", b"")
        assert b"\r" not in content.replace(b"\r\n", b"")
        assert max(map(len, content.split(b"\r\n"))) <= 998
    assert not any("evil" in command for command in sink.commands)


HOSTILE_ADDRESSES = [
    *(f"a{mark}RCPT TO:<evil@x.example>{mark}@x.example" for mark in BREAKS),
    *(f'"a{mark}RCPT TO:<evil@x.example>{mark}"@x.example' for mark in BREAKS),
    *(f"an@x.example{mark}" for mark in BREAKS),
    "an@x.example,evil@x.example", "an@x.example evil@x.example", "<an@x.example>",
    "an@x.example> BODY=8BITMIME", '"an"@x.example', "an(evil@x.example)@x.example", "",
    "an@", "@x.example", "an@[127.0.0.1]", "<evil@x.example>an@x.example", "an@x..example",
    "ân@x.example", "an@" + "x." * 200 + "example", "a@[",
]  # fmt: skip


@pytest.mark.parametrize("field", ["to", "from_address", "envelope_from", "reply_to"])
async def test_hostile_addresses_are_refused_before_the_wire(field: str) -> None:
    """R44 and S10."""
    sink = Sink()
    async with running(sink) as host, SmtpSender(f"smtp://{host}").session() as session:
        for address in HOSTILE_ADDRESSES:
            if not address and field in ("envelope_from", "reply_to"):
                continue  # not given
            with pytest.raises(Rejected):
                await session.send(outbound(**{field: address}), yes)
    assert sink.commands == []


def test_long_ids_are_neither_broken_nor_encoded() -> None:
    ids = tuple(f"{'a' * 120}{n}@x.example" for n in range(20))
    content = build(outbound(references=ids))
    for message_id in ids:
        assert f"<{message_id}>".encode() in content
