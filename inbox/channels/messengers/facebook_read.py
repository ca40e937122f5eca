"""What a page's webhooks tell, read: a request has entries, an entry has events."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.channels.base import FileRef, InboundMessage
from inbox.channels.language import detect
from inbox.channels.messengers import readable
from inbox.channels.messengers.events import Event, State, Told, What, Writer
from inbox.channels.messengers.readable import Readable, note
from inbox.templating import N_

HANDED_OVER = N_("Another app has handed this conversation over to us")
_FILES = {
    "image": ("photo.jpg", "image/jpeg"),
    "audio": ("voice.mp4", "audio/mp4"),
    "video": ("video.mp4", "video/mp4"),
    "file": ("document", "application/octet-stream"),
}


class _Who(msgspec.Struct):
    id: str = ""


class _Attachment(msgspec.Struct):
    type: str = ""
    payload: dict[str, Any] | None = None
    title: str | None = None
    url: str | None = None


class _Message(msgspec.Struct):
    mid: str = ""
    text: str = ""
    is_echo: bool = False
    attachments: list[_Attachment] = msgspec.field(default_factory=list)


class _Postback(msgspec.Struct):
    mid: str = ""
    title: str = ""
    payload: str = ""


class _Delivery(msgspec.Struct):
    watermark: int
    mids: list[str] = msgspec.field(default_factory=list)


class _Read(msgspec.Struct):
    watermark: int


class _Handover(msgspec.Struct):
    metadata: str | None = None


class _Event(msgspec.Struct):
    sender: _Who = msgspec.field(default_factory=_Who)
    recipient: _Who = msgspec.field(default_factory=_Who)
    timestamp: int = 0
    message: _Message | None = None
    postback: _Postback | None = None
    delivery: _Delivery | None = None
    read: _Read | None = None
    pass_thread_control: _Handover | None = None


class _Entry(msgspec.Struct):
    id: str
    time: int = 0
    messaging: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _Body(msgspec.Struct):
    object: str
    entry: list[_Entry]


_bodies = msgspec.json.Decoder(_Body)
_events = msgspec.json.Decoder(_Event)


def split(body: bytes, account_id: str) -> list[Event]:
    """Return the events of a request; with ``account_id`` those of other pages are not ours.

    One that cannot be read is a message all the same: it is kept, and looked at.

    Raises
    ------
    ValueError
        If it is no request of a page.
    """
    try:
        read = _bodies.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"This is nothing that a page sends: {error}") from error
    if read.object != "page":
        raise ValueError(f"This is about {readable.line(read.object)}, not about a page.")
    found = []
    for entry in read.entry:
        is_ours = not account_id or entry.id == account_id
        for raw in entry.messaging:
            one = _event(bytes(raw), entry.time)
            found.append(one if is_ours else Event(one.key, "other", one.body, "another page"))
    return found


def _event(raw: bytes, sent: int) -> Event:
    mark = hashlib.sha256(raw).hexdigest()
    try:
        read = _events.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return Event(mark, "message", raw, at=_time(sent))
    what, key, said = _what(read)
    user = read.sender.id
    return Event(key or mark, what, raw, said, user=user, at=_time(read.timestamp or sent))


def _what(read: _Event) -> tuple[What, str, str]:
    """Return what an event is, the provider's id of it, and what it is called if not ours."""
    if read.message is not None:
        if read.message.is_echo:
            return "other", "", "what the page has said"
        return "message", read.message.mid, ""
    if read.postback is not None:
        return "message", read.postback.mid, ""
    if read.pass_thread_control is not None:
        return "message", "", ""
    if read.delivery is not None or read.read is not None:
        return "state", "", ""
    return "other", "", "of no message"


def _time(milliseconds: int) -> datetime | None:
    if not 0 < milliseconds < 2**43:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _decoded(raw: bytes) -> _Event:
    try:
        return _events.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"This is no event of a page: {error}") from error


def states(raw: bytes) -> list[State]:
    """Read what was delivered or read; raises ``ValueError``."""
    event = _decoded(raw)
    at, user = _time(event.timestamp), event.sender.id
    if event.delivery is not None:
        up_to = _time(event.delivery.watermark)
        named = [State(one, "delivered", at or up_to) for one in event.delivery.mids if one]
        return [*named, State("", "delivered", at or up_to, user=user, up_to=up_to)]
    if event.read is not None:
        up_to = _time(event.read.watermark)
        return [State("", "read", at or up_to, user=user, up_to=up_to)]
    raise ValueError("This event says nothing of a message of ours.")


def read(raw: bytes) -> Told:
    """Read what somebody sent or pressed; raises ``ValueError``."""
    event = _decoded(raw)
    if not event.sender.id:
        raise ValueError("Nobody has sent this.")
    shown, files = readable.NOTHING, []
    if event.message is not None and not event.message.is_echo:
        shown = Readable(readable.clean(event.message.text))
        for one in event.message.attachments:
            said, file = _attachment(one, shown.text)
            shown += said
            files += [file] if file is not None else []
        if not shown.text and not shown.notes and not files:
            shown = note(readable.NO_SHOWING)
    elif event.postback is not None:
        shown = Readable(readable.line(event.postback.title)) + note(readable.CHOICE)
    elif event.pass_thread_control is not None:
        shown = note(HANDED_OVER, event.pass_thread_control.metadata or "")
    else:
        raise ValueError("This event is nobody's message.")
    return Told(
        writer=Writer(user=event.sender.id),
        message=InboundMessage(
            text=shown.text,
            visible_reply=shown.text,
            language=detect(shown.text),
            notes=shown.notes,
        ),
        files=tuple(files),
        at=_time(event.timestamp),
    )


def _attachment(one: _Attachment, before: str) -> tuple[Readable, FileRef | None]:
    """Return an attachment as text, and as a file to be fetched."""
    payload = one.payload or {}
    url = payload.get("url") or one.url or ""
    url = url if isinstance(url, str) else ""
    if one.type in _FILES and url:
        name, kind = _FILES[one.type]
        said = {"audio": readable.VOICE, "video": readable.VIDEO}
        shown = note(said[one.type]) if one.type in said else readable.NOTHING
        if payload.get("sticker_id"):
            shown = note(readable.STICKER)
        return shown, FileRef(url, name, kind)
    if one.type == "location":
        return _place(payload, one.title or ""), None
    title = payload.get("title") or one.title or ""
    lines = [readable.line(word) for word in (title, url) if isinstance(word, str)]
    lines = [word for word in lines if word and word not in before]
    if one.type in ("fallback", "template", "reel", "ig_reel", "post") and (lines or before):
        return Readable("\n".join(lines)) + note(readable.LINK), None
    return note(readable.NO_SHOWING, one.type), None


def _place(payload: dict[str, Any], title: str) -> Readable:
    found = payload.get("coordinates")
    at = found if isinstance(found, dict) else {}
    try:
        return readable.place(float(at["lat"]), float(at["long"]), title)
    except (KeyError, TypeError, ValueError):
        return note(readable.PLACE)
