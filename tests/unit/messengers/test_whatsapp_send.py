"""Answers from a WhatsApp number, against a stand-in that is as strict as the Cloud API."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from inbox.channels.base import FileRef, OutboundFile, OutboundMessage
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import (
    BLOCKED,
    WINDOW_CLOSED,
    BadToken,
    Blocked,
    SlowDown,
    WindowClosed,
)
from inbox.channels.messengers.provider import Piece
from inbox.channels.messengers.whatsapp_cloud import WhatsApp, failure
from inbox.channels.messengers.wire import Wire
from inbox.errors import ChannelError, Rejected, Unavailable, Unconfirmed
from tests.factories import NOW
from tests.standins import whatsapp as standin
from tests.standins.whatsapp import Number, Refused, start_number

LAN, BSUID = "84901234567", "VN.13491208655302741918"


@pytest.fixture
def number() -> Iterator[Number]:
    with start_number() as server:
        server.open_to |= {LAN, BSUID}
        yield server


@pytest.fixture
async def wire(number: Number) -> AsyncIterator[Wire]:
    async with _wire(number) as found:
        yield found


def _wire(number: Number, token: str = standin.TOKEN) -> Wire:
    facts = {"number_id": standin.NUMBER, "account_id": standin.ACCOUNT}
    secrets = {"token": token, "app_secret": standin.APP_SECRET}
    account = Account(facts=facts, secrets=secrets, webhook="verify-word")
    return Wire(account, {"whatsapp_url": number.url}, {number.url})


async def _send(wire: Wire, piece: Piece, user: str = LAN) -> str:
    return await WhatsApp().send(wire, user, piece, NOW - timedelta(hours=1), NOW)


def _outbound(text: str, *files: OutboundFile) -> OutboundMessage:
    return OutboundMessage(
        message_id="<1@kip.example>",
        from_address="1.whatsapp",
        to=f"{LAN}@1.whatsapp",
        subject="",
        text=text,
        files=files,
    )


async def test_a_number_is_known_by_its_token(wire: Wire, number: Number) -> None:
    who = await WhatsApp().who_am_i(wire)

    assert (who.id, who.name) == (standin.NUMBER, "Công ty +84 28 7300 0000")
    await WhatsApp().connect(wire, "https://kip.example/hooks/whatsapp/KEY")
    assert number.subscribed


async def test_what_meta_signs_is_believed_and_the_handshake_answered(number: Number) -> None:
    headers, body = number.write(text={"body": "Chào anh/chị"})
    account = _wire(number).account

    assert WhatsApp().is_genuine(headers, body, account)
    assert not WhatsApp().is_genuine(headers, body + b"\n", account)
    assert not WhatsApp().is_genuine(headers, body, Account())
    (event,) = WhatsApp().split(body, account)
    assert WhatsApp().read(event.body).message.text == "Chào anh/chị"
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-word", "hub.challenge": "17"}
    assert WhatsApp().challenge(query, account) == "17"


@pytest.mark.parametrize("user", [LAN, BSUID])
async def test_a_long_answer_and_its_files_go_out_in_pieces(
    wire: Wire, number: Number, user: str
) -> None:
    files = (
        OutboundFile("ảnh.png", "image/png", b"png"),
        OutboundFile("hóa đơn.pdf", "application/pdf", b"%PDF-1.7"),
    )
    pieces = WhatsApp().pieces(_outbound("Kính chào anh/chị. " * 400, *files))

    numbers = [await _send(wire, one, user) for one in pieces]

    assert numbers == [f"wamid.out{n}" for n in range(1, 5)]
    assert [one["type"] for one in number.sent] == ["text", "text", "image", "document"]
    assert {one.get("to") or one.get("recipient") for one in number.sent} == {user}
    assert number.sent[3]["document"]["filename"] == "hóa đơn.pdf"
    assert number.uploaded["9001"][2] == b"%PDF-1.7"
    assert number.complaints == []


async def test_states_follow_what_was_sent(wire: Wire, number: Number) -> None:
    reference = await _send(wire, Piece("Chào"))

    states = [
        state
        for headers, body in number.later
        for event in WhatsApp().split(body, wire.account)
        for state in WhatsApp().states(event.body)
        if WhatsApp().is_genuine(headers, body, wire.account)
    ]
    assert [one.progress for one in states] == ["sent", "delivered", "read"]
    assert {one.reference for one in states} == {reference}


@pytest.mark.parametrize(
    "file",
    [
        OutboundFile("x.zip", "application/zip", b"PK"),
        OutboundFile("x.webp", "image/webp", b"RIFF"),
        OutboundFile("x.png", "image/png", b"x" * (5 * 2**20 + 1)),
    ],
)
def test_a_file_that_it_does_not_take_is_refused_before_anything_is_sent(
    file: OutboundFile,
) -> None:
    with pytest.raises(Rejected, match="WhatsApp takes"):
        WhatsApp().pieces(_outbound("Chào", file))


class TestWindow:
    async def test_after_24_hours_nothing_is_sent(self, wire: Wire, number: Number) -> None:
        wrote_at = NOW - timedelta(hours=24)

        with pytest.raises(WindowClosed):
            await WhatsApp().send(wire, LAN, Piece("Chào"), wrote_at, NOW)
        assert number.sent == []
        assert WhatsApp().window(Account()) == timedelta(hours=24)

    @pytest.mark.parametrize(("gone", "words"), [(False, WINDOW_CLOSED), (True, BLOCKED)])
    async def test_what_whatsapp_refuses_later_says_why(
        self, wire: Wire, number: Number, gone: bool, words: str
    ) -> None:
        number.open_to.clear()
        number.gone |= {LAN} if gone else set()

        reference = await _send(wire, Piece("Chào"))

        ((_, body),) = number.later
        (event,) = WhatsApp().split(body, wire.account)
        (state,) = WhatsApp().states(event.body)
        assert (state.reference, state.progress, state.said) == (reference, "failed", words)


class TestErrors:
    @pytest.mark.parametrize("token", ["wrong", "", "a b", "a\r\nb", "tok€n"])
    async def test_a_wrong_token_is_our_own_trouble(self, number: Number, token: str) -> None:
        async with _wire(number, token) as wire:
            with pytest.raises(BadToken):
                await _send(wire, Piece("Chào"))
        assert number.sent == []

    async def test_an_expired_token_is_our_own_trouble(
        self, wire: Wire, number: Number
    ) -> None:
        number.expired = True

        with pytest.raises(BadToken) as caught:
            await _send(wire, Piece("Chào"))
        assert caught.value.said == "Error validating access token: Session has expired"

    async def test_too_fast_is_later_by_as_much_as_they_say(
        self, wire: Wire, number: Number
    ) -> None:
        number.refuse = [Refused(429, 130429, "Rate limit hit"), Refused(400, 131056, "Pair")]

        with pytest.raises(SlowDown) as caught:
            await _send(wire, Piece("Chào"))
        assert caught.value.wait_s == 7
        with pytest.raises(SlowDown) as caught:
            await _send(wire, Piece("Chào"))
        assert caught.value.wait_s == 6
        assert await _send(wire, Piece("Chào")) == "wamid.out1"

    async def test_an_answer_that_breaks_off_may_have_arrived(
        self, wire: Wire, number: Number
    ) -> None:
        number.break_off = 1

        with pytest.raises(Unconfirmed):
            await _send(wire, Piece("Chào"))
        assert len(number.sent) == 1

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (400, 131047, WindowClosed),
            (400, 131026, Blocked),
            (401, 190, BadToken),
            (403, 200, BadToken),
            (400, 131042, BadToken),
            (503, 131016, Unavailable),
            (500, 131000, Unavailable),
            (500, 999_999, Unavailable),
            (429, 999_999, SlowDown),
            (400, 131051, Rejected),
            (400, 100, Rejected),
        ],
    )
    async def test_each_code_says_what_may_be_done(
        self, wire: Wire, number: Number, status: int, code: int, kind: type[ChannelError]
    ) -> None:
        number.refuse = [Refused(status, code, "No")]

        with pytest.raises(ChannelError) as caught:
            await _send(wire, Piece("Chào"))
        assert type(caught.value) is kind

    async def test_nobody_there_is_later(self, number: Number) -> None:
        async with Wire(_wire(number).account, {"whatsapp_url": "http://127.0.0.1:1"}) as wire:
            with pytest.raises(Unavailable):
                await _send(wire, Piece("Chào"))

    def test_a_failure_keeps_what_the_provider_said(self) -> None:
        error = failure(131047, "Re-engagement message")

        assert (error.code, error.said) == (131047, "Re-engagement message")


class TestFiles:
    async def test_a_file_is_fetched_by_its_id_with_the_token(
        self, wire: Wire, number: Number
    ) -> None:
        number.media["77"] = b"jpeg"

        found = await WhatsApp().fetch(wire, FileRef("77", "photo.jpg", "image/jpeg"))

        assert (found.filename, found.content_type, found.data) == (
            *("photo.jpg", "image/jpeg", b"jpeg"),
        )

    async def test_one_over_20_mb_is_refused(self, wire: Wire, number: Number) -> None:
        number.media["78"] = b"x" * (20 * 2**20 + 1)

        with pytest.raises(Rejected):
            await WhatsApp().fetch(wire, FileRef("78", "phim.mp4", "video/mp4"))

    @pytest.mark.parametrize("ref", ["404", "../x", "7 7", ""])
    async def test_one_that_is_not_there_is_refused(self, wire: Wire, ref: str) -> None:
        with pytest.raises(Rejected):
            await WhatsApp().fetch(wire, FileRef(ref, "a", "b"))
