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
    """F19, R29, DESIGN 39: no acknowledgement and no clock for any of these."""
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
        "ne-pas-repondre@x.example",
        "naoresponda@x.example",
        "news-bounces+an=x.example@lists.example",
    ],
)
def test_senders_who_cannot_read_get_no_answer(sender: str) -> None:
    assert parse(f"From: {sender}\n\nhi".encode(), sender).suppress_auto_response


# What Outlook, Gmail and others write; the topic follows the colon.
RESPONSES = """
vi Trả lời tự động: | Thư trả lời tự động: | Phản hồi tự động: | Tu dong tra loi | Vắng mặt: Re:
en Automatic reply: | Out of Office: | Autoreply: | Out of office Re: | OOO: | OOTO:
de Automatische Antwort: | Abwesenheitsnotiz | Abwesenheitsnotiz: | Abwesend: AW:
fr Réponse automatique : | Absence du bureau: | Message automatique
es Respuesta automática: | Fuera de la oficina: | Ausente: Re:
pt Resposta automática: | Ausência temporária: | Fora do escritório:
it Risposta automatica: | Fuori sede: | Fuori ufficio:
nl Automatisch antwoord: | Niet aanwezig: | Afwezig: Re:
sv Automatiskt svar: | Autosvar: | Frånvaro: SV:
da Automatisk svar: | Autosvar: | Ikke til stede: SV:
no Automatisk svar: | Fravær: SV: | Fraværsmelding
fi Automaattinen vastaus: | Poissa: VS:
pl Automatyczna odpowiedź: | Odpowiedź automatyczna: | Poza biurem: | Nieobecność: Odp:
cs Automatická odpověď: | Mimo kancelář: | Nepřítomnost: RE:
sk Automatická odpoveď:
hu Automatikus válasz: | Házon kívül:
ro Răspuns automat:
bg Автоматичен отговор:
ru Автоматический ответ: | Автоответ: | Вне офиса: | Отпуск: Re:
uk Автоматична відповідь:
tr Otomatik yanıt: | Ofis dışında:
el Αυτόματη απάντηση: | Εκτός γραφείου:
he תשובה אוטומטית: | מענה אוטומטי:
ar رد تلقائي: | الرد التلقائي:
th ตอบกลับอัตโนมัติ:
id Balasan otomatis: | Di luar kantor:
ja 自動応答: | 自動返信 | 不在通知 | 不在：Re:
ko 자동 회신: | 자동 응답: | 부재중: Re:
zh 自动答复: | 自动回复： | 自動回覆: | [自动回复]
hr Automatski odgovor:
"""


def test_responders_are_known_by_their_subject() -> None:
    """F19: in at least twenty languages, with nothing else to go by."""
    lines = RESPONSES.strip().splitlines()
    assert len(lines) >= 20
    for line in lines:
        for mark in line[3:].split("|"):
            message = read(subject=f"{mark.strip()} Đơn 7" if ":" in mark else mark.strip())
            assert message.is_auto_reply, mark
            assert message.suppress_auto_response, mark


def test_two_hundred_automatic_answers_are_answered_by_nobody() -> None:
    """S8: by subject, by header, or by who sent them, in every language of the table."""
    marks = [
        f"{mark.strip()} Đơn 7" if ":" in mark else mark.strip()
        for line in RESPONSES.strip().splitlines()
        for mark in line[3:].split("|")
    ]
    lines = ("Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: bulk")
    headers = ("", *(f"{line}\r\n" for line in lines))
    samples = [(subject, header) for subject in marks for header in headers]
    assert len(samples) >= 200
    for subject, header in samples:
        message = read(header, subject=subject)
        assert message.suppress_auto_response, (subject, header)
        assert message.is_automatic, (subject, header)


ANSWER = "In-Reply-To: <1@shop.example>\r\n"


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic gearbox broken", "Máy giặt tự động hỏng", "The office is out of paper",
        "Automatic reply does not work", "Trả lời tự động không chạy ạ", "Auto: VW Golf",
        "Vắng mặt ngày 5/8, xin đổi lịch giao", "Vắng mặt: xin đổi ngày giao",
        "Urlaub: Lieferung verschieben", "Absence: deliver to the shop", "On holiday in June",
        "Vacation rental invoice", "Oooh, it broke", "休假：改送货时间",
        "Auto", "Re: Automatic reply: Order 7", "Autosvarade inte",
        "Fwd: Out of office: Order 7",
    ],
)  # fmt: skip
def test_subjects_of_people_are_not(subject: str) -> None:
    """No false alarm: who writes of being away is a person who waits for an answer."""
    assert not read(subject=subject).is_auto_reply


