"""Telegram and WhatsApp from webhook to answer, against stand-ins that are as strict."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.channels.messengers.errors import BLOCKED, WINDOW_CLOSED
from inbox.db import Database
from inbox.outgoing.letters import Extras, File
from inbox.outgoing.messengers import Closed
from inbox.settings import Settings
from inbox.store import messengers as rows
from models import (
    Attachment,
    Blob,
    ChannelKind,
    ContactIdentity,
    Conversation,
    DeliveryState,
    DomainPace,
    Message,
    Outbox,
    RawMessage,
    RawState,
)
from models.base import columns
from tests.conftest import Clock
from tests.factories import Firm
from tests.messaging import KEY, Shop, stop_clocks
from tests.standins.telegram import Bot, start_bot
from tests.standins.whatsapp import Number, Refused, start_number

pytestmark = pytest.mark.one_database
LAN, BSUID = "84901234567", "VN.13491208655302741918"
PDF = File("hóa đơn.pdf", "application/pdf", b"%PDF-1.7")


@pytest.fixture
def now(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stop_clocks(clock, monkeypatch)


@pytest.fixture
def bot() -> Iterator[Bot]:
    with start_bot() as served:
        yield served


@pytest.fixture
def number() -> Iterator[Number]:
    with start_number() as served:
        yield served


@pytest.fixture
async def shop(
    database: Database, firm: Firm, settings: Settings, now: Clock, bot: Bot
) -> Shop:
    """Open an inbox for a bot."""
    urls = {"telegram_url": bot.url}
    made = Shop(database, settings.model_copy(update=urls), firm, ChannelKind.TELEGRAM)
    assert (await made.open()).name == "@kip_khach_bot"
    return made


@pytest.fixture
async def store(
    database: Database, firm: Firm, settings: Settings, now: Clock, number: Number
) -> Shop:
    """Open an inbox for a WhatsApp number."""
    urls = {"whatsapp_url": number.url}
    made = Shop(database, settings.model_copy(update=urls), firm, ChannelKind.WHATSAPP)
    assert (await made.open()).name == "Công ty +84 28 7300 0000"
    number.at = at(made)
    return made


def at(shop: Shop) -> int:
    return shop.ms // 1000


async def _later(shop: Shop, clock: Clock, **more: float) -> None:
    shop.now = clock.now = shop.now + timedelta(**more)


async def _due_now(shop: Shop) -> None:
    def work(session: Session) -> None:
        pending = columns(RawMessage).state == RawState.PENDING
        for raw in session.execute(select(RawMessage).where(pending)).scalars():
            raw.leased_until = raw.received_at

    await shop.database.write(work)


class TestTelegram:
    async def test_a_message_becomes_a_conversation_and_is_answered(
        self, shop: Shop, bot: Bot
    ) -> None:
        """F18: connecting sets the webhook; the answer goes out in pieces, once."""
        assert bot.webhook["url"] == f"https://kip.example/hooks/telegram/{KEY}"
        told = bot.write(text="Máy lọc nước không chạy", date=at(shop))
        assert await shop.hear(told, told) == ["kept", "kept"]
        await shop.take_in()
        await shop.answer("Dạ " * 1800, Extras(files=(PDF,)))
        await shop.send()
        await shop.send()

        (made,) = await shop.rows(Conversation)
        assert made.channel is ChannelKind.TELEGRAM
        assert len(await shop.rows(RawMessage)) == 1
        kinds = ["file" if "data" in one else "text" for one in bot.sent]
        assert kinds == ["text", "text", "text", "file"]  # the first says the number
        assert bot.sent[-1]["data"] == PDF.data
        assert {one.state for one in await shop.rows(Outbox)} == {DeliveryState.SENT}
        assert bot.complaints == []

    async def test_things_are_read_and_files_fetched(self, shop: Shop, bot: Bot) -> None:
        """A sticker, a place, a card that proves a number, a photo, a voice, an edit."""
        photo = {**bot.keep("p", b"\xff\xd8 jpeg"), "width": 9, "height": 9}
        when: dict[str, Any] = {"date": at(shop)}
        place = {"latitude": 10.7769, "longitude": 106.7009}
        card = {"phone_number": LAN, "first_name": "Lan", "user_id": 4242}
        big = {**bot.keep("b", b"x"), "file_size": 21 * 2**20}
        await shop.hear(
            bot.write(sticker={"file_id": "s", "emoji": "👍"}, **when),
            bot.write(location=place, **when),
            bot.write(contact=card, **when),
            bot.write(photo=[photo], caption="Bị vỡ", **when),
            bot.write(voice={**bot.keep("v", b"OggS"), "duration": 12}, **when),
            bot.write(document=big, **when),
            bot.write(kind="edited_message", text="Bị nứt", edit_date=at(shop), **when),
        )
        await shop.take_in()
        await shop.gather()

        inbound = [one for one in await shop.rows(Message) if one.direction == "inbound"]
        assert [one.text.split("\n")[0] for one in inbound] == [
            *("👍", "📍 10.776900, 106.700900", "👤 Lan", "Bị vỡ", "", "", "Bị nứt"),
        ]
        notes = [note for one in inbound for note in one.notes]
        assert "Voice message: 0:12" in notes
        assert any(note.startswith("A file over 20 MB") for note in notes)
        files = [(one.filename, one.content_type) for one in await shop.rows(Attachment)]
        assert files == [("photo.jpg", "image/jpeg"), ("voice.ogg", "audio/ogg")]
        contents = {one.content for one in await shop.rows(Blob)}
        assert contents == {b"\xff\xd8 jpeg", b"OggS"}
        proved = [
            (one.kind, one.value, one.verified_at is not None)
            for one in await shop.rows(ContactIdentity)
        ]
        assert ("phone", f"+{LAN}", True) in proved
        assert len(await shop.rows(Conversation)) == 1

    async def test_who_blocks_the_bot_is_not_written_to(
        self, shop: Shop, bot: Bot, now: Clock
    ) -> None:
        """Whether we were told before, or find out only when we write."""
        await shop.hear(bot.write(text="Chào", date=at(shop)))
        await shop.take_in()
        await shop.send()
        bot.blocked.add("4242")
        answer = await shop.answer("Dạ")
        await shop.send()
        mail = await shop.mail_of(answer)
        assert (mail.state, mail.error) == (DeliveryState.FAILED, BLOCKED)

        await _later(shop, now, seconds=5)
        await shop.hear(bot.block(date=at(shop)))
        with pytest.raises(Closed, match=BLOCKED):
            await shop.answer("Dạ")
        await _later(shop, now, seconds=5)
        await shop.hear(bot.write(text="Em đây", date=at(shop)))
        await shop.take_in()
        await shop.answer("Dạ")

    async def test_too_fast_is_left_alone_for_as_long_as_telegram_says(
        self, shop: Shop, bot: Bot, now: Clock
    ) -> None:
        await shop.hear(bot.write(text="Chào", date=at(shop)))
        await shop.take_in()
        bot.slow_down = [41]
        await shop.send()
        (pace,) = await shop.rows(DomainPace)
        assert pace.until == shop.now + timedelta(seconds=41)
        await _later(shop, now, seconds=42)
        await shop.send()
        assert len(bot.sent) == 1

    async def test_a_token_that_was_replaced_turns_the_account_red(
        self, shop: Shop, bot: Bot
    ) -> None:
        """Nothing is lost: what was to be sent waits."""
        await shop.hear(bot.write(text="Chào", date=at(shop)))
        await shop.take_in()
        bot.token = "654321:AAreplaced-by-botfather"
        await shop.send()
        row = await shop.account()
        assert row.failing_since is not None
        assert {one.state for one in await shop.rows(Outbox)} == {DeliveryState.QUEUED}
        bot.url = ""

    async def test_what_nobody_can_read_is_put_aside(self, shop: Shop, bot: Bot) -> None:
        """Also bytes that are no JSON at all, where the secret is right."""
        headers, _ = good = bot.write(text="Chào", date=at(shop))
        odd = bot.write(text={"no": "text"}, date=at(shop))
        assert await shop.hear((headers, b"\xff{"), odd, good) == ["kept"] * 3
        assert await shop.hear(({}, b"{}"), ({**headers, KEY: ""}, b"")) == [
            *("not genuine", "kept"),
        ]
        for _ in range(4):
            await shop.take_in()
            await _due_now(shop)
        states = sorted(one.state for one in await shop.rows(RawMessage))
        assert states == [RawState.DONE, *[RawState.QUARANTINED] * 3]

    async def test_what_no_customer_wrote_opens_nothing(self, shop: Shop, bot: Bot) -> None:
        who = {"id": 4242, "is_bot": False, "first_name": "Lan"}
        chat = {"id": -1, "type": "group"}
        group = {"message_id": 1, "from": who, "chat": chat, "text": "Chào cả nhà"}
        await shop.hear(
            bot.write(text="/start", date=at(shop)),
            bot.update(message={**group, "date": at(shop)}),
        )
        await shop.take_in()
        assert await shop.rows(RawMessage) == []


class TestWhatsApp:
    async def test_a_message_is_answered_and_its_states_are_kept(
        self, store: Shop, number: Number
    ) -> None:
        """F18: also when states come before we have written down what was sent, and twice."""
        assert number.subscribed
        await store.hear(number.write(text={"body": "Máy không chạy"}, at=at(store)))
        await store.take_in()
        await store.send()
        answer = await store.answer("Dạ", Extras(files=(PDF,)))
        await store.send()
        mail = await store.mail_of(answer)
        assert mail.state is DeliveryState.SENT
        got = await store.database.read(rows.list_progress, [mail.id])
        assert got[mail.id].read_at is None
        await store.hear(*reversed(number.later), *number.later)
        got = await store.database.read(rows.list_progress, [mail.id])
        assert (got[mail.id].delivered_at, got[mail.id].read_at) == (store.now, store.now)
        assert [one["type"] for one in number.sent][-2:] == ["text", "document"]
        assert number.complaints == []
        proved = [(one.kind, one.value) for one in await store.rows(ContactIdentity)]
        assert ("phone", f"+{LAN}") in proved

    async def test_many_in_one_request_and_a_bad_one_among_them(
        self, store: Shop, number: Number
    ) -> None:
        """R24: each once, whatever the order; what cannot be read is put aside by itself."""
        who = [{"wa_id": LAN, "profile": {"name": "Lan"}}]
        texts = [
            {"from": LAN, "id": f"w{n}", "timestamp": str(at(store)), "type": "text"}
            | {"text": {"body": f"câu {n}"}}
            for n in range(3)
        ]
        told = number.tell(contacts=who, messages=[*texts, {"from": LAN, "id": "x", "type": 5}])
        assert await store.hear(told, told) == ["kept", "kept"]
        for _ in range(4):
            await store.take_in()
            await _due_now(store)
        said = [text for way, text in await store.said() if way == "inbound"]
        assert sorted(said) == ["câu 0", "câu 1", "câu 2"]
        assert len(await store.rows(Conversation)) == 1
        states = [one.state for one in await store.rows(RawMessage)]
        assert states.count(RawState.QUARANTINED) == 1

    async def test_who_hides_their_number_is_still_the_same_person(
        self, store: Shop, number: Number
    ) -> None:
        """With number and id together both are kept; then the id alone is enough."""
        who = [{"wa_id": LAN, "user_id": BSUID, "profile": {"name": "Lan"}}]
        first = {"from": LAN, "id": "w1", "timestamp": str(at(store)), "type": "text"}
        await store.hear(
            number.tell(contacts=who, messages=[{**first, "text": {"body": "Chào"}}]),
            number.write(BSUID, 2, at(store), text={"body": "Em đổi tên"}),
        )
        await store.take_in()
        number.open_to.add(LAN)
        await store.answer("Dạ")
        await store.send()

        assert len(await store.rows(Conversation)) == 1
        last = number.sent[-1]
        assert (last.get("recipient") or last.get("to")) in (LAN, BSUID)
        assert number.complaints == []

    async def test_after_24_hours_nothing_is_sent_and_it_is_said_in_words(
        self, store: Shop, number: Number, now: Clock
    ) -> None:
        await store.hear(number.write(text={"body": "Chào"}, at=at(store)))
        await store.take_in()
        await store.send()
        await _later(store, now, hours=24)
        with pytest.raises(Closed, match=WINDOW_CLOSED):
            await store.answer("Muộn rồi ạ")

    async def test_what_whatsapp_cannot_deliver_fails_afterwards(
        self, store: Shop, number: Number
    ) -> None:
        """It said yes first; the customer is owed an answer again."""
        await store.hear(number.write(text={"body": "Chào"}, at=at(store)))
        await store.take_in()
        await store.send()
        number.open_to.clear()
        answer = await store.answer("Dạ")
        await store.send()
        assert (await store.mail_of(answer)).state is DeliveryState.SENT
        await store.hear(number.later[-1])
        mail = await store.mail_of(answer)
        assert (mail.state, mail.error) == (DeliveryState.FAILED, WINDOW_CLOSED)
        (conversation,) = await store.rows(Conversation)
        assert conversation.next_due_at is not None

    async def test_an_expired_token_waits_and_is_said(
        self, store: Shop, number: Number, now: Clock
    ) -> None:
        await store.hear(number.write(text={"body": "Chào"}, at=at(store)))
        await store.take_in()
        number.expired = True
        await store.send()
        row = await store.account()
        assert "expired" in row.last_error
        number.expired, number.refuse = False, [Refused(429, 130429, "Rate limit hit")]
        await _later(store, now, hours=1)
        await store.send()
        (pace,) = await store.rows(DomainPace)
        assert pace.until >= store.now + timedelta(seconds=7)
        await _later(store, now, minutes=2)
        await store.send()
        assert len(number.sent) == 1
        assert (await store.account()).failing_since is None

    async def test_media_is_fetched_with_the_token(self, store: Shop, number: Number) -> None:
        number.media["77"] = b"\xff\xd8 jpeg"
        image = {"id": "77", "mime_type": "image/jpeg", "caption": "Bị vỡ"}
        await store.hear(
            number.write(image=image, at=at(store)),
            number.write(number=2, document={"id": "404", "filename": "a.pdf"}, at=at(store)),
        )
        await store.take_in()
        await store.gather()
        (kept,) = await store.rows(Attachment)
        assert (kept.filename, kept.size_bytes) == ("photo.jpg", 7)
        notes = [note for one in await store.rows(Message) for note in one.notes]
        assert any("could not be fetched" in note for note in notes)
