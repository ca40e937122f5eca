"""What is inside Outlook's ``winmail.dat`` (MS-OXTNEF): files, and the words of the mail."""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from inbox.channels import rtf
from inbox.channels.charsets import decode

_SIGNATURE = b"\x78\x9f\x3e\x22"
_KINDS = ("application/ms-tnef", "application/vnd.ms-tnef")
_MESSAGE_LEVEL, _ATTACHMENT_LEVEL = 1, 2
_HEAD = struct.Struct("<BII")
_RENDERING = 0x00069002
_TITLE = 0x00018010
_DATA = 0x0006800F
_PROPERTIES = 0x00069005
_MESSAGE_PROPERTIES = 0x00069003
_CODE_PAGE = 0x00069007
_OLD_BODY = 0x0002800C
_BODY, _BODY_RTF, _BODY_HTML = 0x1000, 0x1009, 0x1013
_LONG_NAMES = (0x3707, 0x3001)
_MEDIA_TYPE = 0x370E
_CONTENT = 0x3701
_GUID_BYTES = 16  # stand before a message inside
_MAX_DEPTH = 5
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
_MAX_FILES = 200
_MAX_PROPERTIES = 500
_UNICODE, _TEXT, _BINARY, _OBJECT = 0x1F, 0x1E, 0x102, 0x0D
_FIXED = {
    0x02: 4,
    0x03: 4,
    0x04: 4,
    0x05: 8,
    0x06: 8,
    0x07: 8,
    0x0A: 4,
    0x0B: 4,
    0x14: 8,
    0x40: 8,
    0x48: 16,
}


@dataclass(slots=True)
class TnefFile:
    """One file found inside."""

    filename: str = ""
    data: bytes = b""
    content_type: str = "application/octet-stream"


@dataclass(slots=True)
class Winmail:
    """What was found inside; of the words only one form, the other is ""."""

    files: list[TnefFile] = field(default_factory=list)
    plain: str = ""
    html: str = ""
    page: str = "cp1252"


def is_tnef(kind: str, filename: str) -> bool:
    """Tell by label or name whether a part is a winmail.dat."""
    return kind in _KINDS or filename.lower() == "winmail.dat"


def read(data: bytes, depth: int = 0) -> Winmail:
    """Read it, with the files of messages inside it; empty when it is no TNEF.

    Never raises.
    """
    found = Winmail()
    if data[:4] != _SIGNATURE:
        return found
    files = found.files
    at = 6
    while at + _HEAD.size <= len(data) and len(files) <= _MAX_FILES:
        level, attribute, size = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        value = data[start : start + size]
        at = start + size + 2  # a checksum follows
        if level == _MESSAGE_LEVEL:
            _fill_message(found, attribute, value)
        elif level != _ATTACHMENT_LEVEL:
            continue
        elif attribute == _RENDERING:
            files.append(TnefFile())
        elif files:
            _fill(files[-1], attribute, value)
    found.files = _opened(files, depth)
    return found


def _fill_message(found: Winmail, attribute: int, value: bytes) -> None:
    """Keep the words of the mail: its HTML before its RTF before its plain text."""
    if attribute == _CODE_PAGE and len(value) >= 4:
        found.page = f"cp{int.from_bytes(value[:4], 'little')}"
    elif attribute == _OLD_BODY:
        found.plain = found.plain or _text(_TEXT, value, found.page)
    elif attribute == _MESSAGE_PROPERTIES:
        _fill_words(found, value)


def _fill_words(found: Winmail, value: bytes) -> None:
    bodies: dict[int, tuple[int, bytes]] = {}
    with suppress(struct.error):  # damaged properties: those before have to do
        for kind, number, body in _properties(value):
            if number in (_BODY, _BODY_RTF, _BODY_HTML):
                bodies.setdefault(number, (kind, body))
    if _BODY in bodies:
        found.plain = _text(*bodies[_BODY], found.page)
    if _BODY_HTML in bodies:
        found.html = _text(*bodies[_BODY_HTML], found.page)
    elif _BODY_RTF in bodies:
        plain, found.html = rtf.read(rtf.unpack(bodies[_BODY_RTF][1]))
        found.plain = found.plain or plain


def _text(kind: int, body: bytes, page: str) -> str:
    unicode = kind == _UNICODE
    text = body.decode("utf-16-le", "replace") if unicode else decode(body, page)
    return text.replace("\0", "").replace("\r\n", "\n")


def _opened(files: list[TnefFile], depth: int) -> list[TnefFile]:
    """Put the files of messages inside in these messages' places."""
    found: list[TnefFile] = []
    for item in files:
        inner = item.data[_GUID_BYTES:]
        if inner[:4] == _SIGNATURE and depth < _MAX_DEPTH:
            found += read(inner, depth + 1).files
        elif item.filename or item.data:
            found.append(item)
    return found[:_MAX_FILES]


def _fill(item: TnefFile, attribute: int, value: bytes) -> None:
    if attribute == _TITLE and not item.filename:
        item.filename = value.rstrip(b"\0").decode("cp1252", "replace")
    elif attribute == _DATA:
        item.data = value
    elif attribute == _PROPERTIES:
        found: dict[int, str] = {}
        with suppress(struct.error):
            # damaged properties: what was read before and the short name have to do
            for kind, number, body in _properties(value):
                if number == _CONTENT and kind in (_BINARY, _OBJECT):
                    item.data = item.data or body
                elif number in (*_LONG_NAMES, _MEDIA_TYPE) and kind in (_UNICODE, _TEXT):
                    found[number] = _text(kind, body, "cp1252")
        item.filename = next(
            (found[number] for number in _LONG_NAMES if found.get(number)), item.filename
        )
        item.content_type = _media_type(found.get(_MEDIA_TYPE, "")) or item.content_type


def _media_type(value: str) -> str:
    value = value.strip().lower()
    return value if _TYPE.fullmatch(value) else ""


def _properties(value: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Walk MAPI properties: kind, number and bytes of each that is not of a fixed size."""
    (count,) = struct.unpack_from("<I", value)
    at = 4
    for _ in range(min(count, _MAX_PROPERTIES)):
        kind, number = struct.unpack_from("<HH", value, at)
        at += 4
        if number >= 0x8000:
            at = _skip_name(value, at)
        multiple = kind & 0x1000
        kind &= 0xFFF
        if kind in _FIXED and not multiple:
            at += _FIXED[kind]
            continue
        values = 1
        if multiple or kind in (_UNICODE, _TEXT, _BINARY, _OBJECT):
            (values,) = struct.unpack_from("<I", value, at)
            at += 4
        if kind in _FIXED:
            at += values * _FIXED[kind]
            continue
        for _ in range(min(values, _MAX_PROPERTIES)):
            (size,) = struct.unpack_from("<I", value, at)
            body = value[at + 4 : at + 4 + size]
            at += 4 + size + (-size % 4)
            yield kind, number, body


def _skip_name(value: bytes, at: int) -> int:
    (by_name,) = struct.unpack_from("<I", value, at + 16)
    at += 20
    if not by_name:
        return at + 4
    size: int = struct.unpack_from("<I", value, at)[0]
    return at + 4 + size + (-size % 4)
