"""The text of RTF bodies, as Outlook packs them into ``winmail.dat``.

Compressed RTF (MS-OXRTFCP), and HTML carried inside RTF (MS-OXRTFEX). One pass, bounded, and
nothing raises; pictures, fonts, objects and styles are skipped.
"""

import re
import struct
from dataclasses import dataclass, field

from inbox.channels.charsets import decode

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 200
_COMPRESSED, _PLAIN = 0x75465A4C, 0x414C454D
_HEAD = struct.Struct("<III")
_HEAD_BYTES = 16
_RING = 4096
_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)

_TOKEN = re.compile(
    rb"([{}])|\\'([0-9a-fA-F]{2})|\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\(.)|([^\\{}\r\n]+)",
    re.DOTALL,
)
_SKIPPED = frozenset(
    b"fonttbl colortbl stylesheet info pict object themedata datastore header footer "
    b"headerl headerr footerl footerr listtable listoverridetable rsidtbl generator "
    b"latentstyles xmlnstbl mmathpr fldinst mhtmltag".split()
)
_SIGNS = {
    b"par": "\n",
    b"line": "\n",
    b"sect": "\n",
    b"row": "\n",
    b"tab": "\t",
    b"cell": "\t",
    b"lquote": "‘",
    b"rquote": "’",
    b"ldblquote": "“",
    b"rdblquote": "”",
    b"bullet": "•",
    b"endash": "–",
    b"emdash": "—",
    b"emspace": " ",
    b"enspace": " ",
}
_LITERAL = {b"~": "\u00a0", b"_": "-", b"-": "", b"\n": "\n", b"\r": "\n"}
_UTF8_PAGE = 65001


def unpack(data: bytes) -> bytes:
    """Undo the compression; what is damaged ends the text there."""
    if len(data) < _HEAD_BYTES:
        return b""
    _, size, kind = _HEAD.unpack_from(data)
    size = min(size, MAX_BYTES)
    if kind == _PLAIN:
        return data[_HEAD_BYTES : _HEAD_BYTES + size]
    return _expand(data, size) if kind == _COMPRESSED else b""


def _expand(data: bytes, size: int) -> bytes:
    out = bytearray(_DICTIONARY)
    size += len(out)
    at = _HEAD_BYTES
    while at < len(data) and len(out) < size:
        control = data[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                out += data[at : at + 1]
                at += 1
                continue
            if at + 2 > len(data):
                return bytes(out[len(_DICTIONARY) : size])
            pair = int.from_bytes(data[at : at + 2], "big")
            at += 2
            back = (len(out) - (pair >> 4)) % _RING
            if back == 0:  # says that it ends here
                return bytes(out[len(_DICTIONARY) : size])
            _repeat(out, back, (pair & 15) + 2)
    return bytes(out[len(_DICTIONARY) : size])


def _repeat(out: bytearray, back: int, count: int) -> None:
    """Copy letters from so far back, some of which may only now be written."""
    start = len(out) - back
    if start < 0:
        out += bytes(count)  # from before the beginning
    else:
        piece = out[start : start + count]
        out += (piece * count)[:count]


@dataclass(slots=True)
class _Group:
    skip: bool = False
    hidden: bool = False  # what only readers of RTF are to see
    after_unicode: int = 1  # letters that stand in for each \\u


@dataclass(slots=True)
class _Reader:
    page: str = "cp1252"
    carries_html: bool = False
    groups: list[_Group] = field(default_factory=lambda: [_Group()])
    pieces: list[str] = field(default_factory=list)
    pending: bytearray = field(default_factory=bytearray)
    passing: int = 0  # stand-ins still to be left out
    starred: bool = False
    half: int = 0  # the first of two UTF-16 units

    def flush(self) -> None:
        if self.pending:
            self.pieces.append(decode(bytes(self.pending), self.page))
            self.pending.clear()

    @property
    def silent(self) -> bool:
        now = self.groups[-1]
        return now.skip or now.hidden

    def say(self, text: str) -> None:
        if not self.silent:
            self.flush()
            self.pieces.append(text)

    def letters(self, data: bytes) -> None:
        if self.passing:
            data, self.passing = data[self.passing :], max(0, self.passing - len(data))
        if not self.silent:
            self.pending += data

    def brace(self, sign: bytes) -> None:
        self.passing = 0
        if sign == b"{":
            now = self.groups[-1]
            if len(self.groups) < MAX_DEPTH:
                self.groups.append(_Group(now.skip, now.hidden, now.after_unicode))
        elif len(self.groups) > 1:
            self.groups.pop()

    def word(self, name: bytes, number: int | None) -> None:
        starred, self.starred = self.starred, False
        if starred or name in _SKIPPED:
            self.groups[-1].skip = name != b"htmltag"
        elif name in _SIGNS:
            if not (self.carries_html and name in (b"cell", b"row")):
                self.say(_SIGNS[name])
        else:
            self.command(name, number)

    def command(self, name: bytes, number: int | None) -> None:
        now = self.groups[-1]
        if name == b"htmlrtf":
            now.hidden = number != 0
        elif name == b"fromhtml":
            self.carries_html = True
        elif name == b"ansicpg" and number:
            self.page = "utf-8" if number == _UTF8_PAGE else f"cp{number}"
        elif name == b"uc" and number is not None:
            now.after_unicode = max(0, min(number, 8))
        elif name == b"u" and number is not None:
            self.unicode(number % 0x10000)

    def sign(self, sign: bytes) -> None:
        if sign == b"*":
            self.starred = True
        elif sign in _LITERAL:
            self.say(_LITERAL[sign])
        else:
            self.letters(sign)

    def unicode(self, unit: int) -> None:
        self.passing = self.groups[-1].after_unicode
        if 0xD800 <= unit < 0xDC00:
            self.half = unit
            return
        if 0xDC00 <= unit < 0xE000:
            whole = 0x10000 + ((self.half - 0xD800) << 10) + unit - 0xDC00
            self.say(chr(whole) if self.half else "\ufffd")
        else:
            self.say(chr(unit))
        self.half = 0


def read(data: bytes) -> tuple[str, str]:
    """Return the plain text of RTF, or the HTML inside it: one of them, the other is ""."""
    if not data.lstrip().startswith(b"{\\rtf"):
        return "", ""
    reader = _Reader()
    for match in _TOKEN.finditer(data[:MAX_BYTES]):
        brace, code, name, number, sign, text = match.groups()
        if text is not None:
            reader.letters(text)
        elif code is not None:
            reader.letters(bytes((int(code, 16),)))
        elif name is not None:
            reader.word(name.lower(), int(number) if number else None)
        elif brace is not None:
            reader.brace(brace)
        else:
            reader.sign(sign)
    reader.flush()
    text = "".join(reader.pieces).replace("\0", "")
    return ("", text) if reader.carries_html else (text.strip(), "")
