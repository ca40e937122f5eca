"""Every action on a conversation: it works, a second click is harmless, without htmx too."""

import asyncio
import re
from datetime import timedelta

import pytest

from models import (
    ClockKind,
    Correction,
    Direction,
    Event,
    EventKind,
    Message,
    Outbox,
    OutboxKind,
    SLAClock,
    Status,
    Triage,
)
from models.base import columns
from tests.web.scene import NOW, Scene, hidden

messages = columns(Message)
outbox = columns(Outbox)
events = columns(Event)


def composer(html: str) -> str:
    """Return what lies behind the beginning of the form that replies are written in."""
    return html[html.index('id="composer"') :]


async def replies(scene: Scene) -> list[Message]:
    """Return what agents sent."""
    return await scene.all(Message, messages.direction == Direction.OUTBOUND)


async def queued(scene: Scene) -> list[Outbox]:
    """Return the agents' mails on their way out."""
    return await scene.all(Outbox, outbox.kind == OutboxKind.REPLY)


async def kinds(scene: Scene, number: int) -> list[EventKind]:
    """Return what happened to a conversation."""
    return [event.kind for event in await scene.all(Event, events.conversation_id == number)]


async def test_a_reply(scene: Scene) -> None:
    """Queued to the contact, clocks met at once, shown on the page; 303 without htmx."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    page = (await browser.get(f"/inbox/{number}")).text
    fields = {
        "kind": "reply",
        "body": " Dạ, mai giao ạ.\r\nCảm ơn chị. ",
        "seen": hidden(composer(page), "seen"),
        "key": hidden(composer(page), "key"),
    }
    scene.names.clear()
    answer = await browser.post(f"/inbox/{number}/messages", fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/inbox/{number}")
    assert {"list", f"conv-{number}", "ring:outbox"} <= set(scene.names)
    (mail,) = await queued(scene)
    assert mail.to_address == "khach@vidu.example"
    said, _, below = mail.mail["text"].partition("\n\n")
    assert said == "Dạ, mai giao ạ.\nCảm ơn chị."
    assert "đã viết:\n> Đơn hàng của tôi chưa giao." in below
    assert mail.mail["from_address"] == "help@congty.example"
    row = await scene.get(number)
    assert row.next_due_at is None
    assert row.first_responded_at == NOW
    met = {clock.kind: clock.met_at for clock in await scene.all(SLAClock)}
    assert met == {ClockKind.FIRST_RESPONSE: NOW, ClockKind.RESOLUTION: None}
    page = (await browser.get(f"/inbox/{number}")).text
    assert "Dạ, mai giao ạ.<br>Cảm ơn chị." in page
    assert "waiting to be sent" in page


async def test_a_reply_with_htmx(scene: Scene) -> None:
    """201 with an empty composer under a new key, the parts and a toast."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    fields = {"kind": "reply", "body": "Dạ vâng.", "key": "k1"}
    answer = await browser.post(f"/inbox/{number}/messages", fields, htmx=True)
    assert answer.status_code == 201
    assert "<html" not in answer.text
    assert hidden(composer(answer.text), "key") != "k1"
    assert "Dạ vâng." not in answer.text[: answer.text.index("</form>")]
    assert "Dạ vâng." in answer.text
    assert "Sent." in answer.text


async def test_a_note(scene: Scene) -> None:
    """A note goes nowhere, stops no clock, and is marked as internal."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    fields = {"kind": "note", "body": "Đã gọi kho.", "key": "n1"}
    assert (await browser.post(f"/inbox/{number}/messages", fields)).status_code == 303
    assert (await browser.post(f"/inbox/{number}/messages", fields)).status_code == 303
    notes = await scene.all(Message, messages.direction == Direction.NOTE)
    assert [note.text for note in notes] == ["Đã gọi kho."]
    assert await queued(scene) == []
    assert (await scene.get(number)).next_due_at is not None
    page = (await browser.get(f"/inbox/{number}")).text
    assert "internal note, customer cannot see this" in page


@pytest.mark.parametrize("htmx", [True, False])
@pytest.mark.parametrize("kind", ["reply", "note"])
async def test_nothing_written(scene: Scene, kind: str, htmx: bool) -> None:
    """422 with the composer as it was; nothing is stored."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    answer = await browser.post(
        f"/inbox/{number}/messages", {"kind": kind, "body": " \n "}, htmx=htmx
    )
    assert answer.status_code == 422
    assert ("<html" in answer.text) is not htmx
    assert "Write something first." in answer.text
    assert re.search(rf'value="{kind}" checked|value="{kind}"[^>]*checked', answer.text)
    assert len(await scene.all(Message)) == 1


