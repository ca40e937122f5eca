"""What is written into IMAP commands, and how answers are read."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.channels.imapwords import (
    encode_folder,
    imap_date,
    quote,
    read_body,
    read_found,
    read_moment,
    read_numbers,
    recipients_of,
)
from inbox.errors import Invalid


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("INBOX", "INBOX"),
        ("Hộp thư", "H&Htk-p th&AbA-"),
        ("A&B", "A&-B"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("📮", "&2D3c7g-"),
    ],
)
def test_a_folder_is_written_in_imaps_utf_7(name: str, written: str) -> None:
    """RFC 3501, 5.1.3; the fourth is its own example."""
    assert encode_folder(name) == written


@given(st.text(max_size=60))
def test_no_folder_name_can_leave_its_quotes(name: str) -> None:
    """S10: a command is put together from checked words only."""
    inner = quote(encode_folder(name))[1:-1].replace("\\\\", "").replace('\\"', "")

    assert '"' not in inner
    assert inner.isascii()
    assert not set(inner) & set("\r\n\0")


@pytest.mark.parametrize("text", ["a\r\nA1 LOGOUT", "a\nb", "a\0b", "\x7f", "thư"])
def test_what_no_quoted_string_can_hold_is_refused(text: str) -> None:
    """S10."""
    with pytest.raises(Invalid):
        quote(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("17-Jul-2026 02:44:25 -0700", datetime(2026, 7, 17, 9, 44, 25, tzinfo=UTC)),
        (" 7-Mar-2026 09:00:00 +0700", datetime(2026, 3, 7, 2, 0, tzinfo=UTC)),
        ("31-Feb-2026 09:00:00 +0700", None),
        ("01-Thg-2026 09:00:00 +0700", None),
        ("17-Jul-2026 02:44:25 +9999", None),
        ("01-Jan-0001 00:00:00 +1400", None),
        ("yesterday", None),
    ],
)
def test_a_moment_is_read_or_is_none(text: str, moment: datetime | None) -> None:
    assert read_moment(text) == moment


def test_a_date_is_english_whatever_the_locale() -> None:
    assert imap_date(date(2026, 3, 2)) == "2-Mar-2026"


def test_numbers_come_in_order_and_once() -> None:
    assert read_numbers([b"9 3 3", None, b"1 (MODSEQ 7)"]) == [1, 3, 9]


def test_a_flag_cannot_pretend_to_be_a_number_of_the_mail() -> None:
    line = (
        b'4 (FLAGS (\\Seen UID 9 RFC822.SIZE 1) UID 7 INTERNALDATE "02-Mar-2026 09:00:00 +0700"'
        b" RFC822.SIZE 512)"
    )
    found = read_found([line, b"5 (FLAGS ())", (b"6 (UID 8 BODY[] {1}", b"x"), b")"])

    assert list(found) == [7]
    assert found[7].size_bytes == 512
    assert found[7].is_seen
    assert found[7].arrived_at == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "lines",
    [
        [(b"4 (UID 7 BODY[] {3}", b"abc"), b")"],
        [(b"4 (BODY[] {3}", b"abc"), b" UID 7)"],
        [b"1 (FLAGS (\\Seen))", (b"4 (UID 7 BODY[] {3}", b"abc"), b")"],
        [(b"3 (UID 6 BODY[] {1}", b"x"), b")", (b"4 (UID 7 BODY[] {3}", b"abc"), b")"],
        [b'4 (UID 7 BODY[] "abc")'],
        [b'4 (BODY[] "abc" UID 7)'],
    ],
)
def test_the_content_is_found_however_it_is_told(lines: list[object]) -> None:
    assert read_body(lines, 7) == b"abc"


@pytest.mark.parametrize("lines", [[], [None], [b"4 (UID 7 BODY[] NIL)"], [b"4 (UID 7)"]])
def test_content_that_is_not_there_is_none(lines: list[object]) -> None:
    assert read_body(lines, 7) is None


def test_the_envelope_is_read_from_the_head_only() -> None:
    raw = (
        b"Delivered-To: hotro+k1042.abc@congty.example\r\n"
        b"X-Original-To: <hotro@congty.example>\r\n"
        b"Subject: x\r\n\r\nDelivered-To: other@congty.example\r\n"
    )
    assert recipients_of(raw) == ["hotro+k1042.abc@congty.example", "hotro@congty.example"]
    assert recipients_of(b"Delivered-To: " + b"a@" * 40_000) == []
