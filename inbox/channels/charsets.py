"""Bytes to text, whatever the label says; never raises.

Labels lie. UTF-8 is tried first (other encodings hardly ever look like it), then the label,
then the Vietnamese encodings of the 1990s when the result reads as Vietnamese.
"""

import codecs
import re
import unicodedata

from inbox.channels.language import vietnamese_hits

# What mail programs write, and what they mean (after the WHATWG Encoding Standard).
_MEANT = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "iso-8859-8-i": "cp1255",
    "iso-8859-8": "cp1255",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "big5": "big5hkscs",
    "x-windows-949": "cp949",
    "windows-874": "cp874",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "utf-16": "utf-16",
}
_TCVN = frozenset({"tcvn", "tcvn3", "tcvn5712", "tcvn-5712", "x-viet-tcvn5712", "tcvn5712-1"})
_VISCII = frozenset({"viscii", "csviscii", "viscii1.1-1"})
_ISO_2022_JP = frozenset({"iso-2022-jp", "_iso-2022-jp", "csiso2022jp", "iso-2022-jp-ms"})
_NEVER = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_VIETNAMESE_GUESSES = ("tcvn3", "viscii", "cp1258")
_GUESS_SAMPLE_BYTES = 4096
_CHINESE_BYTES = 8
_HIGH = 0x80
_GB_FIRST = 0xA1
_GB_FREQUENT = (0xB0, 0xD7)  # lead bytes of the 3,755 most used characters


def _table(start: int, letters: str) -> dict[int, str]:
    return {start + at: letter for at, letter in enumerate(letters)}


# TCVN 5712:1993, the "ABC" fonts, with the capitals and accents of its larger set VN1.
_TCVN_TABLE = _table(
    0x80,
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323"
    "àảãáạẲằẳẵắẴẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịòỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ",
)
# RFC 1456; six capitals sit among the control characters.
_VISCII_TABLE = {
    0x02: "Ẳ",
    0x05: "Ẵ",
    0x06: "Ẫ",
    0x14: "Ỷ",
    0x19: "Ỹ",
    0x1E: "Ỵ",
} | _table(
    0x80,
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ",
)

# One letter and up to four accents: bounded, so hostile runs of accents cost nothing.
_ACCENTED = re.compile("[A-Za-z\u00c0-\u024f\u1ea0-\u1ef9][\u0300-\u036f]{1,4}")
_TWO_WIDE = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff9f]{2}")
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,39}")


def compose(text: str) -> str:
    """Join Latin letters and their accents (NFC for these), in linear time."""
    if text.isascii():
        return text
    return _ACCENTED.sub(lambda match: unicodedata.normalize("NFC", match[0]), text)


def decode(data: bytes, label: str = "") -> str:
    """Decode as labelled if that works, else as best it can be read; no NULs remain."""
    return compose(_decode(data, label.strip().strip("\"'").lower()).replace("\0", ""))


def _decode(data: bytes, label: str) -> str:
    if label in _ISO_2022_JP or (b"\x1b$" in data and data.isascii()):
        return _iso_2022_jp(data) if data.isascii() else _unescaped_japanese(data)
    if not label.startswith(("utf-16", "utf-32", "utf16", "utf-7", "hz", "iso-2022")):
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    if label in _TCVN:
        return _mapped(data, _TCVN_TABLE)
    if label in _VISCII:
        return _mapped(data, _VISCII_TABLE)
    name = _codec(label)
    if name in ("", "cp1252", "utf-8"):
        return _guess(data, name)
    try:
        return _without_halves(data.decode(name))
    except UnicodeError:
        return _without_halves(data.decode(name, "replace"))


