"""Answers as mails: parts, files, quotes, signatures, and a signature that others verify."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from inbox.channels import dkim, letter
from inbox.channels.base import OutboundFile, OutboundMessage
from inbox.channels.compose import build
from inbox.channels.letter import Quoted
from inbox.channels.mime import parse
from inbox.errors import Rejected

AT = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
ZONE = "Asia/Ho_Chi_Minh"
ASKED = Quoted("Lan", "lan@khach.example", AT, "Máy lọc nước giá bao nhiêu?\nCảm ơn.")


def outbound(**values: Any) -> OutboundMessage:
    fields: dict[str, Any] = {
        "message_id": "1.tok@shop.example",
        "from_address": "help@shop.example",
        "to": "an@x.example",
        "subject": "Re: Máy lọc nước",
        "text": "Dạ còn ạ.\n",
    }
    return OutboundMessage(**(fields | values))


def read(content: bytes) -> EmailMessage:
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail.defects == []
    return mail


def test_text_html_and_files_come_back_as_they_were() -> None:
    files = (
        OutboundFile("báo giá “mới” 2026.pdf", "application/pdf", bytes(range(256)) * 3),
        OutboundFile("plain.txt", "text/plain", b"--=_border\r\n.\r\n"),
        OutboundFile("x\r\nBcc: evil@x.example", "message/rfc822", b""),
    )

    mail = read(build(outbound(html="<p>Dạ còn ạ.</p>", files=files)))

    assert mail.get_content_type() == "multipart/mixed"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert plain.get_content().strip() == "Dạ còn ạ."
    assert html is not None
    assert html.get_content().strip() == "<p>Dạ còn ạ.</p>"
    found = [(one.get_filename(), one.get_content_type()) for one in mail.iter_attachments()]
    assert found == [
        ("báo giá “mới” 2026.pdf", "application/pdf"),
        ("plain.txt", "text/plain"),
        ("x Bcc: evil@x.example", "application/octet-stream"),
    ]
    kept = [one.get_payload(decode=True) for one in mail.iter_attachments()]
    assert kept == [one.data for one in files]
    assert "Bcc" not in mail


def test_copies_are_named_and_hidden_ones_are_nowhere() -> None:
    """R43, R44: Bcc stands in no header."""
    content = build(outbound(cc=("a@x.example", "b@x.example"), bcc=("secret@x.example",)))

    assert [one.addr_spec for one in read(content)["Cc"].addresses] == [
        "a@x.example",
        "b@x.example",
    ]
    assert b"secret" not in content
    with pytest.raises(Rejected):
        build(outbound(cc=("a@x.example\r\nBcc: evil@x.example",)))


@pytest.mark.parametrize("name", ["đ" * 200 + ".pdf", "😀" * 100, "a" * 300 + ".docx", "\r\n"])
def test_no_file_name_makes_a_long_line(name: str) -> None:
    content = build(outbound(files=(OutboundFile(name, "text/plain", b"x"),)))

    assert max(map(len, content.split(b"\r\n"))) <= 998
    (file,) = read(content).iter_attachments()
    assert file.get_filename()


def test_an_answer_is_signed_and_quotes_what_it_answers() -> None:
    text, html = letter.write(
        "Dạ còn ạ: https://shop.example/may?a=1&b=2.\n\nAnh/chị xem giúp <b>.",
        signature="An\nBán hàng",
        quoted=ASKED,
        language="vi",
        zone=ZONE,
    )

    assert text == (
        "Dạ còn ạ: https://shop.example/may?a=1&b=2.\n\nAnh/chị xem giúp <b>.\n\n-- \nAn\n"
        "Bán hàng\n\nVào 09:30 2/3/2026, Lan <lan@khach.example> đã viết:\n"
        "> Máy lọc nước giá bao nhiêu?\n> Cảm ơn.\n"
    )
    link = '<a href="https://shop.example/may?a=1&amp;b=2">https://shop.example/may?a=1&amp;b=2'
    assert f"{link}</a>." in html
    assert "&lt;b&gt;" in html
    assert "<blockquote><p>Máy lọc nước" in html


@pytest.mark.parametrize("language", ["vi", "en"])
def test_our_own_reader_finds_only_the_answer_in_it(language: str) -> None:
    """F11: what comes back to us shows what was written this time."""
    text, html = letter.write(
        "Dạ còn ạ.", signature="", quoted=ASKED, language=language, zone=ZONE
    )

    assert parse(build(outbound(text=text, html=html))).visible_reply.strip() == "Dạ còn ạ."


def test_people_s_words_are_no_template() -> None:
    """R56: only the names we know are filled in; everything else stays as it was typed."""
    text = "{name}, {team} {{7*7}} {% raw %} {x} {name.__class__} ${name}"

    said = letter.fill_in(text, {"name": "An {team}", "team": "Bán hàng"})

    assert said == "An {team}, Bán hàng {{7*7}} {% raw %} {x} {name.__class__} $An {team}"


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:x"]
)
def test_no_words_become_markup(words: str) -> None:
    quoted = Quoted(words, "", AT, words)
    _, html = letter.write(words, signature=words, quoted=quoted, language="en", zone=ZONE)

    allowed = r"</?(?:!DOCTYPE html|html|body|p|br|blockquote)(?: lang=\"en\")?>"
    assert "<" not in re.sub(allowed, "", html)


# ---- DKIM ---------------------------------------------------------------------------


def verified(mail: bytes, domain: str, record: str) -> bool:
    """Verify a signature by the words of RFC 6376, written apart from how we sign."""
    head, _, body = mail.partition(b"\r\n\r\n")
    unfolded = re.sub(rb"\r\n([ \t])", rb"\1", head)
    fields = [line.partition(b":")[::2] for line in unfolded.split(b"\r\n")]
    signature = next(value for name, value in fields if name.lower() == b"dkim-signature")
    tags = {
        name.strip().decode(): re.sub(rb"\s", b"", value)
        for name, _, value in (tag.partition(b"=") for tag in signature.split(b";"))
    }
    assert (tags["d"], tags["c"], tags["a"]) == (
        domain.encode(),
        b"relaxed/relaxed",
        b"rsa-sha256",
    )
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    canonical = b"".join(line + b"\r\n" for line in lines)
    if base64.b64encode(hashlib.sha256(canonical).digest()) != tags["bh"]:
        return False
    left = list(fields)
    covered = b""
    for name in tags["h"].split(b":"):
        at = next((n for n in range(len(left) - 1, -1, -1) if left[n][0].lower() == name), None)
        if at is not None:
            value = re.sub(rb"[ \t]+", b" ", left.pop(at)[1]).strip()
            covered += name + b":" + value + b"\r\n"
    bare = re.sub(rb"b=[^;]*$", b"b=", re.sub(rb"[ \t]+", b" ", signature).strip())
    covered += b"dkim-signature:" + bare
    key = load_der_public_key(base64.b64decode(record.partition("p=")[2]))
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(base64.b64decode(tags["b"]), covered, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


@pytest.fixture(scope="module")
def key() -> tuple[dkim.Signer, str]:
    private, public = dkim.make_key()
    return dkim.Signer("shop.example", "kip202603", private), dkim.record_text(public)


def test_others_can_verify_what_we_sign(key: tuple[dkim.Signer, str]) -> None:
    signer, record = key
    file = OutboundFile("a.pdf", "application/pdf", b"%PDF" * 100)
    mails = [
        outbound(text="Dạ   còn ạ. \n\n\n"),
        outbound(text="", cc=("b@x.example",), references=tuple(f"{n}@x" for n in range(9))),
        outbound(html="<p>x</p>", files=(file,), automatic=True, date=AT),
    ]

    signed = [dkim.sign(build(mail), signer) for mail in mails]

    assert all(verified(mail, "shop.example", record) for mail in signed)
    assert all(len(line) < 100 for line in signed[0].split(b"\r\n"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Subject:", b"Subject: Invoice\r\nSubject:"),  # added in front of ours
        (b"From: help@", b"From: boss@"),
        (b"\r\n\r\n", b"\r\nCc: evil@x.example\r\n\r\n"),
        (b"D=E1=BA=A1", b"Kh=C3=B4ng"),
    ],
)
def test_what_is_changed_or_added_on_the_way_shows(
    key: tuple[dkim.Signer, str], before: bytes, after: bytes
) -> None:
    signer, record = key
    signed = dkim.sign(build(outbound()), signer)
    head, _, rest = signed.partition(b"From:")
    changed = head + (b"From:" + rest).replace(before, after, 1)

    assert changed != signed
    assert not verified(changed, "shop.example", record)


def test_a_record_is_judged_by_its_key() -> None:
    texts = ["v=spf1 -all", "v=DKIM1; k=rsa; p=AB CD"]

    assert dkim.record_problem([], "ABCD") == "none"
    assert dkim.record_problem(texts, "ABCD") == ""
    assert dkim.record_problem(texts, "other") == "other"
