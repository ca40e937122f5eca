"""The hosted form."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.auth import sign
from models import (
    Attachment,
    Company,
    Contact,
    Conversation,
    Inbox,
    Message,
    Outbox,
    OutboxKind,
    RawMessage,
)
from tests.web.scene import NOW, Browser, Scene, hidden

ANSWERS = {
    "name": "Chị Mai",
    "email": "mai@vidu.example",
    "phone": "0901 234 567",
    "subject": "Ghế gỗ",
    "body": "Ghế giao thiếu một chân.\n\nNhờ shop xem giúp.",
    "request_type": "order_delivery",
    "website": "",
}


async def filled(browser: Browser, **changes: Any) -> dict[str, Any]:
    """Load the form and fill it in."""
    page = await browser.get("/f/support")
    assert page.status_code == 200
    return {**ANSWERS, "token": hidden(page.text, "token"), **changes}


async def send(browser: Browser, fields: dict[str, Any], **named: Any) -> httpx.Response:
    """Send the form as a browser without scripts does, from wherever it lies."""
    return await browser.client.post("/f/support", data=fields, **named)


async def sent(scene: Scene, **changes: Any) -> tuple[Browser, str]:
    """Send a form and return the browser with the customer's page."""
    browser = scene.browser()
    answer = await send(browser, await filled(browser, **changes))
    assert answer.status_code == 303
    return browser, urlsplit(answer.headers["location"]).path


async def test_a_form_becomes_a_conversation(scene: Scene) -> None:
    """F54: posted, taken in, sorted, owned, with the number on its own page."""
    browser = scene.browser()
    answer = await send(browser, await filled(browser))
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert re.fullmatch(r"/s/[\w-]{22}\?new=1", where)
    (row,) = await scene.all(Conversation)
    assert row.public_token in where
    assert (row.subject, row.request_type, row.language) == (
        "Ghế gỗ",
        "order_delivery",
        "vi",
    )
    assert row.owner_id == (await scene.agent("binh")).id
    (message,) = await scene.all(Message)
    assert message.text == ANSWERS["body"]
    (contact,) = await scene.all(Contact)
    assert contact.name == "Chị Mai"
    page = await browser.get(where)
    assert str(row.id) in page.text
    assert "Ghế giao thiếu một chân." in page.text
    assert "Orders" in page.text


