"""What customers send, by mail and form, through the running product: nothing but the wire.

The first part is a script as somebody outside would write it: smtplib and urllib, no more.
"""

# ruff: noqa: S310 -- every address here is http://127.0.0.1

import html
import json
import re
import smtplib
import time
import urllib.parse
import urllib.request
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from inbox.sla.promise import spoken_moment
from tests.slow.corpus import CORPUS, choose_twenty
from tests.slow.product import SUPPORT, TOKEN, Product, hidden, make_mail, until

pytestmark = pytest.mark.slow

WITHIN_S = 5.0
ZONE = "Asia/Ho_Chi_Minh"

# ---- a script from outside ------------------------------------------------


def _get(base: str, path: str) -> Any:
    request = urllib.request.Request(base + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _page(base: str, path: str) -> str:
    with urllib.request.urlopen(base + path, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def _post(base: str, path: str, **fields: str) -> str:
    """Send a form and return the address that it leads to."""
    data = urllib.parse.urlencode(fields).encode()
    with urllib.request.urlopen(base + path, data, timeout=10) as answer:
        url: str = answer.geturl()
        return url


def _every(base: str) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    after = ""
    while True:
        page = _get(base, f"/api/v1/conversations?limit=200{after}")
        found |= {one["number"]: one for one in page["items"]}
        if page["next"] is None:
            return found
        after = "&after=" + urllib.parse.quote(page["next"])


def _new(base: str, known: set[int], what: str) -> dict[str, Any]:
    """Wait for the one conversation that was not there before."""

    def look() -> list[int]:
        return sorted(set(_every(base)) - known)

    numbers = until(look, WITHIN_S, f"a conversation from {what}")
    assert len(numbers) == 1, what
    known.update(numbers)
    one: dict[str, Any] = _get(base, f"/api/v1/conversations/{numbers[0]}")
    return one


def _acknowledgements(base: str, number: int) -> list[dict[str, Any]]:
    """Return what left automatically for a conversation; its Message-ID carries the number."""
    with urllib.request.urlopen(base + "/demo/mail.json", timeout=10) as answer:
        mails = json.load(answer)
    return [one for one in mails if one["headers"]["Message-ID"].startswith(f"<k.{number}.")]


def _demand_sorted(one: dict[str, Any], what: str) -> None:
    """Demand what a new conversation has: type, urgency, owner, due time and promise."""
    assert one["request_type"], what
    assert one["urgency"] in ("low", "normal", "high", "urgent"), what
    assert one["owner"], what
    assert one["team"], what
    due, promised = _moment(one["first_response_due_at"]), _moment(one["promised_at"])
    assert 0 <= (promised - due).total_seconds() <= 300, what


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the mail corpus is not here")
def test_twenty_real_mails_are_sorted_due_and_answered_where_that_is_right(
    product: Product,
) -> None:
    """F54, F23, F19, R29, R18: within five seconds each, one acknowledgement or none."""
    base = product.base_url
    known = set(_every(base))
    mails = choose_twenty()
    assert len(mails) == 20
    sent: list[tuple[int, str, bool]] = []
    for name, raw, sender, deserves in mails:
        with smtplib.SMTP("127.0.0.1", product.smtp_port, timeout=10) as smtp:
            smtp.sendmail(sender, [SUPPORT], raw)
        one = _new(base, known, name)
        _demand_sorted(one, name)
        assert not (deserves and one["messages"][0]["automatic"]), name
        sent.append((one["number"], name, deserves))

    for number, name, deserves in sent:
        if deserves:
            until(partial(_acknowledgements, base, number), WITHIN_S, f"answer to {name}")
    for number, name, deserves in sent:
        assert len(_acknowledgements(base, number)) == int(deserves), name


def test_a_posted_form_is_found_with_the_promise_its_page_and_mail_say(
    product: Product,
) -> None:
    """F54, F23, DESIGN 19: one moment, in the API, the mail and on the customer's page."""
    base = product.base_url
    known = set(_every(base))
    token = hidden(_page(base, "/f/support"))["token"]
    asked = time.monotonic()
    url = _post(
        base,
        "/f/support",
        token=token,
        name="Lý Thu Thảo",
        email="thao.ly@khach.example",
        subject="Tủ lạnh không lạnh",
        body="Tủ lạnh em mua tuần trước không lạnh nữa, nhờ shop cho thợ qua xem giúp ạ.",
    )
    took_s = time.monotonic() - asked
    one = _new(base, known, "the form")
    number = one["number"]

    assert took_s < WITHIN_S
    assert one["channel"] == "form"
    assert one["language"] == "vi"
    _demand_sorted(one, "the form")
    until(lambda: _acknowledgements(base, number), WITHIN_S, "the acknowledgement")
    (mail,) = _acknowledgements(base, number)
    said = spoken_moment(_moment(one["promised_at"]), ZONE, _moment(one["created_at"]), "vi")
    assert f"trước {said}" in mail["text"]
    assert str(number) in mail["subject"] + mail["text"]
    path = urllib.parse.urlsplit(url).path
    assert f"{base}{path}" in mail["text"]
    page = html.unescape(_page(base, path))
    assert f"trước {said}" in page
    assert str(number) in page


# ---- the same with mail of our own ----------------------------------------

KEYBOARD = "Đơn ML-20761 của em đặt hôm thứ Hai mà chưa thấy giao, nhờ shop kiểm tra giúp em."
PLAIN = "Shop oi don ML-20762 cua minh dat tuan truoc van chua giao, kiem tra giup minh voi."
ENGLISH = "Hello, I was charged twice for order ML-20763. Please refund one of the payments."

HTML = b"""\
From: Ha Linh <linh.ha@khach.example>\r
To: support@demo.example\r
Subject: =?utf-8?B?VHLhuqMgaMOgbmc=?=\r
Message-ID: <html-only@khach.example>\r
MIME-Version: 1.0\r
Content-Type: text/html; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
<html><body><p>Em mu=E1=BB=91n <b>tr=E1=BA=A3 h=C3=A0ng</b>.</p>\
<script>alert(1)</script></body></html>\r
"""

ATTACHMENT = b"""\
From: Owen Park <owen.park@customer.example>\r
To: support@demo.example\r
Subject: Photo of the crack\r
Message-ID: <photo@customer.example>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b1\r
\r
--b1\r
Content-Type: text/plain\r
\r
The mirror is cracked, see the photo.\r
--b1\r
Content-Type: image/png; name="crack.png"\r
Content-Disposition: attachment; filename="crack.png"\r
Content-Transfer-Encoding: base64\r
\r
iVBORw0KGgo=\r
--b1--\r
"""

AUTO_REPLY = make_mail(
    "Away <away@customer.example>",
    "Out of office",
    "Back on Monday.",
    auto_submitted="auto-replied",
)


def _arrive(product: Product, raw: bytes, sender: str) -> dict[str, Any]:
    product.send_mail(raw, sender)
    one = product.conversation_of(sender)
    _demand_sorted(one, sender)
    return one


def _one_acknowledgement(product: Product, address: str) -> dict[str, Any]:
    until(lambda: product.sink(address), WITHIN_S, f"an acknowledgement for {address}")
    (mail,) = product.sink(address)
    return mail


@pytest.mark.parametrize(
    ("address", "subject", "body", "language"),
    [
        ("an.do@khach.example", "Giao hàng chậm", KEYBOARD, "vi"),
        ("binh.do@khach.example", "don hang", PLAIN, "vi"),
        ("chris@customer.example", "Charged twice", ENGLISH, "en"),
    ],
)
def test_a_mail_is_sorted_due_and_acknowledged_in_its_language(
    product: Product, address: str, subject: str, body: str, language: str
) -> None:
    """F54, F23: Vietnamese with and without diacritics, and English."""
    one = _arrive(product, make_mail(f"Ai Do <{address}>", subject, body), address)

    assert one["channel"] == "email"
    assert one["language"] == language
    assert [message["text"].strip() for message in one["messages"]] == [body]
    mail = _one_acknowledgement(product, address)
    now = _moment(one["created_at"])
    said = spoken_moment(_moment(one["promised_at"]), ZONE, now, language)
    assert f"{'trước' if language == 'vi' else 'before'} {said}" in mail["text"]
    link = re.search(r"http://\S+/s/\S+", mail["text"])
    assert link
    assert said in html.unescape(product.http.get(link[0]).text)
    assert mail["headers"]["Auto-Submitted"] == "auto-replied"


def test_mail_of_html_alone_is_read_as_text(product: Product) -> None:
    """F4's neighbour: no text part, and nothing of the script."""
    one = _arrive(product, HTML, "linh.ha@khach.example")

    assert one["subject"] == "Trả hàng"
    assert one["messages"][0]["text"].strip() == "Em muốn trả hàng."
    _one_acknowledgement(product, "linh.ha@khach.example")


def test_an_attachment_is_kept_and_given_back_as_it_was(product: Product) -> None:
    """Name and bytes; downloaded, never shown by the browser."""
    one = _arrive(product, ATTACHMENT, "owen.park@customer.example")

    (file,) = one["messages"][0]["attachments"]
    assert (file["filename"], file["size"]) == ("crack.png", 8)
    with product.signed_in() as browser:
        page = browser.get(f"/inbox/{one['number']}").text
        link = re.search(r'href="(/files/[^"]+)"', page)
        assert link
        answer = browser.get(link[1])
    assert answer.content == b"\x89PNG\r\n\x1a\n"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"


def test_mail_without_id_date_subject_or_body_is_taken(product: Product) -> None:
    """F4: and the same again is still the same (F2, R2)."""
    raw = b"From: bare@customer.example\r\nTo: support@demo.example\r\n\r\n"
    one = _arrive(product, raw, "bare@customer.example")
    product.send_mail(raw, "bare@customer.example")
    later = _arrive(
        product, make_mail("next@customer.example", "A later one"), "next@customer.example"
    )

    assert one["messages"][0]["text"] == ""
    assert later["number"] > one["number"]  # taken in after both
    assert len(product.conversation_of("bare@customer.example")["messages"]) == 1
    _one_acknowledgement(product, "bare@customer.example")


def test_the_same_mail_twice_is_one_and_the_same_id_with_other_words_two(
    product: Product,
) -> None:
    """F2, F3, R2, R3."""
    address = "twice@customer.example"
    first = make_mail(address, "One", "The lamp is broken.", message_id="<same@x.example>")
    other = make_mail(address, "One", "The chair as well.", message_id="<same@x.example>")
    for raw in (first, first, other, first):
        product.send_mail(raw, address)
    until(lambda: len(product.conversations_of(address)) >= 2, WITHIN_S, "both messages")
    _arrive(product, make_mail("after@customer.example", "Later"), "after@customer.example")

    numbers = [one["number"] for one in product.conversations_of(address)]
    texts = [product.api(f"conversations/{n}")["messages"][0]["text"].strip() for n in numbers]
    assert texts == ["The lamp is broken.", "The chair as well."]
    until(lambda: len(product.sink(address)) >= 2, WITHIN_S, "two acknowledgements")
    assert len(product.sink(address)) == 2


def test_an_automatic_reply_is_shown_and_never_answered(product: Product) -> None:
    """F19, R29."""
    one = _arrive(product, AUTO_REPLY, "away@customer.example")
    _arrive(product, make_mail("human@customer.example"), "human@customer.example")
    _one_acknowledgement(product, "human@customer.example")  # what came later was answered

    assert one["messages"][0]["automatic"] is True
    assert "acknowledgement_withheld" in [event["kind"] for event in one["events"]]
    assert product.sink("away@customer.example") == []


def test_an_answer_to_the_acknowledgement_joins_and_a_stranger_s_copy_does_not(
    product: Product,
) -> None:
    """R41, F9, F10: by its id alone, whatever the subject says now."""
    address = "joins@customer.example"
    one = _arrive(product, make_mail(address), address)
    message_id = _one_acknowledgement(product, address)["headers"]["Message-ID"]
    product.send_mail(
        make_mail(address, "Something else", "Here is the photo.", in_reply_to=message_id),
        address,
    )
    until(lambda: len(product.conversation_of(address)["messages"]) == 2, WITHIN_S, "it joined")
    stranger = _arrive(
        product,
        make_mail("stranger@other.example", "Re: it", "Tell me.", in_reply_to=message_id),
        "stranger@other.example",
    )

    assert stranger["number"] != one["number"]
    assert len(product.conversation_of(address)["messages"]) == 2
    assert len(product.sink(address)) == 1  # an answer is not acknowledged again
    shown = [event["data"] for event in stranger["events"] if event["kind"] == "hinted"]
    assert shown == [{"number": one["number"]}]


def test_mail_and_form_stand_in_one_list_with_one_numbering(product: Product) -> None:
    """F1: the channel is a property, not a place."""
    product.post_form(email="list.form@customer.example", body="Is the oak desk in stock?")
    form = product.conversation_of("list.form@customer.example")
    mail = _arrive(
        product, make_mail("list.mail@customer.example"), "list.mail@customer.example"
    )

    assert mail["number"] == form["number"] + 1
    listed = {one["number"]: one["channel"] for one in product.conversations()}
    assert listed[form["number"]] == "form"
    assert listed[mail["number"]] == "email"
    with product.signed_in() as browser:
        page = browser.get("/inbox").text
    assert f"/inbox/{form['number']}" in page
    assert f"/inbox/{mail['number']}" in page


def test_a_form_sent_twice_is_one_request(product: Product) -> None:
    """R5: the same address for the customer, the same number."""
    token = hidden(product.http.get("/f/support").text)["token"]
    fields = {"token": token, "email": "impatient@customer.example", "body": "Twice."}
    answers = [product.http.post("/f/support", data=fields) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1
    product.conversation_of("impatient@customer.example")
