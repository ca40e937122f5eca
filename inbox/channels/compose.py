"""``OutboundMessage`` to RFC 5322 bytes; nothing from outside can add a header line.

Written by hand: ``email.message`` takes 3 ms of processor time to fold the same dozen lines.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from email.utils import format_datetime

from inbox.channels.addresses import is_strict
from inbox.channels.base import OutboundMessage
from inbox.channels.words import one_line
from inbox.errors import Rejected

MAX_SUBJECT_CHARS = 250
MAX_NAME_CHARS = 100
MAX_REFERENCES = 20
MAX_LINE_CHARS = 76  # of a line with an encoded word; others keep to it where they can
MAX_WORD_BYTES = 39  # in base64 52 characters: with "Subject: " and its marks one line
_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{3,250}")  # printable, without < and >
_SAFE_INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # needs no quotes
# b2a_qp does not count that a space at the end of a line takes three characters.
_OVERLONG = re.compile(rb"^(.{74,})(=20|=09)$", re.MULTILINE)
_AUTOMATIC = (
    "Auto-Submitted: auto-replied\r\n"
    "X-Auto-Response-Suppress: All\r\n"
    "Precedence: auto_reply\r\n"
)
_PLAIN_TEXT = (
    "MIME-Version: 1.0\r\n"
    'Content-Type: text/plain; charset="utf-8"\r\n'
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
)


def build(message: OutboundMessage) -> bytes:
    """Return the mail with CRLF line ends, ASCII only, no line over 998 bytes.

    Without ``message.date`` the server that takes the mail stamps it. Raises ``Rejected``
    when an address is not plain enough (see ``addresses.is_strict``).
    """
    lines = [
        _line("From", _address(message.from_address, message.from_name)),
        _line("To", _address(message.to)),
    ]
    if message.reply_to:
        lines.append(_line("Reply-To", _address(message.reply_to)))
    lines.append(_line("Subject", _words(_printable(message.subject)[:MAX_SUBJECT_CHARS])))
    if message.date is not None:
        lines.append(_line("Date", [format_datetime(message.date)]))
    lines.append(_line("Message-ID", _ids([message.message_id])))
    for name, ids in (
        ("In-Reply-To", [message.in_reply_to]),
        ("References", list(message.references)[-MAX_REFERENCES:]),
    ):
        if found := _ids(ids):
            lines.append(_line(name, found))
    if message.instance_id and _SAFE_INSTANCE.fullmatch(message.instance_id):
        lines.append(_line("X-Kip-Instance", [message.instance_id]))
    if message.automatic:
        lines.append(_AUTOMATIC)
    lines.append(_PLAIN_TEXT)
    return "".join(lines).encode("ascii") + _body(message.text)


def _line(name: str, tokens: Iterable[str]) -> str:
    """Return a header, folded between its tokens; none of them holds a line break."""
    rows = [f"{name}:"]
    for token in tokens:
        if len(rows[-1]) + 1 + len(token) <= MAX_LINE_CHARS or rows[-1] == f"{name}:":
            rows[-1] += f" {token}"
        else:
            rows.append(f" {token}")
    return "\r\n".join(rows) + "\r\n"


def _body(text: str) -> bytes:
    """Return a text as quoted-printable that ends with a line break."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    lines = text.removesuffix("\n") + "\n"
    quoted = _OVERLONG.sub(rb"\1=\n\2", binascii.b2a_qp(lines.encode("utf-8", "replace")))
    return quoted.replace(b"\n", b"\r\n")


def _address(address: str, name: str = "") -> list[str]:
    if not is_strict(address):
        raise Rejected("This is not an address we can send mail to.")
    name = _printable(name)[:MAX_NAME_CHARS].strip()
    if not name:
        return [address]
    if name.isascii() and not _PLAIN_NAME.fullmatch(name):
        quoted = name.replace("\\", r"\\").replace('"', r"\"")
        return [f'"{quoted}"', f"<{address}>"]
    return [*_words(name), f"<{address}>"]


def _printable(text: str) -> str:
    """One line, without control characters, lone surrogates or encoded words.

    What reads the mail would decode a ``=?…?=``, line breaks and all.
    """
    return one_line(text.encode("utf-8", "replace").decode("utf-8")).replace("=?", "= ?")


def _words(text: str) -> list[str]:
    """Return the tokens of a text: its words, or encoded words (RFC 2047) of whole letters."""
    if text.isascii():
        return text.split()
    return [
        f"=?utf-8?b?{binascii.b2a_base64(piece, newline=False).decode('ascii')}?="
        for piece in _pieces(text)
    ]


def _pieces(text: str) -> Iterator[bytes]:
    piece = b""
    for char in text:
        letter = char.encode("utf-8")
        if len(piece) + len(letter) > MAX_WORD_BYTES:
            yield piece
            piece = b""
        piece += letter
    yield piece


def _ids(ids: list[str]) -> list[str]:
    bare = (item.strip().removeprefix("<").removesuffix(">") for item in ids)
    return [f"<{item}>" for item in bare if _ID.fullmatch(item)]