async def test_sent_twice_is_one(scene: Scene) -> None:
    """F15, R5: a double click and a refresh end on the same page, with one acknowledgement."""
    browser = scene.browser()
    fields = await filled(browser)
    first = await send(browser, fields)
    scene.clock.now += timedelta(minutes=10)
    second = await send(browser, fields)
    assert first.headers["location"] == second.headers["location"]
    assert len(await scene.all(Conversation)) == 1
    assert len(await scene.all(Message)) == 1
    assert [mail.kind for mail in await scene.all(Outbox)] == [OutboxKind.ACKNOWLEDGEMENT]
    # The form loaded anew is another request.
    third = await send(browser, await filled(browser))
    assert third.headers["location"] != first.headers["location"]
    assert len(await scene.all(Conversation)) == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"body": "  \n "}, "Please tell us what it is about."),
        ({"email": "not-an-address"}, "This is not an e-mail address"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "This is not an e-mail address"),
        ({"email": "", "phone": "123"}, "This is no phone number."),
        ({"email": "", "phone": ""}, "Give an e-mail address or a phone number"),
        ({"request_type": "nonsense"}, "Please choose one of these."),
        ({"name": "x" * 201}, "This is too long."),
    ],
)
async def test_errors_keep_what_was_written(
    scene: Scene, changes: dict[str, str], sentence: str
) -> None:
    """422 with the values in the form, and what to change; then it can be sent."""
    browser = scene.browser()
    fields = await filled(browser, **changes)
    answer = await send(browser, fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text or "request_type" in changes
    for name in ("name", "phone", "subject"):
        assert f'value="{fields[name]}"' in answer.text
    if "body" not in changes:
        assert "Ghế giao thiếu một chân." in answer.text
    assert await scene.all(RawMessage) == []
    mended = {**fields, **ANSWERS, "token": hidden(answer.text, "token")}
    assert (await send(browser, mended)).status_code == 303


async def test_markup_is_only_text(scene: Scene) -> None:
    """What a stranger types is shown as typed: on the form, the status page, and inside."""
    evil = "<script>alert(1)</script>\"'{{7*7}}"
    browser = scene.browser()
    again = await send(browser, await filled(browser, subject=evil, body="", name=evil))
    _, path = await sent(scene, subject=evil, body=evil, name=evil)
    (row,) = await scene.all(Conversation)
    agent = await scene.signed_in("binh")
    for page in (
        again.text,
        (await browser.get(path)).text,
        (await agent.get("/inbox")).text,
        (await agent.get(f"/inbox/{row.id}")).text,
    ):
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
        assert "{{7*7}}" in page


async def test_unknown_fields_are_refused(scene: Scene) -> None:
    """R51: in the form and on the customer's page."""
    browser = scene.browser()
    answer = await send(browser, await filled(browser, owner_id="1"))
    assert answer.status_code == 422
    assert await scene.all(RawMessage) == []
    browser, path = await sent(scene)
    token = hidden((await browser.get(path)).text, "token")
    fields = {"token": token, "body": "x", "status": "resolved"}
    assert (await browser.client.post(f"{path}/messages", data=fields)).status_code == 422
    assert len(await scene.all(RawMessage)) == 1


async def test_the_honeypot(scene: Scene) -> None:
    """A machine that fills in everything is told nothing and stores nothing."""
    browser = scene.browser()
    answer = await send(browser, await filled(browser, website="http://spam.example"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/f/support")
    assert await scene.all(RawMessage) == []


async def test_tokens_of_the_form(scene: Scene) -> None:
    """Decision 39: forged, foreign, expired or missing: refused; a day old: fine."""
    browser = scene.browser()
    secret = scene.site.secret
    good = (await filled(browser))["token"]
    at = int(NOW.timestamp())

    def made(text: str, purpose: str = "form:support") -> str:
        return f"{text}.{sign(secret, purpose, text)}"

    for token in (
        "",
        "x",
        ".",
        "..",
        good[:-1],
        good[1:],
        good + "a",
        made(f"{at}.abc", "form:other"),
        made(f"{at}.abc", "status:support"),
        made(f"{at - 2 * 86400 - 1}.abc"),
        made(f"{at + 60}.abc"),
        made("9" * 5000),
        made("².abc"),
        "².abc.def",
        "9" * 5000 + ".a.b",
        "ổ.ổ.ổ",
    ):
        answer = await send(browser, {**ANSWERS, "token": token})
        assert answer.status_code == 403, token[:40]
        assert "please send it once more" in answer.text, "with what was typed, and a new token"
        assert ANSWERS["body"] in answer.text
    assert await scene.all(RawMessage) == []
    scene.clock.now += timedelta(days=1)
    assert (await send(browser, {**ANSWERS, "token": good})).status_code == 303


async def test_a_form_needs_no_cookie(scene: Scene) -> None:
    """The form works inside a page of another site, where no cookie of ours comes along."""
    browser = scene.browser()
    fields = await filled(browser)
    browser.client.cookies.clear()
    answer = await send(browser, fields, headers={"origin": "https://shop.example"})
    assert answer.status_code == 303


async def test_too_much(scene: Scene) -> None:
    """Decision 22: a text over 1 MB and files over 10 MB together are 413, not stored."""
    browser = scene.browser()
    fields = await filled(browser)
    answer = await send(browser, {**fields, "body": "a" * 5_000_000})
    assert answer.status_code == 413
    half = b"x" * (5 * 1024 * 1024 + 10)
    files = [("files", ("a.bin", half)), ("files", ("b.bin", half))]
    assert (await send(browser, fields, files=files)).status_code == 413
    beyond = [("files", ("a.bin", b"x" * (13 * 1024 * 1024)))]
    answer = await send(browser, fields, files=beyond)
    assert answer.status_code == 413
    assert "content-security-policy" in answer.headers
    assert (await send(browser, fields, files=[("files", ("a", b"x"))] * 21)).status_code == 413
    assert await scene.all(RawMessage) == []


async def test_files_arrive(scene: Scene) -> None:
    """Files come along with their names; an empty file field is none."""
    browser = scene.browser()
    files = [
        ("files", ("ảnh ghế.png", b"\x89PNG", "image/png")),
        ("files", ("../../etc/passwd", b"root", "text/plain")),
        ("files", ("", b"", "application/octet-stream")),
    ]
    answer = await send(browser, await filled(browser), files=files)
    assert answer.status_code == 303
    found = await scene.all(Attachment)
    assert [(file.filename, file.size_bytes) for file in found] == [
        ("ảnh ghế.png", 4),
        ("passwd", 4),
    ]
    page = (await browser.get(answer.headers["location"])).text
    assert "ảnh ghế.png" in page


@pytest.mark.parametrize(
    ("content", "kind"),
    [  # each is wrong in its own way
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"body=%ff%fe&email=%00", "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"--x\r\nbroken", "multipart/form-data"),
        (b'{"body": 1}', "application/json"),
        (b"[", "application/json"),
        (b"x", ""),
        (b"", "text/plain; charset=\xff"),
        (b"", "text/plain; charset=\\"),
        (b"&".join(b"body=%d" % n for n in range(5000)), "application/x-www-form-urlencoded"),
    ],
)
async def test_broken_bodies(scene: Scene, content: bytes, kind: str) -> None:
    """Whatever is sent, it is a client's mistake and never ours."""
    headers = [(b"content-type", kind.encode("latin-1"))]
    answer = await scene.browser().client.post("/f/support", content=content, headers=headers)
    assert 400 <= answer.status_code < 500
    agent = await scene.signed_in("binh")
    answer = await agent.client.post("/login", content=content, headers=headers)
    assert 400 <= answer.status_code < 500


async def test_unknown_forms(scene: Scene) -> None:
    """A form that does not exist is not found, for looking and for sending."""
    browser = scene.browser()
    for slug in ("other", "Support", "support%00", "%E1%BB%95", "a" * 3000):
        assert (await browser.get(f"/f/{slug}")).status_code == 404
    answer = await browser.client.post("/f/other", data=await filled(browser))
    assert answer.status_code == 404


async def test_both_languages(scene: Scene) -> None:
    """Asked for, the browser's, else the company's; nothing is mixed."""
    vietnamese = await scene.browser("vi-VN,vi;q=0.9").get("/f/support")
    english = await scene.browser("en-GB").get("/f/support")
    other = await scene.browser("fr").get("/f/support")
    assert 'lang="vi"' in vietnamese.text
    assert "Đơn hàng, giao hàng" in vietnamese.text
    assert "Send request" not in vietnamese.text
    assert "Order and delivery" in english.text
    assert "We will answer before" in english.text
    assert "Send request" in other.text, "the company speaks English"
    assert "Order and delivery" in other.text
    asked = await scene.browser("en").get("/f/support?lang=vi")
    assert "Đơn hàng, giao hàng" in asked.text


async def test_errors_speak_the_companys_language_too(scene: Scene) -> None:
    """The sentence beside a field is in the page's language."""

    def work(session: Session) -> None:
        session.execute(update(Company).values(language="vi"))

    await scene.write(work)
    browser = scene.browser("fr")
    answer = await send(browser, await filled(browser, body=""))
    assert "Please" not in answer.text
    assert "Anh/chị vui lòng cho biết nội dung cần hỗ trợ." in answer.text


async def test_the_form_says_when(scene: Scene) -> None:
    """F28: eight working hours from Tuesday 10:00 end on Wednesday at 10:00."""
    page = (await scene.browser().get("/f/support")).text
    promise = re.search(r"We will answer before ([^<]+)<", page)
    assert promise
    assert "10:00" in promise[1]
    assert "Wednesday" in promise[1] or "tomorrow" in promise[1]


async def test_a_form_closed_by_its_company(scene: Scene) -> None:
    """An inactive form is not found."""

    def close(session: Session) -> None:
        session.execute(update(Inbox).values(is_active=False))

    await scene.write(close)
    assert (await scene.browser().get("/f/support")).status_code == 404


async def test_an_edited_form_sent_again_loses_no_word(scene: Scene) -> None:
    """R5: the same page is the same request; what was changed in it is one more message."""
    browser = scene.browser("en")
    token = hidden((await browser.get("/f/support")).text, "token")
    fields = {"token": token, "email": "ann@customer.example", "name": "Ann"}

    first = await send(browser, {**fields, "body": "My desk wobbles."})
    second = await send(browser, {**fields, "body": "My desk broke."})

    assert first.headers["location"] == second.headers["location"]
    said = [message.text for message in await scene.all(Message)]
    assert said == ["My desk wobbles.", "My desk broke."]
    assert len(await scene.all(Conversation)) == 1


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.long)])
async def test_foreign_addresses_get_five_mails_and_none_of_the_words(
    scene: Scene, count: int
) -> None:
    """S9, R31: many posts from one place with as many addresses that are not the sender's."""

    def usual(session: Session) -> None:
        session.execute(update(Company).values(settings={}))

    await scene.write(usual)
    browser = scene.browser()
    for number in range(count):
        fields = await filled(
            browser,
            email=f"victim{number}@far.example",
            name="Claim your prize",
            subject="Claim your prize",
            body="Claim your prize at evil.example",
        )
        assert (await send(browser, fields)).status_code == 303
    mails = await scene.all(Outbox)
    assert 1 <= len(mails) <= 5
    assert not any("prize" in str(one.mail) or "evil" in str(one.mail) for one in mails)
