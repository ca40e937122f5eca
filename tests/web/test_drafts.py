"""Drafts on the server, answers that leave later, files, forwarding, names in notes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from inbox import delivery, jobs
from inbox.outgoing import marks
from inbox.store.people import Colleague, verify
from inbox.writing import mentions, planned
from models import (
    ClockKind,
    ContactIdentity,
    DeliveryState,
    Draft,
    Event,
    EventKind,
    Message,
    Notice,
    Outbox,
    OutboxKind,
    PlannedAnswer,
    SLAClock,
    StagedFile,
    Status,
)
from models.base import columns
from tests.web.scene import NOW, Browser, Scene, hidden

outbox = columns(Outbox)
events = columns(Event)
JSON = {"accept": "application/json"}


def composer(page: str) -> str:
    """Return the part of a page that one writes in."""
    return page[page.index('id="composer"') :].partition("</form>")[0]


async def keep(browser: Browser, number: int, **fields: Any) -> httpx.Response:
    """Keep a draft, as the page's script does."""
    data = {"kind": "reply", "body": "Dạ, mình", "key": "page-a", **fields}
    return await browser.post(f"/inbox/{number}/drafts", data, headers=JSON)


async def replies(scene: Scene) -> list[Outbox]:
    """Return the answers on their way out."""
    return await scene.all(Outbox, outbox.kind == OutboxKind.REPLY)


async def test_a_draft_is_there_on_another_device(scene: Scene) -> None:
    """F78, DESIGN 11: kept while typing; signed out and in again, elsewhere, it is there."""
    number = await scene.arrive()
    first = await scene.signed_in("binh")
    said = await keep(first, number, cc="an@khach.example")
    assert said.json() == {"version": 1, "other": "", "about": ""}
    assert (await keep(first, number, body="Dạ, mình gửi", version=1)).json()["version"] == 2
    await first.post("/logout", {})
    second = await scene.signed_in("binh")
    page = composer((await second.get(f"/inbox/{number}")).text)
    assert "Dạ, mình gửi</textarea>" in page
    assert "Draft of 10:00" in page
    colleague = await scene.signed_in("ha")
    assert "Dạ, mình gửi" not in (await colleague.get(f"/inbox/{number}")).text


async def test_replies_and_notes_have_drafts_of_their_own(scene: Scene) -> None:
    """F78: the newest is shown, the other is at hand; sending one leaves the other."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    await keep(browser, number, body="Cho khách")
    scene.clock.now += timedelta(minutes=1)
    await keep(browser, number, kind="note", body="Cho kho")
    page = composer((await browser.get(f"/inbox/{number}")).text)
    assert "Cho kho</textarea>" in page
    assert 'id="draft-of-reply" value="Cho khách"' in page
    fields = {"kind": "note", "body": "Cho kho", "key": "n"}
    await browser.post(f"/inbox/{number}/messages", fields)
    assert [one.kind for one in await scene.all(Draft)] == ["reply"]
    await browser.post(f"/inbox/{number}/messages", {"body": "Cho khách", "key": "r"})
    assert await scene.all(Draft) == []


async def test_two_devices_lose_nothing(scene: Scene) -> None:
    """F78: the newest text wins, the other is offered until its writer has decided."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    await keep(browser, number, body="Một", key="a")
    said = (await keep(browser, number, body="Hai", key="b")).json()
    assert (said["other"], said["about"]) == ("Một", "Written on another device, 10:00:")
    page = composer((await browser.get(f"/inbox/{number}")).text)
    assert "Hai</textarea>" in page
    assert '<p class="small" id="draft-other-text">Một</p>' in page
    more = (await keep(browser, number, body="Hai ba", key="b", version=said["version"])).json()
    assert more["other"] == "Một", "typing on does not drop it"
    await keep(browser, number, body="", key="b", version=more["version"])
    (draft,) = await scene.all(Draft)
    assert (draft.text, draft.other_text) == ("Một", ""), "what is left comes up"
    done = await keep(browser, number, body="Bốn", key="c", settled="1")
    assert done.json()["other"] == "Một", "what this page had not seen"


