"""WhatsApp's Cloud API, the way in: messages, and how far ours have come.

The form is that of developers.facebook.com/docs/whatsapp/cloud-api: one request may tell of
many messages and states. A customer is known by their number, or, with a user name, by an id
that is theirs with this business only (``VN.1349…``); where both are told, both are kept.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import cast, get_args

import msgspec

from inbox.channels.base import FileRef, InboundMessage
from inbox.channels.filenames import clean_filename
from inbox.channels.language import detect
from inbox.channels.messengers import readable
from inbox.channels.messengers import whatsapp_form as form
from inbox.channels.messengers.events import Event, Progress, State, Told, Writer
from inbox.channels.messengers.readable import Readable, note

OBJECT = "whatsapp_business_account"
MOST_PRODUCTS = 50
MAX_ID = 200
_USER = re.compile(r"[0-9]{5,20}|[A-Z]{2}(?:\.ENT)?\.[A-Za-z0-9]{1,128}")
_SILENT = frozenset({"system", "request_welcome", "ephemeral"})  # nobody wrote these
_PROGRESS: tuple[str, ...] = get_args(Progress)
_CHANGES = {"revoke": readable.DELETED, "edit": readable.EDITED}
_KINDS = {  # of files: what they are called without a name
    "image": "photo.jpg",
    "video": "video.mp4",
    "document": "document",
    "sticker": "sticker.webp",
}

_bodies = msgspec.json.Decoder(form.Body)
_entries = msgspec.json.Decoder(form.Entry)
_values = msgspec.json.Decoder(form.Value)
_heads = msgspec.json.Decoder(form.Head)
_contacts = msgspec.json.Decoder(form.Contact)
_stored = msgspec.json.Decoder(form.Stored)
_statuses = msgspec.json.Decoder(form.Status)


def split(body: bytes, number_id: str) -> list[Event]:
    """Return what a request tells of one business number, by its id with Meta; "" is of any.

    What cannot be read is an event too: whoever stores it finds it again.

    Raises
    ------
    ValueError
        If it is no request of WhatsApp's.
    """
    try:
        told = _bodies.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("This is no request of the Cloud API.") from error
    if told.object != OBJECT:
        raise ValueError("This is no request of the Cloud API.")
    found = []
    for raw in told.entry:
        try:
            changes = _entries.decode(raw).changes
        except msgspec.MsgspecError:
            found.append(_unread(raw))
            continue
        for change in changes:
            found += _of_change(change, number_id)
    return list({one.key: one for one in found}.values())


def _of_change(change: form.Change, number_id: str) -> Iterator[Event]:
    if change.field != "messages":
        yield _aside(change.value, change.field or "unknown")
        return
    try:
        value = _values.decode(change.value)
    except msgspec.MsgspecError:
        yield _unread(change.value)
        return
    if number_id and value.metadata.phone_number_id != number_id:
        yield _aside(change.value, "another number")
        return
    for raw in value.messages:
        yield _message_event(raw, value.contacts)
    for raw in value.statuses:
        yield _state_event(raw)
    if not value.messages and not value.statuses:
        yield _aside(change.value, "nothing of a message")


def _message_event(raw: msgspec.Raw, contacts: Sequence[msgspec.Raw]) -> Event:
    try:
        head = _heads.decode(raw)
    except msgspec.MsgspecError:
        return _unread(raw)
    body = msgspec.json.encode({"message": raw, "contact": _whose(head, contacts)})
    key, user, at = f"m:{head.id[:MAX_ID]}", head.sender or head.from_user_id, head.timestamp
    if head.type in _SILENT:
        return Event(key, "other", body, head.type, user, _time(at))
    return Event(key, "message", body, "", user, _time(at))


def _whose(head: form.Head, contacts: Sequence[msgspec.Raw]) -> msgspec.Raw:
    """Return the contact that wrote a message; there is one for each writer of a request."""
    for raw in contacts:
        try:
            one = _contacts.decode(raw)
        except msgspec.MsgspecError:
            continue
        same = head.sender and head.sender == one.wa_id
        if same or (head.from_user_id and head.from_user_id == one.user_id):
            return raw
    return msgspec.Raw(b"{}")


def _state_event(raw: msgspec.Raw) -> Event:
    try:
        head = _heads.decode(raw)
    except msgspec.MsgspecError:
        return _aside(raw, "unreadable state")
    if head.status not in _PROGRESS:  # deleted, warning, and what may come
        return _aside(raw, f"state {head.status[:40]}")
    key, user = f"s:{head.id[:MAX_ID]}:{head.status}", head.recipient_id
    return Event(key, "state", bytes(raw), "", user, _time(head.timestamp))


def _unread(raw: msgspec.Raw) -> Event:
    """Return what nobody understood as a message, so that it is kept and seen."""
    return Event(f"x:{_digest(raw)}", "message", bytes(raw))


def _aside(raw: msgspec.Raw, said: str) -> Event:
    return Event(f"o:{_digest(raw)}", "other", bytes(raw), readable.line(said))


def _digest(raw: msgspec.Raw) -> str:
    return hashlib.sha256(raw).hexdigest()


def read_state(raw: bytes) -> State:
    """Read how far a message of ours has come; raises ``ValueError`` if it says nothing."""
    try:
        status = _statuses.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("This is no state of the Cloud API.") from error
    if status.status not in _PROGRESS:
        raise ValueError("This is no state of the Cloud API.")
    why = status.errors[0] if status.errors else form.Error()
    details = why.error_data.details if why.error_data is not None else ""
    return State(
        reference=status.id,
        progress=cast(Progress, status.status),
        at=_time(status.timestamp),
        code=why.code,
        said=readable.line(details or why.message or why.title),
    )


def read(raw: bytes) -> Told:
    """Read a stored message.

    Raises
    ------
    ValueError
        If it is none, or nobody can have written it.
    """
    try:
        stored = _stored.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("This is no message of the Cloud API.") from error
    message, contact = stored.message, stored.contact
    writer = _writer(message, contact)
    shown = _shown(message)
    return Told(
        writer=writer,
        message=InboundMessage(
            text=shown.text,
            visible_reply=shown.text,
            from_name=writer.name,
            language=detect(shown.text),
            notes=shown.notes,
            phone=writer.phone,
        ),
        files=_files(message),
        at=_time(message.timestamp),
    )


def _writer(message: form.Message, contact: form.Contact) -> Writer:
    ids = [message.sender, message.from_user_id or contact.user_id]
    ids = [one for one in dict.fromkeys(ids) if _USER.fullmatch(one)]
    if not ids:
        raise ValueError("Nobody wrote this message.")
    name = readable.line(contact.profile.name or contact.profile.username)
    return Writer(
        user=ids[0],
        also=tuple(ids[1:]),
        name=name,
        username=readable.line(contact.profile.username),
        phone=readable.e164(ids[0]) if ids[0].isdigit() else "",
    )


def _time(seconds: str) -> datetime | None:
    if not (seconds.isascii() and seconds.isdigit() and 0 < len(seconds) < 11):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def _shown(message: form.Message) -> Readable:
    shown = _typed(message) + _things(message) + _chosen(message) + _recorded(message)
    if message.order is not None:
        shown += _ordered(message.order)
    if message.type in _CHANGES:
        shown += note(_CHANGES[message.type])
    if shown == readable.NOTHING and not _files(message):
        kind = message.unsupported.type if message.unsupported is not None else message.type
        shown += note(readable.NO_SHOWING, kind)
    if message.referral is not None:
        shown += note(readable.LINK, message.referral.source_url)
    context = message.context
    if context is not None and (context.forwarded or context.frequently_forwarded):
        shown += note(readable.FORWARDED)
    return shown


def _typed(message: form.Message) -> Readable:
    said = message.text.body if message.text is not None else ""
    for file in (message.image, message.video, message.document):
        said = said or (file.caption if file is not None else "")
    return Readable(readable.clean(said))


def _things(message: form.Message) -> Readable:
    """Return stickers, places, business cards and reactions."""
    shown = readable.NOTHING
    if message.sticker is not None:
        shown += readable.sticker("")
    if message.location is not None:
        at = message.location
        shown += readable.place(at.latitude, at.longitude, at.name, at.address)
    for one in message.contacts:
        name = one.name.formatted_name or f"{one.name.first_name} {one.name.last_name}"
        ways = [
            *(readable.e164(phone.wa_id) or phone.phone for phone in one.phones),
            *(email.email for email in one.emails),
        ]
        shown += readable.card(name, ways)
    if message.reaction is not None:
        shown += Readable(readable.line(message.reaction.emoji)) + note(readable.REACTION)
    return shown


def _recorded(message: form.Message) -> Readable:
    shown = readable.NOTHING
    if message.audio is not None:
        shown += note(readable.VOICE if message.audio.voice else readable.AUDIO)
    if message.video is not None:
        shown += note(readable.VIDEO)
    return shown


def _chosen(message: form.Message) -> Readable:
    """Return what the customer chose below a message of ours."""
    shown = readable.NOTHING
    if message.button is not None:
        shown += Readable(readable.clean(message.button.text)) + note(readable.CHOICE)
    if message.interactive is not None:
        answers = message.interactive
        for one in (answers.button_reply, answers.list_reply, answers.nfm_reply):
            if one is not None:
                said = "\n".join(filter(None, (one.title, one.description, one.body)))
                shown += Readable(readable.clean(said)) + note(readable.CHOICE)
    return shown


def _ordered(order: form.Order) -> Readable:
    lines = [readable.clean(order.text)]
    for one in order.product_items[:MOST_PRODUCTS]:
        price = f" · {one.item_price} {one.currency}".rstrip(" ·")
        lines.append(readable.line(f"{one.quantity} × {one.product_retailer_id}{price}"))
    return Readable("\n".join(filter(None, lines))) + note(readable.ORDER)


def _files(message: form.Message) -> tuple[FileRef, ...]:
    found = []
    for kind, usual in _KINDS.items():
        file: form.Media | None = getattr(message, kind)
        if file is not None and file.id:
            found.append(_ref(file, usual))
    if message.audio is not None and message.audio.id:
        found.append(_ref(message.audio, "voice.ogg" if message.audio.voice else "audio.mp3"))
    return tuple(found)


def _ref(file: form.Media, usual: str) -> FileRef:
    kind = readable.line(file.mime_type).partition(";")[0].strip()[:100]
    name = clean_filename(file.filename) or usual
    return FileRef(file.id, name, kind or "application/octet-stream")