def test_an_answer_that_says_it_is_automatic() -> None:
    """Responders that copy the subject and mark nothing."""
    for words in (
        "Đây là thư trả lời tự động. Tôi nghỉ đến thứ Hai.",
        "Hello,\r\nThis is an automated response. We will get back to you.",
        "Guten Tag, dies ist eine automatische Antwort.",
    ):
        raw = PERSON.format("Re: Hỏi hàng", ANSWER) + f"\r\n{words}"
        assert parse(raw.encode(), "an@x.example").is_auto_reply, words
    quoted = "Không được ạ.\r\n\r\nVào 14/07/2026 09:15, Shop <s@x.example> đã viết:\r\n"
    raw = PERSON.format("Re: Hỏi hàng", ANSWER) + f"\r\n{quoted}> This is an automatic reply."
    assert not parse(raw.encode(), "an@x.example").is_auto_reply


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
    for sender in (
        "mail@firm.example",
        "delivery@firm.example",
        "An Post Master <an@x.example>",
    ):
        raw = f"From: {sender}\nSubject: Delivery\n\nThe address was not found.".encode()
        assert not parse(raw).is_bounce, sender


OLD_BOUNCES = [
    ("failure notice", "I'm sorry.\n\n<gone@x.example>:\n550 5.1.1 No such user.\n"),
    (
        "Mail delivery failed: returning message to sender",
        "A message that you sent could not be delivered to one or more of its recipients. "
        "The following address(es) failed:\n\n  gone@x.example\n    unrouteable address\n",
    ),
    (
        "Undeliverable: Order",
        "Your message\n\n  To: An\n  Subject: Order\n\ndid not reach the following "
        "recipient(s):\n\ngone@x.example on Tue, 14 Jul 2026 09:15:00 +0700\n    Not here.\n",
    ),
    (
        "Delivery Status Notification (Failure)",
        "Delivery to the following recipient failed permanently:\n\n     gone@x.example\n\n"
        "Technical details of permanent failure:\n550 550 5.1.1 unknown\n",
    ),
    (
        "DELIVERY FAILURE: User gone not listed in Directory",
        "Your message\n\n  Subject: Order\n\nwas not delivered to:\n\n  gone@x.example\n\n"
        "because:\n\n  User not listed\n",
    ),
    (
        "Returned mail: User unknown",
        "   ----- The following addresses had permanent fatal errors -----\n"
        "<gone@x.example>\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mx:\n"
        ">>> RCPT To:<gone@x.example>\n<<< 550 no such user\n",
    ),
    ("Undeliverable Mail", "Unknown user: gone@x.example\n\nOriginal message follows.\n\nHi\n"),
    (
        "Delivery Notification: Delivery has failed",
        "Your message cannot be delivered to the following recipients:\n\n"
        "  Recipient address: gone@x.example\n  Reason: mailbox full\n",
    ),
    ("Không thể gửi được: Đơn 7", "Thư của anh/chị không gửi được tới:\n\n  gone@x.example\n"),
    ("Mail System Error", "Message could not be sent.\nAddressed to: gone@x.example\n"),
    ("Undelivered", '"gone@x.example":\nSMTP error: 550 Requested action not taken\n'),
    ("Unzustellbar: Bestellung", "Fehler bei der Zustellung an\n\ngone@x.example\n"),
]


@pytest.mark.parametrize(("subject", "words"), OLD_BOUNCES)
def test_what_servers_wrote_before_there_was_a_form(subject: str, words: str) -> None:
    """F19: reports that are not RFC 3464, by a machine's address or by its name."""
    for sender in ("MAILER-DAEMON@mx.example", "Mail Delivery System <x9@mx.example>"):
        raw = f"From: {sender}\nTo: help@shop.example\nSubject: {subject}\n\n{words}"
        message = parse(raw.encode())
        assert message.is_bounce
        assert message.bounced_recipients == ("gone@x.example",)
        assert message.is_automatic


def test_a_report_says_why() -> None:
    status = (
        "Final-Recipient: rfc822; gone@x.example\nAction: {}\nStatus: {}\n"
        "Diagnostic-Code: smtp; {} nobody of that name\n"
    )
    raw = DSN.partition("Final-Recipient")[0]
    failed = parse((raw + status.format("failed", "5.1.1", "550 5.1.1") + "--b--").encode())
    assert (failed.bounce_code, failed.bounce_said) == (
        "5.1.1",
        "550 5.1.1 nobody of that name",
    )
    late = parse((raw + status.format("delayed", "4.4.1", "451") + "--b--").encode())
    assert late.is_bounce
    assert late.bounce_code == "4.4.1"
    words = parse(
        b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\n"
        b"<gone@x.example>:\n550 No such user here\n"
    )
    assert words.bounce_code == "5.0.0"
    assert words.bounce_said == "550 No such user here"


def test_a_service_that_tells_in_json() -> None:
    notice = (
        '{"Type": "Notification", "Message": "{\\"notificationType\\":\\"Bounce\\",'
        '\\"bounce\\":{\\"bouncedRecipients\\":[{\\"status\\":\\"5.1.1\\",'
        '\\"emailAddress\\":\\"gone@x.example\\"}]}}"}'
    )
    raw = f"From: no-reply@service.example\nSubject: Notification\n\n{notice}"
    message = parse(raw.encode())
    assert message.bounced_recipients == ("gone@x.example",)
    assert message.bounce_code == "5.1.1"
