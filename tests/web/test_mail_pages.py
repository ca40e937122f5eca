"""Copies and files with an answer, mail that did not arrive, an inbox's own sending."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from inbox import jobs
from inbox.channels import dkim
from inbox.company import signing
from inbox.errors import Unavailable
from inbox.outgoing import marks
from inbox.views import settings_sending
from inbox.views.settings_mailboxes import Probe
from models import (
    AddressMark,
    Attachment,
    AuditEntry,
    DeliveryState,
    DkimKey,
    MailSender,
    Message,
    Outbox,
    OutboxKind,
    StagedFile,
)
from models.base import columns
from tests.web.scene import WRITE_TOKEN, Browser, Scene, bearer

outbox = columns(Outbox)
PASSWORD = "bí mật của riêng máy chủ"
SENDING = "/settings/inboxes/1/sending"


async def answer(scene: Scene, browser: Browser, number: int, **fields: str) -> Outbox:
    """Answer by the form, and return the mail."""
    data = {"body": "Dạ còn ạ.", "kind": "reply", **fields}
    response = await browser.post(f"/inbox/{number}/messages", data)
    assert response.status_code == 303
    found = [row for row in await scene.all(Outbox) if row.kind is OutboxKind.REPLY]
    return found[-1]


async def let(scene: Scene, mail: Outbox, **values: Any) -> None:
    """Let a mail have come so far."""
    await scene.write(
        lambda s: (
            s.execute(update(Outbox).where(outbox.id == mail.id).values(**values)) and None
        )
    )


async def test_copies_and_files_go_with_an_answer_without_scripts(scene: Scene) -> None:
    """F85: a plain form; the file is shown with the answer and served as a download."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    page = (await browser.get(f"/inbox/{number}")).text
    assert 'enctype="multipart/form-data"' in page
    fields = {"body": "Gửi anh/chị báo giá.", "kind": "reply", "cc": "an@khach.example"}
    files = [("files", ("báo giá.pdf", b"%PDF-1.7", "application/pdf"))]

    response = await browser.post(
        f"/inbox/{number}/messages", {**fields, "bcc": "kin@khach.example"}, files=files
    )

    assert response.status_code == 303
    (mail,) = [row for row in await scene.all(Outbox) if row.kind is OutboxKind.REPLY]
    assert mail.copies == {"cc": ["an@khach.example"], "bcc": ["kin@khach.example"]}
    kept = (await scene.all(Attachment))[-1]
    assert (kept.filename, kept.size_bytes) == ("báo giá.pdf", 8)
    page = (await browser.get(f"/inbox/{number}")).text
    assert f'href="/files/{kept.blob_id}"' in page
    assert "Cc: an@khach.example" in page
    served = await browser.get(f"/files/{kept.blob_id}")
    assert served.headers["content-type"].startswith("application/octet-stream")


@pytest.mark.parametrize("field", ["cc", "bcc"])
async def test_a_wrong_copy_is_said_and_nothing_is_lost(scene: Scene, field: str) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    fields = {"body": "Dạ còn ạ.", "kind": "reply", field: "không phải địa chỉ"}

    response = await browser.post(f"/inbox/{number}/messages", fields)

    assert response.status_code == 422
    assert "not an e-mail address: không phải địa chỉ" in response.text
    assert f'name="{field}" value="không phải địa chỉ"' in response.text
    assert "Dạ còn ạ." in response.text
    assert [row for row in await scene.all(Message) if row.author_id] == []


_KEPT = re.compile(r'name="kept" value="([^"]+)" checked')


