"""F12: our own sample mails, one for each kind of encoding, disorder and packing."""

import base64
import quopri
import struct
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from inbox.channels.mime import parse

VI = "Đơn hàng của em chưa được giao, em cảm ơn"
TCVN = b"\xa7\xacn h\xb5ng c\xf1a em ch\xada \xae\xad\xeec giao, em c\xb6m \xacn"
HEAD = b"From: =?utf-8?Q?L=C3=AA_An?= <an@x.example>\r\nTo: help@shop.example\r\n"
PDF = b"%PDF-1.7 small"
PDF64 = base64.b64encode(PDF)


@dataclass(frozen=True)
class Sample:
    name: str
    raw: bytes
    text: str = VI  # is in the text
    subject: str = ""
    files: tuple[str, ...] = ()
    reply: str | None = None
    note: str = ""
    sender: str = "an@x.example"


def mail(body: bytes, *headers: bytes) -> bytes:
    return HEAD + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def text(body: bytes, charset: str, encoding: str = "8bit", *more: bytes) -> bytes:
    if encoding == "base64":
        body = base64.encodebytes(body)
    elif encoding == "quoted-printable":
        body = quopri.encodestring(body)
    kind = f"Content-Type: text/plain; charset={charset}".encode()
    return mail(body, kind, f"Content-Transfer-Encoding: {encoding}".encode(), *more)


def multi(kind: str, *parts: bytes) -> bytes:
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    return mail(body, b"Content-Type: multipart/" + kind.encode() + b"; boundary=b")


def plain(words: str = VI) -> bytes:
    return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + words.encode()


def html(words: str) -> bytes:
    return b"Content-Type: text/html; charset=utf-8\r\n\r\n" + words.encode()


def file(name: bytes, kind: bytes = b"application/pdf", data: bytes = PDF64) -> bytes:
    return (
        b"Content-Type: " + kind + b"\r\nContent-Disposition: attachment; " + name + b"\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + data
    )


def tnef(*files: tuple[str, bytes]) -> bytes:
    def attribute(number: int, value: bytes) -> bytes:
        return struct.pack("<BII", 2, number, len(value)) + value + b"\0\0"

    out = b"\x78\x9f\x3e\x22\0\0"
    for name, data in files:
        out += attribute(0x00069002, b"\0" * 14)
        out += attribute(0x00018010, name.encode("cp1252") + b"\0")
        out += attribute(0x0006800F, data)
    return out


def tnef_by_properties(name: str, data: bytes) -> bytes:
    """Long name and content are MAPI properties, as newer Outlooks have it."""
    long_name = name.encode("utf-16-le") + b"\0\0"
    values = struct.pack("<I", 2)
    for kind, number, value in ((0x1F, 0x3707, long_name), (0x102, 0x3701, data)):
        values += struct.pack("<HHII", kind, number, 1, len(value)) + value
        values += b"\0" * (-len(value) % 4)
    head = struct.pack("<BII", 2, 0x00069002, 14) + b"\0" * 16
    return (
        b"\x78\x9f\x3e\x22\0\0" + head
        + struct.pack("<BII", 2, 0x00069005, len(values)) + values + b"\0\0"
    )  # fmt: skip


ICS = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Giao máy\\, lần 2\r\n"
    "DTSTART;TZID=Asia/Ho_Chi_Minh:20260714T090000\r\n"
    "DTEND;TZID=Asia/Ho_Chi_Minh:20260714T103000\r\nLOCATION:Kho 2\r\n"
    'ORGANIZER;CN="Lê: An":mailto:an@x.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n'
)
UU = b"begin 644 bill.txt\n#86)C\n`\nend\n"
QUOTE = "\r\n\r\nVào 14/07/2026 09:15, Shop <s@x.example> đã viết:\r\n> cũ"
WINMAIL = b'filename="winmail.dat"'
TNEF_KIND = b"application/ms-tnef"


def named(value: bytes) -> bytes:
    return multi("mixed", plain(), file(value))


