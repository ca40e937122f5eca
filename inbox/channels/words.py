"""Encoded words (RFC 2047) and base64, read however damaged they are."""

import binascii
import re

from inbox.channels.charsets import compose, decode

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# They turn the letters around them about; isolated marks (LRM, RLM) are left.
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """Fold white space and drop control characters, so that a line stays a line."""
    return " ".join(_CONTROL.sub(" ", _TURNING.sub("", text)).split())


def decode_words(value: str) -> str:
    """Decode RFC 2047 words, also unterminated, glued, split inside a letter or with spaces."""
    out: list[str] = []
    pending: list[bytes] = []
    charset = ""
    at = 0
    while True:
        start = value.find("=?", at)
        word = _word(value, start) if start >= 0 else None
        between = value[at:start] if start >= 0 else value[at:]
        if word is None or between.strip() or (pending and word[0] != charset):
            out.append(decode(b"".join(pending), charset))
            out.append("" if pending and word is not None and not between.strip() else between)
            pending = []
        elif not pending:
            out.append(between)
        if word is None:
            if start < 0:
                break
            out.append("=?")
            at = start + 2
            continue
        charset, data, at = word
        pending.append(data)
    return compose("".join(out))


def _word(value: str, start: int) -> tuple[str, bytes, int] | None:
    """Read the encoded word at ``start``: charset, bytes, where it ends."""
    first = value.find("?", start + 2, start + 64)
    if first < 0 or value[first + 2 : first + 3] != "?":
        return None
    kind = value[first + 1].upper()
    if kind not in "BQ":
        return None
    begin = first + 3
    # In Q the text may start with "=", and "?=" would then end the word too soon.
    end = value.find("?=", begin)
    other = value.find("=?", begin)
    if end < 0 or 0 <= other < end - 1:
        end = other if other >= 0 else len(value)
        after = end
    else:
        after = end + 2
    payload = value[begin:end]
    charset = value[start + 2 : first].partition("*")[0].strip().lower()
    if kind == "B":
        return charset, from_base64(payload.encode("latin-1", "ignore")), after
    raw = payload.replace("_", " ").encode(
        "utf-8" if charset.startswith("utf") else "latin-1", "ignore"
    )
    return charset, binascii.a2b_qp(raw), after


def from_base64(data: bytes) -> bytes:
    """Decode base64, with whatever is wrong around and inside it left out."""
    data = data.translate(None, b"\r\n \t")
    head, _, tail = data.partition(b"=")
    tail = tail.lstrip(b"=")
    if not tail:
        try:
            return binascii.a2b_base64(data)
        except binascii.Error:
            return _loose(head)
    if tail.translate(None, _BASE64):
        return _loose(head)  # a footer was put behind it
    return b"".join(_loose(piece) for piece in data.split(b"="))


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64[:-1])


def _loose(data: bytes) -> bytes:
    data = data.translate(None, _NOT_BASE64)
    data = data[: len(data) - 1] if len(data) % 4 == 1 else data
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