async def test_a_save_that_comes_after_sending_keeps_nothing(scene: Scene) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    await keep(browser, number)
    fields = {"body": "Dạ, mình gửi", "kind": "reply", "key": "page-a"}
    assert (await browser.post(f"/inbox/{number}/messages", fields)).status_code == 303
    assert (await keep(browser, number)).json()["version"] == 0
    assert await scene.all(Draft) == []


async def test_an_old_draft_says_so(scene: Scene) -> None:
    """F78: somebody wrote since; without a script a button keeps it."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    fields = {"kind": "reply", "body": "Cũ", "key": "k", "seen": "1"}
    assert (await browser.post(f"/inbox/{number}/drafts", fields)).status_code == 303
    scene.clock.now += timedelta(minutes=5)
    other = await scene.signed_in("ha")
    await other.post(f"/inbox/{number}/messages", {"body": "Đã trả lời.", "key": "h"})
    page = composer((await browser.get(f"/inbox/{number}")).text)
    assert "Draft of 10:00, older than the newest message" in page
    assert f'formaction="/inbox/{number}/drafts"' in page
    scene.clock.now += timedelta(days=91)
    await scene.write(jobs._forget)
    assert await scene.all(Draft) == []


async def test_the_list_marks_it_for_its_writer(scene: Scene) -> None:
    """F78: "draft" on the row, for whoever wrote it only."""
    number = await scene.arrive()
    browser, other = await scene.signed_in("binh"), await scene.signed_in("ha")
    mark = '<span class="tiny nowrap">draft</span>'
    assert mark not in (await browser.get("/inbox")).text
    await keep(browser, number)
    assert mark in (await browser.get("/inbox")).text
    assert mark not in (await other.get("/inbox")).text


@pytest.mark.parametrize("anyway", [False, True])
async def test_a_newer_reply_asks_first_and_files_stay(scene: Scene, anyway: bool) -> None:
    """DESIGN 24: 409 without a script, draft and files intact, and "Send anyway"."""
    number = await scene.arrive()
    first, second = await scene.signed_in("binh"), await scene.signed_in("ha")
    page = composer((await first.get(f"/inbox/{number}")).text)
    fields = {"kind": "reply", "body": "Từ Bình.", "key": "b", "seen": hidden(page, "seen")}
    await second.post(f"/inbox/{number}/messages", {"body": "Từ Hà.", "key": "h"})
    files = [("files", ("giá.pdf", b"%PDF", "application/pdf"))]
    asked = await first.post(f"/inbox/{number}/messages", fields, files=files, htmx=anyway)
    assert asked.status_code == 409
    again = composer(asked.text)
    assert "Not sent: Lê Thu Hà wrote 0 seconds ago." in again
    assert "Từ Bình.</textarea>" in again
    assert "Send anyway" in again
    assert "giá.pdf" in again
    assert len(await replies(scene)) == 1
    more = {name: hidden(again, name) for name in ("seen", "key", "kept")}
    sent = await first.post(f"/inbox/{number}/messages", {**fields, **more})
    assert sent.status_code == 303
    assert (await replies(scene))[-1].mail["has_files"]


# ---- later ---------------------------------------------------------------------------------


async def sweep(scene: Scene) -> None:
    """Do what the worker does with planned answers."""
    where = scene.site
    for one, number in await scene.database.read(planned.list_due, scene.clock.now):
        await scene.write(
            planned.send_due, one, number, where.settings, where.secret, scene.clock.now
        )


async def plan(browser: Browser, number: int, **fields: Any) -> PlannedAnswer:
    """Plan an answer for tomorrow, eight o'clock."""
    data = {"kind": "reply", "body": "Mai ạ.", "key": "p", "then": "tomorrow", **fields}
    named = {"files": data.pop("files")} if "files" in data else {}
    answer = await browser.post(f"/inbox/{number}/messages", data, **named)
    assert answer.status_code == 303, answer.text
    (row,) = await browser.scene.all(PlannedAnswer)
    return row