async def test_too_long_a_text_is_kept(scene: Scene) -> None:
    """422 and the text is in the answer, all of it."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    text = "a" * 100_001
    answer = await browser.post(f"/inbox/{number}/messages", {"body": text}, htmx=True)
    assert answer.status_code == 422
    assert text in answer.text
    assert await queued(scene) == []


@pytest.mark.parametrize("htmx", [True, False])
async def test_somebody_wrote_meanwhile(scene: Scene, htmx: bool) -> None:
    """409 with the draft kept and nothing queued; sent again after reading, it goes."""
    number = await scene.arrive()
    first, second = await scene.signed_in("binh"), await scene.signed_in("ha")
    page = (await first.get(f"/inbox/{number}")).text
    seen = hidden(composer(page), "seen")
    fields = {"kind": "reply", "seen": seen}
    await second.post(f"/inbox/{number}/messages", {**fields, "body": "Từ Hà.", "key": "h"})
    scene.clock.now += timedelta(seconds=7)
    mine = {**fields, "body": "Từ <Bình>.", "key": "b"}
    answer = await first.post(f"/inbox/{number}/messages", mine, htmx=htmx)
    assert answer.status_code == 409
    assert "Not sent: Lê Thu Hà wrote 7 seconds ago." in answer.text
    assert "Từ &lt;Bình&gt;.</textarea>" in answer.text
    assert "Từ Hà." in answer.text, "what is new can be read"
    assert [one.text for one in await replies(scene)] == ["Từ Hà."]
    assert len(await queued(scene)) == 1
    form = composer(answer.text)
    again = {**mine, "seen": hidden(form, "seen"), "key": hidden(form, "key")}
    assert (await first.post(f"/inbox/{number}/messages", again)).status_code == 303
    assert [one.text for one in await replies(scene)] == ["Từ Hà.", "Từ <Bình>."]


async def test_notes_of_others_hold_up_nobody(scene: Scene) -> None:
    """A colleague's note is no reason to stop a reply."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    seen = hidden(composer((await browser.get(f"/inbox/{number}")).text), "seen")
    await browser.post(f"/inbox/{number}/messages", {"kind": "note", "body": "x"})
    answer = await browser.post(f"/inbox/{number}/messages", {"body": "Vâng.", "seen": seen})
    assert answer.status_code == 303


async def test_the_same_key_is_one_message(scene: Scene) -> None:
    """A doubled click sends once, also when both clicks come at the same moment."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    seen = hidden(composer((await browser.get(f"/inbox/{number}")).text), "seen")
    fields = {"kind": "reply", "body": "Một lần.", "key": "k", "seen": seen}
    answers = await asyncio.gather(
        *(browser.post(f"/inbox/{number}/messages", fields) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {303}
    assert len(await replies(scene)) == 1
    assert len(await queued(scene)) == 1
    # Another person's key is another key.
    other = await scene.signed_in("ha")
    await other.post(f"/inbox/{number}/messages", {**fields, "seen": "", "body": "Khác."})
    assert len(await replies(scene)) == 2


@pytest.mark.parametrize("seen", ["x", "-1", "9" * 30, "²", "1.5", ""])
async def test_odd_seen(scene: Scene, seen: str) -> None:
    """A made-up field breaks nothing."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    answer = await browser.post(f"/inbox/{number}/messages", {"body": "Vâng.", "seen": seen})
    assert answer.status_code == 303


