"""A posted form, or a message filed through the API, packed as JSON and read again.

What the web process stores is what was posted, nothing derived, so that a bug in reading can
be mended and the message taken in again.
"""

import base64
from dataclasses import dataclass

import msgspec

from inbox.channels.addresses import normalise
from inbox.channels.base import InboundAttachment, InboundMessage
from inbox.channels.filenames import clean_filename
from inbox.channels.language import detect
from inbox.channels.words import one_line


@dataclass(frozen=True, slots=True)
class PostedFile:
    """A file of a form, its bytes in base 64."""

    filename: str
    content_type: str
    data: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What somebody typed. ``language`` is the page's, for text too short to tell."""

    name: str = ""
    email: str = ""
    phone: str = ""
    subject: str = ""
    body: str = ""
    request_type: str = ""
    language: str = ""
    files: tuple[PostedFile, ...] = ()


_decoder = msgspec.json.Decoder(Posted)


def pack(posted: Posted) -> bytes:
    """Write a form for storage."""
    return msgspec.json.encode(posted)


def pack_file(filename: str, content_type: str, data: bytes) -> PostedFile:
    """Put a file into a form."""
    return PostedFile(filename[:255], content_type[:100], base64.b64encode(data).decode())


def read(raw: bytes) -> InboundMessage:
    """Read a stored form.

    Raises
    ------
    msgspec.MsgspecError
        If it is not what ``pack`` wrote.
    """
    posted = _decoder.decode(raw)
    text = posted.body.replace("\r\n", "\n").replace("\0", "").strip()
    spoken = detect(f"{posted.subject}\n{text}")
    return InboundMessage(
        subject=one_line(posted.subject),
        text=text,
        visible_reply=text,
        from_address=normalise(posted.email),
        from_name=one_line(posted.name),
        language=posted.language if spoken == "und" else spoken,
        phone=one_line(posted.phone),
        request_type=posted.request_type or None,
        attachments=unpack_files(posted.files),
    )


def unpack_files(files: tuple[PostedFile, ...]) -> tuple[InboundAttachment, ...]:
    """Return files as they are stored with a message."""
    return tuple(
        InboundAttachment(
            clean_filename(file.filename),
            one_line(file.content_type),
            base64.b64decode(file.data),
        )
        for file in files
    )
