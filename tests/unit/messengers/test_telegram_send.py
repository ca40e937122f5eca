"""Answers by the company's bot, against a stand-in that is as strict as Telegram."""

from collections.abc import AsyncIterator, Iterator

import pytest

from inbox.channels.base import FileRef, OutboundFile, OutboundMessage
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import BadToken, Blocked, SlowDown
from inbox.channels.messengers.provider import Piece
from inbox.channels.messengers.telegram_bot import TelegramBot
from inbox.channels.messengers.wire import Wire
from inbox.errors import Rejected, Unavailable, Unconfirmed
from tests.factories import NOW
from tests.standins.telegram import TOKEN, Bot, start_bot

LAN, SECRET = "4242", "secret_of-the-webhook"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50


@pytest.fixture
def bot() -> Iterator[Bot]:
    with start_bot() as server:
        server.wrote.add(LAN)
        yield server


@pytest.fixture
async def wire(bot: Bot) -> AsyncIterator[Wire]:
    async with _wire(bot) as found:
        yield found


def _wire(bot: Bot, token: str = TOKEN) -> Wire:
    account = Account(secrets={"token": token}, webhook=SECRET)
    return Wire(account, {"telegram_url": bot.url}, {bot.url})


async def _send(wire: Wire, piece: Piece, user: str = LAN) -> str:
    return await TelegramBot().send(wire, user, piece, None, NOW)


def _outbound(text: str, *files: OutboundFile) -> OutboundMessage:
    return OutboundMessage(
        message_id="<1@kip.example>",
        from_address="1.telegram",
        to="4242@1.telegram",
        subject="",
        text=text,
        files=files,
    )


async def test_a_bot_is_known_by_its_token(wire: Wire) -> None:
    who = await TelegramBot().who_am_i(wire)

    assert (who.id, who.name, who.until) == ("654321", "@kip_khach_bot", None)


async def test_connecting_gives_telegram_our_address_and_a_secret(wire: Wire, bot: Bot) -> None:
    await TelegramBot().connect(wire, "https://kip.example/hooks/telegram/KEY")

    headers, body = bot.write(text="Chào")
    account = Account(webhook=SECRET)
    assert bot.webhook["url"] == "https://kip.example/hooks/telegram/KEY"
    assert TelegramBot().is_genuine(headers, body, account)
    assert not TelegramBot().is_genuine({}, body, account)
    assert bot.complaints == []


async def test_an_address_that_telegram_cannot_call_is_said_to_be_none(wire: Wire) -> None:
    with pytest.raises(Rejected, match="HTTPS URL"):
        await TelegramBot().connect(wire, "http://kip.example/hooks/telegram/KEY")


async def test_a_long_answer_and_its_files_go_out_in_pieces(wire: Wire, bot: Bot) -> None:
    text = "Kính chào anh/chị. " * 400
    files = (
        OutboundFile("ảnh.png", "image/png", PNG),
        OutboundFile("hóa đơn.pdf", "application/pdf", b"%PDF-1.7"),
    )
    pieces = TelegramBot().pieces(_outbound(text, *files))

    numbers = [await _send(wire, one) for one in pieces]

    assert numbers == ["101", "102", "103", "104"]
    assert [sorted(set(one) - {"chat"})[-1] for one in bot.sent] == [
        *("text", "text", "photo", "kind"),
    ]
    assert " ".join(one["text"] for one in bot.sent[:2]).split() == text.split()
    assert bot.sent[2]["data"] == PNG
    assert (bot.sent[3]["document"], bot.sent[3]["kind"]) == ("hóa đơn.pdf", "application/pdf")
    assert bot.complaints == []


async def test_a_picture_that_telegram_cannot_show_goes_as_a_file(wire: Wire, bot: Bot) -> None:
    await _send(wire, Piece(file=OutboundFile("x.png", "image/png", b"no picture")))

    assert bot.sent[0]["document"] == "x.png"


