"""Alerts in browsers: encrypted for each, sent once, tried again, let go of."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlmodel import Session

from inbox.alerting import push as sending
from inbox.alerting.browsers import MOST, enter, list_own, remove, signer_of, write_test
from inbox.alerting.choices import Choices, save_choices
from inbox.alerting.messages import claim
from inbox.alerting.push import PushSend
from inbox.company.staff import end_sessions
from inbox.db import Database
from inbox.delivery import compose
from inbox.errors import Conflict, NotFound
from inbox.settings import Settings
from inbox.vault import Vault
from models import Agent, AlertMessage, AuditEntry, DeliveryState, Notice, Outbox, PushBrowser
from tests.conftest import Clock
from tests.factories import NOW, SECRET, Firm
from tests.jobs.test_telegram import alert, messages, rows
from tests.pushserver import PushService, Window, start_push_service

VAULT = Vault(SECRET)


@pytest.fixture
def service() -> Iterator[PushService]:
    with start_push_service() as server:
        yield server


@pytest.fixture
def settings(service: PushService, settings: Settings) -> Settings:
    return settings.model_copy(update={"push_services": service.origin})


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch, service: PushService) -> Clock:
    """Stop the clock of what sends."""
    stopped = Clock()
    monkeypatch.setattr(sending, "utcnow", stopped)
    return stopped


@pytest.fixture
def send(database: Database, settings: Settings, now: Clock) -> PushSend:
    return PushSend(database, settings, SECRET)


async def entered(
    database: Database, firm: Firm, service: PushService, who: int = 0, name: str = "Firefox"
) -> Window:
    """Let a browser of An's show alerts."""
    window = service.open_window(signer_of(firm.house).public)
    await database.write(enter, who or firm.an.id, window.said, name, VAULT, NOW)
    return window


async def test_each_browser_shows_an_alert_once(
    database: Database, firm: Firm, service: PushService, send: PushSend
) -> None:
    """F131."""
    first = await entered(database, firm, service)
    second = await entered(database, firm, service, name="Chrome, Android")
    others = await entered(database, firm, service, firm.binh.id)
    (number,) = await alert(database, firm)

    await asyncio.gather(*(send.once() for _ in range(4)))
    await send.once()

    assert (len(first.shown), len(second.shown), others.shown) == (1, 1, [])
    (shown,) = first.shown
    assert f"Yêu cầu {number}: Hỏi về máy lọc nước" in shown["body"]
    assert shown["title"].startswith("Đến hạn")
    assert shown["url"].endswith(f"/inbox/{number}")
    assert "/notices/open/" in shown["have_url"]
    assert shown["have"] == "Tôi đã nhận"
    assert service.complaints == []
    assert {one["urgency"] for one in service.headers} == {"high"}
    assert await messages(database) == [(DeliveryState.SENT, "")] * 2
    (notice,) = await rows(database, Notice)
    assert notice.told_by == "mail,push"


async def test_many_alerts_are_one_that_fits(
    database: Database, firm: Firm, service: PushService, send: PushSend
) -> None:
    """F47."""
    window = await entered(database, firm, service)
    await alert(database, firm, 80)

    await send.once()

    (shown,) = window.shown
    assert "80" in shown["title"]
    assert shown["url"].endswith("/notices")
    assert len(shown["body"]) <= 600
    assert service.complaints == []


async def test_who_wants_none_in_browsers_gets_none(
    database: Database, firm: Firm, service: PushService, send: PushSend
) -> None:
    await entered(database, firm, service)
    chosen = Choices(push=False)
    await database.write(save_choices, firm.an.id, chosen, by=firm.an.id, now=NOW)

    await alert(database, firm)

    assert await messages(database) == []


async def test_a_browser_that_let_go_is_forgotten_and_the_last_one_is_said_by_mail(
    database: Database, firm: Firm, service: PushService, send: PushSend
) -> None:
    """One mail, whatever waited, and none while another browser shows it."""
    first = await entered(database, firm, service)
    await entered(database, firm, service)
    service.gone.add(first.path)
    (number,) = await alert(database, firm)
    await send.once()
    assert len(await rows(database, PushBrowser)) == 1
    assert await offs(database) == []
    service.gone |= set(service.windows)
    for browser in await database.read(list_own, firm.an.id):
        for _ in range(2):
            await database.write(write_test, firm.an.id, browser.id, NOW)

    await send.once()
    await send.once()

    assert await rows(database, PushBrowser) == []
    (mail,) = await offs(database)
    assert mail.to_address == firm.an.email
    assert "/me/alerts" in compose(mail.mail).text
    states = [state for state, _ in await messages(database)]
    assert states == [*(DeliveryState.FAILED, DeliveryState.SENT), *[DeliveryState.FAILED] * 2]
    assert number


async def test_what_the_last_browser_could_not_show_is_in_the_mail(
    database: Database, firm: Firm, service: PushService, send: PushSend
) -> None:
    window = await entered(database, firm, service)
    service.gone.add(window.path)
    (number,) = await alert(database, firm)

    await send.once()

    (mail,) = await offs(database)
    assert str(number) in compose(mail.mail).text


async def offs(database: Database) -> list[Outbox]:
    mails = await rows(database, Outbox)
    return [one for one in mails if one.mail.get("template") == "push_off"]


async def test_what_is_refused_for_now_is_tried_again(
    database: Database, firm: Firm, service: PushService, send: PushSend, now: Clock
) -> None:
    """After what the service says, if it does; longer each time otherwise."""
    window = await entered(database, firm, service)
    await alert(database, firm)
    refusals: list[tuple[int, dict[str, str], int]] = [
        (429, {"retry-after": "40"}, 40),
        (429, {}, 10),
        (503, {"retry-after": "x"}, 20),
        (500, {}, 40),
    ]
    for code, headers, wait_s in refusals:
        service.answers = [(code, headers)]
        await send.once()
        assert service.answers == []
        now.forward(seconds=wait_s - 1)
        assert not await send.once()
        assert window.shown == []
        now.forward(seconds=1)

    await send.once()

    assert len(window.shown) == 1


