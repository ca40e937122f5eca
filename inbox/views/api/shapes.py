"""What the API takes and gives. Answers are encoded from these, and documented by them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from inbox.views.site import MOST_INT
from models import (
    ChannelKind,
    DeliveryState,
    Direction,
    EventKind,
    SLAState,
    Status,
    Triage,
    Urgency,
)

MAX_TEXT = 100_000  # characters of a reply or note
SETTABLE = (Status.OPEN, Status.WAITING, Status.SNOOZED, Status.RESOLVED)

Confidence = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[
    str, Meta(min_length=1, max_length=MAX_TEXT, description="Plain text, line ends as \\n.")
]


class Problem(Struct):
    """Why a request was refused (RFC 9457)."""

    type: Annotated[str, Meta(description="about:blank where the status says it all.")]
    title: str
    status: int
    detail: Annotated[str, Meta(description="A sentence for a person, in English.")]
    errors: Annotated[
        dict[str, str] | UnsetType, Meta(description="What is wrong, by field.")
    ] = UNSET


class Contact(Struct):
    """Who writes."""

    name: str
    address: str
    tier: str


class ConversationItem(Struct):
    """A conversation as lists have it. A due time is null when nothing of the kind is owed."""

    number: int
    subject: str
    channel: ChannelKind
    status: Status
    language: str
    contact: Contact
    request_type: str
    request_type_confidence: Confidence
    urgency: Urgency
    urgency_confidence: Confidence
    triage: Triage
    product_group: str | None
    asked_again: int
    team: str | None
    owner: Annotated[str | None, Meta(description="The address of whoever answers for it.")]
    first_response_due_at: datetime | None
    next_response_due_at: datetime | None
    resolution_due_at: datetime | None
    next_due_at: datetime | None
    promised_at: Annotated[
        datetime | None, Meta(description="What the customer was told, whatever changed since.")
    ]
    waiting_until: datetime | None
    sla_state: SLAState
    created_at: datetime
    first_responded_at: datetime | None
    resolved_at: datetime | None


class ConversationList(Struct):
    """A page of the agents' list."""

    items: list[ConversationItem]
    next: Annotated[str | None, Meta(description="Send it as `after`; null on the last page.")]


class Attachment(Struct):
    """A file of a message."""

    id: str
    filename: str
    size: Annotated[int, Meta(description="Bytes.")]


class Message(Struct):
    """Something that was written: by the customer, a colleague, or automatically."""

    id: int
    direction: Direction
    channel: ChannelKind
    author: Annotated[str | None, Meta(description="An address.")]
    text: str
    visible_text: Annotated[str, Meta(description="Without quotes and signature.")]
    automatic: Annotated[bool, Meta(description="Written by a machine of the customer's.")]
    at: datetime
    delivery: Annotated[
        DeliveryState | None, Meta(description="Where an answer is on its way.")
    ]
    delivery_error: str | None
    attachments: list[Attachment]


class Event(Struct):
    """Something that happened; `data` hangs on the kind and may grow."""

    kind: EventKind
    at: datetime
    actor: Annotated[str | None, Meta(description="An address; null: it went by itself.")]
    data: dict[str, Any]


class Conversation(ConversationItem):
    """A conversation with its messages and what happened to it."""

    messages: list[Message]
    events: list[Event]
    merged_into: Annotated[
        int | None, Meta(description="The one that goes on for this; its messages are there.")
    ]
    merged: Annotated[list[int], Meta(description="What became part of this.")]


class Stored(Struct):
    """It is kept and will be taken in; `Location` is the customer's page of it."""

    status: Annotated[str, Meta(extra_json_schema={"enum": ["stored"]})] = "stored"


class Asked(Struct, forbid_unknown_fields=True):
    """What every body has in common: fields that we do not know are refused."""


class NewConversation(Asked):
    """What a customer wants, who they are, and perhaps the request type they chose."""

    email: Annotated[str, Meta(max_length=254)]
    text: Annotated[str, Meta(min_length=1, description="At most 1 MB.")]
    name: Annotated[str, Meta(max_length=200)] = ""
    phone: Annotated[str, Meta(max_length=60)] = ""
    subject: Annotated[str, Meta(max_length=300)] = ""
    request_type: Annotated[str, Meta(description="A key, or empty: it is sorted.")] = ""
    product_group: Annotated[
        str, Meta(max_length=60, description="What it is about; rules may ask for it.")
    ] = ""
    tier: Annotated[
        str,
        Meta(
            max_length=60,
            description="How much the customer counts from now on; empty: as they do already.",
        ),
    ] = ""


class NewReply(Asked):
    """An answer to the customer; it leaves by e-mail."""

    text: Text
    seen: Annotated[
        Annotated[int, Meta(ge=0, le=MOST_INT)] | None,
        Meta(description="The last message you read: refused with 409 if one came after it."),
    ] = None
    cc: Annotated[list[str], Meta(max_length=20, description="Addresses that get a copy.")] = []
    bcc: Annotated[
        list[str], Meta(max_length=20, description="Addresses that get one unseen by others.")
    ] = []
    anyway: Annotated[
        bool, Meta(description="Also to an address that mail came back from (else 409).")
    ] = False
    word: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Our word: when the next answer comes at the latest."),
    ] = None
    remind_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When you are told if the customer has not written by then."),
    ] = None


class NewNote(Asked):
    """A note for colleagues; no customer sees it."""

    text: Text


class NewRequestType(Asked):
    """A correction, or a confirmation by saying the same."""

    request_type: str


class NewUrgency(Asked):
    """How soon it hurts."""

    urgency: Urgency


class NewTier(Asked):
    """How much the customer counts; empty is ``standard``."""

    tier: Annotated[str, Meta(max_length=60)]


class NewProductGroup(Asked):
    """What product or service it is about; null is none."""

    product_group: Annotated[str, Meta(max_length=60)] | None


class NewOwner(Asked):
    """Who answers for it from now on: a colleague's address, or null for nobody.

    To somebody of another team it is passed on: ``reason`` is wrong_team, needs_skill,
    customer_wish, no_room or other (then with a ``note``); without one it counts as unstated.
    """

    owner: str | None
    reason: Annotated[str, Meta(max_length=40)] = ""
    note: Annotated[str, Meta(max_length=500)] = ""


class NewPart(Asked):
    """The other request of the same customer; which of both goes on follows from their ways."""

    other: Annotated[int, Meta(ge=1, le=MOST_INT)]


class NewStatus(Asked):
    """Done, or open again; waiting or snoozed until a time.

    ``reason`` says why an answer still owed will not come (done), or for whom it waits
    (waiting: ``customer``, which it is by itself, or ``third_party``). ``seen`` is the last
    message that whoever marks it done had read.
    """

    status: Annotated[
        str, Meta(extra_json_schema={"enum": [status.value for status in SETTABLE]})
    ]
    until: Annotated[datetime, Meta(tz=True)] | None = None
    reason: str = ""
    seen: int | None = None


def encode(shape: Struct) -> str:
    """Write an answer as JSON."""
    return msgspec.json.encode(shape).decode()
