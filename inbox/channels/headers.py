"""Header lines of RFC 5322 and MIME, read in linear time from any bytes; nothing here raises.

Python's own ``email`` parser is not used for reading: its header parsers crash on a few bytes
and are quadratic in places. Limits keep the work small; what is over a limit is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from urllib.parse import unquote_to_bytes

from inbox.channels.addresses import MAX_ADDRESSES, Address, clean_name, parse_list
from inbox.channels.charsets import decode
from inbox.channels.words import decode_words, one_line

MAX_HEADER_LINES = 1000
MAX_HEADER_BYTES = 8 * 1024
MAX_LIST_CHARS = 64 * 1024
MAX_BAD_LINES = 20  # that are no header, before the head is taken to have ended
MAX_IDS = 50
MAX_ID_CHARS = 250

_NAME = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")
_WELL_KNOWN = frozenset(
    b"from to subject date message-id received mime-version content-type return-path "
    b"delivered-to content-transfer-encoding reply-to".split()
)
_ID = re.compile(r"<([^<>\s]{1,250})>")
_DATE_CHARS = 128
_MAIN = re.compile(r"\s*([^\s;,=]{1,160})(?:\s*,|\s)\s*")
_CHARSET_INSIDE = re.compile(r"(?i)[a-z][a-z0-9_-]{2,19}'[a-z-]{0,9}'[^']*%[0-9a-f]{2}")


@dataclass(slots=True)
class Headers:
    """The headers of one part: raw values by lower-case name, in order of appearance."""

    fields: list[tuple[str, bytes]] = field(default_factory=list)
    lines: int = 0
    cut: bool = False  # some lines or values were over the limits
    charset: str = ""  # of the text beside them: what unlabelled bytes are written in

    def raw(self, name: str) -> bytes:
        """Return the first value, unfolded, or b""."""
        return next((value for key, value in self.fields if key == name), b"")

    def all(self, name: str) -> list[str]:
        """Return every value of a name, decoded to text but with encoded words kept."""
        return [self._decode(value).strip() for key, value in self.fields if key == name]

    def get(self, name: str) -> str:
        """Return the first value as text, encoded words kept, or ""."""
        return self._decode(self.raw(name)).strip()

    def text(self, name: str) -> str:
        """Return the first value as a person should read it: one line, words decoded."""
        return one_line(decode_words(self._decode(self.raw(name))))

    def _decode(self, value: bytes) -> str:
        wide = self.charset.lower().startswith(("utf-16", "utf-32", "utf16", "utf32"))
        return decode(value, "" if value.isascii() or wide else self.charset)

    def has(self, name: str) -> bool:
        """Tell whether the header is there, even empty."""
        return any(key == name for key, _ in self.fields)

    def addresses(self, name: str) -> list[Address]:
        """Return the addresses of all fields of a name, display names decoded."""
        found: list[Address] = []
        for value in self.all(name)[:MAX_ADDRESSES]:
            items = parse_list(value)
            if "=?" in value and not any(item.address for item in items):
                items = parse_list(decode_words(value))  # the whole field had been encoded
            found += items
            if len(found) >= MAX_ADDRESSES:
                break
        return [
            Address(clean_name(one_line(decode_words(item.name))), item.address)
            for item in found[:MAX_ADDRESSES]
        ]

    def ids(self, name: str) -> tuple[str, ...]:
        """Return message ids without brackets, in order; damaged ones as they can be read."""
        return find_ids(" ".join(self.all(name))[:MAX_LIST_CHARS])

    def date(self, name: str = "date") -> datetime | None:
        """Return a date in UTC, or None when it is missing or impossible."""
        return read_date(self.get(name))


def find_ids(value: str) -> tuple[str, ...]:
    """Find message ids in a header value; a bare word with ``@`` counts when none has <>."""
    found = _ID.findall(value)
    if not found:
        words = value.replace(",", " ").replace("<", " ").replace(">", " ").split()
        found = [word for word in words if "@" in word and len(word) <= MAX_ID_CHARS]
    return tuple(dict.fromkeys(found))[-MAX_IDS:]


def split_head(raw: bytes) -> tuple[Headers, bytes]:
    """Cut a message or part into headers and body.

    A line that is no header ends the head, unless headers go on after it. Leading blank
    lines and an mbox ``From `` line are skipped.
    """
    head = _Head()
    body = b""
    for line, start, end in _lines(raw, 0):
        stripped = line.rstrip(b"\r\n")
        head.headers.lines += 1
        if head.headers.lines > MAX_HEADER_LINES:
            head.headers.cut = True
            body = _after_blank_line(raw, start)
            break
        if not stripped.strip(b" \t\x00"):
            if head.empty:
                continue
            body = raw[end:]
            break
        if not head.take(stripped) and not _may_be_skipped(head, stripped, raw, end):
            body = raw[start:]
            break
    head.finish()
    return head.headers, body


class _Head:
    """The header lines met so far, folded ones put together."""

    def __init__(self) -> None:
        self.headers = Headers()
        self.name = ""
        self.pieces: list[bytes] = []
        self.size = 0

    @property
    def empty(self) -> bool:
        return not self.name

    def take(self, line: bytes) -> bool:
        """Take a header line or the continuation of one; False if it is neither."""
        if line[:1] in (b" ", b"\t") and self.name:
            self._extend(b" " + line.strip())
            return True
        match = _NAME.match(line)
        if match is None:
            return False
        self.finish()
        self.name = match[1].decode("ascii").lower()
        self._extend(line[match.end() :].strip())
        return True

    def _extend(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > MAX_HEADER_BYTES:
            self.headers.cut = True
        else:
            self.pieces.append(piece)

    def finish(self) -> None:
        """Store the header being put together."""
        if self.name:
            self.headers.fields.append((self.name, b"".join(self.pieces)))
        self.pieces, self.size = [], 0


def _may_be_skipped(head: _Head, line: bytes, raw: bytes, end: int) -> bool:
    if head.empty and line.startswith((b"From ", b">From ")):
        return True
    return _headers_go_on(raw, end)


def _after_blank_line(raw: bytes, at: int) -> bytes:
    ends = [end for end in (raw.find(b"\n\n", at), raw.find(b"\n\r\n", at)) if end >= 0]
    return raw[min(ends) + 1 :] if ends else b""


def _lines(raw: bytes, at: int) -> Iterator[tuple[bytes, int, int]]:
    while at < len(raw):
        end = raw.find(b"\n", at) + 1 or len(raw)
        yield raw[at : min(end, at + MAX_HEADER_BYTES)], at, end
        at = end


def _headers_go_on(raw: bytes, at: int) -> bool:
    """Tell whether well-known headers follow soon, so that a few bad lines can be skipped."""
    for count, (line, _, _) in enumerate(_lines(raw, at)):
        match = _NAME.match(line)
        if match and match[1].lower() in _WELL_KNOWN:
            return True
        if count >= MAX_BAD_LINES or not line.strip():
            return False
    return False


def read_date(value: str) -> datetime | None:
    """Read an RFC 5322 date; leap seconds, far years and mad zones give None or a clamp."""
    try:
        parsed = parsedate_tz(value[:_DATE_CHARS])
        if parsed is None:
            return None
        year, month, day, hour, minute, second = parsed[:6]
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return local - timedelta(seconds=parsed[9] or 0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split ``text/plain; a=b`` into its main value (lower case) and decoded parameters.

    Understands RFC 2231 (charset, percent, continuation), RFC 2047 words and plain bytes.
    """
    main, _, rest = value.partition(";")
    if "=" in main:
        main, rest = _apart(value)
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for written, text in _pairs(rest):
        name, number, extended = _parameter_name(written.lower())
        parts = pieces.setdefault(name, {})
        if number not in parts or (extended and not parts[number][1]):
            parts[number] = (text, extended)
    result = {name: _join(parts) for name, parts in pieces.items()}
    for name in ("filename", "name"):
        if name in result:
            result[name] = _unquoted(result[name])
    return "".join(main.split()).strip("\"'").lower(), result


