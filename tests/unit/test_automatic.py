"""Mail that machines wrote, and mail that machines must not answer (F19, R29)."""

import pytest

from inbox.channels.base import InboundMessage
from inbox.channels.mime import parse

PERSON = "From: An <an@x.example>\r\nTo: help@shop.example\r\nSubject: {}\r\n{}\r\nXin chào"


def read(
    extra: str = "", subject: str = "Hỏi hàng", envelope: str | None = "an@x.example"
) -> InboundMessage:
    return parse(PERSON.format(subject, extra).encode(), envelope, "inst-1")


def test_a_persons_mail_is_none_of_it() -> None:
    message = read()
    assert not message.is_automatic
    assert not message.is_auto_reply
    assert not message.is_bounce
    assert not message.suppress_auto_response


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (cron)",
        "Auto-Submitted: AUTO-NOTIFIED; owner=x",
        "Precedence: bulk",
        "Precedence: LIST",
        "Precedence: auto_reply",
        "List-Id: <news.x.example>",
        "List-Unsubscribe: <mailto:u@x.example>",
        "Return-Path: <>",
        "X-Autoreply: yes",
        "X-Autorespond: Hỏi hàng",
        "X-Kip-Instance: inst-1",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
    ],
)
def test_marks_make_it_automatic(header: str) -> None:
    """F19 and R29: no acknowledgement and no clock for any of these."""
    message = read(header + "\r\n")
    assert message.is_automatic
    assert message.suppress_auto_response


def test_a_null_sender_makes_it_automatic() -> None:
    assert read(envelope="").is_automatic
    assert read(envelope="<>").is_automatic


@pytest.mark.parametrize("header", ["Auto-Submitted: no", "Precedence: first-class", "List: x"])
def test_harmless_headers_do_not(header: str) -> None:
    assert not read(header + "\r\n").is_automatic


@pytest.mark.parametrize(
    "header", ["X-Auto-Response-Suppress: OOF, DR", "X-Kip-Instance: other", "X-Loop: yes"]
)
def test_asking_for_silence_is_heard(header: str) -> None:
    message = read(header + "\r\n")
    assert message.suppress_auto_response
    assert not message.is_auto_reply


@pytest.mark.parametrize(
    "sender",
    [
        "noreply@x.example",
        "MAILER-DAEMON@x.example",
        "no-reply+7@x.example",
        "khong-tra-loi@x.vn",
    ],
)
def test_senders_who_cannot_read_get_no_answer(sender: str) -> None:
    assert parse(f"From: {sender}\n\nhi".encode(), sender).suppress_auto_response


@pytest.mark.parametrize(
    "subject",
    [
        "Trả lời tự động: Hỏi hàng", "Vắng mặt: Re: Hỏi hàng", "Automatic reply: Order",
        "Out of office: Order", "Abwesenheitsnotiz", "Réponse automatique : commande",
        "Respuesta automática: pedido", "自动回复: 订单", "Автоответ: заказ", "Autosvar: ordre",
    ],
)  # fmt: skip
def test_responders_are_known_by_their_subject(subject: str) -> None:
    assert read(subject=subject).is_auto_reply


@pytest.mark.parametrize(
    "subject",
    ["Automatic gearbox broken", "Máy giặt tự động hỏng", "The office is out of paper", "Auto"],
)
def test_subjects_of_people_are_not(subject: str) -> None:
    assert not read(subject=subject).is_auto_reply


DSN = """From: MAILER-DAEMON@mx.example
To: help@shop.example
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; Gone@x.example
Action: failed
Status: 5.1.1

Final-Recipient: rfc822; fine@x.example
Action: delivered
--b--
"""


def test_a_delivery_report_names_whom_it_did_not_reach() -> None:
    message = parse(DSN.encode(), "")
    assert message.is_bounce
    assert message.is_automatic
    assert not message.is_auto_reply
    assert message.bounced_recipients == ("gone@x.example",)


def test_an_old_bounce_is_known_by_its_words() -> None:
    raw = (
        b"From: postmaster@mx.example\nTo: help@shop.example\nSubject: failure notice\n\n"
        b"This address failed:\n\n<gone@x.example>:\nNo such user.\n"
    )
    message = parse(raw, "")
    assert message.is_bounce
    assert message.bounced_recipients == ("gone@x.example",)


def test_a_customer_who_writes_about_a_bounce_is_a_person() -> None:
    raw = b"From: an@x.example\nSubject: My mail was undeliverable\n\nuser unknown, it says"
    assert not parse(raw, "an@x.example").is_bounce
