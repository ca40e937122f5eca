"""Writing first by a messenger: whom somebody has written from there (F116)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from inbox.channels.messengers.errors import WINDOW_CLOSED
from inbox.writing.beginning import GOES_ON
from models import ChannelKind, ClockKind, Contact, Conversation, Outbox, OutboxKind, SLAClock
from models.base import columns
from tests.standins.calls import Delivery
from tests.standins.telegram import Bot
from tests.standins.whatsapp import Number
from tests.web.doors import MessengerDoor, open_door
from tests.web.scene import NOW, Browser, Scene
from tests.web.test_beginning import begin, form

outbox = columns(Outbox)
AT = int(NOW.timestamp())
GOODS = "Hàng chị đặt đã về ạ.\nMai em giao."


@pytest.fixture
async def telegram(scene: Scene) -> MessengerDoor:
    return await open_door(scene, ChannelKind.TELEGRAM)


@pytest.fixture
async def whatsapp(scene: Scene) -> MessengerDoor:
    return await open_door(scene, ChannelKind.WHATSAPP)


async def wrote(scene: Scene, door: MessengerDoor, told: Delivery) -> Conversation:
    """Take in what somebody writes there; return the conversation it is in."""
    assert (await door.deliver(told)).status_code == 200
    (*_, row) = await scene.all(Conversation)
    return row


async def solve(browser: Browser, number: int) -> None:
    answer = await browser.post(f"/inbox/{number}/resolution", {"reason": "duplicate"})
    assert answer.status_code == 303, answer.text


async def begun_by(scene: Scene) -> list[str]:
    """Return where answers went that people gave."""
    return [one.to_address for one in await scene.all(Outbox, outbox.kind == OutboxKind.REPLY)]


async def test_a_request_that_we_begin_by_telegram(
    scene: Scene, telegram: MessengerDoor
) -> None:
    """F116: it goes there, owes nothing, and the answer comes into the same request."""
    bot = Bot(webhook={"secret_token": telegram.word})
    asked = await wrote(scene, telegram, bot.write(text="Còn hàng không?", date=AT))
    browser = await scene.signed_in("ha")
    await solve(browser, asked.id)
    way, query = f"telegram:{telegram.id}:4242", f"?contact={asked.contact_id}"
    page = (await browser.get(f"/inbox/new{query}")).text
    assert f'<option value="{way}">Telegram · Shop</option>' in page

    made = await begin(browser, query, to=way, subject="", body=GOODS)

    assert (made.channel, made.inbox_id) == (ChannelKind.TELEGRAM, telegram.id)
    assert made.subject == "Hàng chị đặt đã về ạ."
    assert made.contact_id == asked.contact_id
    clocks = columns(SLAClock).conversation_id == made.id
    assert await scene.all(SLAClock, clocks) == []
    assert await begun_by(scene) == [f"4242@{telegram.id}.telegram"]
    answered = await wrote(scene, telegram, bot.write(text="Giao mấy giờ?", date=AT + 60))
    assert answered.id == made.id
    kinds = {one.kind for one in await scene.all(SLAClock, clocks)}
    assert ClockKind.NEXT_RESPONSE in kinds
    assert ClockKind.FIRST_RESPONSE not in kinds


async def test_not_beside_one_that_is_open_there(scene: Scene, telegram: MessengerDoor) -> None:
    """Two requests in one chat would take turns at its lines; what was typed stays."""
    bot = Bot(webhook={"secret_token": telegram.word})
    asked = await wrote(scene, telegram, bot.write(text="Còn hàng không?", date=AT))
    browser = await scene.signed_in("ha")
    query = f"?contact={asked.contact_id}"
    fields = await form(browser, query, to=f"telegram:{telegram.id}:4242", body=GOODS)

    answer = await browser.post("/inbox/new", fields)

    assert answer.status_code == 409
    assert GOES_ON in answer.text
    assert f'href="/inbox/{asked.id}"' in answer.text
    assert "Mai em giao." in answer.text
    assert await begun_by(scene) == []
    assert len(await scene.all(Conversation)) == 1


async def test_not_once_the_messengers_time_is_over(
    scene: Scene, whatsapp: MessengerDoor
) -> None:
    """F116: on a channel that allows it; what does not is not offered, and says why."""
    asked = await wrote(scene, whatsapp, Number().write(at=AT, text={"body": "Alo"}))
    person = f"whatsapp:{whatsapp.id}:84901234567"
    browser = await scene.signed_in("ha")
    await solve(browser, asked.id)
    query = f"?contact={asked.contact_id}"
    assert person in (await browser.get(f"/inbox/new{query}")).text
    fields = await form(browser, query, to=person, body=GOODS)
    scene.clock.now += timedelta(hours=25)
    page = (await browser.get(f"/inbox/new{query}")).text
    assert person not in page
    assert "no messenger takes a message now" in page

    answer = await browser.post("/inbox/new", fields)

    assert answer.status_code == 409
    assert WINDOW_CLOSED.partition(":")[0] in answer.text
    assert GOODS.partition("\n")[0] in answer.text, "what was typed stays"
    assert await begun_by(scene) == []


async def test_only_by_what_they_wrote_from(scene: Scene, telegram: MessengerDoor) -> None:
    """S7: nobody is written to on another's account, restricted people not at all."""
    bot = Bot(webhook={"secret_token": telegram.word})
    asked = await wrote(scene, telegram, bot.write(text="Còn hàng không?", date=AT))
    other = await scene.get(await scene.arrive())
    browser = await scene.signed_in("ha")
    await solve(browser, asked.id)
    way = f"telegram:{telegram.id}:4242"
    theirs = await form(browser, f"?contact={other.contact_id}", to=way)
    assert (await browser.post("/inbox/new", theirs)).status_code == 422
    nobodys = await form(browser, "", to=way)
    assert (await browser.post("/inbox/new", nobodys)).status_code == 404

    def restrict(session: Any) -> None:
        mine = columns(Contact).id == asked.contact_id
        session.execute(update(Contact).where(mine).values(restricted_at=NOW))

    await scene.write(restrict)
    fields = await form(browser, f"?contact={asked.contact_id}", to=way)
    assert (await browser.post("/inbox/new", fields)).status_code == 409
    assert await begun_by(scene) == []