async def test_what_is_refused_for_good_is_not_tried_again(
    database: Database, firm: Firm, service: PushService, send: PushSend, now: Clock
) -> None:
    """Nor is anybody led elsewhere; a browser is forgotten only where the service says so."""
    window = await entered(database, firm, service)
    (browser,) = await database.read(list_own, firm.an.id)
    codes = (301, 400, 401, 403, 413)
    for code in codes:
        await database.write(write_test, firm.an.id, browser.id, now.now)
        service.answers = [(code, {"location": "http://127.0.0.1:1/"})]
        await send.once()
        now.forward(hours=1)
        await send.once()

    assert window.shown == []
    said = [(DeliveryState.FAILED, f"The push service answered {code}.") for code in codes]
    assert await messages(database) == said
    assert len(await rows(database, PushBrowser)) == 1


async def test_nobody_there_is_tried_again_for_half_a_day(
    database: Database, firm: Firm, service: PushService, send: PushSend, now: Clock
) -> None:
    await entered(database, firm, service)
    await alert(database, firm)
    service.answers = [(500, {})] * 99
    for _ in range(12):
        await send.once()
        now.forward(hours=1)
        service.now = now.now
    assert [state for state, _ in await messages(database)] == [DeliveryState.QUEUED]
    now.forward(hours=1)

    await send.once()

    ((state, error),) = await messages(database)
    assert state is DeliveryState.FAILED
    assert error.startswith("Given up.")


async def test_what_broke_off_is_not_sent_a_second_time(
    database: Database, firm: Firm, service: PushService, send: PushSend, now: Clock
) -> None:
    window = await entered(database, firm, service)
    await alert(database, firm)
    service.break_off = 1
    await send.once()
    now.forward(hours=1)

    await send.once()

    assert len(window.shown) == 1
    assert [state for state, _ in await messages(database)] == [DeliveryState.UNCONFIRMED]


async def test_a_worker_that_dies_with_a_message_leaves_it_to_the_next(
    database: Database, firm: Firm, service: PushService, send: PushSend, now: Clock
) -> None:
    window = await entered(database, firm, service)
    await alert(database, firm)
    assert await database.write(claim, "telegram", NOW) == []  # that one is another's
    assert len(await database.write(claim, "push", NOW)) == 1  # and dies
    await send.once()
    assert window.shown == []
    now.forward(seconds=61)

    await send.once()

    assert len(window.shown) == 1


async def test_a_browser_belongs_to_one_person_and_its_old_alerts_to_nobody(
    database: Database, firm: Firm, service: PushService, send: PushSend
) -> None:
    """Two people, one computer: who entered it last; nothing of the other is shown."""
    window = await entered(database, firm, service)
    await alert(database, firm)
    await database.write(enter, firm.binh.id, window.said, "Firefox", VAULT, NOW)

    await send.once()

    assert window.shown == []
    assert [one.agent_id for one in await rows(database, PushBrowser)] == [firm.binh.id]
    assert await offs(database) == []


async def test_another_key_of_the_installation_ends_it(
    database: Database, firm: Firm, service: PushService, settings: Settings, now: Clock
) -> None:
    window = await entered(database, firm, service)
    await alert(database, firm)

    await PushSend(database, settings, b"another secret, as long as the first one").once()

    assert window.shown == []
    assert await rows(database, PushBrowser) == []
    assert len(await offs(database)) == 1


async def test_where_a_browser_is_reached_is_sealed(
    database: Database, firm: Firm, service: PushService
) -> None:
    window = await entered(database, firm, service)

    (row,) = await rows(database, PushBrowser)
    trail = [entry.after for entry in await rows(database, AuditEntry)]
    for kept in (repr(row), str(trail), str(await rows(database, AlertMessage))):
        assert window.path not in kept
    assert {"alerts_browser": "Firefox"} in trail


async def test_another_password_or_leaving_ends_it(
    database: Database, firm: Firm, service: PushService
) -> None:
    await entered(database, firm, service)

    def work(session: Session) -> None:
        end_sessions(session, session.get_one(Agent, firm.an.id))

    await database.write(work)

    assert await rows(database, PushBrowser) == []


async def test_ten_browsers_are_enough_and_nobody_touches_anothers(
    database: Database, firm: Firm, service: PushService
) -> None:
    for _ in range(MOST):
        await entered(database, firm, service)
    with pytest.raises(Conflict):
        await entered(database, firm, service)
    first, *_ = await database.read(list_own, firm.an.id)
    with pytest.raises(NotFound):
        await database.write(remove, firm.binh.id, first.id, by=firm.binh.id, now=NOW)
    with pytest.raises(NotFound):
        await database.write(write_test, firm.binh.id, first.id, NOW)

    await database.write(remove, firm.an.id, first.id, by=firm.an.id, now=NOW)

    assert len(await database.read(list_own, firm.an.id)) == MOST - 1


async def test_a_test_is_shown(
    database: Database, firm: Firm, service: PushService, send: PushSend
) -> None:
    window = await entered(database, firm, service)
    (browser,) = await database.read(list_own, firm.an.id)
    await database.write(write_test, firm.an.id, browser.id, NOW)

    await send.once()

    (shown,) = window.shown
    assert shown["url"].endswith("/me/alerts")
    assert "have_url" not in shown
    (browser,) = await database.read(list_own, firm.an.id)
    assert (browser.state, browser.sent_at) == ("sent", NOW)
    assert await send.once() is False
