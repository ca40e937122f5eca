"""F12: what files are called, where else a multipart ends, and the words in winmail.dat."""

import base64
import struct
import time

import pytest

from inbox.channels import rtf
from inbox.channels.mime import parse

HEAD = b"From: an@x.example\r\nSubject: s\r\n"


def mixed(part: bytes, *, boundary: bytes = b"; boundary=b", kind: bytes = b"mixed") -> bytes:
    """Put a part behind a word of text."""
    return (
        HEAD + b"Content-Type: multipart/" + kind + boundary + b"\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n" + part + b"\r\n--b--\r\n"
    )  # fmt: skip


def file(disposition: str, kind: str = "application/pdf", more: str = "") -> bytes:
    head = f"Content-Type: {kind}\r\nContent-Disposition: {disposition}\r\n{more}"
    return head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\nSGkh"


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (file("attachment; filename=hoa.pdf; filename*=utf-8''ho%C3%A1.pdf"), "hoá.pdf"),
        (file("attachment; filename*0*=utf-8''ho%C3; filename=x; filename*1*=%A1"), "hoá"),
        (file("attachment; filename=\"utf-8''ho%C3%A1.pdf\""), "hoá.pdf"),
        (file("attachment; filename='a b.pdf'"), "a b.pdf"),
        (file('attachment filename="a.pdf"'), "a.pdf"),
        (file("filename=a.pdf"), "a.pdf"),
        (file("attachment", 'application/pdf, name="a.pdf"'), "a.pdf"),
        (file("attachment", '"application/pdf"; name="a.pdf"'), "a.pdf"),
        (file("attachment", more="Content-Description: ke hoach.pdf\r\n"), "ke hoach.pdf"),
        (file("attachment", more="Content-Description: a story\r\n"), "attachment-1.pdf"),
        (file("inline", "image/png", "Content-Location: http://x/a/logo.png\r\n"), "logo.png"),
        (file("inline", "image/png", "Content-ID: <image001.png@01DB>\r\n"), "image001.png"),
        (file("inline", "image/png", "Content-ID: <part1.0A@x>\r\n"), "attachment-1.png"),
        (b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
         + base64.b64encode(b"Subject: inside\r\n\r\nwords"), "inside.eml"),
        (file("attachment; filename=a.pdf").replace(b"base64", b"Base-64"), "a.pdf"),
    ],
)  # fmt: skip
def test_a_file_keeps_the_name_that_it_came_with(part: bytes, name: str) -> None:
    message = parse(mixed(part))
    assert [one.filename for one in message.attachments] == [name]
    assert message.text == "hello"


@pytest.mark.parametrize("boundary", [b"", b"; boundary=another", b"; boundary="])
def test_a_wrong_boundary_is_found_out(boundary: bytes) -> None:
    message = parse(mixed(file("attachment; filename=a.pdf"), boundary=boundary))
    assert (message.text, [one.filename for one in message.attachments]) == (
        "hello",
        ["a.pdf"],
    )


def test_a_second_document_beside_html_is_a_file() -> None:
    """RFC 2387: the first is what was written, the others belong to it."""
    page = b"Content-Type: text/html\r\n\r\n<p>hello"
    frame = b"Content-Type: text/html\r\nContent-Location: frame.html\r\n\r\n<p>in a frame"
    message = parse(mixed(page + b"\r\n--b\r\n" + frame, kind=b"related"))
    assert "in a frame" not in message.text
    assert [one.filename for one in message.attachments] == ["frame.html"]


@pytest.mark.parametrize("kind", ["text/x-amp-html", "text/watch-html", "text/enriched"])
def test_the_same_words_for_other_programs_are_no_file(kind: str) -> None:
    part = f"Content-Type: {kind}\r\n\r\n<b>hello</b>".encode()
    message = parse(mixed(part, kind=b"alternative"))
    assert (message.text, message.attachments) == ("hello", ())


def test_one_stray_byte_makes_no_japanese() -> None:
    def name(data: str) -> str:
        part = file(f"attachment; filename*=iso-2022-jp''{data}.pdf")
        (found,) = parse(mixed(part)).attachments
        return found.filename

    assert name("Dij%8aat") == "Dij\ufffdat.pdf"
    assert name("%92%8d%95%b6") == "注文.pdf"


def attribute(level: int, number: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, number, len(value)) + value + b"\0\0"


