"""Chat: who a visitor is, how a line is kept, and what taking one in does besides.

A visitor is a contact's identity behind a token that only we can sign; before the first line
is taken in there is no row at all. Addresses that visitors type are claims: nothing is joined
by them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import record, routing
from inbox.acknowledgement import Caps, House, closed_text
from inbox.auth import random_token, sign, signed
from inbox.channels.chat import Line, pack
from inbox.db import after_commit
from inbox.duty import list_team_on_duty
from inbox.queue import chat_name, conversation_name
from inbox.rulebook import Promise, Rulebook, load_about
from inbox.sla.chat import chat_targets, is_there
from inbox.sla.promise import spoken_time
from inbox.store import chat as rows
from inbox.store import people
from inbox.store.changes import add_event, moved, place_of
from inbox.store.company import Door, find_company, find_door, find_settings
from inbox.store.raw import Claimed
from inbox.store.wordings import load_words
from inbox.templating import N_, translator
from inbox.triage.prediction import Prediction
from models import (
    URGENCY_RANK,
    ChannelKind,
    Conversation,
    Direction,
    Event,
    EventKind,
    Message,
    Triage,
    Urgency,
)
from models.base import columns

events = columns(Event)

HOUR = timedelta(hours=1)
MOST_LINES = 40  # of a conversation that sorting looks back at
THANKS = N_("Thank you, we have your message. Your request is number %(number)s.")
PROMISED = N_("You get an answer %(time)s.")
FOLLOW = N_("You can follow it here: %(link)s")


# ---- the visitor ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChatDoor:
    """An open chat key, and the sites that may show its widget besides our own."""

    door: Door
    sites: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line as the socket heard it; ``peer`` is the network address that caps count."""

    inbox_id: int
    visitor: str
    client_id: str
    line: Line
    peer: str
    vouched: str = ""


def find_chat_door(session: Session, key: str) -> ChatDoor | None:
    """Return the open chat behind a key."""
    door = find_door(session, ChannelKind.CHAT, key)
    if door is None:
        return None
    settings = find_settings(session, door.id)
    sites = settings.get("sites", [])
    return ChatDoor(door, tuple(one for one in sites if isinstance(one, str)), settings)


def new_visitor() -> str:
    """Return the name of a visitor whom nobody knows yet."""
    return random_token()


def make_token(secret: bytes, inbox_id: int, visitor: str) -> str:
    """Return what a visitor's browser keeps to be known again, under one key only."""
    return f"{visitor}.{sign(secret, 'chat', f'{inbox_id}:{visitor}')}"


def visitor_of(secret: bytes, inbox_id: int, token: str | None) -> str | None:
    """Return whose token this is; None if we never made it for this key."""
    visitor, _, signature = (token or "").partition(".")
    if not visitor or len(visitor) > 64 or not signature.isascii():
        return None
    try:
        ours = signed(secret, "chat", f"{inbox_id}:{visitor}", signature)
    except UnicodeEncodeError:
        return None
    return visitor if ours else None


# ---- a line ----------------------------------------------------------------------


def dedupe_key(new: NewLine) -> str:
    """Return how a line is known again."""
    return f"{_prefix(new)}{new.client_id}"


def _prefix(new: NewLine) -> str:
    return f"chat:{rows.visitor_value(new.inbox_id, new.visitor)}:"


def may_write(session: Session, new: NewLine, now: datetime) -> bool:
    """Count a visitor's first line against the cap of the place it comes from.

    False if too many new visitors wrote from there within the hour.
    """
    value = rows.visitor_value(new.inbox_id, new.visitor)
    if rows.find_visitor(session, value) is not None:
        return True
    if rows.waits_to_be_read(session, _prefix(new)):
        return True
    company = find_company(session)
    caps = Caps.of(company.settings if company is not None else {})
    window = f"chat-ip:{new.peer}:{int(now.timestamp() // 3600)}"
    most = caps.chats_per_ip_an_hour
    return people.take_turn(session, window, most, expires_at=now + HOUR, now=now)


def received(session: Session, value: str, up_to: int, now: datetime) -> None:
    """Note what a visitor's widget shows, and tell the agents."""
    for number in rows.mark_received(session, value, up_to, now):
        after_commit(session, conversation_name(number))


