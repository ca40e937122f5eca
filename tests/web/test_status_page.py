"""The customer's page of one conversation."""

import re
from datetime import timedelta

import pytest

from inbox.amends import own_up
from inbox.house import load_house
from models import (
    Conversation,
    Direction,
    Message,
    Outbox,
    Status,
)
from tests.web.scene import BASE, WRITE_TOKEN, Scene, bearer, hidden
from tests.web.test_form import ANSWERS, sent


async def test_before_it_is_taken_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 18: the answer is the same while the worker is away, and the page waits."""
    monkeypatch.setattr("inbox.views.forms.WAIT_S", 0.05)
    scene.worker_is_up = False
    browser, path = await sent(scene)
    page = await browser.get(path)
    assert page.status_code == 200
    assert page.headers["refresh"] == "2"
    assert "We have your message" in page.text
    assert "no-store" in page.headers["cache-control"]
    assert await scene.all(Conversation) == []
    await scene.take_in.once()
    page = await browser.get(path)
    assert "refresh" not in page.headers
    (row,) = await scene.all(Conversation)
    assert str(row.id) in page.text


async def test_the_promise_is_everywhere_the_same(scene: Scene) -> None:
    """DESIGN 19: ``/s/``, the panel, the mail and the API show the stored value."""
    browser, path = await sent(scene, body="Where is my chair? It has not come yet.")
    (row,) = await scene.all(Conversation)
    assert row.promised_at is not None
    # Order and delivery: two working hours from 10:00 end at 12:00.
    local = row.promised_at + timedelta(hours=7)
    assert (local.hour, local.minute) == (12, 0)
    page = (await browser.get(path)).text
    assert "12:00" in page
    (mail,) = await scene.all(Outbox)
    assert "12:00" in mail.mail["facts"]["promise_text"]
    assert mail.mail["facts"]["link"] == BASE + path
    api = await scene.browser().get(
        f"/api/v1/conversations/{row.id}", headers=bearer(WRITE_TOKEN)
    )
    assert api.json()["promised_at"] == row.promised_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    panel = (await (await scene.signed_in("binh")).get(f"/inbox/{row.id}")).text
    assert re.search(r"Promised to the customer: before [^<]*12:00", panel)


async def test_more_from_the_customer(scene: Scene) -> None:
    """A message from the page joins the conversation; no second acknowledgement, one clock."""
    browser, path = await sent(scene)
    page = await browser.get(path)
    fields = {"token": hidden(page.text, "token"), "body": "Còn thiếu ốc nữa ạ.", "website": ""}
    for _ in range(2):  # a double click
        answer = await browser.client.post(f"{path}/messages", data=fields)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{path}?added=1#msgs"
        assert "đã nhận được tin nhắn" in (await browser.get(f"{path}?added=1")).text
    (row,) = await scene.all(Conversation)
    assert [one.text for one in await scene.all(Message)] == [
        ANSWERS["body"],
        "Còn thiếu ốc nữa ạ.",
    ]
    assert len(await scene.all(Outbox)) == 1
    assert row.asked_again == 1
    assert "Còn thiếu ốc nữa ạ." in (await browser.get(path)).text


async def test_more_opens_a_finished_one_again(scene: Scene) -> None:
    """Decision 27: written after Done, it is open and owed an answer again."""
    browser, path = await sent(scene)
    (row,) = await scene.all(Conversation)
    agent = await scene.signed_in("binh")
    await agent.post(f"/inbox/{row.id}/resolution", {"reason": "spam"})
    page = await browser.get(path)
    assert "Yêu cầu này đã xong" in page.text
    fields = {"token": hidden(page.text, "token"), "body": "Vẫn chưa được."}
    await browser.client.post(f"{path}/messages", data=fields)
    again = await scene.get(row.id)
    assert again.status is Status.OPEN
    assert again.next_due_at is not None


async def test_odd_messages_from_the_customer(scene: Scene) -> None:
    """Empty: 422; without the page's token: 403; honeypot: nothing; too long: 413."""
    browser, path = await sent(scene)
    _, other = await sent(scene, email="khac@vidu.example")
    token = hidden((await browser.get(path)).text, "token")
    foreign = hidden((await browser.get(other)).text, "token")
    for fields, status in (
        ({"token": token, "body": " "}, 422),
        ({"body": "x"}, 403),
        ({"token": foreign, "body": "x"}, 403),
        ({"token": "².a.b", "body": "x"}, 403),
        ({"token": token, "body": "x", "website": "x"}, 303),
        ({"token": token, "body": "x" * 1_100_000}, 413),
    ):
        answer = await browser.client.post(f"{path}/messages", data=fields)
        assert answer.status_code == status, fields["body"][:10]
        if status == 403:
            assert "bấm gửi lại một lần nữa" in answer.text, "and what was written is there"
            assert ">\nx</textarea>" in answer.text
    assert len(await scene.all(Message)) == 2
    unknown = await browser.client.post("/s/unknown/messages", data={"body": " "})
    assert unknown.status_code == 404


