"""POST /hooks/phone/…: a switchboard's signed events, stored before they are answered."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox import dialling
from inbox.auth import random_token
from inbox.channels import phone, webhook
from inbox.channels.adapters import PhoneChannel
from inbox.channels.phone import MAX_EVENT_BYTES, Event, Posted, Step, Unreadable, Way
from inbox.channels.smtp import SmtpSender
from inbox.clock import utcnow
from inbox.company import phones
from inbox.company.doors import secret_place
from inbox.errors import Invalid, NotFound, TooLarge
from inbox.staging import Arrival, demand_room, stage
from inbox.store.company import find_company, find_door, find_settings
from inbox.templating import N_, translator
from inbox.vault import Vault
from inbox.views.api import shapes
from inbox.views.api.requests import check_query, respond, shown
from inbox.views.forms import peer
from inbox.views.security import Unauthorised
from inbox.views.site import HttpRequest, Site, read, site, write
from models import ChannelKind

MISSED, RANG = N_("Missed call from %(who)s"), N_("Call from %(who)s")
UNKNOWN = N_("an unknown number")


@dataclass(frozen=True, slots=True)
class Switchboard:
    """A way in of telephone, with what its events are read by."""

    id: int
    sealed: str
    settings: dict[str, Any]
    region: str
    language: str


def load(session: Session, key: str) -> Switchboard:
    """Return an open way in of telephone; raises ``NotFound``."""
    door = find_door(session, ChannelKind.PHONE, key)
    company = find_company(session)
    if door is None or company is None:
        raise NotFound("There is no such webhook.")
    kept = find_settings(session, door.id)
    sealed = str(kept.get("secret", ""))
    return Switchboard(door.id, sealed, kept, dialling.region(session), company.language)


def channel_of(where: Site, board: Switchboard, now: datetime) -> PhoneChannel:
    """Return the channel with the secret that its requests are signed with."""
    place = secret_place(board.id)
    secret = Vault(where.secret).open(board.sealed, place) if board.sealed else ""
    return PhoneChannel(SmtpSender(where.settings.smtp_url), webhook.Proof(secret, now))


@post(
    "/hooks/phone/{key:str}",
    opt={"access": "link"},
    request_max_body_size=MAX_EVENT_BYTES,
)
async def receive_call(request: HttpRequest, key: FromPath[str]) -> Response[Any]:
    """Take in what happened to a call; the same event again changes nothing."""
    where, now = site(request), utcnow()
    board = await read(request, load, key)
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = await request.body()
    if not channel_of(where, board, now).verify(headers, body):
        raise Unauthorised("The signature is not right, or the event is older than 5 minutes.")
    check_query(request)
    demand_room(where.settings.data_dir)
    try:
        arrival = arrival_of(board, body, webhook.event_id(headers), peer(request))
    except Unreadable as error:
        await write(request, phones.note_unreadable, board.id, error.field, now)
        raise Invalid(str(error)) from error
    await write(request, keep, arrival, now)
    return respond(shown(shapes.Stored()))


def arrival_of(board: Switchboard, body: bytes, event_id: str, peer: str) -> Arrival:
    """Return an event as it is stored.

    Raises
    ------
    TooLarge
        If it is more than 64 KB.
    Unreadable
        If it says neither which call it is about, nor what happened.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise TooLarge("An event has 64 KB at most.")
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid("The body is no JSON object.") from error
    reading = phone.reading_of(board.settings.get(phones.READING, {}))
    event = phone.read_event(said, reading, board.region)
    posted = Posted(
        said,
        reading.data(),
        board.region,
        board.language,
        subject_of(event, board),
        str(board.settings.get(phones.TYPE, "")) or "general",
    )
    digest = hashlib.sha256(event_id.encode()).hexdigest()
    return Arrival(
        inbox_id=board.id,
        kind=ChannelKind.PHONE,
        dedupe_key=f"phone:{board.id}:{digest}",
        body=phone.pack(posted),
        meta={"peer": peer},
        public_token=random_token(),
    )


def subject_of(event: Event, board: Switchboard) -> str:
    """Return what a conversation is called that a call opens, in the company's language."""
    say = translator(board.language).gettext
    number = phone.shown_number(event, board.region)
    who = event.name or number or say(UNKNOWN)
    is_missed = event.step is Step.MISSED and event.way is Way.INBOUND
    return say(MISSED if is_missed else RANG) % {"who": who}


def keep(session: Session, arrival: Arrival, now: datetime) -> int:
    """Store an event, and forget that one before could not be read."""
    phones.note_unreadable(session, arrival.inbox_id, "", now)
    return stage(session, arrival, now).id


HANDLERS = (receive_call,)
