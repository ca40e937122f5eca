"""Writing first: one of us begins a conversation with anybody (F116)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.accounts.contacts import NewContact, add_contact
from inbox.company.profile import keep_setting
from inbox.dates.reminders import fire_due
from inbox.later.blocking import block
from inbox.search.working import read_in
from inbox.store.people import as_person
from models import (
    AddressMark,
    BlockKind,
    ClockKind,
    Contact,
    Conversation,
    DeliveryState,
    Draft,
    Event,
    EventKind,
    Message,
    Notice,
    Outbox,
    Reminder,
    SLAClock,
    Status,
)
from models.base import columns
from tests.web.scene import NOW, Browser, Scene, hidden

reminders = columns(Reminder)
contacts = columns(Contact)
NEW = "chi.lan@khach.example"


def chosen(page: str) -> dict[str, str]:
    """Return what a browser sends of the menus and times that nobody touched."""
    found = dict(re.findall(r'name="(follow_up)" type="[^"]*" value="([^"]*)"', page))
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', page):
        values = re.findall(r'<option(?: value="([^"]*)")?( selected)?>([^<]*)', options)
        first = next((one for one in values if one[1]), values[0])
        found[name] = first[0] or (first[2] if "value=" not in options else "")
    return found


async def form(browser: Browser, query: str = "", **fields: Any) -> dict[str, Any]:
    """Open the form as somebody without scripts does, and fill it in."""
    page = (await browser.get(f"/inbox/new{query}")).text
    known = chosen(page) | {
        "key": hidden(page, "key"),
        "subject": "Báo giá",
        "body": "Em gửi báo giá ạ.",
    }
    if 'name="contact"' in page:
        known["contact"] = hidden(page, "contact")
    return {**known, **fields}


async def begin(browser: Browser, query: str = "", **fields: Any) -> Conversation:
    """Write first, and return what was begun."""
    given = await form(browser, query, **{"to": NEW, **fields})
    answer = await browser.post("/inbox/new", given)
    assert answer.status_code == 303, answer.text
    (*_, made) = await browser.scene.all(Conversation)
    assert answer.headers["location"] == f"/inbox/{made.id}"
    return made


async def test_a_conversation_that_we_begin(scene: Scene) -> None:
    """F116: an owner, a follow-up date, a mail under its own subject, and no first clock."""
    browser = await scene.signed_in("binh")
    page = (await browser.get("/inbox")).text
    assert 'href="/inbox/new"' in page
    assert 'aria-keyshortcuts="m"' in page

    made = await begin(browser, name="Chị Lan", cc="ke.toan@khach.example")

    binh = await scene.agent("binh")
    assert (made.owner_id, made.team_id) == (binh.id, await scene.team("Orders"))
    assert (made.status, made.subject, made.channel) == (Status.OPEN, "Báo giá", "email")
    assert await scene.all(SLAClock) == []
    assert (made.next_due_at, made.promised_at, made.sla_state) == (None, None, "none")
    (mail,) = await scene.all(Outbox)
    assert (mail.to_address, mail.mail["subject"]) == (NEW, "Báo giá")
    assert mail.mail["cc"] == ["ke.toan@khach.example"]
    assert mail.mail["text"].startswith("Em gửi báo giá ạ.")
    (reminder,) = await scene.all(Reminder)
    assert (reminder.agent_id, reminder.if_silent) == (binh.id, True)
    assert reminder.due_at == NOW + timedelta(days=3)  # three working days from a Tuesday
    (contact,) = await scene.all(Contact)
    assert contact.name == "Chị Lan"
    shown = (await browser.get(f"/inbox/{made.id}")).text
    assert "wrote first: no first answer is owed" in shown
    assert "No deadline is running." in shown


async def test_the_answer_starts_a_next_response_clock(scene: Scene) -> None:
    """F116: what the customer then writes is owed a next answer, never a first one."""
    browser = await scene.signed_in("binh")
    made = await begin(browser)
    scene.clock.now += timedelta(hours=1)
    visitor = scene.browser("vi")
    page = (await visitor.get(f"/s/{made.public_token}")).text
    fields = {"token": hidden(page, "token"), "key": hidden(page, "key"), "body": "Giá sao?"}
    more = await visitor.client.post(f"/s/{made.public_token}/messages", data=fields)
    assert more.status_code == 303
    kinds = {one.kind: one for one in await scene.all(SLAClock)}
    assert set(kinds) == {ClockKind.NEXT_RESPONSE, ClockKind.RESOLUTION}
    assert kinds[ClockKind.NEXT_RESPONSE].started_at == scene.clock.now
    row = await scene.get(made.id)
    assert row.next_due_at == kinds[ClockKind.NEXT_RESPONSE].due_at
    scene.clock.now = NOW + timedelta(days=4)
    await scene.write(fire_due, scene.clock.now)
    (reminder,) = await scene.all(Reminder)
    assert reminder.ended_as == "answered", "nobody is reminded of what has come"


async def test_the_owner_is_reminded_when_nobody_answers(scene: Scene) -> None:
    """F116: whoever owns it hears of the silence at the date that was chosen."""
    browser = await scene.signed_in("ha")
    dung = await scene.agent("dung")
    technics = await scene.team("Technics")
    made = await begin(
        browser, owner=str(dung.id), team=str(technics), follow_up="2026-11-26T09:00"
    )
    assert (made.owner_id, made.team_id) == (dung.id, technics)
    scene.clock.now = NOW + timedelta(days=2)
    await scene.write(fire_due, scene.clock.now)
    (notice,) = await scene.all(Notice)
    assert (notice.agent_id, notice.conversation_id) == (dung.id, made.id)


async def test_the_same_click_twice(scene: Scene) -> None:
    """F116: sent twice it is one conversation, one mail and one reminder."""
    browser = await scene.signed_in("binh")
    given = await form(browser, to=NEW)
    first = await browser.post("/inbox/new", given)
    again = await browser.post("/inbox/new", given)
    assert first.headers["location"] == again.headers["location"]
    for table in (Conversation, Outbox, Reminder, Message):
        assert len(await scene.all(table)) == 1


async def test_it_can_be_undone(scene: Scene) -> None:
    """F76, F116: before it leaves it is a draft again, and its subject stays when sent."""
    await scene.write(keep_setting, "undo_send_s", 10)
    browser = await scene.signed_in("binh")
    given = await form(browser, to=NEW)
    await browser.post("/inbox/new", given)
    (message,) = await scene.all(Message)
    number = message.conversation_id
    page = (await browser.get(f"/inbox/{number}")).text
    assert f"/messages/{message.id}/undo" in page
    await browser.post(f"/inbox/{number}/messages/{message.id}/undo")
    assert await scene.all(Outbox) == []
    assert [one.text for one in await scene.all(Draft)] == ["Em gửi báo giá ạ."]
    assert {one.ended_as for one in await scene.all(Reminder)} == {"dropped"}
    sent = {"kind": "reply", "body": "Em gửi lại ạ.", "key": "k2"}
    assert (await browser.post(f"/inbox/{number}/messages", sent)).status_code == 303
    (mail,) = await scene.all(Outbox)
    assert mail.mail["subject"] == "Báo giá"
    twice = await browser.post("/inbox/new", given)
    assert twice.status_code == 409, "the first click is not done once more"


async def test_what_is_refused_is_kept(scene: Scene) -> None:
    """F116: with a sentence at the field, and everything that was typed."""
    browser = await scene.signed_in("binh")
    for field, wrong, said in (
        ("to", "không phải địa chỉ", "This is not an e-mail address"),
        ("to", "help@congty.example", "This is an address of ours"),
        ("subject", " ", "Write a subject."),
        ("body", " ", "Write something first."),
        ("cc", "x", "One of these is not an e-mail address: x"),
        ("follow_up", "2020-01-01T09:00", "Choose a time from now on"),
        ("owner", "99999", "Please choose one of these."),
        ("request_type", "nothing", "Please choose one of these."),
        ("team", "99999", "Please choose one of these."),
        ("inbox", "99999", "There is no such inbox"),
    ):
        given = await form(browser, **{"to": NEW, "bcc": "sep@khach.example", field: wrong})
        answer = await browser.post("/inbox/new", given)
        assert (answer.status_code, said in answer.text) == (422, True), (field, wrong)
        assert "sep@khach.example" in answer.text
        kept = given["body"].strip() or given["subject"]
        assert kept in answer.text
    assert await scene.all(Conversation) == []
    assert await scene.all(Contact) == [], "nobody is entered by what was refused"


async def test_whom_we_do_not_write_to(scene: Scene) -> None:
    """F116, F22: a blocked sender, a marked address, somebody whose data is restricted."""
    number = await scene.arrive(email=NEW)
    browser = await scene.signed_in("viet")
    viet = await scene.agent("viet")

    def stop(session: Session) -> None:
        row = session.get_one(Conversation, number)
        block(session, row, kind=BlockKind.ADDRESS, by=as_person(viet, ()), now=NOW)
        session.add(AddressMark(address="a@b.example", code="5.1.1", said="no", marked_at=NOW))

    await scene.write(stop)
    before = len(await scene.all(Conversation))
    answer = await browser.post("/inbox/new", await form(browser, to=NEW))
    assert (answer.status_code, "This sender is blocked" in answer.text) == (422, True)
    answer = await browser.post("/inbox/new", await form(browser, to="a@b.example"))
    assert (answer.status_code, 'name="anyway" value="1"' in answer.text) == (409, True)

    await scene.write(
        lambda session: session.execute(update(Contact).values(restricted_at=NOW))
    )
    ngay = await form(browser, to="khach@vidu.example")
    other = await scene.arrive()
    await scene.write(
        lambda session: session.execute(update(Contact).values(restricted_at=NOW))
    )
    answer = await browser.post("/inbox/new", ngay)
    assert (answer.status_code, "restricted" in answer.text) == (409, True)
    assert len(await scene.all(Conversation)) == before + (other is not None)


async def test_finding_somebody(scene: Scene) -> None:
    """F116: by name, address or number; without a script by a form, with htmx as one types."""
    number = await scene.arrive(name="Trần Thị Đào", email="dao@vidu.example")
    contact = (await scene.get(number)).contact_id

    def enter(session: Session) -> int:
        new = NewContact("Anh Tư", phone="0901 234 567")
        return add_contact(session, None, new, by=None, now=NOW)

    by_phone = await scene.write(enter)
    await scene.write(read_in)
    browser = await scene.signed_in("binh")
    for words in ("dao", "dao@vidu.example"):
        page = (await browser.get("/inbox/new", params={"q": words})).text
        assert f'href="/inbox/new?contact={contact}"' in page
    for words in ("0901234567", "+84 901 234 567", "0901 234 567"):
        part = await browser.get("/inbox/new", params={"q": words}, htmx=True)
        assert f'href="/inbox/new?contact={by_phone}"' in part.text, words
        assert "<html" not in part.text
    page = (await browser.get(f"/inbox/new?contact={contact}")).text
    assert "<option>dao@vidu.example</option>" in page.replace(" selected", "")
    made = await begin(browser, f"?contact={contact}", to="dao@vidu.example")
    assert made.contact_id == contact
    page = (await browser.get(f"/inbox/new?contact={by_phone}")).text
    assert "No e-mail address of theirs is known," in page
    assert f'href="/calls/new?contact={by_phone}"' in page
    outside = await scene.signed_in("dung")
    assert (await outside.get(f"/inbox/new?contact={contact}")).status_code == 404


@pytest.mark.one_database
async def test_files_go_along_and_are_asked_for_again(scene: Scene) -> None:
    """F116: as with any answer; what was refused says that its files are to be chosen again."""
    browser = await scene.signed_in("binh", "vi")
    files = {"files": ("giá.pdf", b"%PDF-1.7", "application/pdf")}
    refused = await form(browser, to="sai")
    answer = await browser.post("/inbox/new", refused, files=files)
    assert answer.status_code == 422
    assert "The files were not kept: choose them again." in answer.text
    given = await form(browser, to=NEW)
    assert (await browser.post("/inbox/new", given, files=files)).status_code == 303
    (mail,) = await scene.all(Outbox)
    assert mail.mail["has_files"] is True
    assert mail.state == DeliveryState.QUEUED
    kinds = [one.kind for one in await scene.all(Event)]
    assert kinds[:2] == [EventKind.BEGUN, EventKind.ASSIGNED]


async def test_what_was_taken_away_stays_away_when_the_form_comes_back(scene: Scene) -> None:
    """F116: after an error, also no team and no follow-up."""
    browser = await scene.signed_in("binh")
    given = await form(browser, to="nobody", team="", follow_up="")
    answer = await browser.post("/inbox/new", given)
    assert answer.status_code == 422
    assert chosen(answer.text)["team"] == ""
    assert chosen(answer.text)["follow_up"] == ""
    call = {name: text for name, text in given.items() if name not in ("body", "to", "inbox")}
    call |= {"number": "abc", "outcome": "answered", "direction": "outbound"}
    answer = await browser.post("/calls", call)
    assert answer.status_code == 422, answer.text
    assert chosen(answer.text)["team"] == ""