async def test_claim(scene: Scene) -> None:
    """It is mine; a second click changes nothing more; htmx gets parts and a toast."""
    number = await scene.arrive()
    browser = await scene.signed_in("ha")
    answer = await browser.post(f"/inbox/{number}/claim", htmx=True)
    assert answer.status_code == 200
    assert "It is yours." in answer.text
    assert 'id="composer"' not in answer.text
    row = await scene.get(number)
    assert row.owner_id == (await scene.agent("ha")).id
    again = await browser.post(f"/inbox/{number}/claim")
    assert (again.status_code, again.headers["location"]) == (303, f"/inbox/{number}")
    assert (await scene.get(number)).version == row.version
    assert (await kinds(scene, number)).count(EventKind.ASSIGNED) == 2, "given, then taken"


async def test_done_and_back(scene: Scene) -> None:
    """Done: closed, clocks stopped; a second click is told; undo: open, owed again."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    owed = await browser.post(f"/inbox/{number}/resolution")  # F118: first say why
    assert owed.status_code == 422
    assert 'name="reason" value="answered_by_phone"' in owed.text
    why = {"reason": "duplicate"}
    answer = await browser.post(f"/inbox/{number}/resolution", why)
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    row = await scene.get(number)
    assert (row.status, row.resolved_at, row.next_due_at) == (Status.RESOLVED, NOW, None)
    before = await scene.all(SLAClock)
    assert all(clock.met_at or clock.cancelled_at for clock in before)
    second = await browser.post(f"/inbox/{number}/resolution", htmx=True)
    assert second.status_code == 409
    assert second.headers["hx-retarget"] == "#toasts"
    assert second.headers["hx-reswap"] == "beforeend"
    assert "Someone has already marked it done." in second.text
    assert "<html" not in second.text
    assert (await scene.get(number)).version == row.version
    assert f"/inbox/{number}" not in (await browser.get("/inbox")).text
    undone = await browser.post(f"/inbox/{number}/resolution/undo")
    assert (undone.status_code, undone.headers["location"]) == (303, f"/inbox/{number}")
    row = await scene.get(number)
    assert (row.status, row.resolved_at) == (Status.OPEN, None)
    assert row.next_due_at is not None
    again = await browser.post(f"/inbox/{number}/resolution/undo")
    assert again.status_code == 409
    assert "Somebody was faster" in again.text
    events_now = await kinds(scene, number)
    assert events_now.count(EventKind.RESOLVED) == 1
    assert events_now.count(EventKind.REOPENED) == 1


async def test_done_opens_what_is_next(scene: Scene) -> None:
    """With htmx: the next conversation with an undo, then that nothing is left."""
    first, second = await scene.arrive(), await scene.arrive()
    browser = await scene.signed_in("binh")
    answer = await browser.post(f"/inbox/{first}/resolution", {"reason": "spam"}, htmx=True)
    assert answer.status_code == 200
    assert answer.headers["hx-push-url"] == f"/inbox/{second}"
    assert f'id="head-{second}"' in answer.text
    assert 'action="/inbox/undo/' in answer.text
    assert f"#{first} is done." in answer.text
    last = await browser.post(f"/inbox/{second}/resolution", {"reason": "spam"}, htmx=True)
    assert "Nothing is waiting for you" in last.text


async def test_correcting_the_type(scene: Scene) -> None:
    """F57, F58: stored with old, new, who, when; team, owner and policy follow at once."""
    number = await scene.arrive()
    before = await scene.get(number)
    browser = await scene.signed_in("ha")
    fields = {"request_type": "account_access"}
    answer = await browser.post(f"/inbox/{number}/request-type", fields, htmx=True)
    assert answer.status_code == 200
    assert "AI will learn from this" in answer.text
    row = await scene.get(number)
    assert (row.request_type, row.triage) == ("account_access", Triage.CORRECTED)
    assert row.team_id == await scene.team("Technics")
    assert row.owner_id == (await scene.agent("dung")).id
    assert row.promised_at == before.promised_at
    (stored,) = await scene.all(Correction)
    assert (stored.field, stored.old, stored.new, stored.at) == (
        "request_type",
        "order_delivery",
        "account_access",
        NOW,
    )
    assert stored.agent_id == (await scene.agent("ha")).id
    (clock,) = [one for one in await scene.all(SLAClock) if one.kind is ClockKind.RESOLUTION]
    assert clock.target_s == 8 * 3600
    page = (await browser.get(f"/inbox/{number}")).text
    assert "moved it to Account access" in page
    assert "checked by a person" in page


async def test_moved_out_of_my_sight(scene: Scene) -> None:
    """Whoever gives a conversation to another team is not sent to a page that is gone."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    fields = {"request_type": "account_access"}
    answer = await browser.post(f"/inbox/{number}/request-type", fields)
    assert answer.status_code == 303
    assert (await browser.get(answer.headers["location"])).status_code == 200
    number = await scene.arrive()
    answer = await browser.post(f"/inbox/{number}/request-type", fields, htmx=True)
    assert answer.status_code == 200
    assert "Moved." in answer.text


