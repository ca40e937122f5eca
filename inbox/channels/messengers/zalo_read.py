"""What Zalo's webhooks tell, read: one event a request.

Which fields an event has depends on its name; what we do not know of a message is said to be
there, so that nothing somebody sent is lost.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.channels.base import FileRef, InboundMessage
from inbox.channels.filenames import clean_filename
from inbox.channels.language import detect
from inbox.channels.messengers import readable
from inbox.channels.messengers.events import Event, Progress, State, Told, What, Writer
from inbox.channels.messengers.readable import Readable, note

RECEIVED, SEEN = "user_received_message", "user_seen_message"
FOLLOWED, UNFOLLOWED = "follow", "unfollow"
SENT, ANONYMOUS, SUBMITTED = "user_send_", "anonymous_send_", "user_submit_info"
_STATES: dict[str, Progress] = {
    RECEIVED: "delivered",
    SEEN: "read",
    FOLLOWED: "back",
    UNFOLLOWED: "left",
}
_FILES = {
    "image": ("photo.jpg", "image/jpeg"),
    "gif": ("picture.gif", "image/gif"),
    "audio": ("voice.m4a", "audio/mp4"),
    "video": ("video.mp4", "video/mp4"),
    "file": ("document", "application/octet-stream"),
    "sticker": ("sticker.png", "image/png"),
}


class _Who(msgspec.Struct):
    id: str = ""


class _Attachment(msgspec.Struct):
    type: str = ""
    payload: dict[str, Any] = msgspec.field(default_factory=dict)


class _Message(msgspec.Struct):
    msg_id: str = ""
    text: str = ""
    attachments: list[_Attachment] = msgspec.field(default_factory=list)
    msg_ids: list[str] = msgspec.field(default_factory=list)
    conversation_id: str = ""


class _Event(msgspec.Struct):
    event_name: str
    timestamp: str | int
    app_id: str = ""
    oa_id: str = ""
    sender: _Who = msgspec.field(default_factory=_Who)
    recipient: _Who = msgspec.field(default_factory=_Who)
    follower: _Who = msgspec.field(default_factory=_Who)
    message: _Message = msgspec.field(default_factory=_Message)
    info: dict[str, Any] = msgspec.field(default_factory=dict)


class _Stamp(msgspec.Struct):
    timestamp: str | int


_events = msgspec.json.Decoder(_Event)
_stamps = msgspec.json.Decoder(_Stamp)


def stamp_of(body: bytes) -> str:
    """Return the time of an event as it is signed; raises ``ValueError``."""
    try:
        return str(_stamps.decode(body).timestamp)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("This is no event of Zalo.") from error


def _decoded(body: bytes) -> _Event:
    try:
        return _events.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"This is no event of Zalo: {error}") from error


def _time(stamp: str | int) -> datetime | None:
    text = str(stamp)
    if not (text.isascii() and text.isdigit() and len(text) < 15):
        return None
    return datetime.fromtimestamp(int(text) / 1000, UTC)


def event_of(body: bytes, account_id: str) -> Event:
    """Return the event of a request; with ``account_id`` those of other accounts are not ours.

    Raises
    ------
    ValueError
        If it is none.
    """
    read = _decoded(body)
    what, said = _what(read)
    ours = read.recipient.id or read.oa_id
    if what == "message" and account_id and ours and ours != account_id:
        what, said = "other", "another account"
    number = read.message.msg_id
    if what != "message" or not number:  # a state is no message, though it has its id
        number = f"{read.event_name}:{hashlib.sha256(body).hexdigest()}"
    return Event(number, what, body, said, user=_user(read), at=_time(read.timestamp))


def _what(read: _Event) -> tuple[What, str]:
    name = read.event_name
    if name in _STATES:
        return "state", ""
    is_sent = name.startswith((SENT, ANONYMOUS)) and "_group_" not in name
    if is_sent or name == SUBMITTED:
        return "message", ""
    return "other", readable.line(name)


def _user(read: _Event) -> str:
    if read.event_name in (FOLLOWED, UNFOLLOWED):
        return read.follower.id
    if read.event_name in (RECEIVED, SEEN):
        return read.recipient.id
    if read.event_name.startswith(ANONYMOUS):
        return f"anonymous:{read.sender.id}:{read.message.conversation_id}"
    return read.sender.id


def states(raw: bytes) -> list[State]:
    """Read what was received or seen, or who follows us; raises ``ValueError``."""
    read = _decoded(raw)
    progress, at = _STATES.get(read.event_name), _time(read.timestamp)
    if progress is None:
        raise ValueError("This event says nothing of a message of ours.")
    if progress in ("left", "back"):
        return [State("", progress, at, user=read.follower.id)]
    numbers = read.message.msg_ids or [read.message.msg_id]
    return [State(one, progress, at) for one in numbers if one]


def read(raw: bytes) -> Told:
    """Read what somebody sent; raises ``ValueError``."""
    event = _decoded(raw)
    if _what(event)[0] != "message" or not event.sender.id:
        raise ValueError("This event is nobody's message.")
    shown = Readable(readable.clean(event.message.text))
    files: list[FileRef] = []
    for one in event.message.attachments:
        said, file = _attachment(one, shown.text)
        shown += said
        files += [file] if file is not None else []
    if event.event_name == SUBMITTED:
        shown += _card(event.info)
    if not shown.text and not files and not shown.notes:
        shown += note(readable.NO_SHOWING, event.event_name)
    return Told(
        writer=Writer(user=_user(event)),
        message=InboundMessage(
            text=shown.text,
            visible_reply=shown.text,
            language=detect(shown.text),
            notes=shown.notes,
        ),
        files=tuple(files),
        at=_time(event.timestamp),
    )


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    return str(value) if isinstance(value, str | int | float) else ""


def _attachment(one: _Attachment, before: str) -> tuple[Readable, FileRef | None]:
    """Return an attachment as text, and as a file to be fetched."""
    payload, url = one.payload, _text(one.payload, "url")
    if one.type in _FILES and url:
        name, kind = _FILES[one.type]
        size = _text(payload, "size")
        file = FileRef(
            id=url,
            filename=clean_filename(_text(payload, "name")) or name,
            content_type=kind,
            size_bytes=int(size) if size.isascii() and size.isdigit() else None,
        )
        said = {"audio": readable.VOICE, "video": readable.VIDEO, "sticker": readable.STICKER}
        return (note(said[one.type]) if one.type in said else readable.NOTHING), file
    if one.type == "sticker":
        return note(readable.STICKER), None
    if one.type == "location":
        return _place(payload), None
    if one.type in ("link", "business_card"):
        words = [readable.line(_text(payload, name)) for name in ("title", "description")]
        lines = [word for word in (*words, readable.line(url)) if word and word not in before]
        what = readable.LINK if one.type == "link" else readable.CARD
        return Readable("\n".join(dict.fromkeys(lines))) + note(what), None
    return note(readable.NO_SHOWING, one.type), None


def _place(payload: dict[str, Any]) -> Readable:
    found = payload.get("coordinates")
    at = found if isinstance(found, dict) else payload
    try:
        return readable.place(float(at["latitude"]), float(at["longitude"]))
    except (KeyError, TypeError, ValueError):
        return note(readable.PLACE)


def _card(info: dict[str, Any]) -> Readable:
    """Return what somebody entered about themselves, when they were asked for it."""
    ways = [_text(info, name) for name in ("phone", "address", "ward", "district", "city")]
    return readable.card(_text(info, "name"), [way for way in ways if way])
