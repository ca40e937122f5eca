"""Alerts by Telegram: linked by a code, sent once, taken note of by a button."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox.alerting import listening
from inbox.alerting import telegram as sending
from inbox.alerting.choices import link_chat, load_choices
from inbox.alerting.gathering import send_alerts
from inbox.alerting.listening import PURPOSE, TelegramListen
from inbox.alerting.messages import claim
from inbox.alerting.telegram import TelegramSend
from inbox.auth import hash_token, random_token
from inbox.channels.telegram import BotApi, WrongToken
from inbox.company.bot import enter_bot, remove_bot
from inbox.db import Database
from inbox.delivery import compose
from inbox.settings import Settings
from inbox.store import links
from inbox.telling import Alert, Telling, tell_all
from inbox.vault import Vault
from models import AlertMessage, Company, DeliveryState, EventKind, Notice, Outbox
from tests.conftest import Clock
from tests.factories import (
    NOW,
    SECRET,
    Firm,
    arrive,
    clocks_of,
    events_of,
    everything,
    make_message,
)
from tests.telegramserver import TOKEN, Telegram, start_telegram

AN = 4242
MINUTE = timedelta(minutes=1)


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    with start_telegram() as server:
        yield server


@pytest.fixture
def settings(telegram: Telegram, settings: Settings) -> Settings:
    return settings.model_copy(update={"telegram_url": telegram.url})


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of what sends and listens."""
    stopped = Clock()
    monkeypatch.setattr(sending, "utcnow", stopped)
    monkeypatch.setattr(listening, "utcnow", stopped)
    monkeypatch.setattr(listening, "WAIT_S", 1)
    return stopped


async def enter(database: Database, firm: Firm, token: str = TOKEN) -> None:
    vault = Vault(SECRET)
    await database.write(enter_bot, "kip_test_bot", token, vault, by=firm.admin.id, now=NOW)


async def linked(database: Database, firm: Firm, telegram: Telegram) -> None:
    await enter(database, firm)
    telegram.chats.add(str(AN))
    await database.write(link_chat, firm.an.id, str(AN), "an", by=firm.an.id, now=NOW)


async def alert(database: Database, firm: Firm, count: int = 1) -> list[int]:
    """Tell An of some requests, as one; return their numbers."""
    numbers = [
        await database.write(arrive, firm, make_message(from_address=f"n{n}@khach.example"))
        for n in range(count)
    ]

    def work(session: Session) -> None:
        tellings = [
            Telling(
                {firm.an.id: "owner"},
                number,
                clocks_of(session, number)[0],
                "nearly_due",
                Alert.WARNING,
            )
            for number in numbers
        ]
        tell_all(session, tellings, NOW)
        send_alerts(session, firm.house, NOW)

    await database.write(work)
    return numbers


async def rows(database: Database, table: Any) -> list[Any]:
    return await database.read(lambda session: everything(session, table))


async def messages(database: Database) -> list[tuple[DeliveryState, str]]:
    return [(one.state, one.error) for one in await rows(database, AlertMessage)]


def sender(database: Database, settings: Settings) -> TelegramSend:
    return TelegramSend(database, settings, SECRET)