def tell_visitor(session: Session, raw: Claimed) -> None:
    """Have a visitor's sockets look for what is new once a line is taken in."""
    value = rows.visitor_value(raw.inbox_id, str(raw.meta["visitor"]))
    after_commit(session, chat_name(value))


def tell_visitors(session: Session, conversation: Conversation) -> None:
    """Have the sockets of a conversation's visitor look for what is new, after the commit."""
    for value, _ in rows.visitors_of(session, conversation.inbox_id, conversation.contact_id):
        after_commit(session, chat_name(value))


# ---- take-in ----------------------------------------------------------------------


def in_turns(raws: Iterable[Claimed]) -> list[list[Claimed]]:
    """Put lines of one visitor or person together in order, everything else by itself."""
    turns: dict[Any, list[Claimed]] = {}
    for raw in raws:
        whose = (raw.inbox_id, raw.meta.get("visitor")) if _is_line(raw) else raw.id
        if raw.meta.get("person"):  # by a messenger
            whose = (raw.inbox_id, raw.meta["person"])
        turns.setdefault(whose, []).append(raw)
    return list(turns.values())


def _is_line(raw: Claimed) -> bool:
    return raw.kind is ChannelKind.CHAT and "visitor" in raw.meta


def said_so_far(session: Session, raw: Claimed) -> str:
    """Return what the visitor wrote before in the conversation that a line belongs to."""
    if not _is_line(raw):
        return ""
    value = rows.visitor_value(raw.inbox_id, str(raw.meta["visitor"]))
    visitor = rows.find_visitor(session, value)
    if visitor is None:
        return ""
    current = rows.find_current(session, raw.inbox_id, visitor.contact_id, raw.received_at)
    return "\n".join(rows.list_said(session, current[0], MOST_LINES)) if current else ""


@dataclass(frozen=True, slots=True)
class Talk:
    """What a chat's promise depends on: whose it is, and which team answers."""

    inbox_id: int
    contact_id: int
    team_id: int | None


def hasten(
    session: Session,
    talk: Talk,
    promise: Promise,
    *,
    now: datetime,
    wrote_at: datetime | None = None,
) -> Promise:
    """Return the promise as chat has it.

    ``wrote_at`` is a line of the visitor's that is just taken in: a sign of presence too.
    """
    signs = [seen for _, seen in rows.visitors_of(session, talk.inbox_id, talk.contact_id)]
    targets = chat_targets(
        promise.targets,
        is_open=promise.calendar.is_open(now),
        on_duty=bool(list_team_on_duty(session, talk.team_id, now)),
        there=any(is_there(sign, now) for sign in [*signs, wrote_at]),
    )
    if targets == promise.targets:
        return promise
    return replace(promise, targets=targets, policy=f"{promise.policy} · chat")


def for_chat(
    session: Session,
    conversation: Conversation,
    promise: Promise,
    *,
    now: datetime,
    wrote_at: datetime | None = None,
) -> Promise:
    """Do what ``hasten`` does if it is a chat; any other channel's promise stays as it is."""
    if conversation.channel is not ChannelKind.CHAT:
        return promise
    talk = Talk(conversation.inbox_id, conversation.contact_id, conversation.team_id)
    return hasten(session, talk, promise, now=now, wrote_at=wrote_at)


def acknowledge(
    session: Session,
    conversation: Conversation,
    promise: Promise,
    house: House,
    now: datetime,
) -> tuple[EventKind, datetime, dict[str, Any]]:
    """Write the automatic line, once, when a conversation opens; return the event of it."""
    text = thanks(session, conversation, promise, house, now)
    session.add(
        Message(
            conversation_id=conversation.id,
            direction=Direction.AUTOMATIC,
            channel=ChannelKind.CHAT,
            text=text,
            visible_text=text,
            created_at=now,
        )
    )
    return acknowledged(conversation, now)


def acknowledged(
    conversation: Conversation, now: datetime
) -> tuple[EventKind, datetime, dict[str, Any]]:
    """Return the event of an acknowledgement that was said in the conversation."""
    promised = conversation.promised_at
    data = {"promised_at": promised.isoformat()} if promised is not None else {}
    return EventKind.ACKNOWLEDGED, now, data


