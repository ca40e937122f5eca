"""Forms: stored as posted, read into the message that every channel hands over."""

import base64

import msgspec
import pytest

from inbox.channels.webform import Posted, pack, pack_file, read


def test_a_form_is_read_as_it_was_posted() -> None:
    message = read(
        pack(
            Posted(
                name=" Trần  Thị Lan ",
                email="Lan@Khách.example",
                phone=" 0901 234 567 ",
                subject="Hỏi\r\nBcc: x@x.example",
                body="Máy kêu to.\r\n\r\nGiúp mình với. \r\n",
                request_type="technical_support",
                files=(pack_file("ảnh.png", "image/png", b"\x89PNG\x00"),),
            )
        )
    )

    assert message.from_name == "Trần Thị Lan"
    assert message.from_address == "lan@xn--khch-6na.example"
    assert message.phone == "0901 234 567"
    assert message.subject == "Hỏi Bcc: x@x.example"
    assert message.text == message.visible_reply == "Máy kêu to.\n\nGiúp mình với."
    assert (message.language, message.request_type) == ("vi", "technical_support")
    (file,) = message.attachments
    assert (file.filename, file.content_type, file.data) == (
        "ảnh.png",
        "image/png",
        b"\x89PNG\x00",
    )
    assert not message.is_automatic


def test_an_empty_form_is_a_message_too() -> None:
    message = read(pack(Posted()))

    assert (message.text, message.from_address, message.request_type) == ("", "", None)


@pytest.mark.parametrize(
    ("body", "page", "language"),
    [
        ("ok", "en", "en"),
        ("12345", "vi", "vi"),
        ("Where is my order, please?", "vi", "en"),
        ("Đơn hàng của tôi đâu rồi?", "en", "vi"),
    ],
)
def test_the_text_says_the_language_else_the_page(body: str, page: str, language: str) -> None:
    """F27."""
    assert read(pack(Posted(body=body, language=page))).language == language


def test_nothing_that_a_database_refuses_gets_through() -> None:
    message = read(
        pack(
            Posted(
                name="L\0an",
                phone="09\x0001",
                subject="a\0b",
                body="a\0b \\u0000 c",
                files=(pack_file("a\0.png", "image/\0png", b"\0"),),
            )
        )
    )

    texts = (message.from_name, message.phone, message.subject, message.text)
    assert not any("\0" in text for text in texts)
    assert message.text == "ab \\u0000 c"  # typed as six letters, it stays
    assert "\0" not in message.attachments[0].filename + message.attachments[0].content_type


def test_names_of_files_are_cut_to_a_length() -> None:
    file = pack_file("a" * 1000, "b" * 1000, b"")

    assert (len(file.filename), len(file.content_type)) == (255, 100)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"body": 5}', b"\xff"])
def test_what_our_form_did_not_write_is_refused(raw: bytes) -> None:
    """F7: the row goes to quarantine by this."""
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        read(raw)


def test_broken_base64_is_a_value_error() -> None:
    raw = pack(Posted(files=(pack_file("a", "b", b"c"),)))
    broken = raw.replace(base64.b64encode(b"c"), b"x")

    with pytest.raises(ValueError, match=r"base64|padding"):
        read(broken)