async def test_files_are_not_lost_when_the_form_has_an_error(scene: Scene) -> None:
    """F85: they are chosen once; who takes the tick away sends without them."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    path = f"/inbox/{number}/messages"
    fields = {"body": "Dạ đây ạ.", "kind": "reply", "key": "k1", "cc": "sai"}
    two = [("files", (f"{name}.pdf", b"%PDF", "application/pdf")) for name in ("một", "hai")]

    first = await browser.post(path, fields, files=two)
    tokens = _KEPT.findall(first.text)
    assert (first.status_code, len(tokens)) == (422, 2)
    assert "một.pdf" in first.text
    more = [("files", ("ba.pdf", b"%PDF", "application/pdf"))]
    again = await browser.post(path, {**fields, "kept": tokens[1]}, files=more)
    tokens = _KEPT.findall(again.text)
    assert (again.status_code, len(tokens)) == (422, 2)

    sent = await browser.post(path, {**fields, "cc": "", "kept": tokens})
    assert sent.status_code == 303
    assert [one.filename for one in await scene.all(Attachment)] == ["hai.pdf", "ba.pdf"]
    scene.clock.now += timedelta(days=1)
    await scene.write(jobs._forget)
    assert await scene.all(StagedFile) == []


async def test_a_file_that_was_put_by_is_its_person_s(scene: Scene) -> None:
    """A token says nothing to anybody else; what is gone is said, and nothing is sent."""
    number = await scene.arrive()
    path = f"/inbox/{number}/messages"
    binh, viet = await scene.signed_in("binh"), await scene.signed_in("viet")
    fields = {"body": "Dạ đây ạ.", "kind": "reply"}
    files = [("files", ("a.pdf", b"%PDF", "application/pdf"))]
    refused = await binh.post(path, {**fields, "cc": "sai"}, files=files)
    (token,) = _KEPT.findall(refused.text)

    for browser, kept in ((viet, token), (binh, "another")):
        answer = await browser.post(path, {**fields, "kept": kept})
        assert answer.status_code == 422
        assert "Choose it again" in answer.text
        assert _KEPT.findall(answer.text) == []
    assert await scene.all(Attachment) == []


async def test_too_many_bytes_are_refused(scene: Scene) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    files = [("files", ("a.bin", b"x" * (10 * 1024 * 1024 + 1), "application/pdf"))]

    response = await browser.post(
        f"/inbox/{number}/messages", {"body": "Đây ạ.", "kind": "reply"}, files=files
    )

    assert response.status_code == 422
    assert "10 MB" in response.text


async def test_a_failed_answer_says_so_and_is_sent_again(scene: Scene) -> None:
    """R21, F77: the server's words and a button; the same mail, no second one."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    mail = await answer(scene, browser, number)
    await let(
        scene, mail, state=DeliveryState.FAILED, error="550 5.1.1 no such user", attempts=1
    )
    page = (await browser.get(f"/inbox/{number}")).text
    assert "not sent: 550 5.1.1 no such user" in page

    response = await browser.post(f"/inbox/{number}/mails/{mail.id}/retry")

    assert response.status_code == 303
    (again,) = [row for row in await scene.all(Outbox) if row.kind is OutboxKind.REPLY]
    assert (again.id, again.state) == (mail.id, DeliveryState.QUEUED)
    back = await browser.post(f"/inbox/{number}/mails/{mail.id}/cancel")
    assert back.status_code == 303
    assert "taken back" in (await browser.get(f"/inbox/{number}")).text


async def test_what_may_have_arrived_is_sent_again_only_with_a_warning(scene: Scene) -> None:
    """R19."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    mail = await answer(scene, browser, number)
    await let(scene, mail, state=DeliveryState.UNCONFIRMED, attempts=1)

    page = (await browser.get(f"/inbox/{number}")).text

    assert "sent again it may arrive twice" in page
    assert f"/mails/{mail.id}/retry" in page


async def test_a_waiting_mail_says_when_it_is_tried_again(scene: Scene) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    mail = await answer(scene, browser, number)
    await let(scene, mail, attempts=3, error="The mail server said: 451 later")

    page = (await browser.get(f"/inbox/{number}")).text

    assert re.search(r"not sent yet, tried again at [^<]*451 later", page)
    assert "Tries: 3" in page
    assert "Try now" in page


async def test_an_address_that_takes_no_mail(scene: Scene) -> None:
    """F22: a banner, a question before sending by hand, and a reason to lift it."""
    number = await scene.arrive(email="lan@khach.example")
    browser = await scene.signed_in("binh")
    await scene.write(
        marks.mark, number, "lan@khach.example", "5.1.1", "550 no such user", scene.clock.now
    )
    page = (await browser.get(f"/inbox/{number}")).text
    assert "Mail to lan@khach.example came back." in page
    assert "550 no such user" in page

    fields = {"body": "Dạ còn ạ.", "kind": "reply"}
    asked = await browser.post(f"/inbox/{number}/messages", fields)
    assert asked.status_code == 409
    assert 'name="anyway" value="1"' in asked.text
    await answer(scene, browser, number, anyway="1")

    fields = {"address": "lan@khach.example", "reason": "Khách gọi điện"}
    assert (await browser.post(f"/inbox/{number}/address", fields)).status_code == 303
    (mark,) = await scene.all(AddressMark)
    assert mark.lift_reason == "Khách gọi điện"
    page = (await browser.get(f"/inbox/{number}")).text
    assert "bounced-1" not in page
    assert "Khách gọi điện" in page


async def test_a_script_asks_first_too(scene: Scene) -> None:
    """F22: 409 with a type of its own, unless it says that it means it; copies as lists."""
    number = await scene.arrive(email="lan@khach.example")
    await scene.write(
        marks.mark, number, "an@khach.example", "5.1.1", "550 no such user", scene.clock.now
    )
    path, client = f"/api/v1/conversations/{number}/replies", scene.browser().client
    body: dict[str, Any] = {"text": "Dạ còn ạ.", "cc": ["an@khach.example"]}

    refused = await client.post(path, json=body, headers=bearer(WRITE_TOKEN))
    wrong = await client.post(path, json={**body, "cc": ["x"]}, headers=bearer(WRITE_TOKEN))
    sent = await client.post(path, json={**body, "anyway": True}, headers=bearer(WRITE_TOKEN))

    assert (refused.status_code, wrong.status_code, sent.status_code) == (409, 422, 201)
    assert refused.json()["type"] == "urn:kip:problem:address-bounced"
    assert (await scene.all(Outbox))[-1].copies == {"cc": ["an@khach.example"]}


async def test_a_server_is_stored_only_if_it_works_and_its_password_is_seen_nowhere(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R59."""
    browser = await scene.signed_in("viet")
    form = {"do": "save", "host": "smtp.congty.example", "tls": "starttls", "username": "kip"}
    form |= {"port": "", "auth": "password", "password": PASSWORD}

    async def probe(*_: object) -> Probe:
        return Probe(False, "Nothing answers on this port.")

    monkeypatch.setattr(settings_sending, "_probe", probe)
    refused = await browser.post(SENDING, form)
    assert (refused.status_code, await scene.all(MailSender)) == (422, [])
    assert PASSWORD not in refused.text

    async def good(*_: object) -> Probe:
        return Probe(True, "It works.")

    monkeypatch.setattr(settings_sending, "_probe", good)
    assert (await browser.post(SENDING, form)).status_code == 303
    (row,) = await scene.all(MailSender)
    page = (await browser.get(SENDING)).text
    told = [f"{one.before}{one.after}" for one in await scene.all(AuditEntry)]
    assert (row.host, row.port, row.username) == ("smtp.congty.example", 587, "kip")
    for place in (page, row.password, *told):
        assert PASSWORD not in place
    assert (await browser.post(f"{SENDING}/removal")).status_code == 303
    assert await scene.all(MailSender) == []


