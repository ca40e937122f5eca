"""Four hundred mails made to hurt whoever reads them; the same ones each time."""

import base64
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from inbox.channels.base import encode
from inbox.channels.mime import parse

MANY = 400
VARIANTS = 10
BIG = 2_000_000
HEAD = b"From: a@x.example\r\nTo: b@x.example\r\nSubject: s\r\n"

Make = Callable[[random.Random, int], bytes]


def _fill(piece: bytes, size: int) -> bytes:
    return piece * (size // len(piece) + 1)


def _header(*pieces: bytes, size: int = BIG) -> Make:
    """Put pieces of a header that goes on and on into a mail."""

    def make(chance: random.Random, number: int) -> bytes:
        name = chance.choice(
            [b"To", b"From", b"Subject", b"References", b"Content-Type", b"Date", b"X", b"Cc",
             b"Content-Disposition", b"Message-ID", b"In-Reply-To", b"Received"]
        )  # fmt: skip
        value = _fill(chance.choice(pieces), size // (1 + number))
        return HEAD + name + b": " + value + b"\r\n\r\nhello"

    return make


def _text(*pieces: str, size: int = BIG) -> Make:
    """Put text that goes on and on into a plain mail."""

    def make(chance: random.Random, number: int) -> bytes:
        mixed = "".join(chance.choice(pieces) for _ in range(1 + number))
        return HEAD + b"\r\n" + _fill(mixed.encode(), size // (1 + number % 3))

    return make


def _html(*pieces: str, size: int = 500_000) -> Make:
    """Put HTML that goes on and on into a mail."""

    def make(chance: random.Random, number: int) -> bytes:
        mixed = "".join(chance.choice(pieces) for _ in range(1 + number))
        body = _fill(mixed.encode(), size // (1 + number % 4))
        return HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body

    return make


def _encoded(encoding: bytes, *pieces: bytes, kind: bytes = b"text/plain") -> Make:
    def make(chance: random.Random, number: int) -> bytes:
        body = _fill(chance.choice(pieces), BIG // (1 + number % 4))
        return (
            HEAD + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding
            + b"\r\n\r\n" + body
        )  # fmt: skip

    return make


def _charset(chance: random.Random, number: int) -> bytes:
    names = ["utf-7", "utf-16", "utf-32", "idna", "rot13", "hz", "iso-2022-kr", "zlib",
             "unicode_escape", "punycode", "bogus" * 9, "utf-8\0", "big5"]  # fmt: skip
    body = chance.randbytes(300_000) if number % 2 else _fill(b"+AAA-\x1b$B~{", 1_000_000)
    label = names[(number * 7 + chance.randrange(2)) % len(names)].encode()
    return HEAD + b"Content-Type: text/plain; charset=" + label + b"\r\n\r\n" + body


def _nested(chance: random.Random, number: int) -> bytes:
    depth = 50 * (1 + number) ** 2
    boundary = chance.choice([b"b", b"b%d", b"-", b"b" * 60])
    out = [HEAD]
    for level in range(depth):
        mark = boundary % level if b"%d" in boundary else boundary
        kind = chance.choice([b"mixed", b"alternative", b"related", b"digest", b"report"])
        out.append(
            b"Content-Type: multipart/%s; boundary=%s\r\n\r\n--%s\r\n" % (kind, mark, mark)
        )
    return b"".join(out) + b"\r\nthe end"


def _rfc822(_: random.Random, number: int) -> bytes:
    return (
        HEAD + _fill(b"Content-Type: message/rfc822\r\n\r\n", 3000 * (number + 1) ** 2) + b"x"
    )


def _parts(chance: random.Random, number: int) -> bytes:
    part = chance.choice(
        [b"\r\nx", b"Content-Type: text/html\r\n\r\n<p>x",
         b"Content-Type: message/rfc822\r\n\r\nx", b"Content-Disposition: a\r\n\r\n",
         b"Content-Type: application/ms-tnef\r\n\r\nx\x9f>\x22"]
    )  # fmt: skip
    count = 1000 * (1 + number) * 2
    head = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + (b"--b\r\n" + part + b"\r\n") * count


def _header_lines(chance: random.Random, number: int) -> bytes:
    line = chance.choice(
        [b"X: y\r\n", b" fold\r\n", b"X\r\n", b":\r\n", b"From: a@b\r\n", b"\0\r\n"]
    )
    return HEAD + line * (20_000 * (1 + number)) + b"\r\nhello"


def _random(chance: random.Random, number: int) -> bytes:
    """Break a mail that was well made, in many places."""
    raw = bytearray(
        HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n\r\n<div><b>h</b></div>\r\n--b\r\n"
        b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx\x9f>\x22\0\0\r\n--b--"
    )
    for _ in range(20 * (1 + number)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw) * chance.choice([1, 1, 50])


def _tnef(chance: random.Random, number: int) -> bytes:
    body = b"\x78\x9f\x3e\x22\0\0" + chance.randbytes(1000 * (1 + number))
    piece = b"\x02\x02\x90\x06\0\x0e\0\0\0" + b"\0" * 16
    body = body if number % 2 else b"\x78\x9f\x3e\x22\0\0" + piece * 20_000
    body = _rtf_inside(chance) if number % 3 == 2 else body
    head = (
        HEAD + b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    return head + base64.encodebytes(body)


def _rtf_inside(chance: random.Random) -> bytes:
    """Write a winmail.dat whose words are compressed RTF that grows and grows."""
    piece = chance.choice(
        [b"{", b"\\u9 ", b"\\'c3", b"\\par", b"{\\*\\htmltag <b>", b"\\htmlrtf"]
    )
    said = b"{\\rtf1 " + _fill(piece, BIG)
    runs = b"".join(b"\0" + said[at : at + 8] for at in range(0, len(said), 8))
    text = (2**31 - 1).to_bytes(4, "little") * 2 + b"LZFu" + bytes(4) + runs
    value = (1).to_bytes(4, "little") + b"\x02\x01\x09\x10\1\0\0\0"
    value += len(text).to_bytes(4, "little") + text
    head = b"\x01\x03\x90\x06\0" + len(value).to_bytes(4, "little")
    return b"\x78\x9f\x3e\x22\0\0" + head + value + b"\0\0"


def _base64_zip(_: random.Random, number: int) -> bytes:
    """Zip bombs: never opened, only kept or left out."""
    body = base64.encodebytes(b"PK\3\4" + b"\0" * (BIG * (1 + number)))
    head = b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n"
    return HEAD + head + b"\r\n" + body


def _bounce(chance: random.Random, number: int) -> bytes:
    piece = chance.choice(
        [
            b"<a@b>:\n",
            b"rcpt to: <",
            b"a@b ",
            b"-----",
            b"delivery to the\n",
            b"was not delivered to\n\n\n",
            b"550 5.1.1 \n",
            b'"emailAddress":',
        ]
    )
    return (
        b"From: MAILER-DAEMON@x\r\nSubject: " + b"message delivery to " * 300 + b"\r\n\r\n"
        + _fill(piece, BIG // (1 + number))
    )  # fmt: skip


def _calendar(chance: random.Random, number: int) -> bytes:
    piece = chance.choice(
        [
            b"BEGIN:VEVENT\n",
            b"SUMMARY:\\n\\n\n",
            b'X;Y="',
            b"DTSTART:2026\n",
            b"BEGIN:VEVENT\nEND:VEVENT\n",
            b" \n",
            b"ATTENDEE;PARTSTAT=a;" * 9,
        ]
    )
    head = HEAD + b"Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\n"
    return head + _fill(piece, BIG // (1 + number % 5))


DEEP = ("<div>", "<table><tr><td>", "<b><p>", "<blockquote>", "<ul><li>", "<font><a>", "<span>")
ODD = (
    "<",
    "<!--",
    "<![CDATA[",
    "</",
    "<a b",
    "<p style='",
    "<img src=",
    "&",
    "&#",
    "<svg><math>",
)
FAMILIES: tuple[Make, ...] = (
    _header(b"(", b'"', b"<a@[", b";a=b", b"a@b,", b"=?utf-8?B?", b"=?utf-8?Q?=?=", b"\\"),
    _header(b"<a@b>", b" \r\n ", b"(((", b'";', b"*0*=", b"'", b"%C3", b"\xff", b"a:;", b"@"),
    _header(b"2026 ", b"99999", b"+9999", b"Mon, ", b"0" * 999, b"-0000 ", b"\0", b"\r"),
    _header_lines, _header_lines, _nested, _nested, _rfc822, _parts, _parts, _random, _random,
    _charset, _charset, _tnef, _base64_zip, _bounce, _bounce, _calendar,
    _encoded(b"base64", b"=", b"A=", b"AAAA", b"\xff", b"A\r\n", b"=\r\n"),
    _encoded(b"quoted-printable", b"=", b"=3D", b"=\r\n", b"=4", b" \r\n", b"==="),
    _encoded(b"x-uuencode", b"begin 644 a\n", b"M", b"`\n", b"end\n", b"M" * 61 + b"\n"),
    _encoded(b"7bit", b"begin 644 a\n", b"begin 644 a\nend\n", b"\nbegin 644 \n", b"begin"),
    _encoded(b"base64", b"PGRpdj48", b"PGI+PHA+", kind=b"text/html"),
    _text("\n", " ", "> ", ">", "-- \n", "_" * 40 + "\n", "wrote:\n", "On a@b wrote:\n"),
    _text("From: a\n", "Sent: b\n", "To: <c@d>\n", "Subject: e\n", "Từ: a@b\n", "\n", "Re:"),
    _text("On Mon, 1 Jan 2026, ", "a@b.c ", "wrote", ":", "\n", "<", "2026-01-01 ", "@"),
    _text("Sent from my iPhone\n", "Regards,\n", "Trân trọng\n", "--\n", "outlook ios\n", "\n"),
    _text("\u200e", "\u0301", "\u202e", "\u00a0", "İ", "ß", "\ufeff", "đ", "\u2028"),
    _text("a" * 999, "@", ".", "@a.b", "<a@b>", "x@y\n", "\t"),
    _html(*DEEP), _html(*DEEP, *ODD), _html(*ODD), _html("<p ", "a=b ", "c", "'", '"', ">"),
    _html("&amp;", "&#x41;", "&notin;", "&#99999999;", "&lt", "a"),
    _html("<script>", "<style>", "</script", "<title>", "<template>", "<noscript>", "<p>"),
    _html("<img src=cid:a>", "<img src=http://x/y>", "<a href=http://x>", "<base href=//x>"),
    _html("<p style='color:red;background:url(x)'>", "<p style='a:b;", "\\75 rl(", "}", "{"),
    _html("</p>", "</div>", "</b></i>", "</table>", "<td>", "<tr>", "<select><option>"),
    _html("<a><b><i><u>", "<p>", "<nobr>", "<code><p>", "<em>", "<table><a>", "</a>"),
)  # fmt: skip


def bombs(every: int = 1) -> Iterator[tuple[str, bytes]]:
    """Make all of them, or each ``every``-th."""
    for number in range(0, MANY, every):
        family, variant = number % len(FAMILIES), number // len(FAMILIES)
        chance = random.Random(number)
        yield f"{number}", FAMILIES[family](chance, variant % VARIANTS)


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading one took: processor seconds, the most memory, and what went wrong."""

    name: str
    cpu_s: float
    mib: float
    error: str = ""


def read_apart(name: str, raw: bytes) -> Cost:
    """Read a mail in a process of its own, forked from this one, which should be small."""
    to_read, to_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(to_read)
        began = time.process_time()
        error = ""
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
            encode(parse(raw, "a@x.example"))
        except BaseException as wrong:  # whatever it is, it is the finding
            error = f"{type(wrong).__name__}: {wrong}"[:200]
        took = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(to_write, json.dumps([took, peak, error]).encode())
        os._exit(0)
    os.close(to_write)
    with os.fdopen(to_read, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    took, peak, error = json.loads(said or b'[20, 0, "it died"]')
    return Cost(name, took, peak, error)


if __name__ == "__main__":  # python -m tests.bombs EVERY [FOLDER]: a line of JSON for each
    for one, mail in bombs(int(sys.argv[1])):
        sys.stdout.write(json.dumps(asdict(read_apart(one, mail))) + "\n")
    for path in sorted(Path(sys.argv[2]).glob("*.eml")) if len(sys.argv) > 2 else ():
        sys.stdout.write(json.dumps(asdict(read_apart(path.name, path.read_bytes()))) + "\n")
