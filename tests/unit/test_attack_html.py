# ruff: noqa: E501
"""What is left of hostile HTML, names and addresses, before any browser sees it."""

import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from inbox.channels.addresses import is_strict, readable
from inbox.channels.filenames import clean_filename
from inbox.channels.mime import parse
from inbox.channels.safehtml import _ATTRIBUTES, _TAGS, clean
from tests.hostile_html import SPY, fetching, running

_LINKS = ("http://", "https://", "mailto:", "tel:")
_OURS = {"html", "head", "body", "-text", "_comment"}  # what every tree has


def check(html: str) -> None:
    """Look at it with another parser than the one that cleaned it."""
    for node in LexborHTMLParser(html).css("*"):
        tag = node.tag or ""
        assert tag in _TAGS | _OURS, html
        allowed = _ATTRIBUTES["*"] | _ATTRIBUTES.get(tag, set()) | {"target", "rel"}
        for name, value in node.attributes.items():
            assert name in allowed, html
            text = (value or "").lower()
            if name == "href":
                assert text.startswith(_LINKS), html
            elif name == "src":
                assert text.startswith(("cid:", "remote:http")), html
            elif name == "style":
                assert "url" not in text, html
                assert "\\" not in text, html
                assert "position" not in text, html


def test_nothing_that_runs_is_left() -> None:
    """R34 and S1: more than 300 payloads, each alone and all in one mail."""
    payloads = list(dict.fromkeys(running()))
    assert len(payloads) >= 300
    for payload in payloads:
        check(clean(payload).html)
    for start in range(0, len(payloads), 50):
        check(clean("\n".join(payloads[start : start + 50])).html)


def test_nothing_that_fetches_is_left() -> None:
    """R35 and S3: more than 60 ways; an address is left only where nothing follows it."""
    ways = fetching()
    assert len(ways) >= 60
    for way in ways:
        html = clean(way).html
        check(html)
        kept = re.sub(rf'(?:src="remote:|href="|<a href=")[^"]*{re.escape(SPY[7:])}', "", html)
        assert "spy.example" not in kept, way


def test_what_people_write_stays() -> None:
    source = (
        '<p style="color:#c00;font-weight:bold">Chào <b>anh</b></p><table border="1"><tr>'
        '<td bgcolor="#eee" colspan="2">1</td></tr></table><ul><li>một</li></ul>'
        '<a href="https://shop.example/a?b=1&amp;c=2">đây</a><blockquote>cũ</blockquote>'
    )
    html = clean(source).html
    for kept in ('style="color:', "font-weight", "<b>anh</b>", 'colspan="2"', "<li>một</li>"):
        assert kept in html
    assert 'href="https://shop.example/a?b=1&amp;c=2"' in html
    assert "<blockquote>cũ</blockquote>" in html


NAMES = [
    "../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "C:\\x.txt", "a/../b", "....//a", ".",
    "..", "", " ", "\t", "\0", "a\0.txt", ".htaccess", "\u200b.htaccess", "a\u200b/../b", "CON",
    "NUL.txt", "aux", "LPT1", "a:b", "a.txt::$DATA", "a.txt.", "a.txt ", "x" * 4096, "é" * 4096,
    "ảnh\u202efdp.exe", "\u2066a\u2069.exe", "\ufeffa.txt", "a\r\nX: y", "a\nb", 'a"b.txt', "a;b",
    "a'b", "<script>.js", "a?b", "a*b", "a|b", "%2e%2e%2fa", "..%c0%afa", "／etc／passwd", "＼a",
    "．．／a", "~root/.ssh/id", "$HOME", "`id`", "$(id)", "-rf", "--help", "a\u0000b", "a\x1b[2Jb",
    "\ud800.txt", "a" * 300 + ".pdf", "." * 300, "a.tar.gz", "hoá đơn.pdf", "счёт.pdf", "发票.pdf",
    "a&b", "a=b", "a%00b", "\\\\server\\share", "file:///etc/passwd", "http://x/y.js",
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["", ".html"])
def test_no_name_is_a_path_or_hides_what_it_is(suffix: str) -> None:
    """R37 and S14: 120 names; stored is a random id, this is only shown and offered."""
    assert len(NAMES) * 2 >= 120
    for name in NAMES:
        shown = clean_filename(name + suffix)
        assert not set(shown) & set('/\\\0\r\n\t"<>:|?*'), name
        assert shown.strip(" .") == shown
        assert len(shown) <= 200
        assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\x00-\x1f]", shown)
        shown.encode()  # or it could not be stored


FROMS = [
    "a@x.example", "<a@x.example>", "A <a@x.example>", '"A" <a@x.example>', "a@x.example (A)",
    '"b@y.example" <a@x.example>', "b@y.example <a@x.example>", "<b@y.example> <a@x.example>",
    '"A, B" <a@x.example>', "A, B <a@x.example>", "A <a@x.example", "A a@x.example>",
    "<<a@x.example>>", "< a@x.example >", "<a @x.example>", "<a@x.example.>", "A<a@X.EXAMPLE>",
    "=?utf-8?q?b=40y=2Eexample?= <a@x.example>", '"\\"b\\"" <a@x.example>', "'A' <a@x.example>",
    "=?utf-8?q?A?= =?utf-8?q?B?= <a@x.example>", "A (b@y.example) <a@x.example>",
    "mailto:a@x.example", "A <mailto:a@x.example>", "group: a@x.example;", "@y.example:a@x.example",
    "<@y.example,@z.example:a@x.example>", "a@x.example, b@y.example", "a@x.example; b@y.example",
    "A\t<a@x.example>", "A\r\n <a@x.example>", "\u202eA <a@x.example>", "A\u200b <a@x.example>",
    "support@shop.example <a@x.example>", "A <a@x.example> extra", ";a@x.example", ",a@x.example",
    "A <a@x.example>, <b@y.example>", "a@x.example\0", "\x00a@x.example", '"A" a@x.example',
    "A [a@x.example]", "a@x.example>", "(c) a@x.example", "((a)) <a@x.example>", "a@x.example()",
    '"<b@y.example>" <a@x.example>', "=?bad?x?y?= <a@x.example>", "A <a@x.example;>", "<a@x.example",
]  # fmt: skip
NOBODY = [
    "",
    "<>",
    "A",
    "a@",
    "@x.example",
    "@",
    "<@>",
    '"',
    "<",
    "a b c",
    "(a@x.example",
]


def test_whoever_wrote_is_the_same_to_everybody() -> None:
    """S12: who is known by it, shown and answered is one address, or none at all."""
    assert len(FROMS) + len(NOBODY) >= 60
    for value in FROMS:
        message = parse(f"From: {value}\r\nSubject: s\r\n\r\nx".encode("utf-8", "replace"))
        assert message.from_address in ("a@x.example", "b@y.example"), value
        assert is_strict(message.from_address), value
        assert readable(message.from_address) == message.from_address
        assert "\u202e" not in message.from_name
    for value in NOBODY:
        address = parse(f"From: {value}\r\n\r\nx".encode()).from_address
        assert address == "" or not is_strict(address) or address == "a@x.example", value


def test_a_name_that_is_an_address_is_not_the_address() -> None:
    """S12: the display name never decides."""
    for value in ('"b@y.example" <a@x.example>', "=?utf-8?q?b=40y=2Eexample?= <a@x.example>"):
        message = parse(f"From: {value}\r\n\r\nx".encode())
        assert message.from_address == "a@x.example"
        assert message.from_name == "b@y.example"