async def test_an_answer_leaves_tomorrow_morning(scene: Scene) -> None:
    """Once, with its files; the clock is met when it leaves."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    await keep(browser, number)
    files = [("files", ("giá.pdf", b"%PDF", "application/pdf"))]
    row = await plan(browser, number, cc="an@khach.example", files=files)
    assert row.send_at == datetime(2026, 11, 25, 1, 0, tzinfo=UTC), "08:00 in the company"
    assert await scene.all(Draft) == []
    assert await replies(scene) == []
    assert (await scene.get(number)).next_due_at is not None
    page = (await browser.get(f"/inbox/{number}")).text
    assert "Mai ạ." in page
    scene.clock.now = row.send_at + timedelta(seconds=1)
    await sweep(scene)
    await sweep(scene)
    (mail,) = await replies(scene)
    assert (mail.copies, mail.mail["has_files"]) == ({"cc": ["an@khach.example"]}, True)
    met = {clock.kind: clock.met_at for clock in await scene.all(SLAClock)}
    assert met[ClockKind.FIRST_RESPONSE] == scene.clock.now
    assert await scene.all(PlannedAnswer) == []
    assert await scene.all(StagedFile) == []


async def test_it_is_held_when_somebody_wrote_before(scene: Scene) -> None:
    """Nothing is sent, its writer is told, and sends it anyway, or takes it back."""
    number = await scene.arrive()
    browser, other = await scene.signed_in("binh"), await scene.signed_in("ha")
    row = await plan(browser, number)
    await other.post(f"/inbox/{number}/messages", {"body": "Đã gọi.", "key": "h"})
    scene.clock.now = row.send_at
    await sweep(scene)
    assert len(await replies(scene)) == 1
    (notice,) = await scene.all(Notice)
    assert "was not sent: somebody wrote before its time" in notice.data["reason"]
    page = (await browser.get(f"/inbox/{number}")).text
    assert "was not sent: somebody wrote before its time" in page
    path = f"/inbox/{number}/planned/{row.id}"
    assert (await other.post(path, {"what": "now"})).status_code == 404
    assert (await browser.post(path, {"what": "now"})).status_code == 303
    assert len(await replies(scene)) == 2
    assert (await browser.post(path, {"what": "now"})).status_code == 404, "once"


async def test_a_named_time_holds_whatever_was_pressed(scene: Scene) -> None:
    """Sent and done at that time, not before."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    row = await plan(browser, number, then="done", send_at="2026-11-24T15:00", quotes="0")
    assert await replies(scene) == []
    assert (await scene.get(number)).status is Status.OPEN
    scene.clock.now = row.send_at
    await sweep(scene)
    (mail,) = await replies(scene)
    assert "Đơn hàng của tôi" not in mail.mail["text"]
    assert (await scene.get(number)).status is Status.RESOLVED


async def test_it_is_moved_or_made_a_draft(scene: Scene) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    row = await plan(browser, number)
    path = f"/inbox/{number}/planned/{row.id}"
    for when, code in (("2026-11-26T09:30", 303), ("2020-01-01T09:30", 422), ("x", 422)):
        answer = await browser.post(path, {"what": "move", "send_at": when})
        assert answer.status_code == code
    (row,) = await scene.all(PlannedAnswer)
    assert row.send_at == datetime(2026, 11, 26, 2, 30, tzinfo=UTC)
    assert (await browser.post(path, {"what": "back"})).status_code == 303
    assert [one.text for one in await scene.all(Draft)] == ["Mai ạ."]
    assert await scene.all(PlannedAnswer) == []
    kinds = [one.kind for one in await scene.all(Event, events.conversation_id == number)]
    assert kinds.count(EventKind.REPLY_PLANNED) == 3
    assert (await browser.get(f"/inbox/{number}")).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"then": "later"},
        {"then": "later", "send_at": "2026-11-23T10:00"},
        {"then": "later", "send_at": "2028-11-23T10:00"},
        {"body": " "},
        {"word": "2026-11-27T10:00"},
    ],
)
async def test_what_cannot_be_planned(scene: Scene, fields: dict[str, str]) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    data = {"kind": "reply", "body": "Mai ạ.", "key": "p", "then": "tomorrow", **fields}
    answer = await browser.post(f"/inbox/{number}/messages", data)
    assert answer.status_code == 422
    assert await scene.all(PlannedAnswer) == []


