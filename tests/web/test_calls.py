"""Calls that one of us writes down, and numbers everywhere (F115)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox.accounts.contacts import NewContact, add_contact
from models import (
    Call,
    CallDirection,
    CallState,
    ChannelKind,
    ClockKind,
    Contact,
    ContactIdentity,
    Conversation,
    Direction,
    Message,
    Outbox,
    Reminder,
    SLAClock,
)
from tests.web.scene import NOW, Browser, Scene, hidden
from tests.web.test_beginning import chosen

NUMBER = "+84901234567"


async def fields(browser: Browser, path: str, **typed: Any) -> dict[str, Any]:
    """Open a form as somebody without scripts does, and fill it in."""
    page = (await browser.get(path)).text
    found = chosen(page) | {"key": hidden(page, "key")}
    if 'name="contact"' in page:
        found["contact"] = hidden(page, "contact")
    return {**found, **typed}


async def test_a_call_in_which_we_spoke_is_an_answer(scene: Scene) -> None:
    """F115, F37: it meets the running clock, with who, when, number, length and a note."""
    number = await scene.arrive(phone="0901 234 567")
    binh = await scene.agent("binh")
    browser = await scene.signed_in("binh")
    page = (await browser.get(f"/inbox/{number}")).text
    assert f'aria-keyshortcuts="l" href="/inbox/{number}/call"' in page
    assert f'href="tel:{NUMBER}">0901 234 567</a>' in page
    form = await browser.get(f"/inbox/{number}/call")
    assert 'value="0901 234 567"' in form.text
    scene.clock.now += timedelta(minutes=10)
    given = await fields(
        browser, f"/inbox/{number}/call", minutes="4:30", note="Hẹn giao thứ Sáu."
    )
    given |= {"number": "0901 234 567", "at": ""}
    for _ in range(2):  # the same click twice
        answer = await browser.post(f"/inbox/{number}/calls", given)
        assert answer.headers["location"] == f"/inbox/{number}"

    (call,) = await scene.all(Call)
    assert (call.direction, call.state) == (CallDirection.OUTBOUND, CallState.ANSWERED)
    assert (call.number, call.length_s, call.agent_id) == (NUMBER, 270, binh.id)
    first = next(
        one for one in await scene.all(SLAClock) if one.kind is ClockKind.FIRST_RESPONSE
    )
    assert (first.met_at, first.met_by_id) == (scene.clock.now, binh.id)
    assert (await scene.get(number)).next_due_at is None
    page = (await browser.get(f"/inbox/{number}")).text
    assert "Outgoing call, answered, 4 min 30 s" in page
    assert "Hẹn giao thứ Sáu." in page
    token = (await scene.get(number)).public_token
    assert "Hẹn giao" not in (await scene.browser("vi").get(f"/s/{token}")).text
    (_, message) = await scene.all(Message)
    assert message.direction is Direction.NOTE


async def test_nobody_answered(scene: Scene) -> None:
    """F115: it is written down, and the customer is owed an answer still."""
    number = await scene.arrive()
    due = (await scene.get(number)).next_due_at
    browser = await scene.signed_in("binh")
    for outcome in ("no_answer", "voicemail", "wrong_number"):
        given = await fields(browser, f"/inbox/{number}/call", outcome=outcome, at="")
        assert (await browser.post(f"/inbox/{number}/calls", given)).status_code == 303
    assert (await scene.get(number)).next_due_at == due
    assert len(await scene.all(Call)) == 3


async def test_a_call_of_a_while_ago(scene: Scene) -> None:
    """F115: its clock is met when they spoke; what was asked since is owed still."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    scene.clock.now += timedelta(minutes=30)
    given = await fields(browser, f"/inbox/{number}/call", at="2026-11-24T10:20")
    assert (await browser.post(f"/inbox/{number}/calls", given)).status_code == 303
    first = (await scene.all(SLAClock))[0]
    assert first.met_at == NOW + timedelta(minutes=20)
    for at in ("2026-11-24T23:00", "2026-11-01T10:00", "yesterday"):
        wrong = await fields(browser, f"/inbox/{number}/call", at=at, note="giữ lại")
        answer = await browser.post(f"/inbox/{number}/calls", wrong)
        assert (answer.status_code, "giữ lại" in answer.text) == (422, True), at


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "abc"),
        ("minutes", "viele"),
        ("minutes", "2000"),
        ("outcome", "x"),
        ("direction", "up"),
    ],
)
@pytest.mark.one_database
async def test_what_is_refused_is_kept(scene: Scene, field: str, value: str) -> None:
    """F115: with a sentence at its field."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    given = await fields(browser, f"/inbox/{number}/call", note="giữ lại", at="")
    answer = await browser.post(f"/inbox/{number}/calls", {**given, field: value})
    assert answer.status_code == 422
    assert 'class="error"' in answer.text
    assert "giữ lại" in answer.text
    assert await scene.all(Call) == []


async def test_a_call_with_somebody(scene: Scene) -> None:
    """F115, F116: from their page: as a new request with its date, or in what is open."""

    def enter(session: Session) -> int:
        new = NewContact("Anh Tư", phone="0901 234 567")
        return add_contact(session, None, new, by=None, now=NOW)

    contact = await scene.write(enter)
    browser = await scene.signed_in("binh")
    page = (await browser.get(f"/contacts/{contact}")).text
    assert f'href="/calls/new?contact={contact}"' in page
    assert f'href="tel:{NUMBER}"' in page
    path = f"/calls/new?contact={contact}"
    given = await fields(browser, path, number="0901234567", subject="Đặt lịch", at="")
    first = await browser.post("/calls", given)
    again = await browser.post("/calls", given)
    (row,) = await scene.all(Conversation)
    assert first.headers["location"] == again.headers["location"] == f"/inbox/{row.id}"
    assert (row.channel, row.subject, row.contact_id) == (
        ChannelKind.PHONE,
        "Đặt lịch",
        contact,
    )
    assert await scene.all(SLAClock) == [], "no first-response clock"
    assert len(await scene.all(Reminder)) == 1
    assert await scene.all(Outbox) == []
    given = await fields(browser, path, number="0901234567", note="gọi lại", at="")
    assert given["about"] == str(row.id), "what is open comes first"
    await browser.post("/calls", given)
    assert len(await scene.all(Call)) == 2
    assert len(await scene.all(Conversation)) == 1


async def test_a_number_that_nobody_knows(scene: Scene) -> None:
    """F115: it is entered with the call; what is no number is refused."""
    browser = await scene.signed_in("binh")
    given = await fields(browser, "/calls/new", number="0907 000 111", name="Cô Sáu", at="")
    assert (await browser.post("/calls", given)).status_code == 303
    (contact,) = await scene.all(Contact)
    (way,) = await scene.all(ContactIdentity)
    assert (contact.name, way.kind, way.value) == ("Cô Sáu", "phone", "+84907000111")
    for wrong in ("", "12", "x@y.example"):
        given = await fields(browser, "/calls/new", number=wrong, at="")
        assert (await browser.post("/calls", given)).status_code == 422
    assert len(await scene.all(Conversation)) == 1


async def test_a_form_with_only_a_number(scene: Scene) -> None:
    """F115: no address is needed, and one number is one person however it is typed."""
    visitor = scene.browser("vi")
    for typed in ("0901 234 567", "+84 901.234.567"):
        page = (await visitor.get("/f/support")).text
        data = {"token": hidden(page, "token"), "phone": typed, "body": "Gọi lại cho tôi."}
        assert (await visitor.client.post("/f/support", data=data)).status_code == 303
    page = (await visitor.get("/f/support")).text
    data = {"token": hidden(page, "token"), "phone": "123", "body": "Gọi lại."}
    assert (await visitor.client.post("/f/support", data=data)).status_code == 422
    assert len(await scene.all(Contact)) == 1
    (way,) = await scene.all(ContactIdentity)
    assert (way.kind, way.value) == ("phone", NUMBER)
    assert await scene.all(Outbox) == [], "there is no way to send to a bare number"
