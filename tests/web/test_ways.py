"""An answer goes out on another channel that the customer has proved, in one conversation."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.channels.messengers.errors import WINDOW_CLOSED
from inbox.store.people import verify
from models import (
    ChannelKind,
    ContactIdentity,
    Conversation,
    Direction,
    Message,
    Outbox,
    OutboxKind,
    SLAClock,
)
from models.base import columns
from tests.standins.telegram import Bot
from tests.standins.whatsapp import Number
from tests.web.doors import MessengerDoor, open_door
from tests.web.scene import NOW, Browser, Scene

identities = columns(ContactIdentity)
outbox = columns(Outbox)
AT = int(NOW.timestamp())
MAIL = "khach@vidu.example"


@pytest.fixture
async def telegram(scene: Scene) -> MessengerDoor:
    return await open_door(scene, ChannelKind.TELEGRAM)


@pytest.fixture
async def whatsapp(scene: Scene) -> MessengerDoor:
    return await open_door(scene, ChannelKind.WHATSAPP)


def bot_of(door: MessengerDoor) -> Bot:
    return Bot(webhook={"secret_token": door.word})


async def same_person(scene: Scene, number: int, other: int) -> None:
    """Let two conversations be one contact's, whose mail address is proved."""
    mine, theirs = await scene.get(number), await scene.get(other)

    def work(session: Session) -> None:
        for table in (ContactIdentity, Conversation):
            moved = columns(table).contact_id == theirs.contact_id
            session.execute(update(table).where(moved).values(contact_id=mine.contact_id))
        verify(session, "email", MAIL, NOW)

    await scene.write(work)


async def replies(scene: Scene) -> list[Outbox]:
    return await scene.all(Outbox, outbox.kind == OutboxKind.REPLY)


async def answer(browser: Browser, number: int, **fields: str) -> int:
    said = {"kind": "reply", "body": "Dạ, mai giao ạ.", "key": "k", **fields}
    return (await browser.post(f"/inbox/{number}/messages", said)).status_code


def select_of(page: str) -> str:
    """Return the composer's choice of ways, or ""."""
    found = re.search(r'<select class="input" id="to".*?</select>', page, re.S)
    return found[0] if found else ""


async def test_a_mails_answer_goes_by_telegram_and_is_answered_there(
    scene: Scene, telegram: MessengerDoor
) -> None:
    """F87: one conversation, whatever it goes by; the clock is met by it."""
    bot, mail = bot_of(telegram), await scene.arrive()
    assert (await telegram.deliver(bot.write(text="Alo", date=AT))).status_code == 200
    chatted = (await scene.all(Conversation))[-1].id
    await same_person(scene, mail, chatted)
    browser = await scene.signed_in("binh")
    way = f"telegram:{telegram.id}:4242"

    choice = select_of((await browser.get(f"/inbox/{mail}")).text)
    assert f'value="{way}"' in choice
    assert "Telegram · Shop" in choice
    assert await answer(browser, mail, to=way) == 303

    (sent,) = await replies(scene)
    assert (sent.conversation_id, sent.to_address) == (mail, f"4242@{telegram.id}.telegram")
    (said,) = await scene.all(Message, columns(Message).direction == Direction.OUTBOUND)
    assert (said.conversation_id, said.channel) == (mail, ChannelKind.TELEGRAM)
    clocks = await scene.all(SLAClock, columns(SLAClock).conversation_id == mail)
    assert sum(one.met_at is not None for one in clocks) == 1
    assert "Telegram" in (await browser.get(f"/inbox/{mail}")).text

    assert (await telegram.deliver(bot.write(text="Mấy giờ ạ?", date=AT))).status_code == 200
    newest = (await scene.all(Message))[-1]
    assert (newest.text, newest.conversation_id) == ("Mấy giờ ạ?", mail)


