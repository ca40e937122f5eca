"""Whole mails: what is read of them, in every encoding and every kind of disorder."""

import base64
import time
from datetime import UTC, datetime

import pytest

from inbox.channels.base import InboundMessage, decode, encode
from inbox.channels.filenames import clean_filename
from inbox.channels.mime import (
    NOTE_AS_TEXT,
    NOTE_ATTACHMENT,
    NOTE_LIMITS,
    dedupe_key,
    parse,
    stable_message_id,
)

WORDS = "Chào shop, đơn hàng của em vẫn chưa được giao. Em cảm ơn!"


def mail(body: str | bytes, *headers: str) -> bytes:
    head = "\r\n".join(("From: An Lê <an@x.example>", "To: help@shop.example", *headers))
    data = body.encode() if isinstance(body, str) else body
    return head.encode() + b"\r\n\r\n" + data


def multipart(kind: str, *parts: str) -> bytes:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    return mail(body, "MIME-Version: 1.0", f"Content-Type: multipart/{kind}; boundary=b")


def test_a_common_mail() -> None:
    raw = mail(
        WORDS,
        "Subject: =?utf-8?B?xJDGoW4gaMOgbmc=?= 1042",
        "Cc: b@x.example, C <c@x.example>",
        "Reply-To: other@x.example",
        "Message-ID: <1@x.example>",
        "In-Reply-To: <0@shop.example>",
        "References: <00@shop.example>\r\n <0@shop.example>",
        "Date: Tue, 14 Jul 2026 09:15:00 +0700",
        "Content-Type: text/plain; charset=utf-8",
    )
    message = parse(raw)
    assert message.subject == "Đơn hàng 1042"
    assert (message.from_address, message.from_name) == ("an@x.example", "An Lê")
    assert message.to == ("help@shop.example",)
    assert message.cc == ("b@x.example", "c@x.example")
    assert message.reply_to == "other@x.example"
    assert message.message_id == "1@x.example"
    assert message.in_reply_to == "0@shop.example"
    assert message.references == ("00@shop.example", "0@shop.example")
    assert message.sent_at == datetime(2026, 7, 14, 2, 15, tzinfo=UTC)
    assert message.text == message.visible_reply == WORDS
    assert message.language == "vi"
    assert message.notes == ()


def test_a_mail_without_anything_is_accepted() -> None:
    """F4: no Message-ID, date, subject or body; the made-up id is the same each time."""
    raw = b"From: a@x.example\r\n\r\n"
    message = parse(raw)
    assert (message.subject, message.text) == ("", "")
    assert message.message_id == stable_message_id(raw)
    assert message.sent_at is None
    assert stable_message_id(raw) != stable_message_id(raw + b"x")
    assert parse(b"") == InboundMessage(message_id=stable_message_id(b""))


ACCENTS = "Đơn hàng của em chưa được giao, em cảm ơn"
TCVN = b"\xa7\xacn h\xb5ng c\xf1a em ch\xada \xae\xad\xeec giao, em c\xb6m \xacn"


@pytest.mark.parametrize(
    ("data", "label"),
    [
        (ACCENTS.encode(), "utf-8"),
        (ACCENTS.encode(), "us-ascii"),
        (ACCENTS.encode(), "iso-8859-1"),
        (ACCENTS.encode(), "bogus"),
        (ACCENTS.encode("utf-16"), "utf-16"),
        (TCVN, "x-viet-tcvn5712"),
        (TCVN, "tcvn3"),
        (TCVN, "iso-8859-1"),
        (TCVN, "x-user-defined"),
        (TCVN, ""),
    ],
)
def test_vietnamese_is_read_in_every_encoding(data: bytes, label: str) -> None:
    """F12."""
    declared = f"; charset={label}" if label else ""
    message = parse(
        mail(
            base64.b64encode(data),
            f"Content-Type: text/plain{declared}",
            "Content-Transfer-Encoding: base64",
        )
    )
    assert message.text == ACCENTS


def test_windows_1258_is_put_together() -> None:
    """F12: its accents come as separate characters."""
    data = b"C\xe1m \xf5n ch\xf4\xf2 , em \xf0a\xde nh\xe2\xf2n h\xe0ng"
    text = parse(mail(data, "Content-Type: text/plain; charset=windows-1258")).text
    assert "ơn" in text
    assert "\u0309" not in text
    assert "nhận" in text or "nhẩn" in text or "nhân" in text


@pytest.mark.parametrize(
    "label", ["rot13", "idna", "punycode", "hex", "\x00", "unicode_escape", "a" * 500, "utf-7"]
)
def test_labels_that_are_no_charset_do_no_harm(label: str) -> None:
    """S5."""
    assert "hello" in parse(mail("hello", f"Content-Type: text/plain; charset={label}")).text