async def test_a_planned_answer_that_cannot_leave_is_held(scene: Scene) -> None:
    """Its address bounced, or it was set apart: said, and nothing is lost."""
    numbers = [await scene.arrive(email=f"k{n}@vidu.example") for n in range(2)]
    browser = await scene.signed_in("binh")
    for number in numbers:
        data = {"kind": "reply", "body": "Mai ạ.", "key": f"{number}", "then": "tomorrow"}
        await browser.post(f"/inbox/{number}/messages", data)
    await scene.write(marks.mark, numbers[0], "k0@vidu.example", "5.1.1", "no", NOW)
    await scene.change(numbers[1], status=Status.SPAM)
    scene.clock.now = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
    await sweep(scene)
    rows = await scene.all(PlannedAnswer)
    assert [one.held_why for one in rows] == [planned.BOUNCED, planned.CLOSED]
    assert await replies(scene) == []


# ---- files, addresses, forwarding ----------------------------------------------------------


async def test_a_file_that_is_dropped_is_put_by(scene: Scene) -> None:
    """F85: token, name and size; too large is said in words."""
    number = await scene.arrive()
    browser, outside = await scene.signed_in("binh"), await scene.signed_in("dung")
    path = f"/inbox/{number}/files"
    files = [("files", ("ảnh.png", b"x" * 2048, "image/png"))]
    said = await browser.post(path, {}, files=files)
    ((token, name, size),) = said.json()["files"]
    assert (said.status_code, name, size) == (201, "ảnh.png", "2 KB")
    large = [("files", ("a.bin", b"x" * (10 * 1024 * 1024 + 1), "x/y"))]
    refused = await browser.post(path, {}, files=large)
    assert (refused.status_code, "10 MB" in refused.json()["error"]) == (422, True)
    assert (await outside.post(path, {}, files=files)).status_code == 404
    await keep(browser, number, kept=token)
    scene.clock.now += timedelta(days=2)
    await scene.write(jobs._forget)
    page = composer((await browser.get(f"/inbox/{number}")).text)
    assert f'value="{token}" checked' in page, "a draft keeps its files for longer than a day"