async def test_a_messengers_answer_goes_by_mail(scene: Scene, telegram: MessengerDoor) -> None:
    mail = await scene.arrive()
    await telegram.deliver(bot_of(telegram).write(text="Alo", date=AT))
    chatted = (await scene.all(Conversation))[-1].id
    await same_person(scene, mail, chatted)
    browser = await scene.signed_in("ha")

    page = (await browser.get(f"/inbox/{chatted}")).text
    assert f"<option>{MAIL}</option>" in select_of(page)
    assert '<option value="">by Telegram</option>' in select_of(page)
    assert await answer(browser, chatted, to=MAIL) == 303
    assert await answer(browser, chatted, key="k2") == 303

    by_mail, by_telegram = await replies(scene)
    assert (by_mail.conversation_id, by_mail.to_address) == (chatted, MAIL)
    assert by_telegram.to_address == f"4242@{telegram.id}.telegram"


async def test_only_what_the_customer_has_proved(scene: Scene, telegram: MessengerDoor) -> None:
    """S7: never to somebody else, whatever the form says; nothing is sent."""
    mail = await scene.arrive()
    await telegram.deliver(bot_of(telegram).write(text="Alo", date=AT))
    chatted = (await scene.all(Conversation))[-1].id
    browser = await scene.signed_in("ha")

    for number, to in (
        (mail, f"telegram:{telegram.id}:4242"),  # another contact's
        (mail, f"telegram:{telegram.id}:1"),
        (mail, "telegram:"),
        (mail, f"whatsapp:{telegram.id}:4242"),
        (mail, "chat:1:x"),
        (chatted, MAIL),
    ):
        assert await answer(browser, number, to=to) == 422, to
    assert select_of((await browser.get(f"/inbox/{mail}")).text) == ""
    assert await replies(scene) == []


async def test_a_closed_window_offers_the_mail(scene: Scene, whatsapp: MessengerDoor) -> None:
    """The agent reads why, and the other way is chosen already."""
    number, standin = await scene.arrive(), Number()
    told = standin.write(text={"body": "Alo"})
    said = told[1].replace(b"1772000000", str(AT).encode())
    assert (await whatsapp.deliver(standin.sign(said.decode()))).status_code == 200
    chatted = (await scene.all(Conversation))[-1].id
    browser = await scene.signed_in("ha")
    assert await answer(browser, chatted, key="k0") == 303

    scene.clock.now = NOW + timedelta(hours=25)
    page = (await browser.get(f"/inbox/{chatted}")).text
    assert WINDOW_CLOSED in page
    assert 'name="kind" value="reply"' not in page, "there is no other way: only notes"
    await same_person(scene, number, chatted)
    page = (await browser.get(f"/inbox/{chatted}")).text
    assert WINDOW_CLOSED in page
    assert f"<option selected>{MAIL}</option>" in select_of(page)
    assert 'value=""' not in select_of(page)
    late = {"kind": "reply", "body": "Muộn rồi ạ.", "key": "k1"}
    refused = await browser.post(f"/inbox/{chatted}/messages", late)
    assert refused.status_code == 409
    assert "Muộn rồi ạ." in refused.text, "what was written is still there"
    assert await answer(browser, chatted, to=MAIL, key="k2") == 303
    assert [one.to_address for one in await replies(scene)][1:] == [MAIL]


async def test_who_blocked_us_is_not_offered(scene: Scene, telegram: MessengerDoor) -> None:
    bot, mail = bot_of(telegram), await scene.arrive()
    await telegram.deliver(bot.write(text="Alo", date=AT))
    await same_person(scene, mail, (await scene.all(Conversation))[-1].id)
    assert (await telegram.deliver(bot.block(date=AT + 1))).status_code == 200
    browser = await scene.signed_in("ha")

    assert select_of((await browser.get(f"/inbox/{mail}")).text) == ""
    assert await answer(browser, mail, to=f"telegram:{telegram.id}:4242") == 409
    assert await replies(scene) == []
