"""Telegram's Bot API, the way in: what customers write to the company's bot.

The form is that of core.telegram.org/bots/api: one update a request, as JSON, with the secret
of ``setWebhook`` in a header of its own. What we do not know is said to be there: nothing that
Telegram adds stops a message.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from inbox.channels.base import FileRef, InboundMessage
from inbox.channels.filenames import clean_filename
from inbox.channels.language import detect
from inbox.channels.messengers import readable
from inbox.channels.messengers import telegram_form as form
from inbox.channels.messengers.events import Event, State, Told, What, Writer
from inbox.channels.messengers.readable import Readable, note

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 -- a header's name
# What setWebhook asks for; all else is never sent to us.
UPDATES = ("message", "edited_message", "my_chat_member")
LANGUAGES = ("vi", "en")
MOST_QUOTED = 120

_ABOUT = frozenset(
    "message_id message_thread_id from sender_chat sender_boost_count date chat edit_date "
    "via_bot author_signature media_group_id is_topic_message is_automatic_forward "
    "has_protected_content has_media_spoiler show_caption_above_media link_preview_options "
    "reply_markup effect_id is_from_offline business_connection_id sender_business_bot "
    "entities caption caption_entities reply_to_message external_reply quote reply_to_story "
    "forward_origin is_paid_post paid_star_count direct_messages_topic".split()
)
"""The fields of a message that say something about it; every other one is what it is."""
_SHOWN = frozenset(
    "text animation audio contact document location photo sticker venue video video_note "
    "voice".split()
)
# What Telegram tells of a chat itself: nobody wrote it.
_SERVICE = frozenset(
    "pinned_message message_auto_delete_timer_changed write_access_allowed "
    "chat_background_set connected_website proximity_alert_triggered new_chat_title "
    "new_chat_photo delete_chat_photo forum_topic_created forum_topic_edited "
    "video_chat_started video_chat_ended boost_added suggested_post_info".split()
)


_starts = msgspec.json.Decoder(form.Start)
_updates = msgspec.json.Decoder(form.Update)
_chats = msgspec.json.Decoder(form.Chat)
_users = msgspec.json.Decoder(form.User)
_texts = msgspec.json.Decoder(str)
_moved = msgspec.json.Decoder(form.Moved)
_whens = msgspec.json.Decoder(form.When)


def is_genuine(headers: Mapping[str, str], secret: str) -> bool:
    """Tell whether a request has the secret that we gave Telegram.

    ``headers`` have lower-case names. Telegram signs no body: whoever has the secret is it.
    """
    given = headers.get(SECRET_HEADER, "")
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def split(body: bytes) -> list[Event]:
    """Return the one event of a request.

    Raises
    ------
    ValueError
        If it is no update.
    """
    try:
        start = _starts.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("This is no update of the Bot API.") from error
    message = start.message or start.edited_message
    if message is not None:
        said = _concerns_nobody(message, is_edit=start.message is None)
        about = _when(msgspec.json.encode(message))
    else:
        said = "" if start.my_chat_member else "unknown"
        about = _when(start.my_chat_member)
        if about is not None and about.chat.type != "private":
            said = "not a private chat"
    what: What = "other" if said else "state" if message is None else "message"
    user = str(about.chat.id) if about is not None else ""
    at = _time(about.edit_date or about.date) if about is not None else None
    return [Event(str(start.update_id), what, body, said, user, at)]


def _when(raw: bytes | msgspec.Raw) -> form.When | None:
    """Return who it is about and when it was; None where that cannot be read."""
    try:
        return _whens.decode(raw)
    except msgspec.MsgspecError:
        return None


def states(raw: bytes) -> list[State]:
    """Read whether somebody has blocked the bot, or takes its messages again.

    Raises
    ------
    ValueError
        If it says nothing of that.
    """
    try:
        moved = _moved.decode(raw).my_chat_member
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("This is no state of the Bot API.") from error
    gone = moved.new_chat_member.status in ("kicked", "left")
    at, user = _time(moved.date), str(moved.chat.id)
    return [State("", "left" if gone else "back", at, user=user)]


def _concerns_nobody(message: Mapping[str, msgspec.Raw], *, is_edit: bool) -> str:
    """Return why a message is no customer's to us, or ""."""
    try:
        if "chat" in message and _chats.decode(message["chat"]).type != "private":
            return "not a private chat"
        if "from" in message and _users.decode(message["from"]).is_bot:
            return "a bot"
        begins = _texts.decode(message.get("text", b'""')).split()
    except msgspec.MsgspecError:
        return ""  # reading it says what is wrong, and puts it aside
    if begins[:1] == ["/start"] and len(begins) <= 2:
        return "the chat was opened"
    if is_edit and "location" in message:
        return "a live location moved"
    kinds = set(message) - _ABOUT
    return "of the chat itself" if kinds and kinds <= _SERVICE else ""