async def test_a_code_links_the_chat_that_sends_it_once(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    """F131."""
    await enter(database, firm)
    code = random_token()
    until = NOW + MINUTE
    await database.write(links.add_one_time_token, hash_token(code), PURPOSE, until, firm.an.id)
    telegram.write(7, "hello")
    telegram.write(-100, f"/start {code}", kind="group")  # a group sees everything
    telegram.write(AN, f"/start {code}")
    telegram.write(99, f"/start {code}")
    listen = TelegramListen(database, settings, SECRET)

    assert await listen.once()
    assert await listen.once()

    chosen = await database.read(load_choices, firm.an.id)
    assert (chosen.chat, chosen.chat_name) == (str(AN), "u4242")
    assert [one["chat_id"] for one in telegram.sent] == ["7", str(AN), "99"]
    assert "Công ty Thử" in telegram.sent[1]["text"]
    assert telegram.waiting == 0
    assert telegram.complaints == []


async def test_one_chat_belongs_to_one_person(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    code = random_token()
    await database.write(
        links.add_one_time_token, hash_token(code), PURPOSE, NOW + MINUTE, firm.binh.id
    )
    telegram.write(AN, code)

    await TelegramListen(database, settings, SECRET).once()

    assert (await database.read(load_choices, firm.binh.id)).chat == str(AN)
    assert (await database.read(load_choices, firm.an.id)).chat == ""


async def test_an_alert_is_sent_once_with_its_button(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    """F131."""
    await linked(database, firm, telegram)
    (number,) = await alert(database, firm)

    await asyncio.gather(*(sender(database, settings).once() for _ in range(4)))
    await sender(database, settings).once()

    (notice,) = await rows(database, Notice)
    (sent,) = telegram.sent
    ((button,),) = sent["reply_markup"]["inline_keyboard"]
    assert await messages(database) == [(DeliveryState.SENT, "")]
    assert str(number) in sent["text"]
    assert "Hỏi về máy lọc nước" in sent["text"]
    assert f"/inbox/{number}" in sent["text"]
    assert button == {"text": f"Tôi đã nhận: {number}", "callback_data": f"have:{notice.id}"}
    assert telegram.complaints == []


async def test_many_alerts_are_one_message_that_fits(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    """F47."""
    await linked(database, firm, telegram)
    await alert(database, firm, 80)

    await sender(database, settings).once()

    (sent,) = telegram.sent
    assert len(sent["text"]) <= 4096
    assert len(sent["reply_markup"]["inline_keyboard"]) == 8


async def test_the_button_takes_note_for_the_person_of_the_chat_only(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    """F131: others' presses, second presses and nonsense change nothing."""
    await linked(database, firm, telegram)
    (number,) = await alert(database, firm)
    (notice,) = await rows(database, Notice)
    telegram.press(1, f"have:{notice.id}", "other")
    for query, data in (("odd", "have:x"), ("large", "have:99999999999999"), ("none", "")):
        telegram.press(AN, data, query)
    listen = TelegramListen(database, settings, SECRET)
    await listen.once()
    assert [one.taken_at for one in await rows(database, Notice)] == [None]
    telegram.press(AN, f"have:{notice.id}", "first")
    telegram.press(AN, f"have:{notice.id}", "second")

    await listen.once()

    events = await database.read(events_of, number)
    taken = [event.actor_id for event in events if event.kind is EventKind.TAKEN_NOTE]
    said = {one["callback_query_id"]: one["text"] for one in telegram.answered}
    assert taken == [firm.an.id]
    assert [one.taken_at for one in await rows(database, Notice)] == [NOW]
    assert said["first"] != said["second"]
    assert said["other"] == said["odd"] == said["large"] == said["none"]


async def test_when_telegram_wants_quiet_everything_waits_that_long(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    await alert(database, firm)
    telegram.slow_down = [40]
    send = sender(database, settings)
    await send.once()
    now.forward(seconds=39)
    await send.once()
    assert telegram.sent == []
    now.forward(seconds=1)

    await send.once()

    assert len(telegram.sent) == 1
    assert await messages(database) == [(DeliveryState.SENT, "")]


async def test_who_blocked_the_bot_is_unlinked_and_told_by_mail(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    (number,) = await alert(database, firm)
    telegram.blocked.add(str(AN))
    send = sender(database, settings)

    await send.once()
    await send.once()

    mails = [
        one
        for one in await rows(database, Outbox)
        if one.mail.get("template") == "telegram_off"
    ]
    assert (await database.read(load_choices, firm.an.id)).chat == ""
    assert [one.to_address for one in mails] == [firm.an.email]
    assert str(number) in compose(mails[0].mail).text
    ((state, error),) = await messages(database)
    assert (state, error) == (
        DeliveryState.FAILED,
        "Forbidden: bot was blocked by the user",
    )


async def test_a_wrong_token_is_tried_again_and_said(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    await alert(database, firm)
    telegram.token = "1:another"
    send = sender(database, settings)
    await send.once()
    ((state, error),) = await messages(database)
    assert state is DeliveryState.QUEUED
    assert "token" in error
    assert TOKEN not in error
    telegram.token = TOKEN
    now.forward(seconds=5)

    await send.once()

    assert len(telegram.sent) == 1
    async with BotApi(telegram.url, "1:wrong") as api:
        with pytest.raises(WrongToken):
            await api.get_me()


async def test_what_broke_off_is_not_sent_a_second_time(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    await alert(database, firm)
    telegram.break_off = 1
    send = sender(database, settings)
    await send.once()
    now.forward(hours=1)

    await send.once()

    assert len(telegram.sent) == 1
    ((state, _),) = await messages(database)
    assert state is DeliveryState.UNCONFIRMED


async def test_a_worker_that_dies_with_a_message_leaves_it_to_the_next(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    await alert(database, firm)
    assert len(await database.write(claim, sending.WAY, NOW)) == 1  # and dies
    send = sender(database, settings)
    await send.once()
    assert telegram.sent == []
    now.forward(seconds=61)

    await send.once()

    assert len(telegram.sent) == 1


async def test_nobody_there_is_tried_again(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    await alert(database, firm)
    nowhere = settings.model_copy(update={"telegram_url": "http://127.0.0.1:1"})
    await sender(database, nowhere).once()
    assert not await TelegramListen(database, nowhere, SECRET).once()
    assert [state for state, _ in await messages(database)] == [DeliveryState.QUEUED]
    now.forward(seconds=20)

    await sender(database, settings).once()

    assert len(telegram.sent) == 1
    assert await TelegramListen(database, settings, SECRET).once()


async def test_without_a_bot_nothing_is_listened_to_and_nothing_waits_for_ever(
    database: Database, firm: Firm, telegram: Telegram, settings: Settings, now: Clock
) -> None:
    await linked(database, firm, telegram)
    await alert(database, firm)
    await database.write(remove_bot, by=firm.admin.id, now=NOW)

    await sender(database, settings).once()

    ((state, _),) = await messages(database)
    assert state is DeliveryState.FAILED
    assert not await TelegramListen(database, settings, SECRET).once()


async def test_the_token_is_kept_sealed(database: Database, firm: Firm) -> None:
    await enter(database, firm)

    (company,) = await rows(database, Company)
    assert TOKEN not in str(company.settings)
    assert TOKEN.split(":")[1] not in str(company.settings)