def _apart(value: str) -> tuple[str, str]:
    """Find where the main value ends when no semicolon says so: ``attachment filename=a``."""
    match = _MAIN.match(value)
    return (match[1], value[match.end() :]) if match else ("", value)


def _pairs(rest: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (equals := rest.find("=", at)) >= 0:
        semicolon = rest.find(";", at, equals)
        if semicolon >= 0:
            at = semicolon + 1
            continue
        name = rest[at:equals].strip()
        at = equals + 1
        while rest[at : at + 1].isspace():
            at += 1
        if rest[at : at + 1] == '"':
            end = at + 1
            while end < len(rest) and rest[end] != '"':
                end += 2 if rest[end] == "\\" else 1
            yield name, re.sub(r'\\(["\\])', r"\1", rest[at + 1 : end])
            at = end + 1
        else:
            end = rest.find(";", at)
            end = len(rest) if end < 0 else end
            yield name, rest[at:end].strip().strip('"')
            at = end


def _unquoted(text: str) -> str:
    """Take off quotation marks of the wrong kind."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _parameter_name(name: str) -> tuple[str, int, bool]:
    extended = name.endswith("*")
    base, star, number = name.rstrip("*").partition("*")
    if star and number.isascii() and number.isdigit() and len(number) < 4:
        return base, int(number), extended
    return base, -1, extended


def _join(parts: dict[int, tuple[str, bool]]) -> str:
    if -1 in parts and (parts[-1][1] or len(parts) == 1):
        text, extended = parts[-1]
        if not extended and not _CHARSET_INSIDE.match(text):
            return one_line(decode_words(text))
        charset, data = _percent(text, first=True)
        return one_line(decode(data, charset))
    parts.pop(-1, None)  # for readers that know no more than that
    charset = ""
    joined = bytearray()
    words: list[str] = []
    for number in sorted(parts):
        text, extended = parts[number]
        if extended:
            found, data = _percent(text, first=not charset)
            charset = charset or found
            joined += data
        else:
            joined += text.encode("utf-8", "replace")
            words.append(text)
    if len(words) == len(parts):
        return one_line(decode_words("".join(words)))
    return one_line(decode(bytes(joined), charset))


def _percent(text: str, *, first: bool) -> tuple[str, bytes]:
    charset = ""
    if first and text.count("'") > 1:
        charset, _, text = text.split("'", 2)
    return charset, unquote_to_bytes(text)
