"""Files inside Outlook's ``winmail.dat`` (MS-OXTNEF): names and bytes, nothing else."""

import re
import struct
from contextlib import suppress
from dataclasses import dataclass

_SIGNATURE = b"\x78\x9f\x3e\x22"
_KINDS = ("application/ms-tnef", "application/vnd.ms-tnef")
_ATTACHMENT_LEVEL = 2
_HEAD = struct.Struct("<BII")
_RENDERING = 0x00069002
_TITLE = 0x00018010
_DATA = 0x0006800F
_PROPERTIES = 0x00069005
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


def is_tnef(kind: str, filename: str) -> bool:
    """Tell by label or name whether a part is a winmail.dat."""
    return kind in _KINDS or filename.lower() == "winmail.dat"


def read(data: bytes, depth: int = 0) -> list[TnefFile]:
    """List the files inside, those of messages inside it too; [] when it is no TNEF.

    Never raises.
    """
    files: list[TnefFile] = []
    if data[:4] != _SIGNATURE:
        return files
    at = 6
    while at + _HEAD.size <= len(data) and len(files) <= _MAX_FILES:
        level, attribute, size = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        value = data[start : start + size]
        at = start + size + 2  # a checksum follows
        if level != _ATTACHMENT_LEVEL:
            continue
        if attribute == _RENDERING:
            files.append(TnefFile())
        elif files:
            _fill(files[-1], attribute, value)
    return _opened(files, depth)


def _opened(files: list[TnefFile], depth: int) -> list[TnefFile]:
    """Put the files of messages inside in these messages' places."""
    found: list[TnefFile] = []
    for item in files:
        inner = item.data[_GUID_BYTES:]
        if inner[:4] == _SIGNATURE and depth < _MAX_DEPTH:
            found += read(inner, depth + 1)
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
        with suppress(struct.error, UnicodeDecodeError):
            # damaged properties: what was read before and the short name have to do
            data = _read_properties(value, found)
            item.data = item.data or data
        item.filename = next(
            (found[number] for number in _LONG_NAMES if found.get(number)), item.filename
        )
        item.content_type = _media_type(found.get(_MEDIA_TYPE, "")) or item.content_type


def _media_type(value: str) -> str:
    value = value.strip().lower()
    return value if _TYPE.fullmatch(value) else ""


def _read_properties(value: bytes, found: dict[int, str]) -> bytes:
    """Put the names among the MAPI properties of an attachment into ``found``.

    Returns its content, where it is one of the properties.
    """
    (count,) = struct.unpack_from("<I", value)
    at = 4
    content = b""
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
            content = content or _keep(kind, number, body, found)
    return content


def _keep(kind: int, number: int, body: bytes, found: dict[int, str]) -> bytes:
    """Keep a property that is a name; return it if it is the content."""
    if number == _CONTENT and kind in (_BINARY, _OBJECT):
        return body
    if number in (*_LONG_NAMES, _MEDIA_TYPE) and kind in (_UNICODE, _TEXT):
        text = body.decode("utf-16-le" if kind == _UNICODE else "cp1252", "replace")
        found[number] = text.rstrip("\0")
    return b""


def _skip_name(value: bytes, at: int) -> int:
    (by_name,) = struct.unpack_from("<I", value, at + 16)
    at += 20
    if not by_name:
        return at + 4
    size: int = struct.unpack_from("<I", value, at)[0]
    return at + 4 + size + (-size % 4)