async def test_a_key_signs_once_its_record_is_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made by a button, shown to be copied, looked up, then in use; the private half never."""
    browser = await scene.signed_in("viet")
    texts: list[str] = []

    async def look(name: str) -> list[str]:
        assert name == dkim.record_name(key.domain, key.selector)
        return texts

    monkeypatch.setattr(signing, "look_up_txt", look)
    assert (await browser.post(f"{SENDING}/keys")).status_code == 303
    (key,) = await scene.all(DkimKey)
    page = (await browser.get(SENDING)).text
    assert dkim.record_text(key.public_key) in page
    assert "PRIVATE KEY" not in page + key.private_key

    missing = await browser.post(f"{SENDING}/keys/{key.id}/look")
    assert "There is no such record yet" in missing.text
    texts.append(dkim.record_text(key.public_key))
    assert (await browser.post(f"{SENDING}/keys/{key.id}/look")).status_code == 303
    (key,) = await scene.all(DkimKey)
    assert (key.signs, key.problem) == (True, "")
    assert (await browser.post(f"{SENDING}/keys/{key.id}/removal")).status_code == 409
    await browser.post(f"{SENDING}/keys/{key.id}", {"signs": "0"})
    assert (await browser.post(f"{SENDING}/keys/{key.id}/removal")).status_code == 303
    assert await scene.all(DkimKey) == []


async def test_without_name_servers_it_says_so(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await scene.signed_in("viet")

    async def away(_: str) -> list[str]:
        raise Unavailable("No name server answers from here.")

    monkeypatch.setattr(signing, "look_up_txt", away)
    await browser.post(f"{SENDING}/keys")
    (key,) = await scene.all(DkimKey)

    page = (await browser.post(f"{SENDING}/keys/{key.id}/look")).text

    assert "No name server answers from here." in page
    assert "Sign without looking it up" in page


async def test_signatures_are_kept_as_they_were_typed(scene: Scene) -> None:
    """R56."""
    admin, agent = await scene.signed_in("viet"), await scene.signed_in("binh")
    text = "{name} {{7*7}} <b>"

    assert (await admin.post(f"{SENDING}/signature", {"signature": text})).status_code == 303
    assert (await agent.post("/me/signature", {"signature": "x" * 2001})).status_code == 422
    assert (await agent.post("/me/signature", {"signature": f"own {text}"})).status_code == 303

    assert "{name} {{7*7}} &lt;b&gt;" in (await admin.get(SENDING)).text
    assert "own {name} {{7*7}} &lt;b&gt;" in (await agent.get("/me")).text
    number = await scene.arrive()
    mail = await answer(scene, agent, number)
    assert "{{7*7}} <b>" in mail.mail["text"]