def winmail(*properties: tuple[int, int, bytes], files: tuple[str, ...] = ()) -> bytes:
    """Write a winmail.dat with MAPI properties of the mail (kind, number, bytes)."""
    values = struct.pack("<I", len(properties))
    for kind, number, value in properties:
        values += struct.pack("<HHII", kind, number, 1, len(value)) + value
        values += b"\0" * (-len(value) % 4)
    out = b"\x78\x9f\x3e\x22\0\0" + attribute(1, 0x00069007, struct.pack("<II", 1258, 0))
    out += attribute(1, 0x00069003, values)
    for name in files:
        out += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, name.encode())
        out += attribute(2, 0x0006800F, b"data")
    return out


def carried(data: bytes, words: bytes = b"") -> bytes:
    """Send a winmail.dat, beside a text or alone."""
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    text = b"--b\r\nContent-Type: text/plain\r\n\r\n" + words + b"\r\n"
    part = b"--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n"
    part += b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(data)
    return HEAD + head + text + part + b"--b--\r\n"


def packed(text: bytes) -> bytes:
    """Compress RTF the lazy way: every letter as itself."""
    runs = [b"\0" + text[at : at + 8] for at in range(0, len(text), 8)]
    return struct.pack("<III", 0, len(text), 0x75465A4C) + bytes(4) + b"".join(runs)


UTF16 = "Đơn hàng\0 chưa tới\r\nAn".encode("utf-16-le") + b"\0\0"
RTF = rb"{\rtf1\ansi\ansicpg1258{\fonttbl{\f0 Arial;}}\pard \u272?\u417?n 7\par \'e0 {\b ok}}"
IN_RTF = (
    rb"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 hello "
    rb"{\*\htmltag84 <b>}you{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0{\*\htmltag72 </p>}}"
)


@pytest.mark.parametrize(
    ("property_", "text"),
    [
        ((0x1F, 0x1000, UTF16), "Đơn hàng chưa tới\nAn"),
        ((0x1E, 0x1000, b"\xd0\xf5n h\xe0ng\0"), "Đơn hàng"),
        ((0x102, 0x1013, "<p>Đơn hàng</p>".encode()), "Đơn hàng"),
        ((0x102, 0x1009, packed(RTF)), "Đơn 7\nà ok"),
        ((0x102, 0x1009, packed(IN_RTF)), "hello you"),
    ],
    ids=["unicode", "code page", "HTML", "RTF", "HTML in RTF"],
)
def test_words_that_only_winmail_has_are_the_mail(
    property_: tuple[int, int, bytes], text: str
) -> None:
    """F12: also with files beside them; a text of the mail's own goes first."""
    message = parse(carried(winmail(property_, files=("a.doc",))))
    assert message.text == text
    assert [one.filename for one in message.attachments] == ["a.doc"]
    alone = parse(carried(winmail(property_)))
    assert (alone.text, alone.attachments) == (text, ())
    beside = parse(carried(winmail(property_), b"own words"))
    assert (beside.text, beside.attachments) == ("own words", ())


def test_compressed_rtf_is_unpacked() -> None:
    """With references back, also into the dictionary and into what is being written."""
    back = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
    assert rtf.unpack(back) == rb"{\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert (
        rtf.unpack(struct.pack("<III", 0, 5, 0x414C454D) + bytes(4) + b"{\\rtf}") == b"{\\rtf"
    )
    for cut in range(len(back)):
        assert rtf.unpack(back[:cut]) in rb"{\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


@pytest.mark.parametrize(
    "data",
    [
        b"{\\rtf1 " + b"{" * 8_000,
        b"{\\rtf1 " + b"\\u9\\u" * 25_000,
        b"{\\rtf1 " + b"\\'c3" * 30_000,
        b"{\\rtf1 " + b"\\par" * 30_000,
        b"{\\rtf1\\uc9 " + b"\\u55357\\u-8704x" * 8_000,
        b"{\\rtf1 " + b"\\htmlrtf{\\*\\htmltag0 <b>}" * 5_000,
    ],
    ids=["braces", "units", "codes", "words", "pairs", "tags"],
)
def test_rtf_that_goes_on_and_on_is_read_in_time(data: bytes) -> None:
    began = time.process_time()
    rtf.read(data)
    assert time.process_time() - began < 0.5


def test_a_packed_bomb_is_cut() -> None:
    data = (
        struct.pack("<III", 0, 2**31, 0x75465A4C) + bytes(4) + b"\xff" + b"\x00\x0f" * 400_000
    )
    assert len(rtf.unpack(data)) <= rtf.MAX_BYTES
