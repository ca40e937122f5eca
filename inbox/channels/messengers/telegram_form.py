"""The parts of what Telegram's Bot API sends that are read; all else is left out."""

from collections.abc import Sequence

import msgspec


class Start(msgspec.Struct):
    """An update of which only is known what it is."""

    update_id: int
    message: dict[str, msgspec.Raw] | None = None
    edited_message: dict[str, msgspec.Raw] | None = None
    my_chat_member: msgspec.Raw = msgspec.Raw(b"")


class Standing(msgspec.Struct):
    status: str = ""


class User(msgspec.Struct):
    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""


class Chat(msgspec.Struct):
    id: int
    type: str = ""


class File(msgspec.Struct):
    file_id: str
    file_size: int | None = None
    file_name: str = ""
    mime_type: str = ""
    duration: float | None = None
    width: int = 0
    height: int = 0


class Sticker(msgspec.Struct):
    emoji: str = ""


class Location(msgspec.Struct):
    latitude: float
    longitude: float
    live_period: int = 0


class Venue(msgspec.Struct):
    location: Location
    title: str = ""
    address: str = ""


class Contact(msgspec.Struct):
    phone_number: str
    first_name: str = ""
    last_name: str = ""
    user_id: int | None = None


class Entity(msgspec.Struct):
    type: str
    url: str = ""


class Quote(msgspec.Struct):
    text: str = ""


class Earlier(msgspec.Struct):
    text: str = ""
    caption: str = ""


class Origin(msgspec.Struct):
    type: str = ""


class Message(msgspec.Struct, rename={"sender": "from"}):
    message_id: int
    chat: Chat
    date: int = 0
    sender: User | None = None
    text: str = ""
    caption: str = ""
    entities: Sequence[Entity] = ()
    caption_entities: Sequence[Entity] = ()
    photo: Sequence[File] = ()
    document: File | None = None
    animation: File | None = None
    audio: File | None = None
    video: File | None = None
    video_note: File | None = None
    voice: File | None = None
    sticker: Sticker | None = None
    location: Location | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    reply_to_message: Earlier | None = None
    quote: Quote | None = None
    forward_origin: Origin | None = None


class Update(msgspec.Struct):
    update_id: int
    message: Message | None = None
    edited_message: Message | None = None


class Member(msgspec.Struct):
    """How the bot stands with somebody: ``kicked`` is blocked."""

    chat: Chat
    new_chat_member: Standing
    date: int = 0


class Moved(msgspec.Struct):
    my_chat_member: Member


class When(msgspec.Struct):
    chat: Chat
    date: int = 0
    edit_date: int = 0
