"""What our own mails say: changed by inbox and language, looked at, restored (R56)."""

from typing import Any

import pytest

from inbox.delivery import compose
from models import AuditEntry, AuditThing, Inbox, MailWords, Outbox, OutboxKind
from tests.web.scene import Browser, Scene

PLACE = "/settings/mails/0/acknowledgement/vi"
WORDS = {
    "subject": "Ổn đã nhận yêu cầu {{conversation.number}}",
    "text": "Chào bạn!\n{{closed}}\nChúng tôi trả lời trước {{promise}}.\n\nXem:\n{{link}}",
}


async def save(browser: Browser, place: str = PLACE, **more: str) -> Any:
    """Save words by their form."""
    return await browser.post(place, {**WORDS, **more})


async def acknowledged(scene: Scene, number: int) -> Any:
    """Return the acknowledgement of a conversation as it leaves."""
    rows = await scene.all(Outbox, Outbox.conversation_id == number)
    (mail,) = [one.mail for one in rows if one.kind is OutboxKind.ACKNOWLEDGEMENT]
    return compose(mail)


async def test_an_acknowledgement_says_what_the_company_wrote(scene: Scene) -> None:
    """In its language, as text and HTML; an inbox's own words come before the company's."""
    leader = await scene.signed_in("ha")
    assert (await save(leader)).status_code == 303
    number = await scene.arrive()
    sent = await acknowledged(scene, number)
    assert sent.subject == f"Ổn đã nhận yêu cầu {number}"
    assert sent.text.startswith("Chào bạn!\nChúng tôi trả lời trước ")
    assert "{{" not in sent.text
    assert "Thư này được gửi tự động" in sent.text
    assert f"/s/{(await scene.get(number)).public_token}" in sent.html
    assert ">Xem</a>" in sent.html
    assert "Chào bạn!" in (await leader.get("/settings/mails/0/acknowledgement/vi")).text
    row = await scene.get(number)
    own = f"/settings/mails/{row.inbox_id}/acknowledgement/vi"
    assert (await save(leader, own, subject="Riêng {{company.name}}")).status_code == 303
    sent = await acknowledged(scene, await scene.arrive(email="hai@vidu.example"))
    assert sent.subject == "Riêng Công ty Ổn"
    assert (await leader.post(f"{own}/restoration")).status_code == 303
    assert (await leader.post(f"{PLACE}/restoration")).status_code == 303
    sent = await acknowledged(scene, await scene.arrive(email="ba@vidu.example"))
    assert sent.subject.startswith("Chúng tôi sẽ trả lời trước")
    found = await scene.all(AuditEntry, AuditEntry.thing == AuditThing.MAIL_WORDS)
    actions = ["created", "created", "removed", "removed"]
    assert [one.action.value for one in found] == actions
    assert found[0].after["subject"] == WORDS["subject"]


@pytest.mark.one_database
async def test_the_promise_cannot_be_taken_out(scene: Scene) -> None:
    """The customer has to see the honest time, and whoever tries reads why."""
    leader = await scene.signed_in("ha")
    for place in (PLACE, "/settings/mails/0/late/en"):
        answer = await save(leader, place, text="Chào {{company.name}}")
        assert answer.status_code == 422
        assert "the customer has to see the honest time" in answer.text
        assert "Chào {{company.name}}" in answer.text
    asked = await save(leader, "/settings/mails/0/survey/vi", text="{{yes}} {{no}}")
    assert "The three links stay" in asked.text
    assert await scene.all(MailWords) == []


HOSTILE: tuple[dict[str, str], ...] = (
    *({"subject": ""}, {"subject": "x" * 151}, {"subject": "\x1b"}, {"text": ""}),
    {"text": "{{promise}}" + "x" * 4000},
    {"text": "{{promise}} {{customer.name}}"},  # what the sender typed is sent to nobody
    {"text": "{{promise}} {{7*7}}"},
    {"text": "{{promise}} {{ config.items() }}"},
    {"text": "{{promise}} {{{{promise}}}} {{a}}"},
)


@pytest.mark.one_database
async def test_hostile_words_are_refused(scene: Scene) -> None:
    leader = await scene.signed_in("ha")
    for more in HOSTILE:
        assert (await save(leader, **more)).status_code == 422, more
    assert await scene.all(MailWords) == []


@pytest.mark.one_database
async def test_no_header_line_can_be_added(scene: Scene) -> None:
    """CRLF and NUL in a subject, Jinja in a text: one line, and literal."""
    leader = await scene.signed_in("ha")
    subject = "Xin chào\r\nBcc: x@y.example\0"
    answer = await save(
        leader, subject=subject, text="{% raw %} {{promise}} <b>{{company.name}}"
    )
    assert answer.status_code == 303
    sent = await acknowledged(scene, await scene.arrive())
    assert sent.subject == "Xin chào Bcc: x@y.example"
    assert "{% raw %}" in sent.text
    assert "&lt;b&gt;Công ty Ổn" in sent.html


async def test_the_sentence_for_closed_hours(scene: Scene) -> None:
    """Out of hours it stands in the acknowledgement, filled in; in hours its line leaves."""
    leader = await scene.signed_in("ha")
    place = "/settings/mails/0/closed/vi"
    assert (
        await leader.post(place, {"text": "Tết rồi! Hẹn {{opens}} nhé."})
    ).status_code == 303
    open_now = await acknowledged(scene, await scene.arrive())
    assert "Tết rồi" not in open_now.text
    scene.clock.now = scene.clock.now.replace(hour=15)  # 22:00 there
    closed = await acknowledged(scene, await scene.arrive(email="b@vidu.example"))
    assert "Tết rồi! Hẹn 8:00 ngày mai nhé." in closed.text
    assert (await leader.post(place, {"text": "{{promise}}"})).status_code == 422


@pytest.mark.one_database
async def test_the_preview_is_what_would_be_sent(scene: Scene) -> None:
    """As text for htmx, with what is wrong; as HTML under a policy of its own in the frame."""
    leader = await scene.signed_in("ha")
    page = (await leader.get(PLACE)).text
    assert "{{promise}}" in page
    assert 'name="mail-frame"' in page
    typed = {"subject": "Hi {{conversation.number}}", "text": "<i>{{promise}}</i>"}
    part = await leader.post(f"{PLACE}/preview", typed, htmx=True)
    assert "Hi 1042" in part.text
    assert "&lt;i&gt;16:00 hôm nay&lt;/i&gt;" in part.text
    part = await leader.post(f"{PLACE}/preview", {"subject": "", "text": "x"}, htmx=True)
    assert "the honest time" in part.text
    framed = await leader.post(f"{PLACE}/preview", typed)
    assert "&lt;i&gt;16:00 hôm nay" in framed.text
    assert "sandbox" in framed.headers["content-security-policy"]
    kept = await leader.get(f"{PLACE}/frame")
    assert "default-src 'none'" in kept.headers["content-security-policy"]
    assert await scene.all(MailWords) == []


async def test_the_list_says_whose_words_each_mail_has(scene: Scene) -> None:
    leader = await scene.signed_in("ha")
    await save(leader)
    (door, *_) = await scene.all(Inbox)
    assert "our own words" in (await leader.get("/settings/mails")).text
    assert "our own words" in (await leader.get(f"/settings/mails?inbox={door.id}")).text
    for wrong in ("/settings/mails/999/late/vi", "/settings/mails/0/none/vi"):
        assert (await leader.get(wrong)).status_code == 404
    assert (await leader.get("/settings/mails/0/late/fr")).status_code == 404
    assert (await leader.get("/settings/mails?inbox=999")).status_code == 404