async def test_an_answer_to_another_proven_address(scene: Scene) -> None:
    """Never to one that has not answered us, whatever the form says."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    row = await scene.get(number)

    def add(session: Any) -> None:
        for value in ("hai@vidu.example", "la@vidu.example"):
            session.add(
                ContactIdentity(
                    contact_id=row.contact_id, kind="email", value=value, created_at=NOW
                )
            )
        session.flush()
        verify(session, "email", "hai@vidu.example", NOW)

    await scene.write(add)
    page = composer((await browser.get(f"/inbox/{number}")).text)
    assert "<option>hai@vidu.example</option>" in page
    assert "la@vidu.example" not in page
    fields = {"kind": "reply", "body": "Dạ.", "key": "k"}
    wrong = await browser.post(f"/inbox/{number}/messages", {**fields, "to": "la@vidu.example"})
    assert wrong.status_code == 422
    sent = await browser.post(
        f"/inbox/{number}/messages", {**fields, "to": "hai@vidu.example", "quotes": "0"}
    )
    assert sent.status_code == 303
    (mail,) = await replies(scene)
    assert mail.to_address == "hai@vidu.example"
    assert "Đơn hàng của tôi" not in mail.mail["text"], "without what is answered"


async def test_forwarding(scene: Scene) -> None:
    """What was said, with its files, as a mail of its own; never a note, and no clock moves."""
    number = await scene.arrive(text="Máy kêu to.")
    browser = await scene.signed_in("binh")
    due = (await scene.get(number)).next_due_at
    note = {"kind": "note", "body": "Khách khó tính.", "key": "n"}
    await browser.post(f"/inbox/{number}/messages", note)
    page = (await browser.get(f"/inbox/{number}/forward")).text
    assert "Máy kêu to." in page
    assert "Khách khó tính." not in page
    path = f"/inbox/{number}/forward"
    for to, code in (("", 422), ("sai", 422), ("help@congty.example", 422)):
        assert (await browser.post(path, {"to": to, "body": ""})).status_code == code
    fields = {"to": "xuong@hang.example", "body": "Nhờ xem giúp.", "with_files": "1"}
    assert (await browser.post(path, fields)).status_code == 303
    (mail,) = await scene.all(Outbox, outbox.kind == OutboxKind.FORWARD)
    assert mail.to_address == "xuong@hang.example"
    assert "Nhờ xem giúp." in mail.mail["text"]
    assert "Máy kêu to." in mail.mail["text"]
    assert "Khách khó tính." not in mail.mail["text"]
    row = await scene.get(number)
    assert (row.next_due_at, row.first_responded_at) == (due, None)
    page = (await browser.get(f"/inbox/{number}")).text
    assert "forwarded it to xuong@hang.example" in page
    assert "Forwarded: waiting to be sent" in page
    trail = (await (await scene.signed_in("viet")).get("/settings/audit")).text
    assert "to whom" in trail
    assert "xuong@hang.example" in trail
    csv = await (await scene.signed_in("viet")).get("/settings/audit.csv")
    assert "xuong@hang.example" in csv.text


async def test_forwarded_files_are_those_of_the_messages(scene: Scene) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    files = [("files", ("giá.pdf", b"%PDF", "application/pdf"))]
    data = {"kind": "reply", "body": "Đây ạ.", "key": "k"}
    await browser.post(f"/inbox/{number}/messages", data, files=files)
    (sent,) = await replies(scene)
    await scene.write(
        lambda s: setattr(s.get_one(Outbox, sent.id), "state", DeliveryState.SENT)
    )
    fields = {"to": "xuong@hang.example", "body": "", "with_files": "1"}
    assert (await browser.post(f"/inbox/{number}/forward", fields)).status_code == 303
    jobs_ = await scene.write(delivery.claim, scene.clock.now, 100)
    (job,) = [one for one in jobs_ if one.kind == OutboxKind.FORWARD]
    found = await scene.database.read(delivery.load_files, job)
    assert [(one.filename, one.data) for one in found] == [("giá.pdf", b"%PDF")]
    assert delivery.compose(job.mail).to == "xuong@hang.example"


# ---- names in notes ------------------------------------------------------------------------


async def test_a_name_in_a_note_tells_its_person(scene: Scene) -> None:
    """F81: with or without accents, once, and it opens at the note; others are said."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    note = {"kind": "note", "body": "@le thu ha xem giúp, @Phạm Hùng Dũng nữa.", "key": "n"}
    for _ in range(2):
        assert (await browser.post(f"/inbox/{number}/messages", note)).status_code == 303
    (notice,) = await scene.all(Notice)
    ha = await scene.agent("ha")
    assert (notice.agent_id, notice.kind) == (ha.id, "mention")
    told = await scene.signed_in("ha")
    page = (await told.get("/notices")).text
    (message,) = [one for one in await scene.all(Message) if one.text == note["body"]]
    assert f'href="/inbox/{number}#m-{message.id}"' in page
    assert "Trần Thanh Bình mentions you in a note" in page
    thread = (await browser.get(f"/inbox/{number}")).text
    assert "mentioned Lê Thu Hà" in thread
    assert "Phạm Hùng Dũng may not see this request, and was not told" in thread


async def test_only_who_may_see_it_is_offered(scene: Scene) -> None:
    number = await scene.arrive()
    browser, outside = await scene.signed_in("binh"), await scene.signed_in("dung")
    said = (await browser.get(f"/inbox/{number}/people")).json()
    assert said == {"people": ["Lê Thu Hà", "Nguyễn Hoàng Việt"]}
    assert (await outside.get(f"/inbox/{number}/people")).status_code == 404


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hỏi @An nhé", ["An"]),
        ("hỏi @an.", ["An"]),
        ("hỏi @An Bình với", ["An Bình"]),
        ("mail an@An.example", []),
        ("@Anh gì đó", []),
        ("@@An và @An", ["An"]),
        ("không ai", []),
    ],
)
def test_names_in_a_text(text: str, found: list[str]) -> None:
    """The whole name, the longer of two; no address, no longer word."""
    people = [
        Colleague(n, name, "", True, None, "vi") for n, name in enumerate(("An", "An Bình"))
    ]
    names = {one.id: one.name for one in people}
    assert [names[one] for one in mentions.named_in(text, people)] == found