async def test_correcting_the_urgency(scene: Scene) -> None:
    """Urgent is thirty minutes; the customer is told the earlier time, once."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    assert (
        await browser.post(f"/inbox/{number}/urgency", {"urgency": "urgent"})
    ).status_code == 303
    row = await scene.get(number)
    assert row.next_due_at == NOW + timedelta(minutes=30)
    assert row.urgency_rank == 0
    assert row.promised_at == NOW + timedelta(minutes=30)
    sent = [mail.kind for mail in await scene.all(Outbox)]
    assert sent.count(OutboxKind.PROMISE) == 1
    await browser.post(f"/inbox/{number}/urgency", {"urgency": "normal"})
    await browser.post(f"/inbox/{number}/urgency", {"urgency": "urgent"})
    sent = [mail.kind for mail in await scene.all(Outbox)]
    assert sent.count(OutboxKind.PROMISE) == 1


@pytest.mark.parametrize("htmx", [True, False])
async def test_odd_corrections(scene: Scene, htmx: bool) -> None:
    """A type or urgency that is not there changes nothing: 422 with a sentence."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    version = (await scene.get(number)).version
    for path, fields in (
        ("request-type", {"request_type": "nonsense"}),
        ("request-type", {"request_type": ""}),
        ("request-type", {}),
        ("urgency", {"urgency": "P1"}),
        ("urgency", {}),
    ):
        answer = await browser.post(f"/inbox/{number}/{path}", fields, htmx=htmx)
        assert answer.status_code == 422, (path, fields)
    assert (await scene.get(number)).version == version
    assert await scene.all(Correction) == []


async def test_agreeing(scene: Scene) -> None:
    """F57: agreement is stored like a correction; a second click adds nothing."""
    number = await scene.arrive(request_type="")
    browser = await scene.signed_in("binh")
    for _ in range(2):
        answer = await browser.post(f"/inbox/{number}/agreement", {"next": "/review"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/review")
    row = await scene.get(number)
    assert row.triage is Triage.CONFIRMED
    found = await scene.all(Correction)
    assert sorted(one.field for one in found) == ["request_type", "urgency"]
    assert all(one.old == one.new for one in found)


async def test_one_key_in_two_conversations_loses_no_answer(scene: Scene) -> None:
    """F77: the same click is one message; another conversation's is another."""
    numbers = [await scene.arrive("Còn hàng không ạ?"), await scene.arrive("Giá bao nhiêu ạ?")]
    browser = await scene.signed_in("ha")

    for number in numbers:
        fields = {"kind": "reply", "body": "Dạ còn.", "key": "k"}
        await browser.post(f"/inbox/{number}/messages", fields)

    said = [one for one in await scene.all(Message) if one.direction == "outbound"]
    assert [one.conversation_id for one in said] == numbers
