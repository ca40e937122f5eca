"""What every channel hands to intake and takes from delivery."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec


@dataclass(frozen=True, slots=True)
class InboundAttachment:
    """A file that came with a message; ``filename`` is text for display, never a path."""

    filename: str
    content_type: str
    data: bytes
    content_id: str = ""  # without angle brackets


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that lies with the provider; ``size_bytes`` is None where it does not say.

    ``id`` is what the provider knows it by, or where it is.
    """

    id: str
    filename: str
    content_type: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message from outside, whatever it came by.

    ``text`` is the whole body as read, ``visible_reply`` only what the person wrote now.
    ``html`` is the untrusted HTML part, or "" when there was none or it was too large to show;
    ``shown_html`` is what ``safehtml`` left of it, with ``remote_images`` pictures held back.
    Addresses are lower-case with an ASCII domain; ids carry no angle brackets. ``sent_at`` is
    the sender's own claim (aware UTC). ``is_auto_reply`` means a machine answered us;
    ``is_automatic`` adds lists, bulk mail, reports and null senders, and touches no clock;
    ``suppress_auto_response`` adds senders who ask for no answer or cannot read one.
    ``bounce_code`` is a delivery report's status ("5.1.1"; "4.…" where mail is only late; ""
    where nobody says), ``bounce_said`` the other server's words.
    ``language`` is an ISO 639-1 code or "und". ``notes`` are sentences about the reading.
    ``person`` is the writer as their messenger knows them, ``also`` other ids of theirs there,
    ``to_fetch`` files that lie there still.
    """

    subject: str = ""
    text: str = ""
    visible_reply: str = ""
    html: str = ""
    from_address: str = ""
    from_name: str = ""
    reply_to: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    sent_at: datetime | None = None
    attachments: tuple[InboundAttachment, ...] = ()
    is_automatic: bool = False
    is_auto_reply: bool = False
    is_bounce: bool = False
    bounced_recipients: tuple[str, ...] = ()
    suppress_auto_response: bool = False
    language: str = "und"
    phone: str = ""
    request_type: str | None = None
    notes: tuple[str, ...] = ()
    bounce_code: str = ""
    bounce_said: str = ""
    shown_html: str = ""
    remote_images: int = 0
    person: str = ""
    also: tuple[str, ...] = ()
    to_fetch: tuple[FileRef, ...] = ()


@dataclass(frozen=True, slots=True)
class OutboundFile:
    """A file that goes out with a message."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message to one person, and to whom a colleague wants to have it too.

    ``automatic`` mail carries the marks that keep other machines from answering it and has
    an empty envelope sender; otherwise ``envelope_from`` (or ``from_address``) gets bounces.
    ``html`` is the text in another form, made by us. ``bcc`` is on the envelope only.
    """

    message_id: str
    from_address: str
    to: str
    subject: str
    text: str
    from_name: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    reply_to: str = ""
    automatic: bool = False
    instance_id: str = ""
    envelope_from: str = ""
    date: datetime | None = None  # aware; without it the server that takes the mail stamps it
    html: str = ""
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    files: tuple[OutboundFile, ...] = ()  # never part of the facts: loaded when it is sent


@dataclass(frozen=True, slots=True)
class Receipt:
    """The far side said yes; ``reference`` is its own words (a queue id), one line.

    ``refused`` are copies that it did not take, each with its words; the message itself went.
    """

    reference: str
    refused: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class Channel(Protocol):
    """One kind of way in and out."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether this request really comes from the channel's provider."""
        ...

    def read(self, raw: bytes) -> InboundMessage:
        """Read one stored message, whatever a stranger wrote into it.

        Raises
        ------
        ValueError
            If it is not what our own way in stores: a bug of ours, not a stranger's doing.
        """
        ...

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send; raises ``Rejected``, ``Unavailable`` or ``Unconfirmed``."""
        ...


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(InboundMessage)


def encode(message: InboundMessage) -> bytes:
    """Pack a message for the way between two processes."""
    return _encoder.encode(message)


def decode(packed: bytes) -> InboundMessage:
    """Unpack what ``encode`` packed; raises ``msgspec.MsgspecError`` on anything else."""
    return _decoder.decode(packed)


def as_facts(message: OutboundMessage) -> dict[str, object]:
    """Return an outgoing message as JSON has it."""
    facts: dict[str, object] = msgspec.to_builtins(message)
    return facts


def from_facts(facts: Mapping[str, object]) -> OutboundMessage:
    """Return what ``as_facts`` wrote; other keys are left out.

    Raises
    ------
    msgspec.ValidationError
        If a field is missing or of another type.
    """
    return msgspec.convert(dict(facts), OutboundMessage)
