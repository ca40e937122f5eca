"""Mail we write: any reader reads back what was meant, within the limits of lines."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.channels.base import OutboundMessage
from inbox.channels.compose import build

HARD = 'aB 1-,.;:()<>@"\\=?_đĐấộươ日本😀é\t'
LINES = st.text(st.sampled_from(HARD), max_size=260)
TEXTS = st.text(st.sampled_from(HARD + "\n\r. ="), max_size=400)
IDS = st.lists(st.from_regex(r"[a-z]{1,120}@x\.example", fullmatch=True), max_size=25)


def outbound(**values: object) -> OutboundMessage:
    fields: dict[str, object] = {
        "message_id": "1.tok@shop.example",
        "from_address": "help@shop.example",
        "to": "an@x.example",
        "subject": "",
        "text": "",
    }
    return OutboundMessage(**(fields | values))  # type: ignore[arg-type]


def read(content: bytes) -> EmailMessage:
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail.defects == []
    return mail


@settings(max_examples=200, deadline=None)
@given(subject=LINES, text=TEXTS, ids=IDS)
def test_what_is_written_is_what_is_read(subject: str, text: str, ids: list[str]) -> None:
    content = build(outbound(subject=subject, text=text, references=tuple(ids)))

    mail = read(content)
    one_line = " ".join(subject.split()).replace("=?", "= ?")[:250].strip()
    assert str(mail["Subject"]).strip() == one_line
    assert str(mail["References"] or "").split() == [f"<{one}>" for one in ids[-20:]]
    body = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = body if body.endswith("\n") else f"{body}\n"
    assert mail.get_content().replace("\r\n", "\n") == expected


@settings(max_examples=200, deadline=None)
@given(name=st.text(st.sampled_from(HARD), max_size=120))
def test_a_name_is_one_name_and_one_address(name: str) -> None:
    """R44: whatever stands in it."""
    sender = read(build(outbound(from_name=name)))["From"]
    (address,) = sender.addresses
    assert address.addr_spec == "help@shop.example"
    meant = " ".join(name.split()).replace("=?", "= ?")[:100]
    if meant.isascii():
        assert address.display_name == meant.strip()


@settings(max_examples=200, deadline=None)
@given(subject=LINES, text=TEXTS)
def test_lines_are_short_and_plain(subject: str, text: str) -> None:
    """RFC 2045 and 2047: at most 76 characters where anything is encoded."""
    content = build(outbound(subject=subject, from_name=subject, text=text))

    assert content.isascii()
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert all(line.strip() for line in lines)
    assert max(len(line) for line in lines if b"=?" in line or len(line) < 76) <= 76
    assert max(len(line) for line in body.split(b"\r\n")) <= 76
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