def thanks(
    session: Session,
    conversation: Conversation,
    promise: Promise,
    house: House,
    now: datetime,
) -> str:
    """Return the line of an acknowledgement: number, honest time, link."""
    promised = conversation.promised_at
    say = translator(conversation.language).gettext
    said = [say(THANKS) % {"number": conversation.id}]
    own, inbox_id = load_words(session), conversation.inbox_id
    closed = closed_text(own, inbox_id, promise.calendar, now, conversation.language)
    if closed:
        said.append(closed)
    if promised is not None:
        zone = promise.calendar.timezone
        time = spoken_time(promised, zone, now, conversation.language)
        said.append(say(PROMISED) % {"time": time})
    link = f"{house.base_url}/s/{conversation.public_token}"
    return f"{' '.join(said)}\n{say(FOLLOW) % {'link': link}}"


def may_sort(conversation: Conversation) -> bool:
    """Tell whether the machine still sorts: nobody replied, confirmed or corrected."""
    undecided = conversation.triage in (Triage.AUTO, Triage.NEEDS_REVIEW)
    return (
        conversation.channel is ChannelKind.CHAT
        and undecided
        and conversation.first_responded_at is None
    )


def sort_again(
    session: Session,
    conversation: Conversation,
    said: Prediction,
    rulebook: Rulebook,
    *,
    second_type: str | None,
    wrote_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Sort by all that was said so far; due times may only become earlier.

    Urgency rises by itself and never falls. Team and owner follow the type, unless a person
    has given the conversation to somebody.
    """
    number = conversation.id
    urgency = min(conversation.urgency, Urgency(said.urgency), key=URGENCY_RANK.__getitem__)
    values: dict[str, Any] = {
        "request_type": said.request_type,
        "request_type_confidence": said.request_type_confidence,
        "second_type": second_type,
        "triage": Triage.NEEDS_REVIEW if said.needs_review else Triage.AUTO,
        "urgency": urgency,
        "urgency_rank": URGENCY_RANK[urgency],
    }
    if urgency == said.urgency:
        values["urgency_confidence"] = said.urgency_confidence
    before = {"request_type": conversation.request_type, "urgency": conversation.urgency.value}
    change = moved(before, {"request_type": said.request_type, "urgency": urgency.value})
    if change:
        data = {"request_type": said.request_type, "priority": URGENCY_RANK[urgency] + 1}
        add_event(session, number, EventKind.SORTED, now, {**data, **change})
    team_id = conversation.team_id
    if said.request_type != conversation.request_type and not _is_given(session, number):
        route = routing.choose(
            session,
            rulebook,
            routing.work_of(conversation, said.request_type),
            fallback_team_id=team_id,
            now=now,
            owner_id=conversation.owner_id,
        )
        place = moved(place_of(conversation), route.place)
        if place:
            data = {"reason": route.reason, **route.data, **place}
            add_event(session, number, EventKind.ASSIGNED, now, data)
        team_id = route.team_id
        values |= routing.owned_by(conversation, route)
    about = load_about(session, conversation)
    promise = rulebook.promise(said.clock_candidates or (said.request_type,), urgency, about)
    talk = Talk(conversation.inbox_id, conversation.contact_id, team_id)
    promise = hasten(session, talk, promise, now=now, wrote_at=wrote_at)
    return values | record.keep(session, number, now=now, promise=promise, only_earlier=True)


def _is_given(session: Session, number: int) -> bool:
    """Tell whether a person has given the conversation to somebody."""
    found = session.execute(
        select(events.id)
        .where(
            events.conversation_id == number,
            events.kind == EventKind.ASSIGNED,
            events.actor_id.is_not(None),
        )
        .limit(1)
    ).first()
    return found is not None


def pack_line(new: NewLine) -> tuple[bytes, dict[str, Any]]:
    """Return a line's bytes and what the transport knows of it."""
    meta: dict[str, Any] = {
        "peer": new.peer,
        "visitor": new.visitor,
        "key": dedupe_key(new),
    }
    if new.vouched:
        meta |= {"identity": new.vouched, "authentication": {"site": new.vouched}}
    return pack(new.line), meta