def test_flowed_text_is_joined() -> None:
    """F12."""
    raw = mail(
        "One \r\nline.\r\n> quo \r\n> ted\r\n-- \r\nAn",
        "Content-Type: text/plain; format=flowed",
    )
    assert parse(raw).text == "One line.\n> quo ted\n-- \nAn"


def test_html_alone_becomes_text() -> None:
    """F12."""
    html = (
        "<html><head><style>p{}</style></head><body><p>Chào <b>shop</b>,</p>"
        "<ul><li>một<li>hai</ul><div>xong<br>hết</div>"
        "<div style='display:none'>hidden</div><script>alert(1)</script>"
        "<blockquote>old words</blockquote></body></html>"
    )
    message = parse(mail(html, "Content-Type: text/html; charset=utf-8"))
    assert message.text == "Chào shop,\n\n- một\n- hai\n\nxong\nhết\n\n> old words"
    assert message.visible_reply == "Chào shop,\n\n- một\n- hai\n\nxong\nhết"
    assert message.html == html


def test_plain_wins_over_html_and_files_are_kept() -> None:
    raw = multipart(
        "mixed",
        "Content-Type: multipart/alternative; boundary=c\r\n\r\n"
        "--c\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
        "--c\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--c--",
        "Content-Type: application/pdf; name*=utf-8''h%C3%B3a%20%C4%91%C6%A1n.pdf\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nJVBERg==",
        "Content-Type: image/png\r\nContent-ID: <pic>\r\n"
        "Content-Disposition: inline\r\n\r\nPNG",
        "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nwords",
    )
    message = parse(raw)
    assert message.text == "plain"
    assert "<p>html" in message.html
    assert [(item.filename, item.content_type) for item in message.attachments] == [
        ("hóa đơn.pdf", "application/pdf"),
        ("attachment-2.png", "image/png"),
        ("inner.eml", "message/rfc822"),
    ]
    assert message.attachments[0].data == b"%PDF"
    assert message.attachments[1].content_id == "pic"


def test_uuencoded_files_come_out_of_the_text() -> None:
    """F12."""
    message = parse(mail("See file.\nbegin 644 a.txt\n#86)C\n`\nend\nBye."))
    assert [(item.filename, item.data) for item in message.attachments] == [("a.txt", b"abc")]
    assert message.text == "See file.\n\nBye."


def tnef(name: bytes, data: bytes) -> bytes:
    def attribute(number: int, value: bytes) -> bytes:
        head = b"\x02" + number.to_bytes(4, "little") + len(value).to_bytes(4, "little")
        return head + value + (sum(value) & 0xFFFF).to_bytes(2, "little")

    return (
        b"\x78\x9f\x3e\x22\x01\x00"
        + attribute(0x00069002, bytes(14))
        + attribute(0x00018010, name + b"\0")
        + attribute(0x0006800F, data)
    )


def test_winmail_is_opened() -> None:
    """F12."""
    blob = base64.b64encode(tnef(b"bill.txt", b"pay")).decode()
    part = (
        "Content-Type: application/ms-tnef; name=winmail.dat\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    message = parse(multipart("mixed", "\r\nwords", part + blob))
    assert [(item.filename, item.data) for item in message.attachments] == [
        ("bill.txt", b"pay")
    ]
    broken = parse(multipart("mixed", "\r\nwords", part + blob[:20]))
    assert [item.filename for item in broken.attachments] == ["winmail.dat"]


def test_an_attachment_over_the_limit_is_left_out_and_said() -> None:
    """F14: the text is there all the same."""
    part = "Content-Type: application/zip; name=big.zip\r\n\r\n" + "x" * (20 * 1024 * 1024 + 1)
    message = parse(multipart("mixed", "\r\nwords", part))
    assert message.attachments == ()
    assert message.notes == (NOTE_ATTACHMENT + "big.zip",)
    assert message.text == "words"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\An\\bill.pdf", "bill.pdf"),
        ("\u200b.htaccess\u200b", "htaccess"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("a\0b\r\n.txt", "ab.txt"),
        ("file.txt:stream", "file.txt_stream"),
        ("ﬁle.pdf", "file.pdf"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
        ("...", ""),
        ("Hoá đơn tháng 7.pdf", "Hoá đơn tháng 7.pdf"),
    ],
)
def test_file_names_are_harmless(name: str, clean: str) -> None:
    """S14: normalised first, then checked."""
    assert clean_filename(name) == clean


def test_messages_survive_the_way_between_processes() -> None:
    message = parse(multipart("mixed", "\r\nxin chào", "Content-Type: a/b\r\n\r\n\x01"))
    assert decode(encode(message)) == message


RAW = mail("hello\r\n", "Message-ID: <1@x.example>", "Date: Tue, 14 Jul 2026 09:15:00 +0700")


def test_the_same_mail_by_another_way_has_the_same_key() -> None:
    """Trace headers and line ends are no part of a mail."""
    moved = b"Received: from a by b\r\nReturn-Path: <an@x.example>\r\n" + RAW
    assert dedupe_key(1, moved) == dedupe_key(1, RAW)
    assert dedupe_key(1, RAW.replace(b"\r\n", b"\n")) == dedupe_key(1, RAW)


def test_another_mail_with_the_same_id_has_another_key() -> None:
    assert dedupe_key(1, RAW) != dedupe_key(2, RAW)
    assert dedupe_key(1, RAW) != dedupe_key(1, RAW.replace(b"hello", b"hallo"))
    assert dedupe_key(1, RAW) != dedupe_key(1, RAW.replace(b"an@", b"on@"))
    assert dedupe_key(1, RAW) != dedupe_key(1, b"Subject: x\r\n" + RAW)


def nested(depth: int) -> bytes:
    heads = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth)
    )
    return ("From: a@x.example\r\n" + heads + "\r\nhello").encode()


