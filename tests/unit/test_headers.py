"""Header lines, addresses, ids and dates, sound and damaged."""

from datetime import UTC, datetime

import pytest

from inbox.channels.addresses import Address, find_addresses, is_strict, normalise, parse_list
from inbox.channels.headers import find_ids, parameters, read_date, split_head
from inbox.channels.words import decode_words, from_base64, one_line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?UTF-8?B?xJDGoW4gaMOgbmc=?=", "Đơn hàng"),
        ("=?utf-8?q?=C4=90=C6=A1n?= =?utf-8?q?_h=C3=A0ng?=", "Đơn hàng"),
        ("=?utf-8?B?xJDG?= =?utf-8?B?oW4=?=", "Đơn"),  # split inside a letter
        ("=?utf-8?Q?hello world?=", "hello world"),
        ("Re:=?utf-8?Q?ch=C3=A0o?=!", "Re:chào!"),
        ("=?utf-8?B?xJDGoW4", "Đơn"),  # never closed
        ("=?windows-1258?Q?=D0=F5n?=", "Đơn"),
        ("=?x-viet-tcvn5712?Q?=A7=ACn_h=B5ng?=", "Đơn hàng"),
        ("=?viscii?Q?=D0=BDn_h=E0ng?=", "Đơn hàng"),
        ("=?nonsense?X?a?=", "=?nonsense?X?a?="),
        ("a =?= b", "a =?= b"),
        ("1 =?utf-8?q?2?= 3", "1 2 3"),
    ],
)
def test_encoded_words(value: str, text: str) -> None:
    """F12."""
    assert decode_words(value) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"Lê, Văn An" <An@Shop.Example>', [("Lê, Văn An", "An@Shop.Example")]),
        ("a@x.example, b@x.example", [("", "a@x.example"), ("", "b@x.example")]),
        ("Smith, John <j@x.example>", [("Smith, John", "j@x.example")]),
        ("j@x.example (John)", [("John", "j@x.example")]),
        ("Team: a@x.example, b@x.example;", [("", "a@x.example"), ("", "b@x.example")]),
        ("undisclosed-recipients:;", []),
        ('"unclosed <a@x.example>', [("unclosed", "a@x.example")]),
        ("<a@[", [("", "a@[")]),
        ("<@relay.example:a@x.example>", [("", "a@x.example")]),
        ('"a@real.example" <b@x.example>', [("a@real.example", "b@x.example")]),
    ],
)
def test_address_lists(value: str, expected: list[tuple[str, str]]) -> None:
    got = [item for item in parse_list(value) if item.address]
    assert got == [Address(*pair) for pair in expected]


@pytest.mark.parametrize(
    "address", ["a@x.example", "an.le+1@mail.shop.example", "a_b@x-y.example", "a@localhost"]
)
def test_plain_addresses_are_strict(address: str) -> None:
    assert is_strict(address)


@pytest.mark.parametrize(
    "address",
    [
        "", "a", "@", "a@", "@b", "a@b@c", '"a b"@c.d', "a@b\r\nRCPT TO:<e@x>", "a b@c.d",
        "a@[127.0.0.1]", "a@b..c", "a@-b.c", "<a@b.c>", "a,b@c.d", "ạ@b.c", "a@bộ.vn",
        "a" * 65 + "@b.c", "a@" + "b" * 64 + ".c", "a@" + "b." * 130 + "c", "a@b.c\n",
        "a@b.c\0", "a(c)@b.c", "a\\@b.c", "a;b@c.d", "a:b@c.d",
    ],
)  # fmt: skip
def test_other_addresses_are_not(address: str) -> None:
    """R44."""
    assert not is_strict(address)


def test_addresses_are_compared_in_one_form() -> None:
    assert normalise(" An@Bücher.Example. ") == "an@xn--bcher-kva.example"
    assert find_addresses("to <A@x.example>, a@X.example") == ["a@x.example"]


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@b> <c@d>", ("a@b", "c@d")),
        ("<a@b><a@b>", ("a@b",)),
        ("a@b", ("a@b",)),
        ("<[", ()),
        ("", ()),
        ("<" + "a" * 300 + "@b>", ()),
    ],
)
def test_ids(value: str, ids: tuple[str, ...]) -> None:
    assert find_ids(value) == ids


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("Tue, 14 Jul 2026 09:15:00 +0700", datetime(2026, 7, 14, 2, 15, tzinfo=UTC)),
        ("Tue, 14 Jul 2026 09:15:00 -0000", datetime(2026, 7, 14, 9, 15, tzinfo=UTC)),
        ("Tue, 14 Jul 2026 23:59:60 +0000", datetime(2026, 7, 14, 23, 59, 59, tzinfo=UTC)),
        ("Tue, 14 Jul 99999 09:15:00 +0000", None),
        ("Tue, 14 Jul 2026 09:15:00 +9999", datetime(2026, 7, 10, 4, 36, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (";" * 9000, None),
    ],
)
def test_dates(value: str, date: datetime | None) -> None:
    assert read_date(value) == date


@pytest.mark.parametrize(
    ("value", "main", "params"),
    [
        ('text/plain; charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        ("a/b; name*=utf-8''h%C3%B3a%20%C4%91%C6%A1n.pdf", "a/b", {"name": "hóa đơn.pdf"}),
        ("a/b; name*0=one; name*1=two.txt", "a/b", {"name": "onetwo.txt"}),
        ("a/b; name*0*=utf-8''%C4%91; name*1=x", "a/b", {"name": "đx"}),
        ('a/b; name="=?utf-8?b?xJHGoW4ucGRm?="', "a/b", {"name": "đơn.pdf"}),
        ('a/b; name="quo\\"te"', "a/b", {"name": 'quo"te'}),
        ("a/b; name=with space.pdf", "a/b", {"name": "with space.pdf"}),
        ("a/b; broken", "a/b", {}),
        ("a/b; x=", "a/b", {"x": ""}),
    ],
)
def test_parameters(value: str, main: str, params: dict[str, str]) -> None:
    assert parameters(value) == (main, params)


def test_a_bad_line_between_headers_is_skipped() -> None:
    headers, body = split_head(b"From: a@b\nnot a header at all\nSubject: hi\n\nbody")
    assert headers.text("subject") == "hi"
    assert body == b"body"


def test_a_text_without_blank_line_is_the_body() -> None:
    headers, body = split_head(b"Subject: hi\nHello there,\nhow are you?\n")
    assert headers.text("subject") == "hi"
    assert body.startswith(b"Hello there")


def test_header_limits() -> None:
    """R38: 1,000 lines and 8 KiB of one header; the rest is left out and said."""
    headers, body = split_head(b"X: y\r\n" * 5000 + b"\r\nbody")
    assert headers.cut
    assert len(headers.fields) == 1000
    assert body.strip() == b"body"
    headers, _ = split_head(b"Subject: a\n" + b" folded\n" * 5000 + b"\nbody")
    assert headers.cut
    assert len(headers.raw("subject")) <= 8192


def test_base64_with_faults() -> None:
    assert from_base64(b"YWJj\r\nZGVm") == b"abcdef"
    assert from_base64(b"YWI=YWI=") == b"abab"
    assert from_base64(b"YWJj!!!ZGVm") == b"abcdef"
    assert from_base64(b"YWJjZ") == b"abc"
    assert from_base64(b"YWI=\n-- \nlist footer <x>") == b"ab"


def test_one_line_keeps_nothing_that_breaks_lines() -> None:
    assert one_line("a\r\nBcc: b\u2028c\x85d\x0be") == "a Bcc: b c d e"