class TestErrors:
    @pytest.mark.parametrize(
        "token", ["654321:AA-replaced-long-ago", "nonsense", "", "1:../../x?y=aaaaaaaaaaaa"]
    )
    async def test_a_wrong_token_is_our_own_trouble(self, bot: Bot, token: str) -> None:
        async with _wire(bot, token) as wire:
            with pytest.raises(BadToken):
                await _send(wire, Piece("Chào"))
        assert bot.sent == []

    async def test_who_blocked_the_bot_cannot_be_reached_there(
        self, wire: Wire, bot: Bot
    ) -> None:
        bot.block(4242)

        with pytest.raises(Blocked) as caught:
            await _send(wire, Piece("Chào"))
        assert caught.value.said == "Forbidden: bot was blocked by the user"

    async def test_who_never_wrote_cannot_be_reached_either(self, wire: Wire) -> None:
        with pytest.raises(Blocked):
            await _send(wire, Piece("Chào"), "777")

    async def test_too_fast_is_later_by_as_much_as_they_say(self, wire: Wire, bot: Bot) -> None:
        bot.slow_down = [37]

        with pytest.raises(SlowDown) as caught:
            await _send(wire, Piece("Chào"))
        assert caught.value.wait_s == 37
        assert await _send(wire, Piece("Chào")) == "101"

    async def test_an_answer_that_breaks_off_may_have_arrived(
        self, wire: Wire, bot: Bot
    ) -> None:
        bot.break_off = 1

        with pytest.raises(Unconfirmed):
            await _send(wire, Piece("Chào"))
        assert len(bot.sent) == 1

    async def test_their_trouble_is_later(self, wire: Wire, bot: Bot) -> None:
        bot.down = True

        with pytest.raises(Unavailable):
            await _send(wire, Piece("Chào"))
        with pytest.raises(Unavailable):
            await TelegramBot().who_am_i(wire)

    async def test_nobody_there_is_later(self) -> None:
        account = Account(secrets={"token": TOKEN})
        async with Wire(account, {"telegram_url": "http://127.0.0.1:1"}) as wire:
            with pytest.raises(Unavailable):
                await _send(wire, Piece("Chào"))

    async def test_what_telegram_does_not_like_is_refused_for_good(self, wire: Wire) -> None:
        with pytest.raises(Rejected, match="too long"):
            await _send(wire, Piece("a" * 5000))


class TestFiles:
    async def test_a_file_is_fetched_by_its_id(self, wire: Wire, bot: Bot) -> None:
        bot.keep("photos/ảnh 1.jpg", b"jpeg")

        found = await TelegramBot().fetch(
            wire, FileRef("photos/ảnh 1.jpg", "photo.jpg", "image/jpeg", 4)
        )

        assert (found.filename, found.content_type, found.data) == (
            *("photo.jpg", "image/jpeg", b"jpeg"),
        )

    async def test_one_over_20_mb_is_refused_before_it_is_fetched(
        self, wire: Wire, bot: Bot
    ) -> None:
        ref = FileRef("big", "phim.mp4", "video/mp4", 21 * 2**20)
        with pytest.raises(Rejected):
            await TelegramBot().fetch(wire, ref)
        bot.files["big"] = b"x" * (20 * 2**20 + 1)
        with pytest.raises(Rejected, match="too big"):
            await TelegramBot().fetch(wire, FileRef("big", "phim.mp4", "video/mp4"))

    async def test_one_that_is_gone_is_refused(self, wire: Wire) -> None:
        with pytest.raises(Rejected, match="unavailable"):
            await TelegramBot().fetch(wire, FileRef("gone", "a", "b"))


async def test_there_is_no_token_to_renew_and_no_window(wire: Wire) -> None:
    assert await TelegramBot().renew(wire) is None
    assert TelegramBot().window(Account()) is None
    assert await TelegramBot().name_of(wire, LAN) == ""
