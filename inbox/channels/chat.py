"""Chat: what travels over the widget's socket, and how a line is stored and read again.

The frames are JSON objects. What a client may say is one of five structs that refuse unknown
fields; whatever else comes is answered with one of ``CODES`` and nothing more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from inbox.channels.addresses import normalise
from inbox.channels.base import InboundMessage, OutboundMessage, Receipt
from inbox.channels.language import detect
from inbox.channels.smtp import SmtpSender
from inbox.channels.webform import PostedFile, unpack_files
from inbox.channels.words import one_line

MAX_FRAME_BYTES = 16 * 1024
MAX_FRAMES = 20  # within
FRAMES_WITHIN_S = 10.0
MOST_ID = 2**31 - 1  # what an integer column of either database holds

Code = Literal[
    "bad_frame",  # not one of the frames below
    "too_large",  # more than 16 KiB
    "too_fast",  # more than 20 frames in 10 s; the frame was not read
    "say_hello",  # nothing goes before hello
    "empty",  # a message without words
    "not_open",  # the key was closed meanwhile
    "try_later",  # nothing was stored: too many new conversations, or the store is away
    "bad_identity",  # the site's word on who comes is not signed with our secret, or too old
    "say_who",  # name and address are asked for before the first message
    "bad_file",  # no file, or one of a kind that is not taken
]
CODES: tuple[str, ...] = Code.__args__  # type: ignore[attr-defined]


class Hello(msgspec.Struct, tag="hello", forbid_unknown_fields=True, frozen=True):
    """Who comes. ``last`` is the highest message id that the client has."""

    token: str | None
    name: str = ""
    email: str = ""
    language: str = ""
    last: int = 0
    history: bool = False
    identity: str = ""  # the site's word, see chatidentity


class Said(msgspec.Struct, tag="message", forbid_unknown_fields=True, frozen=True):
    """A line; the same ``id`` again is the same line."""

    id: UUID
    text: str


class Received(msgspec.Struct, tag="received", forbid_unknown_fields=True, frozen=True):
    """The client shows everything up to this message id."""

    id: int


class Typing(msgspec.Struct, tag="typing", forbid_unknown_fields=True, frozen=True):
    """Somebody writes, or has stopped."""

    on: bool


class Ping(msgspec.Struct, tag="ping", forbid_unknown_fields=True, frozen=True):
    """Is anybody there?"""


Frame = Hello | Said | Received | Typing | Ping

_frames = msgspec.json.Decoder(Frame)


def read_frame(text: str) -> Frame | Code:
    """Read what a client sent: a frame, or the code that answers it."""
    try:
        packed = text.encode()
    except UnicodeEncodeError:
        return "bad_frame"
    if len(packed) > MAX_FRAME_BYTES:
        return "too_large"
    try:
        frame = _frames.decode(packed)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "bad_frame"
    if isinstance(frame, Said) and not _clean(frame.text):
        return "empty"
    number = frame.last if isinstance(frame, Hello) else 0
    number = frame.id if isinstance(frame, Received) else number
    return frame if 0 <= number <= MOST_ID else "bad_frame"


@dataclass(frozen=True, slots=True)
class Line:
    """What a visitor wrote, and who they say they are."""

    text: str = ""
    name: str = ""
    email: str = ""
    language: str = ""
    files: tuple[PostedFile, ...] = ()


_lines = msgspec.json.Decoder(Line)


def pack(line: Line) -> bytes:
    """Write a line for storage."""
    return msgspec.json.encode(line)


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\0", "").strip()


def read(raw: bytes) -> InboundMessage:
    """Read a stored line.

    Raises
    ------
    msgspec.MsgspecError
        If it is not what ``pack`` wrote.
    """
    line = _lines.decode(raw)
    text = _clean(line.text)
    spoken = detect(text)
    return InboundMessage(
        text=text,
        visible_reply=text,
        from_address=normalise(line.email),
        from_name=one_line(line.name),
        language=line.language if spoken == "und" else spoken,
        attachments=unpack_files(line.files),
    )


class ChatChannel:
    """Chat on the company's own pages: rows are all there is, in both directions."""

    def __init__(self, sender: SmtpSender) -> None:
        """Take and leave the mail sender: a chat is never answered by mail."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return False: lines come over a socket, admitted by its Origin and signed token."""
        return False

    def read(self, raw: bytes) -> InboundMessage:
        """Read a stored line."""
        return read(raw)

    async def send(self, message: OutboundMessage) -> Receipt:
        """Say where the answer is: its row is what the visitor's socket reads."""
        return Receipt("kept for the visitor")


def site_origin(address: str) -> str:
    """Return the origin of a site as browsers write it: ``https://shop.example``.

    A path behind it is left out; a host in letters of its own becomes ASCII.

    Raises
    ------
    ValueError
        If it is no http or https address.
    """
    parts = urlsplit(address.strip())
    host = (parts.hostname or "").encode("idna").decode()
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise ValueError(f"{address} is not a site, such as https://shop.example.")
    name = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}"


def may_show(origin: str | None, own: str, sites: object) -> bool:
    """Tell whether a page of this origin may open a chat; ``sites`` is the key's setting.

    A missing origin (not a browser) and ``null`` (a sandboxed or local page) never may.
    """
    if not origin or origin == "null":
        return False
    if origin == own:
        return True
    return (
        any(origin == _origin_or_none(one) for one in sites if isinstance(one, str))
        if (isinstance(sites, list))
        else False
    )


def _origin_or_none(address: str) -> str | None:
    try:
        return site_origin(address)
    except ValueError:
        return None
