"""What every channel owes to take-in and delivery: one set of tests for all adapters (F18)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from inbox.channels import chat, phone
from inbox.channels.adapters import CHANNELS
from inbox.channels.base import Channel, InboundMessage, OutboundMessage, Receipt
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.channel import Line, MessengerChannel
from inbox.channels.messengers.providers import PROVIDERS
from inbox.channels.messengers.wire import Wire
from inbox.channels.smtp import SmtpSender
from inbox.channels.webform import Posted, pack
from inbox.errors import Rejected, Unavailable
from models import MESSENGERS, ChannelKind
from tests.standins import facebook, zalo
from tests.standins.facebook import Page
from tests.standins.whatsapp import Number
from tests.standins.zalo import Zalo


def _mail(text: str) -> bytes:
    head = "From: Lan <lan@khach.example>\r\nSubject: =?utf-8?q?H=E1=BB=8Fi?=\r\n"
    return (head + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text).encode(
        "utf-8", "replace"
    )


def _form(text: str) -> bytes:
    return pack(
        Posted(name="Lan", email="Lan@Khach.example", subject="Hỏi", body=text, language="vi")
    )


def _line(text: str) -> bytes:
    return chat.pack(chat.Line(text, "Lan", "Lan@Khach.example", "vi"))


def _call(text: str) -> bytes:
    said = {"call": "1", "event": "missed", "from": "0901 234 567", "name": "Lan"}
    return phone.pack(phone.Posted({**said, "text": text}, region="VN", subject="Hỏi"))


def _told(kind: str) -> Callable[[str], bytes]:
    """Return how a messenger's webhook tells of words; what it splits off them is stored."""

    def stored(text: str) -> bytes:
        _, body = TOLD[kind](text)
        (event,) = PROVIDERS[kind].split(body, Account())
        return event.body

    return stored


def _update(text: str) -> tuple[dict[str, str], bytes]:
    who = {"id": 5, "type": "private", "is_bot": False, "first_name": "Lan"}
    message = {"message_id": 1, "chat": who, "date": 1_772_000_000, "from": who, "text": text}
    return {}, json.dumps({"update_id": 1, "message": message}).encode()


TOLD: Mapping[str, Callable[[str], tuple[dict[str, str], bytes]]] = {
    "zalo": lambda text: Zalo().write(text, at=1_772_000_000_000),
    "messenger": lambda text: Page().write(at=1_772_000_000_000, text=text),
    "telegram": _update,
    "whatsapp": lambda text: Number().write(text={"body": text}),
}
WRITERS = {"zalo": zalo.USER, "messenger": facebook.USER, "telegram": "5"}
WRITERS["whatsapp"] = "84901234567"
NAMED_LATER = {"zalo", "messenger"}  # their events have no names


def _note(text: str) -> bytes:
    return json.dumps(["Lan", "lan@khach.example", text]).encode()


# How each kind's own way in stores what somebody wrote: all that a new adapter adds here.
STORED: Mapping[str, Callable[[str], bytes]] = {
    "email": _mail,
    "form": _form,
    "api": _form,
    "webhook": _form,
    "chat": _line,
    "phone": _call,
    "toy": _note,
    **{kind: _told(kind) for kind in PROVIDERS},
}
WITHOUT_SUBJECT = {"chat", "toy", *PROVIDERS}
BY_NUMBER = {"phone"}  # known by that, not by an address
BY_ROWS = {"chat"}  # what is stored is what the other side reads: nothing can fail

HOSTILE = {
    "nothing": "",
    "null bytes": "chào\0bạn\0",
    "controls": "".join(map(chr, range(32))),
    "markup": "<script>alert(1)</script>" * 50,
    "a long line": "a" * 200_000,
    "many quotes": ">" * 5000 + " x\n",
    "joined emoji": "👩‍👩‍👧‍👦" * 500,
    "other directions": "\u202eegassem\u202c",
}


@dataclass
class Far:
    """A real mail server whose answers a test decides."""

    answer: str = "250 2.0.0 queued as A1"
    got: list[str] | None = None

    async def handle_DATA(  # noqa: N802 -- the name aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.got = envelope.rcpt_tos
        return self.answer


@asynccontextmanager
async def _channel(kind: str, far: Far) -> AsyncIterator[Channel]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(far, hostname="far.example", loop=loop), "127.0.0.1", 0
    )
    try:
        port = server.sockets[0].getsockname()[1]
        yield CHANNELS[kind](SmtpSender(f"smtp://127.0.0.1:{port}"))
    finally:
        server.close()


def _outbound() -> OutboundMessage:
    return OutboundMessage(
        message_id="<1.a@congty.example>",
        from_address="hotro@congty.example",
        to="lan@khach.example",
        subject="Hỏi",
        text="Chào anh/chị.\n",
        date=datetime(2026, 3, 2, tzinfo=UTC),
    )


