"""The parts of what WhatsApp's Cloud API sends that are read; all else is left out."""

import msgspec


class Body(msgspec.Struct):
    """A request; each entry is read by itself, so that one bad one stops no other."""

    object: str
    entry: list[msgspec.Raw]


class Metadata(msgspec.Struct):
    phone_number_id: str = ""


class Value(msgspec.Struct):
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    contacts: list[msgspec.Raw] = msgspec.field(default_factory=list)
    messages: list[msgspec.Raw] = msgspec.field(default_factory=list)
    statuses: list[msgspec.Raw] = msgspec.field(default_factory=list)


class Change(msgspec.Struct):
    value: msgspec.Raw
    field: str = ""


class Entry(msgspec.Struct):
    changes: list[Change]


class Head(msgspec.Struct, rename={"sender": "from"}):
    """What is known of a message or state before it is read."""

    id: str
    type: str = ""
    status: str = ""
    sender: str = ""
    from_user_id: str = ""
    recipient_id: str = ""
    timestamp: str = ""


class Profile(msgspec.Struct):
    name: str = ""
    username: str = ""


class Contact(msgspec.Struct):
    wa_id: str = ""
    user_id: str = ""
    profile: Profile = msgspec.field(default_factory=Profile)


class Text(msgspec.Struct):
    body: str = ""


class Media(msgspec.Struct):
    id: str = ""
    mime_type: str = ""
    caption: str = ""
    filename: str = ""
    voice: bool = False


class Location(msgspec.Struct):
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class Name(msgspec.Struct):
    formatted_name: str = ""
    first_name: str = ""
    last_name: str = ""


class Phone(msgspec.Struct):
    phone: str = ""
    wa_id: str = ""


class Email(msgspec.Struct):
    email: str = ""


class Card(msgspec.Struct):
    name: Name = msgspec.field(default_factory=Name)
    phones: list[Phone] = msgspec.field(default_factory=list)
    emails: list[Email] = msgspec.field(default_factory=list)


class Reaction(msgspec.Struct):
    message_id: str = ""
    emoji: str = ""


class Button(msgspec.Struct):
    text: str = ""


class Chosen(msgspec.Struct):
    title: str = ""
    description: str = ""
    body: str = ""


class Interactive(msgspec.Struct):
    button_reply: Chosen | None = None
    list_reply: Chosen | None = None
    nfm_reply: Chosen | None = None


class Product(msgspec.Struct):
    product_retailer_id: str = ""
    quantity: int | float | str = 0
    item_price: int | float | str = ""
    currency: str = ""


class Order(msgspec.Struct):
    text: str = ""
    product_items: list[Product] = msgspec.field(default_factory=list)


class Context(msgspec.Struct):
    forwarded: bool = False
    frequently_forwarded: bool = False


class Referral(msgspec.Struct):
    source_url: str = ""
    headline: str = ""


class Unsupported(msgspec.Struct):
    type: str = ""


class Message(msgspec.Struct, rename={"sender": "from"}):
    id: str
    type: str
    sender: str = ""
    from_user_id: str = ""
    timestamp: str = ""
    text: Text | None = None
    image: Media | None = None
    audio: Media | None = None
    video: Media | None = None
    document: Media | None = None
    sticker: Media | None = None
    location: Location | None = None
    contacts: list[Card] = msgspec.field(default_factory=list)
    reaction: Reaction | None = None
    button: Button | None = None
    interactive: Interactive | None = None
    order: Order | None = None
    context: Context | None = None
    referral: Referral | None = None
    unsupported: Unsupported | None = None


class Stored(msgspec.Struct):
    """A message as it is kept, with who wrote it."""

    message: Message
    contact: Contact = msgspec.field(default_factory=Contact)


class Details(msgspec.Struct):
    details: str = ""


class Error(msgspec.Struct):
    code: int = 0
    title: str = ""
    message: str = ""
    error_data: Details | None = None


class Status(msgspec.Struct):
    id: str
    status: str
    timestamp: str = ""
    errors: list[Error] = msgspec.field(default_factory=list)