def read(raw: bytes) -> Told:
    """Read a stored message.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        update = _updates.decode(raw)
        kinds = _starts.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("This is no message of the Bot API.") from error
    message = update.message or update.edited_message
    if message is None or message.sender is None:
        raise ValueError("This is no message of the Bot API.")
    given = kinds.message or kinds.edited_message or {}
    unknown = sorted(set(given) - _ABOUT - _SHOWN - _SERVICE)
    files = _files(message)
    shown = _text(message) + _things(message) + _recordings(message)
    if unknown and not shown.text and not files:
        shown += note(readable.NO_SHOWING, ", ".join(unknown))
    if update.message is None:
        shown += note(readable.EDITED)
    return _told(message, message.sender, shown, files)


def _told(
    message: form.Message, sender: form.User, shown: Readable, files: tuple[FileRef, ...]
) -> Told:
    name = readable.line(f"{sender.first_name} {sender.last_name}")
    spoken = detect(shown.text)
    client = sender.language_code[:2].lower()
    if spoken == "und" and client in LANGUAGES:
        spoken = client
    own = message.contact is not None and message.contact.user_id == sender.id
    phone = message.contact.phone_number if own and message.contact is not None else ""
    return Told(
        writer=Writer(
            user=str(message.chat.id),
            name=name,
            username=readable.line(sender.username),
            phone=readable.e164(phone),
            language=client if client in LANGUAGES else "",
        ),
        message=InboundMessage(
            text=shown.text,
            visible_reply=shown.text,
            from_name=name,
            language=spoken,
            notes=shown.notes,
        ),
        files=files,
        at=_time(message.date),
    )


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**33 else None


def _text(message: form.Message) -> Readable:
    """Return what was typed, and what it answers or was taken from."""
    shown = Readable(readable.clean(message.text or message.caption))
    links = [*message.entities, *message.caption_entities]
    for url in dict.fromkeys(one.url for one in links if one.type == "text_link" and one.url):
        shown += note(readable.LINK, url)
    earlier = message.reply_to_message
    quoted = message.quote.text if message.quote is not None else ""
    if earlier is not None and not quoted:
        quoted = earlier.text or earlier.caption
    if readable.line(quoted):
        shown += note(readable.ANSWERS, readable.line(quoted)[:MOST_QUOTED])
    if message.forward_origin is not None:
        shown += note(readable.FORWARDED)
    return shown


def _things(message: form.Message) -> Readable:
    """Return stickers, places and business cards."""
    shown = readable.NOTHING
    if message.sticker is not None:
        shown += readable.sticker(message.sticker.emoji)
    if message.venue is not None:
        at = message.venue.location
        shown += readable.place(
            at.latitude, at.longitude, message.venue.title, message.venue.address
        )
    elif message.location is not None:
        at = message.location
        shown += readable.place(at.latitude, at.longitude, live=at.live_period > 0)
    if message.contact is not None:
        one = message.contact
        number = readable.e164(one.phone_number) or one.phone_number
        shown += readable.card(f"{one.first_name} {one.last_name}", [number])
    return shown


def _recordings(message: form.Message) -> Readable:
    shown = readable.NOTHING
    for what, file in (
        (readable.VOICE, message.voice),
        (readable.AUDIO, message.audio),
        (readable.VIDEO, message.video or message.video_note),
    ):
        if file is not None:
            shown += readable.recording(what, file.duration)
    return shown


def _files(message: form.Message) -> tuple[FileRef, ...]:
    """Return the files of a message; of a picture's sizes the largest that can be fetched."""
    found = []
    if message.photo:
        largest = max(message.photo, key=lambda one: one.width * one.height)
        found.append(_ref(largest, "photo.jpg", "image/jpeg"))
    # An animation is there a second time as a document, for old programs.
    document = message.document if message.animation is None else None
    for file, name, kind in (
        (document, "document", "application/octet-stream"),
        (message.animation, "animation.mp4", "video/mp4"),
        (message.audio, "audio.mp3", "audio/mpeg"),
        (message.video, "video.mp4", "video/mp4"),
        (message.video_note, "video.mp4", "video/mp4"),
        (message.voice, "voice.ogg", "audio/ogg"),
    ):
        if file is not None:
            found.append(_ref(file, name, kind))
    return tuple(found)


def _ref(file: form.File, name: str, kind: str) -> FileRef:
    return FileRef(
        id=file.file_id,
        filename=clean_filename(file.file_name) or name,
        content_type=readable.line(file.mime_type)[:100] or kind,
        size_bytes=file.file_size,
    )