class ToyChannel:
    """F18: all of a new adapter. Notes pushed under the door, signed with a word."""

    def __init__(self, sender: SmtpSender) -> None:
        """Take and leave the mail sender."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        return headers.get("x-word") == "vừng ơi"

    def read(self, raw: bytes) -> InboundMessage:
        name, address, text = json.loads(raw)
        text = text.replace("\0", "")
        return InboundMessage(
            text=text, visible_reply=text, from_name=name, from_address=address
        )

    async def send(self, message: OutboundMessage) -> Receipt:
        return Receipt("under the door")


ADAPTERS: Mapping[str, Callable[[SmtpSender], Channel]] = {**CHANNELS, "toy": ToyChannel}


def _made(kind: str) -> Channel:
    return ADAPTERS[kind](SmtpSender("smtp://127.0.0.1:1"))


def test_every_kind_that_is_stored_raw_has_an_adapter() -> None:
    """F18: take-in finds whoever reads a kind in one place."""
    assert set(CHANNELS) == set(ChannelKind)
    assert set(STORED) == set(ADAPTERS)


@pytest.mark.parametrize("kind", ADAPTERS)
class TestContract:
    """F18: one class with three methods, and these are what it promises."""

    def test_it_has_the_three_methods(self, kind: str) -> None:
        assert isinstance(_made(kind), Channel)

    def test_it_reads_who_wrote_what(self, kind: str) -> None:
        message = _made(kind).read(STORED[kind]("Cho mình hỏi về máy lọc nước."))

        by = {"phone": "+84901234567"}[kind] if kind in BY_NUMBER else "lan@khach.example"
        if kind in PROVIDERS:
            assert (message.person, message.from_address) == (WRITERS[kind], "")
        else:
            assert (message.phone if kind in BY_NUMBER else message.from_address) == by
        assert message.from_name == ("" if kind in NAMED_LATER else "Lan")
        assert message.subject == ("" if kind in WITHOUT_SUBJECT else "Hỏi")
        assert message.text.strip() == "Cho mình hỏi về máy lọc nước."
        assert message.visible_reply.strip() == message.text.strip()

    @pytest.mark.parametrize("what", HOSTILE)
    def test_nothing_that_a_stranger_writes_stops_it(self, kind: str, what: str) -> None:
        message = _made(kind).read(STORED[kind](HOSTILE[what]))

        assert isinstance(message, InboundMessage)
        assert "\0" not in message.text
        assert "\0" not in message.visible_reply

    @pytest.mark.parametrize("raw", [b"", b"\xff\xfe\0", b"{", json.dumps({"x": 1}).encode()])
    def test_what_no_way_in_stores_is_a_message_or_a_value_error(
        self, kind: str, raw: bytes
    ) -> None:
        try:
            message = _made(kind).read(raw)
        except ValueError:
            return
        assert isinstance(message, InboundMessage)

    def test_it_believes_no_request_without_proof(self, kind: str) -> None:
        channel = _made(kind)

        assert channel.verify({}, b"") is False
        assert channel.verify({"x-signature": "\0" * 5000}, b"\xff" * 5000) is False


BY_MAIL = [kind for kind in CHANNELS if kind not in {*BY_ROWS, *PROVIDERS}]


@pytest.mark.parametrize("kind", BY_MAIL)
class TestByMail:
    """F18: what is answered by mail tells what became of it."""

    async def test_a_yes_from_the_far_side_is_a_receipt(self, kind: str) -> None:
        far = Far()
        async with _channel(kind, far) as channel:
            receipt = await channel.send(_outbound())

        assert receipt == Receipt("2.0.0 queued as A1")
        assert far.got == ["lan@khach.example"]

    async def test_a_permanent_no_is_rejected(self, kind: str) -> None:
        async with _channel(kind, Far("554 5.7.1 never")) as channel:
            with pytest.raises(Rejected, match="never"):
                await channel.send(_outbound())

    async def test_not_now_is_unavailable(self, kind: str) -> None:
        async with _channel(kind, Far("451 4.3.0 later")) as channel:
            with pytest.raises(Unavailable, match="later"):
                await channel.send(_outbound())

    async def test_nobody_there_is_unavailable(self, kind: str) -> None:
        with pytest.raises(Unavailable):
            await _made(kind).send(_outbound())


async def test_a_chat_is_answered_by_its_row() -> None:
    """Nothing is handed over, so nothing can be refused: the socket reads what was stored."""
    assert await _made("chat").send(_outbound()) == Receipt("kept for the visitor")


def test_every_messenger_has_a_kind() -> None:
    """F18: a provider is a kind of channel, and the other way round."""
    assert {kind.value for kind in MESSENGERS} == set(PROVIDERS)
    assert all(kind == one.kind for kind, one in PROVIDERS.items())


@pytest.mark.parametrize("kind", PROVIDERS)
async def test_a_messenger_that_is_not_connected_sends_nothing(kind: str) -> None:
    """F18: what is answered by a provider waits where there is none."""
    with pytest.raises(Unavailable):
        await _made(kind).send(_outbound())


async def test_a_messenger_hands_over_and_says_the_providers_word() -> None:
    """F18: with an account it is a channel as any other: a receipt, or an error."""
    account = Account(
        facts={"app_id": facebook.APP},
        secrets={"app_secret": facebook.APP_SECRET, "page_token": facebook.TOKEN},
    )
    message = replace(_outbound(), to=f"{facebook.USER}@1.messenger")
    with facebook.page_server() as page:
        headers, body = page.write(text="Chào")
        async with Wire(account, {"messenger_url": page.url}) as wire:
            line = Line(account, wire, datetime(2026, 3, 2, tzinfo=UTC))
            made = MessengerChannel(SmtpSender("console://"), PROVIDERS["messenger"], line)
            assert made.verify(headers, body)
            assert not made.verify(headers, body + b" ")
            assert await made.send(message) == Receipt("m_out1")
            page.open_to.clear()
            with pytest.raises(Rejected):
                await made.send(message)
