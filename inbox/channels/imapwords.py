"""IMAP's words: what we write into commands, and how answers are read (RFC 3501)."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from inbox.errors import Invalid

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_FLAGS = re.compile(rb"\bFLAGS \(([^()]*)\)", re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d{1,10})\b", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,18})\b", re.IGNORECASE)
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"', re.IGNORECASE)
_BODY = re.compile(
    rb'\bBODY\[(?:HEADER)?\] (?:\{\d+\}$|(NIL)|"((?:[^"\\]|\\.)*)")', re.IGNORECASE
)
_MOMENT = re.compile(
    r"\s?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)
_LISTED = re.compile(
    rb'\((?P<flags>[^()]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) '
    rb'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"]+))$'
)
# A head's lines that say whom the envelope was for; ours among them are signed.
_RECIPIENT = re.compile(
    rb"^(?:delivered-to|x-original-to|envelope-to):[ \t]*"
    rb"<?([^\s<>@]{1,128}@[^\s<>@]{1,253})>?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
MAX_HEAD_BYTES = 64 * 1024
MAX_RECIPIENTS = 10


@dataclass(frozen=True, slots=True)
class Found:
    """One mail in the folder, without its content; ``arrived_at`` is INTERNALDATE (UTC)."""

    uid: int
    size_bytes: int
    arrived_at: datetime | None
    is_seen: bool


def quote(text: str) -> str:
    """Write a quoted string; raises ``Invalid`` on what no quoted string can hold."""
    if CONTROL.search(text) or not text.isascii():
        raise Invalid("It has characters that cannot be said to a mail server.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def encode_folder(name: str) -> str:
    """Write a folder's name in IMAP's own UTF-7: "Hộp thư" is "H&Htk-p th&AbA-"."""
    written, foreign = [], ""
    for char in [*name, ""]:
        if char and not " " <= char <= "~":
            foreign += char
            continue
        if foreign:
            packed = base64.b64encode(foreign.encode("utf-16-be")).decode().rstrip("=")
            written.append("&" + packed.replace("/", ",") + "-")
            foreign = ""
        written.append("&-" if char == "&" else char)
    return "".join(written)


def imap_date(day: date) -> str:
    """Write a date as SEARCH wants it, whatever the locale: "2-Mar-2026"."""
    return f"{day.day}-{MONTHS[day.month - 1]}-{day.year}"


def read_moment(text: str) -> datetime | None:
    """Read an INTERNALDATE; None if it is none."""
    found = _MOMENT.fullmatch(text)
    if found is None or found[2].title() not in MONTHS:
        return None
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    try:
        month = MONTHS.index(found[2].title()) + 1
        day, hour, minute, second = (int(found[group]) for group in (1, 4, 5, 6))
        zone = timezone(-offset if found[7] == "-" else offset)
        local = datetime(int(found[3]), month, day, hour, minute, second, tzinfo=zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_numbers(lines: Iterable[Any]) -> list[int]:
    """Read the numbers of SEARCH's answer, in order, each once."""
    words = [word for line in lines if isinstance(line, bytes) for word in line.split()]
    return sorted({int(word) for word in words if word.isdigit()})


def read_found(lines: Iterable[Any]) -> dict[int, Found]:
    """Read what FETCH says of mails; lines about something else are passed over."""
    read: dict[int, Found] = {}
    for line in lines:
        if not isinstance(line, bytes):
            continue
        flags = _FLAGS.search(line)
        rest = _FLAGS.sub(b"", line)  # a flag may be called anything
        uid, size = _UID.search(rest), _SIZE.search(rest)
        if uid is None or size is None:
            continue
        moment = _ARRIVED.search(rest)
        read[int(uid[1])] = Found(
            int(uid[1]),
            int(size[1]),
            read_moment(moment[1].decode("latin-1")) if moment else None,
            flags is not None and b"\\seen" in flags[1].lower().split(),
        )
    return read


def read_body(lines: Iterable[Any], uid: int) -> bytes | None:
    """Find the content in FETCH's answer: a literal, or a short quoted string; None if gone."""
    parts = list(lines)
    for part, after in zip(parts, [*parts[1:], None], strict=False):
        head, literal = part if isinstance(part, tuple) else (part, None)
        found = _BODY.search(head) if isinstance(head, bytes) else None
        if found is None:
            continue
        tail = after if isinstance(after, bytes) else b""
        told = _UID.search(head[: found.start()]) or _UID.search(tail)
        if told is not None and int(told[1]) != uid:
            continue
        if literal is not None:
            return bytes(literal)
        return None if found[1] else re.sub(rb"\\(.)", rb"\1", found[2])
    return None


def read_sent_folder(lines: Iterable[Any]) -> str | None:
    """Find the folder marked as that of sent mail (RFC 6154) in LIST's answer."""
    for line in lines:
        head, literal = line if isinstance(line, tuple) else (line, None)
        if not isinstance(head, bytes):
            continue
        if literal is not None:
            head = re.sub(rb"\{\d+\}$", b'"literal"', head)
        found = _LISTED.search(head)
        if found is None or b"\\sent" not in found["flags"].lower().split():
            continue
        name = literal or found["plain"] or re.sub(rb"\\(.)", rb"\1", found["quoted"])
        return decode_folder(bytes(name).decode("ascii", "replace"))
    return None


def decode_folder(name: str) -> str:
    """Read a folder's name as ``encode_folder`` writes it; what is damaged stays as it is."""

    def read(found: re.Match[str]) -> str:
        packed = found[1]
        if not packed:
            return "&"
        try:
            padded = packed.replace(",", "/") + "=" * (-len(packed) % 4)
            return base64.b64decode(padded, validate=True).decode("utf-16-be")
        except ValueError:
            return found[0]

    return re.sub(r"&([A-Za-z0-9+,]*)-", read, name)


def recipients_of(raw: bytes) -> list[str]:
    """Return whom a stored mail's envelope named, as the last servers on its way wrote down.

    A sender can write such lines too; what hangs on them is signed by us.
    """
    head = re.split(rb"\r?\n\r?\n", raw[:MAX_HEAD_BYTES], maxsplit=1)[0].replace(b"\r", b"")
    found = [one.decode("latin-1") for one in _RECIPIENT.findall(head) if one.isascii()]
    return list(dict.fromkeys(found))[:MAX_RECIPIENTS]
