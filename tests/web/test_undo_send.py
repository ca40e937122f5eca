"""An answer that is taken back before it leaves, as if it had never been given (F76)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from inbox import delivery
from inbox.company.profile import keep_setting
from models import (
    Attachment,
    ClockKind,
    Conversation,
    Draft,
    Event,
    EventKind,
    Message,
    Outbox,
    OutboxKind,
    Reminder,
    SLAClock,
    Status,
)
from models.base import columns
from tests.web.scene import NOW, Browser, Scene, hidden

outbox = columns(Outbox)
events = columns(Event)
TEXT = "Dạ, mai giao ạ."


@pytest.fixture
async def undoing(scene: Scene) -> Scene:
    """Let mail wait for ten seconds."""
    await scene.write(keep_setting, "undo_send_s", 10)
    return scene


async def send(browser: Browser, number: int, **fields: Any) -> Message:
    """Answer by the form; return the message."""
    files = fields.pop("files", None)
    data = {"kind": "reply", "body": TEXT, "key": "k1", **fields}
    named = {"files": files} if files else {}
    answer = await browser.post(f"/inbox/{number}/messages", data, **named)
    assert answer.status_code == 303, answer.text
    return (await browser.scene.all(Message))[-1]


async def undo(browser: Browser, number: int, message: Message) -> str:
    """Press Undo, and return the page that follows."""
    answer = await browser.post(f"/inbox/{number}/messages/{message.id}/undo")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/inbox/{number}")
    return (await browser.get(f"/inbox/{number}")).text


async def waiting(scene: Scene, at: Any = None) -> int:
    """Return how many answers a courier would claim."""
    jobs = await scene.write(delivery.claim, at or scene.clock.now, 100)
    return sum(job.kind == OutboxKind.REPLY for job in jobs)


async def clocks(scene: Scene) -> list[tuple[Any, ...]]:
    """Return what clocks say, but which number their due time has."""
    return [
        (one.kind, one.started_at, one.due_at, one.met_at, one.pauses, one.paused_at)
        for one in await scene.all(SLAClock)
    ]


def stands(row: Conversation) -> tuple[Any, ...]:
    """Return what an answer changes of a conversation."""
    return (
        *(row.status, row.next_due_at, row.first_response_due_at, row.resolution_due_at),
        *(row.first_responded_at, row.resolved_at, row.waiting_until, row.wait_reason),
        *(row.order_at, row.sla_state, row.asked_again),
    )


@pytest.mark.parametrize("then", ["", "wait", "done"])
async def test_an_undone_answer_was_never_given(undoing: Scene, then: str) -> None:
    """F76: nothing leaves; text, copies, files are a draft; clocks stand as before."""
    scene = undoing
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    before, row = await clocks(scene), stands(await scene.get(number))
    scene.clock.now += timedelta(minutes=5)
    files = [("files", ("giá.pdf", b"%PDF-1.7", "application/pdf"))]
    message = await send(
        browser, number, then=then, cc="an@khach.example", bcc="b@khach.example", files=files
    )
    page = (await browser.get(f"/inbox/{number}")).text
    assert "leaves in a moment" in page
    assert f"/messages/{message.id}/undo" in page, "also without a script"
    met = {one[0]: one[3] for one in await clocks(scene)}
    assert met[ClockKind.FIRST_RESPONSE] == scene.clock.now, "it counts from when it was sent"
    scene.clock.now += timedelta(seconds=9)

    page = await undo(browser, number, message)

    assert await clocks(scene) == before
    assert stands(await scene.get(number)) == row
    scene.clock.now += timedelta(days=1)
    assert await waiting(scene) == 0
    assert [one.kind for one in await scene.all(Outbox)].count(OutboxKind.REPLY) == 0
    (draft,) = await scene.all(Draft)
    assert (draft.text, draft.cc, draft.bcc) == (TEXT, "an@khach.example", "b@khach.example")
    assert TEXT in page[page.index('id="composer"') :]
    assert "giá.pdf" in page[page.index('id="composer"') :]
    assert await scene.all(Attachment) == []
    assert TEXT not in page[: page.index('id="composer"')].partition('class="thread"')[2]
    assert "took an answer back before it left" in page
    kept = hidden(page[page.index('id="composer"') :], "kept")
    again = await send(browser, number, key="k2", cc=draft.cc, bcc=draft.bcc, kept=kept)
    assert again.id > message.id
    assert [one.filename for one in await scene.all(Attachment)] == ["giá.pdf"]
    assert await scene.all(Draft) == []


async def test_an_undone_answer_starts_its_ladder_again(undoing: Scene) -> None:
    """F76: with another number, so that nothing that was planned for the old one fires."""
    scene = undoing
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    (first, *_) = await scene.all(SLAClock)
    message = await send(browser, number, then="wait")
    scene.clock.now += timedelta(seconds=3)
    await scene.arrive("Alo?")  # somebody else's
    await undo(browser, number, message)
    (again, *_) = await scene.all(SLAClock)
    assert (again.due_at, again.met_at) == (first.due_at, None)
    assert again.generation > first.generation


async def test_the_customer_wrote_before_the_undo(undoing: Scene) -> None:
    """F41, F76: the oldest unanswered message counts, and nothing is owed twice."""
    scene = undoing
    number = await scene.arrive()
    token = (await scene.get(number)).public_token
    browser = await scene.signed_in("binh")
    (first, *_) = await scene.all(SLAClock)
    message = await send(browser, number, then="wait")
    scene.clock.now += timedelta(seconds=4)
    visitor = scene.browser("vi")
    page = (await visitor.get(f"/s/{token}")).text
    assert TEXT not in page, "a held answer has not left: nobody outside sees it"
    fields = {"token": hidden(page, "token"), "key": hidden(page, "key"), "body": "Alo?"}
    assert (await visitor.client.post(f"/s/{token}/messages", data=fields)).status_code == 303
    await undo(browser, number, message)
    row = await scene.get(number)
    assert (row.status, row.next_due_at) == (Status.OPEN, first.due_at)
    assert row.first_responded_at is None


async def test_what_happened_meanwhile_stays(undoing: Scene) -> None:
    """F76: marked done by another click; whoever is owed an answer is not done with."""
    scene = undoing
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    message = await send(browser, number)
    done = await browser.post(f"/inbox/{number}/resolution", {})
    assert done.status_code == 303
    scene.clock.now += timedelta(seconds=2)
    await undo(browser, number, message)
    row = await scene.get(number)
    assert row.status is Status.OPEN
    assert row.next_due_at is not None
    assert [one.text for one in await scene.all(Draft)] == [TEXT]


async def test_undo_and_courier_race(undoing: Scene) -> None:
    """F76, F77: one of them has it; the other is told, or finds nothing."""
    scene = undoing
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    message = await send(browser, number)
    late = scene.clock.now + timedelta(seconds=11)
    claimed, answer = await asyncio.gather(
        waiting(scene, late), browser.post(f"/inbox/{number}/messages/{message.id}/undo")
    )
    assert answer.status_code == 303
    page = (await browser.get(f"/inbox/{number}")).text
    undone = await scene.all(Draft) != []
    assert claimed == (0 if undone else 1)
    assert ("Too late to undo" in page) is not undone
    twice = await browser.post(f"/inbox/{number}/messages/{message.id}/undo")
    assert twice.status_code == (404 if undone else 303)


async def test_only_its_writer_undoes(undoing: Scene) -> None:
    number = await undoing.arrive()
    browser, other = await undoing.signed_in("binh"), await undoing.signed_in("ha")
    message = await send(browser, number)
    assert f"/messages/{message.id}/undo" not in (await other.get(f"/inbox/{number}")).text
    assert (await other.post(f"/inbox/{number}/messages/{message.id}/undo")).status_code == 404
    assert await waiting(undoing, NOW + timedelta(seconds=11)) == 1


async def test_the_toast_offers_it(undoing: Scene) -> None:
    """DESIGN 26: with htmx a toast whose key is z; send and wait, and done, open the next."""
    scene = undoing
    numbers = [await scene.arrive(email=f"k{n}@vidu.example") for n in range(3)]
    browser = await scene.signed_in("binh")
    for then, key in (("", "a"), ("wait", "b"), ("done", "c")):
        number = numbers.pop(0)
        fields = {"kind": "reply", "body": TEXT, "key": key, "then": then}
        answer = await browser.post(f"/inbox/{number}/messages", fields, htmx=True)
        message = (await scene.all(Message))[-1]
        toast = answer.text[answer.text.index('class="toast') :]
        assert f'action="/inbox/{number}/messages/{message.id}/undo"' in toast
        assert 'aria-keyshortcuts="z"' in toast
        if then and numbers:
            assert answer.headers["hx-push-url"] == f"/inbox/{numbers[0]}"
            assert answer.headers["hx-retarget"] == "#conversation"


async def test_a_reminder_goes_with_it(undoing: Scene) -> None:
    number = await undoing.arrive()
    browser = await undoing.signed_in("binh")
    message = await send(browser, number, remind="2026-11-26T09:00")
    await undo(browser, number, message)
    (reminder,) = await undoing.all(Reminder)
    assert reminder.ended_at is not None


async def test_what_one_began_meanwhile_is_not_lost(undoing: Scene) -> None:
    """F78: the text that comes back and the one that was begun since are both offered."""
    number = await undoing.arrive()
    browser = await undoing.signed_in("binh")
    message = await send(browser, number)
    await browser.post(f"/inbox/{number}/drafts", {"kind": "reply", "body": "Khác", "key": "x"})
    page = await undo(browser, number, message)
    (draft,) = await undoing.all(Draft)
    assert (draft.text, draft.other_text) == (TEXT, "Khác")
    assert "Khác" in page


async def test_an_administrator_sets_how_long(scene: Scene) -> None:
    """F76: 0 to 15 seconds; 0 sends at once."""
    admin = await scene.signed_in("viet")
    page = (await admin.get("/settings/company")).text
    assert 'name="undo_send_s" type="number" value="0"' in page
    fields = {"name": "Công ty Ổn", "time_zone": "Asia/Ho_Chi_Minh", "language": "en"}
    for said, code in (("16", 422), ("-1", 422), ("x", 422), ("15", 303)):
        answer = await admin.post("/settings/company", {**fields, "undo_send_s": said})
        assert answer.status_code == code
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    await send(browser, number)
    assert await waiting(scene, scene.clock.now + timedelta(seconds=14)) == 0
    assert await waiting(scene, scene.clock.now + timedelta(seconds=16)) == 1


async def test_a_chat_line_goes_at_once_and_scripts_too(undoing: Scene) -> None:
    """F76: nothing is held for a chat; the API sends at once."""
    number = await undoing.arrive()
    from tests.web.scene import WRITE_TOKEN, bearer  # noqa: PLC0415

    said = await undoing.browser().client.post(
        f"/api/v1/conversations/{number}/replies",
        json={"text": TEXT},
        headers=bearer(WRITE_TOKEN),
    )
    assert said.status_code == 201
    assert await waiting(undoing) == 1


async def test_events_say_what_was_undone(undoing: Scene) -> None:
    number = await undoing.arrive()
    browser = await undoing.signed_in("binh")
    await undo(browser, number, await send(browser, number, then="done"))
    kinds = [one.kind for one in await undoing.all(Event, events.conversation_id == number)]
    assert kinds[-3:] == [EventKind.REPLIED, EventKind.RESOLVED, EventKind.REPLY_UNDONE]
    await undoing.write(lambda s: s.execute(update(Outbox).values(attempts=0)) and None)