HTML = b"Content-Type: text/html\r\n\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
BOMBS: dict[str, bytes] = {
    "address": b"To: <a@[\r\nMessage-ID: <[\r\n\r\n",
    "twelve bytes": b"Parse: x\r\n\r\n",
    "brackets": b"To: " + b"(" * 8000 + b"\r\n\r\nx",
    "parameters": b"Content-Type: text/plain" + b";a=b" * 2000 + b"\r\n\r\nx",
    "spaces": b"Content-Type: text/plain;" + b" " * 8000 + b"\r\n\r\nx",
    "to": b"To: " + b"a@b, " * 14_000 + b"\r\n\r\nx",
    "to lines": b"To: a@b, c@d\r\n" * 20_000 + b"\r\nx",
    "header lines": b"X: y\r\n" * 300_000 + b"\r\nx",
    "folds": b"Subject: x\r\n" + b" y\r\n" * 300_000 + b"\r\nx",
    "words": b"Subject: " + b"=?utf-8?q?" * 800 + b"\r\n\r\nx",
    "colons": b"To: a@b" + b":" * 8000 + b"\r\n\r\nx",
    "quotes": b'To: "' + b'\\"' * 4000 + b"\r\n\r\nx",
    "deep": nested(1000),
    "many parts": MIXED + b"--b\r\n\r\nx\r\n" * 50_000,
    "same boundary": b"Content-Type: multipart/mixed; boundary=-\r\n\r\n" + b"---\r\n" * 50_000,
    "newlines": b"\n" * 2_000_000,
    "returns": b"\r" * 2_000_000,
    "divs": HTML + b"<div>" * 100_000,
    "bold": HTML + b"<p><b a=1>" * 50_000,
    "reopened": HTML
    + b"<p>"
    + b"".join(b"<b a=%d>" % n for n in range(200))
    + b"</p><p>x" * 20_000,
    "attributes": HTML + b"<p " + b"a=1 " * 60_000 + b">x",
    "entities": HTML + b"&amp;" * 100_000,
    "number": HTML + b"<div>" * 300 + b"&#" + b"9" * 100_000 + b";",
    "scripts": HTML + b"<script>" * 100_000,
    "big html": HTML + b"<p>x</p>" * 600_000,
    "open tags": HTML + b"<" * 1_000_000,
    "accents": b"Content-Type: text/plain\r\n\r\na" + "\u0301\u0316".encode() * 200_000,
    "begin": b"\r\n" + b"begin 644 a\n" * 100_000,
    "dashes": b"From: MAILER-DAEMON\r\n\r\n" + b"-" * 500_000,
    "at signs": b"From: MAILER-DAEMON\r\nSubject: failure notice\r\n\r\n" + b"a@" * 200_000,
    "padding": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * 1_000_000,
    "base64 bits": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"YQ=" * 300_000,
    "long id": b"References: " + b"<a@b>" * 1600 + b"\r\n\r\n",
    "nul": b"\0" * 500_000,
    "high": bytes(range(128, 256)) * 8000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_read_in_time(name: str) -> None:
    """R38 (time) and S4, S5: nothing raises and nothing takes long."""
    began = time.process_time()
    message = parse(BOMBS[name])
    assert isinstance(message, InboundMessage)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("name", ["divs", "reopened", "attributes", "big html", "number"])
def test_html_bombs_are_shown_as_text(name: str) -> None:
    """S4."""
    message = parse(BOMBS[name])
    assert NOTE_AS_TEXT in message.notes
    assert message.html == ""


@pytest.mark.parametrize("name", ["deep", "many parts", "header lines", "folds"])
def test_limits_are_said(name: str) -> None:
    assert NOTE_LIMITS in parse(BOMBS[name]).notes
