"""The tree of parts in a MIME message, cut with plain searches and never deeper than 20."""

import binascii
import re
from dataclasses import dataclass, field

from inbox.channels.headers import Headers, parameters, split_head
from inbox.channels.words import from_base64

MAX_DEPTH = 20
MAX_PARTS = 500
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}")
_MAX_BOUNDARY = 200
_ENCODINGS = {  # as some programs write them
    "base-64": "base64",
    "b64": "base64",
    "quoted_printable": "quoted-printable",
    "quotedprintable": "quoted-printable",
    "x-uuencode": "uuencode",
    "x-uue": "uuencode",
}
# The first line of a multipart whose own boundary is missing or another: a header follows it.
_GUESSED = re.compile(rb"(?im)^--([^\s-][^\r\n]{0,199}?)[ \t]{0,9}\r?\ncontent-")
_GUESS_WITHIN = 4096


@dataclass(slots=True)
class Part:
    """One part: its headers, its still encoded body, and parts inside it."""

    headers: Headers
    body: bytes
    kind: str  # "text/plain", always lower case and well-formed
    params: dict[str, str]
    disposition: str
    filename: str
    parts: list["Part"] = field(default_factory=list)

    def decoded(self) -> bytes:
        """Return the content with its transfer encoding undone."""
        encoding = self.headers.get("content-transfer-encoding").lower().strip(" ;\"'")
        encoding = _ENCODINGS.get(encoding, encoding)
        if encoding == "base64":
            return from_base64(self.body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.body)
        if encoding == "uuencode":
            return uudecode(self.body)
        return self.body


@dataclass(slots=True)
class _Budget:
    parts: int = MAX_PARTS
    over: bool = False


def read_tree(raw: bytes) -> tuple[Part, bool]:
    """Read a message into parts; the flag says that something was over the limits."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    budget = _Budget()
    root = _read(raw, 0, budget, "text/plain")
    return root, budget.over


def _read(raw: bytes, depth: int, budget: _Budget, default: str) -> Part:
    budget.parts -= 1
    headers, body = split_head(raw)
    kind, params = parameters(headers.get("content-type"))
    disposition, more = parameters(headers.get("content-disposition"))
    if not _TYPE.fullmatch(kind):
        kind = _mend(kind, default)
    filename = more.get("filename") or params.get("name") or params.get("file", "")
    part = Part(headers, body, kind, params, disposition, filename)
    boundary = params.get("boundary", "")
    if kind.startswith("multipart/") and not _has_mark(body, boundary):
        boundary = _guess_boundary(body)
    if kind.startswith("multipart/") and boundary:
        if depth >= MAX_DEPTH:
            budget.over = True
            return part
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        for piece in _cut(body, _as_bytes(boundary), budget):
            part.parts.append(_read(piece, depth + 1, budget, inner))
    return part


def _has_mark(body: bytes, boundary: str) -> bool:
    return bool(boundary) and b"--" + _as_bytes(boundary) in body


def _as_bytes(boundary: str) -> bytes:
    return boundary.encode("utf-8", "replace")[:_MAX_BOUNDARY]


def _guess_boundary(body: bytes) -> str:
    match = _GUESSED.search(body[:_GUESS_WITHIN])
    return match[1].decode("utf-8", "replace") if match else ""


def _mend(kind: str, default: str) -> str:
    """Make something usable of a broken content type."""
    if kind.startswith("multipart"):
        return "multipart/mixed"
    if kind in ("text", "plain", "") or kind.startswith("text/plain"):
        return default if not kind else "text/plain"
    if kind.startswith(("text/html", "html")):
        return "text/html"
    return "application/octet-stream"


def _cut(body: bytes, boundary: bytes, budget: _Budget) -> list[bytes]:
    """Cut a multipart body at its boundary lines."""
    mark = b"--" + boundary
    pieces: list[bytes] = []
    start = -1
    at = body.find(mark)
    while at >= 0:
        end = body.find(b"\n", at)
        end = len(body) if end < 0 else end
        rest = body[at + len(mark) : min(end, at + len(mark) + 80)].strip()
        if (at == 0 or body[at - 1] in b"\r\n") and rest in (b"", b"--"):
            if start >= 0:
                pieces.append(_without_last_break(body[start:at]))
            start = end + 1
            if rest == b"--":
                return pieces
            if len(pieces) >= budget.parts:
                budget.over = True
                return pieces
        at = body.find(mark, at + len(mark))
    if 0 <= start < len(body):
        pieces.append(body[start:])  # the closing line is missing
    return pieces


def _without_last_break(piece: bytes) -> bytes:
    if piece.endswith(b"\r\n"):
        return piece[:-2]
    return piece[:-1] if piece.endswith((b"\n", b"\r")) else piece


def uudecode(data: bytes) -> bytes:
    """Decode the lines between ``begin`` and ``end``; damaged lines as far as they go."""
    out = bytearray()
    started = False
    for line in data.splitlines():
        if not started:
            started = line.startswith(b"begin ")
        elif line.strip() == b"end":
            break
        else:
            out += _uu_line(line)
    return bytes(out)


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Too long or too short for its length letter: trust the letter.
        wanted = (((line[0] - 32) & 63) * 4 + 5) // 3
        try:
            return binascii.a2b_uu(line[: wanted + 1])
        except binascii.Error:
            return b""


_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,250})\r?$", re.MULTILINE)


def cut_uuencoded(data: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Take uuencoded files out of a plain body: the text left, and (name, data) of each."""
    found: list[tuple[str, bytes]] = []
    kept: list[bytes] = []
    at = 0
    while len(found) < MAX_PARTS:
        match = _UU_BEGIN.search(data, at)
        if match is None:
            break
        end = data.find(b"\nend", match.end())
        if end < 0:
            break
        kept.append(data[at : match.start()])
        name = match[1].decode("utf-8", "replace").strip()
        found.append((name, uudecode(data[match.start() : end + 4])))
        at = end + 4
    kept.append(data[at:])
    return b"".join(kept), found
