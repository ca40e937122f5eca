"""Telephone: what a switchboard tells of a call, read by a mapping of its own names for it.

No two switchboards name things alike, so a way in keeps where in their JSON objects each thing
stands (``caller.number``) and what they call each event. What was posted is stored whole with
the mapping of that moment: an event that was read wrongly can be read again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from inbox.channels.base import InboundMessage
from inbox.channels.numbers import e164, shown
from inbox.channels.words import one_line

FIELDS = (
    *("call", "event", "direction", "from", "to", "name", "agent", "at", "length"),
    *("recording", "text"),
)
MAX_EVENT_BYTES = 64 * 1024
MOST_ID, MOST_TEXT, MOST_LINK = 200, 10_000, 2000
MOST_LENGTH_S = 24 * 3600
_DEEPEST = 8  # parts of a path


class Step(StrEnum):
    """How far a call is, as an event says it."""

    RINGING = "ringing"
    ANSWERED = "answered"
    MISSED = "missed"
    ENDED = "ended"  # or a recording is there: more is known of the same call


class Way(StrEnum):
    """Who rang whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


_WORDS: dict[str, tuple[str, ...]] = {
    Step.RINGING.value: ("ringing", "ring", "incoming", "start"),
    Step.ANSWERED.value: ("answered", "answer", "connected", "pickup"),
    Step.MISSED.value: ("missed", "no_answer", "noanswer", "abandoned", "busy", "cancelled"),
    Step.ENDED.value: ("ended", "hangup", "completed", "finished", "recording"),
    Way.INBOUND.value: ("inbound", "in", "incoming"),
    Way.OUTBOUND.value: ("outbound", "out", "outgoing"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Where things stand in a switchboard's events, and what it calls them.

    ``paths`` by ``FIELDS``, with dots between the parts; "" where it does not say. ``words``
    by ``Step`` and ``Way``, compared without regard to case.
    """

    paths: Mapping[str, str] = field(default_factory=lambda: {name: name for name in FIELDS})
    words: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(_WORDS))

    def data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"paths": dict(self.paths), "words": {k: list(v) for k, v in self.words.items()}}


USUAL = Reading()


def reading_of(kept: Mapping[str, Any]) -> Reading:
    """Return a mapping as ``Reading.data`` has it; what is missing there is the usual one."""
    paths = {**USUAL.paths, **kept.get("paths", {})}
    words = {**USUAL.words, **{k: tuple(v) for k, v in kept.get("words", {}).items()}}
    return Reading(paths, words)


@dataclass(frozen=True, slots=True)
class Event:
    """What one event says of a call. ``number`` is the customer's, in E.164 if it is one.

    ``agent`` is whatever the switchboard calls one of ours: an address, an extension.
    """

    call: str
    step: Step
    way: Way = Way.INBOUND
    number: str = ""
    ours: str = ""
    name: str = ""
    agent: str = ""
    at: datetime | None = None  # aware; None where it does not say
    length_s: int | None = None
    recording: str = ""
    text: str = ""  # what a machine wrote down of it


class Unreadable(ValueError):
    """An event lacks what every event needs; ``field`` is which, of ``FIELDS``."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The event does not say its {name}.")
        self.field = name


def read_event(said: Mapping[str, Any], reading: Reading, region: str) -> Event:
    """Read an event.

    Raises
    ------
    Unreadable
        If it says neither which call it is about, nor what happened.
    """
    found = {name: _at(said, reading.paths.get(name, "")) for name in FIELDS}
    call = found["call"][:MOST_ID]
    if not call:
        raise Unreadable("call")
    step = _meant(Step, found["event"], reading)
    if step is None:
        raise Unreadable("event")
    way = _meant(Way, found["direction"], reading) or Way.INBOUND
    theirs, ours = found["from"], found["to"]
    if way is Way.OUTBOUND:
        theirs, ours = ours, theirs
    return Event(
        call=call,
        step=step,
        way=way,
        number=e164(theirs, region) or theirs[:60],
        ours=e164(ours, region) or ours[:60],
        name=found["name"][:200],
        agent=found["agent"][:200],
        at=_moment(found["at"]),
        length_s=_length(found["length"]),
        recording=_link(found["recording"]),
        text=found["text"][:MOST_TEXT],
    )


def _at(said: Any, path: str) -> str:
    """Return what stands at a path, as one line; "" if nothing does."""
    if not path.strip():
        return ""
    found = said
    for part in path.strip().split(".")[:_DEEPEST]:
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return ""
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return one_line(str(found)[: MOST_TEXT + 1])


def _meant(kind: type[Any], text: str, reading: Reading) -> Any:
    """Return which of a kind a word of theirs means; None if none."""
    wanted = text.casefold()
    for one in kind:
        if wanted and wanted in {word.casefold() for word in reading.words[one.value]}:
            return one
    return None


def _moment(text: str) -> datetime | None:
    """Read a moment: ISO 8601 with a zone, or seconds or milliseconds since 1970."""
    try:
        if text.replace(".", "", 1).isdigit():
            seconds = float(text)
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None


def _length(text: str) -> int | None:
    """Read how long they spoke: seconds, or ``3:20`` and ``1:03:20``."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(
        part.replace(".", "", 1).isascii() and part.replace(".", "", 1).isdigit()
        for part in parts
    ):
        return None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + float(part[:12])
    return int(seconds) if seconds <= MOST_LENGTH_S else None


def _link(text: str) -> str:
    return text if text.startswith(("https://", "http://")) and len(text) <= MOST_LINK else ""


# ---- how an event is stored -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posted:
    """An event as it came, with what it is read by. ``subject`` is what it is called here."""

    said: dict[str, Any]
    reading: dict[str, Any] = field(default_factory=dict)
    region: str = ""
    language: str = ""
    subject: str = ""
    request_type: str = ""


_decoder = msgspec.json.Decoder(Posted)


def pack(posted: Posted) -> bytes:
    """Write an event for storage."""
    return msgspec.json.encode(asdict(posted))


def unpack(raw: bytes) -> tuple[Posted, Event]:
    """Return what ``pack`` wrote, and what it says.

    Raises
    ------
    ValueError
        If it is nothing that ``pack`` wrote, or says nothing.
    """
    posted = _decoder.decode(raw)
    return posted, read_event(posted.said, reading_of(posted.reading), posted.region)


def read(raw: bytes) -> InboundMessage:
    """Read a stored event as a message; raises ``ValueError`` as ``unpack`` does."""
    posted, event = unpack(raw)
    return InboundMessage(
        subject=one_line(posted.subject),
        text=event.text,
        visible_reply=event.text,
        from_name=event.name,
        phone=event.number,
        language=posted.language or "und",
        request_type=posted.request_type or None,
    )


def shown_number(event: Event, region: str) -> str:
    """Return the customer's number as people of a country read it."""
    return shown(event.number, region)