# fmt: off
SAMPLES = [
    Sample("utf-8", text(VI.encode(), "utf-8")),
    Sample("utf-8, quoted-printable", text(VI.encode(), "utf-8", "quoted-printable")),
    Sample("utf-8, base64", text(VI.encode(), "utf-8", "base64")),
    Sample("utf-8 called latin", text(VI.encode(), "iso-8859-1")),
    Sample("windows-1258", text(b"\xd0\xf5n h\xe0ng", "windows-1258"), "Đơn hàng"),
    Sample("VISCII", text(b"\xd0\xbdn h\xe0ng c\xfaa em", "VISCII"), "Đơn hàng"),
    Sample("TCVN3", text(TCVN, "x-viet-tcvn5712")),
    Sample("TCVN3 called latin", text(TCVN + b" " + TCVN, "iso-8859-1")),
    Sample("decomposed", text("Đơn ha\u0300ng".encode(), "utf-8"), "Đơn hàng"),
    Sample("utf-16", text(VI.encode("utf-16"), "utf-16", "base64")),
    Sample("utf-7", text(VI.encode("utf-7"), "utf-7")),
    Sample("Shift_JIS", text("注文".encode("cp932"), "shift_jis"), "注文"),
    Sample("ISO-2022-JP", text("注文".encode("iso2022_jp"), "iso-2022-jp", "7bit"), "注文"),
    Sample("GB2312", text("订单镕".encode("gb18030"), "gb2312"), "订单镕"),
    Sample("Big5", text("訂單".encode("big5"), "big5"), "訂單"),
    Sample("EUC-KR", text("주문".encode("euc-kr"), "ks_c_5601-1987"), "주문"),
    Sample("KOI8-R", text("заказ".encode("koi8-r"), "koi8-r"), "заказ"),
    Sample("no such charset", text(VI.encode(), "x-bogus")),
    Sample("NULs", text(VI.replace("a", "a\0").encode(), "utf-8")),
    Sample(
        "subject in TCVN3, encoded",
        text(b"x", "us-ascii", "7bit",
             b"Subject: =?x-viet-tcvn5712?B?" + base64.b64encode(TCVN) + b"?="),
        "x", VI,
    ),
    Sample(
        "subject of raw bytes, as the text is",
        text("заказ".encode("koi8-r"), "koi8-r", "8bit", "Subject: заказ 7".encode("koi8-r")),
        "заказ", "заказ 7",
    ),
    Sample(
        "subject cut inside a letter",
        mail(b"x", b"Subject: =?utf-8?B?xJA=?= =?utf-8?B?xqE=?=\r\n =?utf-8?Q?n=20h=C3?="
             b"=?utf-8?Q?=A0ng?="),
        "x", "Đơn hàng",
    ),
    Sample("subject never ended", mail(b"x", b"Subject: =?utf-8?Q?=C4=90=C6=A1n 7"), "x",
           "Đơn 7"),
    Sample("subject with spaces", mail(b"x", b"Subject: =?utf-8?q?a b_c?="), "x", "a b c"),
    Sample("folded subject", mail(b"x", b"Subject: one\r\n\ttwo"), "x", "one two"),
    Sample(
        "format=flowed",
        mail(f"{VI} \r\nrất nhiều\r\n-- \r\nAn".encode(),
             b"Content-Type: text/plain; charset=utf-8; format=flowed"),
        f"{VI} rất nhiều", reply=f"{VI} rất nhiều",
    ),
    Sample(
        "format=flowed, DelSp",
        mail(b"mot hai \r\nba", b"Content-Type: text/plain; format=flowed; delsp=yes"),
        "mot haiba",
    ),
    Sample("HTML only", mail(f"<p>{VI}<br>ngay</p>".encode(), b"Content-Type: text/html"),
           f"{VI}\nngay"),
    Sample(
        "HTML with its charset inside",
        mail(b'<meta charset="windows-1252"><p>caf\xe9', b"Content-Type: text/html"), "café",
    ),
    Sample("HTML answer", multi("alternative", html(
        f"<div>{VI}</div><div>Vào 14/07/2026 09:15, Shop &lt;s@x.example&gt; đã viết:</div>"
        "<blockquote>cũ</blockquote>")), reply=VI),
    Sample("both forms", multi("alternative", plain(), html(f"<b>{VI}</b>")), reply=VI),
    Sample("an answer", text((VI + QUOTE).encode(), "utf-8"), reply=VI),
    Sample("a file", named(b"filename=a.pdf"), files=("a.pdf",)),
    Sample("RFC 2231 name", named(b"filename*=utf-8''" + quote("hoá đơn.pdf").encode()),
           files=("hoá đơn.pdf",)),
    Sample("RFC 2231 name in pieces", named(
        b"filename*0*=utf-8''ho%C3; filename*1*=%A1; filename*2=.pdf"), files=("hoá.pdf",)),
    Sample("RFC 2047 name", named(b'filename="=?utf-8?B?aG/DoQ==?=.pdf"'), files=("hoá.pdf",)),
    Sample("a name with a path", named(b'filename="..\\\\..\\\\a.pdf"'), files=("a.pdf",)),
    Sample("no name", named(b"x=1"), files=("attachment-1.pdf",)),
    Sample("nested mail", multi("mixed", plain(),
           b"Content-Type: message/rfc822\r\n\r\nSubject: inside\r\n\r\ntext"),
           files=("inside.eml",)),
    Sample("nested twice", multi("mixed", multi("alternative", plain())[len(HEAD):].replace(
        b"--b", b"--c").replace(b"boundary=b", b"boundary=c"), file(b"filename=a.pdf")),
        files=("a.pdf",)),
    Sample("winmail.dat", multi("mixed", plain(), file(WINMAIL, TNEF_KIND, base64.b64encode(
        tnef(("mot.doc", b"1"), ("hai.xls", b"2"))))), files=("mot.doc", "hai.xls")),
    Sample("winmail.dat, newer", multi("mixed", plain(), file(WINMAIL, TNEF_KIND,
           base64.b64encode(tnef_by_properties("hoá đơn.docx", b"1234")))),
           files=("hoá đơn.docx",)),
    Sample("winmail.dat, broken", multi("mixed", plain(), file(WINMAIL, TNEF_KIND, b"AAAA")),
           files=("winmail.dat",)),
    Sample("uuencoded", mail(VI.encode() + b"\n" + UU), files=("bill.txt",)),
    Sample("S/MIME signed", multi("signed; protocol=x", plain(), b"Content-Type: "
           b"application/pkcs7-signature; name=smime.p7s\r\n\r\nabc"), files=("smime.p7s",)),
    Sample("S/MIME encrypted", mail(PDF64, b"Content-Type: application/pkcs7-mime; "
           b"smime-type=enveloped-data; name=smime.p7m",
           b"Content-Transfer-Encoding: base64"), "", files=("smime.p7m",)),
    Sample("PGP encrypted", multi("encrypted; protocol=application/pgp-encrypted",
           b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
           b"Content-Type: application/octet-stream; name=encrypted.asc\r\n\r\n-----BEGIN"),
           "", files=("attachment-1.asc", "encrypted.asc")),
    Sample("an invitation", multi("alternative", plain(),
           b"Content-Type: text/calendar; method=REQUEST\r\n\r\n" + ICS.encode()),
           files=("attachment-1.ics",), note="Invitation: Giao máy, lần 2 · 2026-07-14 "
           "09:00–10:30 Asia/Ho_Chi_Minh · Kho 2 · an@x.example"),
    Sample("an invitation twice", multi("mixed", plain(),
           b"Content-Type: text/calendar; charset=utf-8\r\n\r\n" + ICS.encode(),
           file(b"filename=invite.ics", b"application/ics", base64.b64encode(ICS.encode()))),
           files=("invite.ics",)),
    Sample("never closed", mail(b"--b\r\n" + plain(),
           b"Content-Type: multipart/mixed; boundary=b")),
    Sample("no boundary", mail(VI.encode(), b"Content-Type: multipart/mixed")),
    Sample("a broken type", mail(VI.encode(), b"Content-Type: ;;text")),
    Sample("an mbox line", b"From an@x Tue Jul 14\r\n" + mail(VI.encode())),
    Sample("only CR", mail(VI.encode()).replace(b"\r\n", b"\r")),
    Sample("a line that is no header", mail(VI.encode(), b"who knows", b"Subject: a"),
           subject="a"),
    Sample("names without quotes", b"From: Le, An (shop) <an@x.example>\r\n\r\n" + VI.encode()),
    Sample("an address only", b"From: an@x.example\r\n\r\n" + VI.encode()),
    Sample("an address in its own script",
           "From: <an@bücher.example>\r\n\r\n".encode() + VI.encode(),
           sender="an@xn--bcher-kva.example"),
]
# fmt: on


def test_they_are_many() -> None:
    assert len(SAMPLES) >= 40
    assert len({one.name for one in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_is_read(sample: Sample) -> None:
    """Nothing raises, the words are there, and nothing is lost."""
    message = parse(sample.raw)
    assert sample.text in message.text
    assert "\0" not in message.text
    assert message.subject == sample.subject
    assert tuple(one.filename for one in message.attachments) == sample.files
    assert message.from_address == sample.sender
    if sample.reply is not None:
        assert message.visible_reply == sample.reply
    if sample.note:
        assert message.notes == (sample.note,)