def _without_halves(text: str) -> str:
    """Replace lone surrogates, which UTF-7 can write and nothing can store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _codec(label: str) -> str:
    """Return the Python codec for a label, or "" when it names no text encoding."""
    if not _LABEL.fullmatch(label):
        return ""
    label = _MEANT.get(label, label)
    for spelling in (
        label,
        label.replace("windows-", "cp"),
        label.replace("cp-", "cp"),
    ):
        try:
            found = codecs.lookup(spelling)
        except (LookupError, ValueError):
            continue
        if found.name in _NEVER or not getattr(found, "_is_text_encoding", True):
            return ""
        return found.name
    return ""


def _guess(data: bytes, name: str) -> str:
    """Read bytes that are not UTF-8 and whose label says nothing believable."""
    if name == "utf-8":
        text = data.decode("utf-8", "replace")
        # A stray byte or two in a real UTF-8 text: keep it. Otherwise the label was wrong.
        if text.count("\ufffd") * 10 <= sum(1 for c in text[:4096] if ord(c) > 0x7F):
            return text
    sample = data[:_GUESS_SAMPLE_BYTES]
    best, score = "cp1252", vietnamese_hits(compose(sample.decode("cp1252", "replace")))
    for candidate in _VIETNAMESE_GUESSES:
        hits = vietnamese_hits(compose(_as(sample, candidate)))
        if hits > score:
            best, score = candidate, hits
    if score == 0 and _is_chinese(sample):
        return data.decode("gb18030", "replace")
    return _as(data, best)


def _as(data: bytes, candidate: str) -> str:
    if candidate == "tcvn3":
        return _mapped(data, _TCVN_TABLE)
    if candidate == "viscii":
        return _mapped(data, _VISCII_TABLE)
    try:
        return data.decode(candidate)
    except UnicodeDecodeError:
        # Latin-1 keeps the bytes cp1252 leaves open; better an odd letter than a hole.
        return data.decode("latin-1" if candidate == "cp1252" else candidate, "replace")


def _mapped(data: bytes, table: dict[int, str]) -> str:
    return data.decode("latin-1").translate(table)


def _unescaped_japanese(data: bytes) -> str:
    """Read what is called ISO-2022-JP and is not seven bits wide: Japanese in another way.

    A single wide letter among Latin ones is a stray byte that took its neighbour along.
    """
    for name in ("utf-8", "cp932", "euc_jp"):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if _TWO_WIDE.search(text) or name == "utf-8":
            return text
    return data.decode("ascii", "replace")


def _is_chinese(sample: bytes) -> bool:
    """Tell whether bytes look like pairs of the more frequent GB 2312 characters."""
    high = bytes(byte for byte in sample if byte >= _HIGH)
    common = sum(byte >= _GB_FIRST for byte in high)
    frequent = sum(_GB_FREQUENT[0] <= byte <= _GB_FREQUENT[1] for byte in high)
    if len(high) < _CHINESE_BYTES or common * 10 < len(high) * 9 or frequent * 3 < len(high):
        return False
    try:
        sample.decode("gb18030")
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 4  # the sample ends inside a letter
    return True


def _iso_2022_jp(data: bytes) -> str:
    """Decode ISO-2022-JP with the vendor characters Python's own codec refuses.

    Two-byte runs are moved into Shift JIS by arithmetic, whose codec (cp932) knows them.
    """
    out: list[str] = []
    for at, run in enumerate(data.split(b"\x1b")):
        if at == 0:
            out.append(run.decode("ascii", "replace"))
        elif run[:2] in (b"$@", b"$B"):
            out.append(_jis_run(run[2:]))
        elif run[:2] == b"(I":
            out.append(bytes(byte | 0x80 for byte in run[2:]).decode("cp932", "replace"))
        else:
            out.append(run[2:].decode("utf-8", "replace"))
    return "".join(out)


def _jis_run(run: bytes) -> str:
    shifted = bytearray()
    at = 0
    while at + 1 < len(run):
        row, cell = run[at], run[at + 1]
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            shifted.append(row)
            at += 1
            continue
        shifted.append(((row + 1) >> 1) + (0x70 if row < 0x5F else 0xB0))
        if row & 1:
            shifted.append(cell + (0x1F if cell < 0x60 else 0x20))
        else:
            shifted.append(cell + 0x7E)
        at += 2
    shifted += run[at:]
    return bytes(shifted).decode("cp932", "replace")