async def test_nothing_inside_is_shown_outside(scene: Scene) -> None:
    """No note, no full agent's name, no other conversation; private headers."""
    browser, path = await sent(scene)
    (row,) = await scene.all(Conversation)
    agent = await scene.signed_in("binh")
    note = {"kind": "note", "body": "Khách khó tính."}
    await agent.post(f"/inbox/{row.id}/messages", note)
    await agent.post(f"/inbox/{row.id}/messages", {"kind": "reply", "body": "Dạ, shop gửi ạ."})
    page = await browser.get(path)
    assert "Dạ, shop gửi ạ." in page.text
    assert "Công ty Ổn" in page.text
    for secret in ("khó tính", "Trần Thanh Bình", "binh@congty.example", "/inbox/"):
        assert secret not in page.text
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in page.headers["cache-control"]
    for direction in await scene.all(Message):
        if direction.direction is Direction.NOTE:
            assert direction.text not in page.text


async def test_answered_and_late(scene: Scene) -> None:
    """The page says where it stands: waiting, late, answered."""
    browser, path = await sent(scene, body="Where is my chair? It has not come yet.")
    (row,) = await scene.all(Conversation)
    assert row.language == "en"
    assert "We will answer before" in (await browser.get(path)).text
    scene.clock.now += timedelta(hours=3)
    assert "We are late, and we are sorry" in (await browser.get(path)).text
    agent = await scene.signed_in("binh")
    await agent.post(f"/inbox/{row.id}/messages", {"body": "It comes today."})
    page = (await browser.get(path)).text
    assert "We have answered you" in page
    assert "We are late" not in page


async def test_a_promise_that_passed_has_a_new_time_on_both_sides(scene: Scene) -> None:
    """F25: the customer's page says the new time, the agents' that it was said."""
    browser, path = await sent(scene, body="Where is my chair? It has not come yet.")
    (row,) = await scene.all(Conversation)
    assert row.promised_at is not None
    scene.clock.now = row.promised_at + timedelta(minutes=1)
    house = await scene.database.read(load_house, scene.site.settings, scene.site.secret)
    assert await scene.write(own_up, house, scene.clock.now) == 1

    page = (await browser.get(path)).text
    assert "We are late, and we are sorry" in page
    assert "You will hear from us before" in page
    inside = (await (await scene.signed_in("binh")).get(f"/inbox/{row.id}")).text
    assert "Automatic message: we are late and answer before" in inside


async def test_unknown_pages(scene: Scene) -> None:
    """A token is the only key; numbers and guesses open nothing."""
    await sent(scene)
    (row,) = await scene.all(Conversation)
    browser = scene.browser()
    for token in (
        str(row.id),
        row.public_token[:-1],
        row.public_token.swapcase(),
        "%00",
        "%25",
        "a" * 3000,
    ):
        assert (await browser.get(f"/s/{token}")).status_code == 404


async def test_the_page_follows_the_conversations_language(scene: Scene) -> None:
    """Decision 36: whatever the browser says, unless asked for."""
    _, path = await sent(scene)
    browser = scene.browser("en")
    assert 'lang="vi"' in (await browser.get(path)).text
    assert 'lang="en"' in (await browser.get(f"{path}?lang=en")).text
