"""Notices with "I have it", the link of a mail, one's own choices, and the company's bot."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox.alerting.choices import Choices
from inbox.alerting.gathering import send_alerts
from inbox.alerting.taking import Group, make_token
from inbox.house import load_house
from inbox.telling import Alert, Telling, tell_all
from models import AuditEntry, Company, Event, EventKind, Notice, OneTimeToken, SLAClock
from models.base import columns
from tests.telegramserver import TOKEN, Telegram, start_telegram
from tests.web.scene import Scene, hidden

clocks = columns(SLAClock)
events = columns(Event)


async def tell(scene: Scene, number: int, who: str = "binh", **more: Any) -> Notice:
    """Tell somebody of a conversation, and send it; return the notice."""
    agent = await scene.agent(who)
    clock = (await scene.all(SLAClock, clocks.conversation_id == number))[0]
    values = {"step": "nearly_due", "kind": Alert.WARNING, **more}

    def work(session: Session) -> None:
        house = load_house(session, scene.site.settings, scene.site.secret)
        assert house is not None
        told = Telling({agent.id: "owner"}, number, clock, **values)
        tell_all(session, [told], scene.clock.now)
        send_alerts(session, house, scene.clock.now)

    await scene.write(work)
    return (await scene.all(Notice))[-1]


async def taken(scene: Scene, number: int) -> list[int | None]:
    rows = await scene.all(
        Event, events.conversation_id == number, events.kind == EventKind.TAKEN_NOTE
    )
    return [row.actor_id for row in rows]


async def test_the_list_says_by_what_and_has_the_button(scene: Scene) -> None:
    """F131."""
    number = await scene.arrive()
    notice = await tell(scene, number)
    browser = await scene.signed_in("binh")

    shown = (await browser.get("/notices")).text
    assert "I have it" in shown
    assert re.search(r"Told by: page 10:00[^,]*, e-mail 10:00", shown)
    answer = await browser.post(f"/notices/{notice.id}/taking")
    again = await browser.post(f"/notices/{notice.id}/taking")

    assert (answer.status_code, again.status_code) == (303, 303)
    agent = await scene.agent("binh")
    assert await taken(scene, number) == [agent.id]
    shown = (await browser.get("/notices")).text
    assert "You have it since" in shown
    assert f"/notices/{notice.id}/taking" not in shown


async def test_only_the_person_told_takes_it(scene: Scene) -> None:
    """F131."""
    number = await scene.arrive()
    notice = await tell(scene, number)
    other = await scene.signed_in("ha")

    answer = await other.post(f"/notices/{notice.id}/taking")
    await other.post(f"/inbox/{number}/taking")

    assert answer.status_code == 404
    assert await taken(scene, number) == []


async def test_the_conversation_has_the_button_and_says_who_has_it(scene: Scene) -> None:
    """F131: with and without a script; colleagues see it."""
    number = await scene.arrive()
    await tell(scene, number)
    binh, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    before, others = await binh.get(f"/inbox/{number}"), await ha.get(f"/inbox/{number}")
    assert 'id="have-it"' in before.text
    assert 'id="have-it"' not in others.text
    assert "Trần Thanh Bình: page 10:00" in others.text

    part = await binh.post(f"/inbox/{number}/taking", htmx=True)
    plain = await binh.post(f"/inbox/{number}/taking")

    assert part.status_code == 200
    assert 'id="have-it"' not in part.text
    assert plain.status_code == 303
    after = (await ha.get(f"/inbox/{number}")).text
    assert "Trần Thanh Bình was told and has it" in after
    assert re.search(r"Bình: page 10:00[^<]*has it 10:00", after)
    assert len(await taken(scene, number)) == 1


async def test_the_link_of_a_mail_shows_a_button_and_changes_nothing_by_itself(
    scene: Scene,
) -> None:
    """F131: no sign-in, one person, one week."""
    number = await scene.arrive(subject="<b>Đơn</b>")
    notice = await tell(scene, number)
    assert notice.mailed_at is not None
    token = make_token(scene.site.secret, Group(notice.agent_id, notice.mailed_at))
    path = f"/notices/open/{token}"
    browser = scene.browser()

    page = await browser.get(path)
    assert page.status_code == 200
    assert page.text.count("<form") == 1
    assert "&lt;b&gt;Đơn" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert await taken(scene, number) == []
    form = {"token": hidden(page.text, "token"), "notice": str(notice.id)}
    unsigned = await browser.post(path, {**form, "token": "x"})
    assert unsigned.status_code == 403
    assert hidden(unsigned.text, "token") not in ("", "x"), "the page again, with a fresh one"
    for _ in range(2):
        answer = await browser.client.post(path, data=form)
        assert answer.status_code == 303

    assert await taken(scene, number) == [notice.agent_id]
    after = (await browser.get(answer.headers["location"])).text
    assert "<form" not in after
    scene.clock.now += timedelta(days=8)
    assert (await browser.get(path)).status_code == 404


async def test_a_link_takes_nothing_but_its_own(scene: Scene) -> None:
    """F131."""
    first, second = await scene.arrive(), await scene.arrive(email="x@khach.example")
    one = await tell(scene, first)
    other = await tell(scene, second, "ha")
    assert one.mailed_at is not None
    token = make_token(scene.site.secret, Group(one.agent_id, one.mailed_at))
    browser = scene.browser()
    form = {"token": hidden((await browser.get(f"/notices/open/{token}")).text, "token")}

    answer = await browser.client.post(
        f"/notices/open/{token}", data={**form, "notice": str(other.id)}
    )

    assert answer.status_code == 404
    assert await taken(scene, second) == []


async def test_each_kind_of_alert_has_words(scene: Scene) -> None:
    number = await scene.arrive()
    for place, kind in enumerate(Alert):
        await tell(scene, number, step=f"step-{place}", kind=kind)
    await tell(scene, number, step="said", kind=Alert.STAGE, reason="Nobody looked at it.")
    browser = await scene.signed_in("binh")

    shown = (await browser.get("/notices")).text
    conversation = (await browser.get(f"/inbox/{number}")).text

    for words in ("Its deadline comes near", "It may become late", "Nobody looked at it."):
        assert words in shown
        assert words in conversation


async def test_one_chooses_where_alerts_go(scene: Scene) -> None:
    """F131: what is not ticked is not sent by the form."""
    browser = await scene.signed_in("binh")
    page = (await browser.get("/me/alerts")).text
    assert page.count('value="1" checked') == 14
    assert "There is no bot yet" in page

    answer = await browser.post(
        "/me/alerts", {"telegram": "1", "kind_late": "1", "any_time": "1"}
    )

    assert answer.headers["location"] == "/me/alerts"
    chosen = Choices.of((await scene.agent("binh")).alerts)
    assert (chosen.mail, chosen.any_time, chosen.day_mail) == (False, True, False)
    assert chosen.off == {kind.value for kind in Alert} - {"late"}
    assert (await browser.get("/me/alerts")).text.count('value="1" checked') == 3
    assert (await browser.post("/me/alerts", {"chat": "1"})).status_code == 422


@pytest.fixture
def telegram(scene: Scene) -> Iterator[Telegram]:
    with start_telegram() as server:
        scene.site.settings = scene.site.settings.model_copy(
            update={"telegram_url": server.url}
        )
        yield server


async def test_an_admin_enters_the_bot_that_telegram_knows(
    scene: Scene, telegram: Telegram
) -> None:
    """F131: the token is sealed and shown nowhere."""
    browser = await scene.signed_in("viet")
    for wrong in ("", "no token", "1:wrong", "1:a/../b"):
        answer = await browser.post("/settings/telegram", {"token": wrong})
        assert answer.status_code == 422
        assert "1:wrong" not in answer.text
    assert (await scene.all(Company))[0].settings.get("telegram") is None

    answer = await browser.post("/settings/telegram", {"token": TOKEN})

    assert answer.status_code == 303
    page = (await browser.get("/settings/telegram")).text
    assert "@kip_test_bot" in page
    assert TOKEN not in page
    assert TOKEN not in str((await scene.all(Company))[0].settings)
    trail = [entry.after for entry in await scene.all(AuditEntry)]
    assert {"telegram_bot": "kip_test_bot"} in trail
    tested = await browser.post("/settings/telegram/test")
    assert "Telegram knows it: @kip_test_bot." in tested.text
    await browser.post("/settings/telegram/removal")
    assert "No bot yet" in (await browser.get("/settings/telegram")).text


async def test_each_links_a_chat_by_a_code_shown_once(scene: Scene, telegram: Telegram) -> None:
    """F131."""
    admin, browser = await scene.signed_in("viet"), await scene.signed_in("binh")
    assert (await browser.post("/me/alerts/telegram")).status_code == 409
    await admin.post("/settings/telegram", {"token": TOKEN})

    shown = (await browser.post("/me/alerts/telegram")).text

    code = re.search(r"/start ([A-Za-z0-9_-]{22})<", shown)
    assert code
    assert f"https://t.me/kip_test_bot?start={code[1]}" in shown
    agent = await scene.agent("binh")
    (kept,) = await scene.all(OneTimeToken)
    assert (kept.agent_id, kept.purpose) == (agent.id, "telegram")
    assert code[1] not in kept.token_hash
    assert code[1] not in (await browser.get("/me/alerts")).text
