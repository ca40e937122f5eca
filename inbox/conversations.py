"""What a person can do with a conversation.

Every function here wants one that was loaded ``to_change`` (``inbox.store.conversations``):
two people at once, or a person and a message that is just taken in, then take turns.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, or_, select, update
from sqlmodel import Session

from inbox import chat, passing, record
from inbox.acknowledgement import House
from inbox.channels.addresses import is_strict
from inbox.chatting import letters
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid
from inbox.failpoints import failpoint
from inbox.outgoing import messengers, ways, word
from inbox.outgoing.letters import NOTHING_MORE, Extras, check_extras, keep_files, post
from inbox.outgoing.marks import find_marked
from inbox.queue import OUTBOX
from inbox.store import conversations as rows
from inbox.store import merges, owners, people
from inbox.store.changes import (
    add_event,
    changed,
    moved,
    place_of,
)
from inbox.store.duty import list_running
from inbox.store.messengers import Reach
from inbox.store.people import Person
from inbox.templating import N_
from inbox.timeline import Happened
from models import (
    MESSENGERS,
    AwayKind,
    ChannelKind,
    Conversation,
    Direction,
    EventKind,
    Message,
    OutboxKind,
    Status,
)
from models.base import columns

messages = columns(Message)
conversations = columns(Conversation)


class NewerMessage(Conflict):
    """Somebody wrote meanwhile; nothing was sent."""

    problem_type = "urn:kip:problem:newer-message"

    def __init__(self, who: str, seconds_ago: int, last_message_id: int) -> None:
        super().__init__(f"Not sent: {who} wrote {seconds_ago} s ago.")
        self.who = who
        self.seconds_ago = seconds_ago
        self.last_message_id = last_message_id


def reply(  # noqa: PLR0913 - what a page, a script and a chat say of an answer
    session: Session,
    conversation: Conversation,
    text: str,
    house: House,
    *,
    by: Person,
    now: datetime,
    seen: int | None = None,
    key: str | None = None,
    extras: Extras = NOTHING_MORE,
) -> Message:
    """Send an answer to the contact; the reply clocks are met now.

    The same ``key`` again returns the first message. ``seen`` is the last message the writer
    had read.

    Raises
    ------
    Invalid
        If there is no text or nowhere to send it.
    NewerMessage
        If a message came after ``seen``.
    NoDelivery
        If the address is marked, and it is not to go there anyway.
    """
    again = _same_key(session, key)
    if again is not None:
        return again
    _demand_answerable(session, conversation)
    body = _written(text)
    way, reach = ways.choose(session, conversation, extras.to, now)
    by_mail = way is ChannelKind.EMAIL
    address = _address_of(session, conversation, extras.to) if by_mail else ""
    if reach is not None:
        messengers.check(way, body, extras)
    else:
        check_extras(extras, house, by_mail=by_mail)
    if extras.word is not None:
        word.check(conversation, extras.word, now)
    check_seen(session, conversation, seen, now)
    anyway = not by_mail or extras.anyway
    _check_marks(session, [] if anyway else [address, *extras.cc, *extras.bcc])
    if extras.word is not None:
        body = word.add_to(session, conversation, body, extras.word, now)
    message = _store(session, conversation, body, Direction.OUTBOUND, by, key, now, way)
    _hand_over(session, conversation, message, Goes(reach, address, house, extras), by)
    said = [Happened(EventKind.REPLIED, now, {"message": message.id}, by.id)]
    if extras.word is not None:
        said.append(word.happened(extras.word, message.id, by.id, now))
    values = record.keep(session, conversation.id, *said, now=now)
    values |= {"last_message_id": message.id, "asked_again": 0, "thanked_at": None}
    if conversation.first_responded_at is None:
        values["first_responded_at"] = now
    if conversation.waiting_until is not None and conversation.status is Status.OPEN:
        values["status"] = (
            Status.WAITING
        )  # for somebody else; the customer had written meanwhile
    changed(session, conversation.id, OUTBOX, **values)
    failpoint("reply.written")
    return message


@dataclass(frozen=True, slots=True)
class Goes:
    """Where an answer goes, and what with it: to a messenger's ``reach`` or an address."""

    reach: Reach | None
    address: str
    house: House
    extras: Extras


def _hand_over(
    session: Session, conversation: Conversation, message: Message, goes: Goes, by: Person
) -> None:
    """Let an answer go its way: ``message.channel``."""
    house, extras = goes.house, goes.extras
    if message.channel is not ChannelKind.EMAIL:  # a mail's row is written with its own id
        session.flush()
    if message.channel is ChannelKind.CHAT:  # the row is the answer: the socket reads it
        keep_files(session, message, extras.files)
        chat.tell_visitors(session, conversation)
        letters.plan(session, message, message.created_at)
    elif goes.reach is not None:
        kind = OutboxKind.REPLY
        messengers.post(session, conversation, message, goes.reach, house, kind, extras)
    else:
        post(session, conversation, message, house, goes.address, by, extras)


RESTRICTED = N_("Not sent: this person’s data is restricted. An administrator can lift that.")


def _demand_answerable(session: Session, conversation: Conversation) -> None:
    if conversation.status is Status.SPAM:
        raise Conflict("It is set apart as spam. Say first that it is none.")
    if people.is_restricted(session, conversation.contact_id):
        raise Conflict(RESTRICTED)


class NoDelivery(Conflict):
    """Mail to ``address`` came back for good; nothing was sent."""

    problem_type = "urn:kip:problem:address-bounced"

    def __init__(self, address: str) -> None:
        super().__init__(f"Not sent: mail to {address} came back.")
        self.address = address


def _check_marks(session: Session, addresses: list[str]) -> None:
    marked = find_marked(session, addresses)
    for address in addresses:
        if address in marked:
            raise NoDelivery(address)


NOT_THEIRS = N_("This is no address that the customer has answered from. Choose another.")


def _address_of(session: Session, conversation: Conversation, chosen: str = "") -> str:
    """Return where an answer goes: the contact's first address, or another proven one."""
    addresses = people.list_identities(session, conversation.contact_id).get("email", [])
    by_mail = conversation.channel not in (*MESSENGERS, ChannelKind.CHAT)
    if chosen and (chosen not in addresses[:1] or not by_mail):
        if chosen not in people.list_verified(session, conversation.contact_id):
            raise Invalid(NOT_THEIRS, {"to": NOT_THEIRS})
        return chosen
    if not addresses or not is_strict(addresses[0]):
        raise Invalid("There is no address to answer to; you can keep notes.")
    return addresses[0]


def note(
    session: Session,
    conversation: Conversation,
    text: str,
    *,
    by: Person,
    now: datetime,
    key: str | None = None,
) -> Message:
    """Keep a note for colleagues; it answers nobody and stops no clock.

    Raises
    ------
    Invalid
        If there is no text.
    """
    again = _same_key(session, key)
    if again is not None:
        return again
    body = _written(text)
    message = _store(session, conversation, body, Direction.NOTE, by, key, now)
    session.flush()
    add_event(session, conversation.id, EventKind.NOTED, now, {"message": message.id}, by=by.id)
    changed(session, conversation.id, last_message_id=message.id)
    return message


def claim(session: Session, conversation: Conversation, *, by: Person, now: datetime) -> None:
    """Take a conversation, unless a colleague has taken it meanwhile.

    Raises
    ------
    Conflict
        If its owner changed since it was loaded.
    """
    if conversation.owner_id == by.id:
        return
    running = list_running(session, now, [by.id]).get(by.id)
    if running is not None and running.kind is not AwayKind.ABSENCE:
        raise Conflict("A colleague has your work until later. End that first.")
    if running is not None:
        raise Conflict("You are away until later. Say that you are back first.")
    before = conversation.owner_id
    mine, covering = {"owner_id": by.id, "covered_for_id": None}, _covering(conversation)
    if not rows.change(session, conversation.id, _owned_by(before), **mine):
        raise Conflict("A colleague has just taken it.")
    data = {"reason": "claimed", "owner": by.id, "before": before}
    data |= moved(covering, {"owner": by.id, "covered_for": None})
    add_event(session, conversation.id, EventKind.ASSIGNED, now, data, by=by.id)
    changed(session, conversation.id)


def assign(
    session: Session,
    conversation: Conversation,
    owner_id: int | None,
    *,
    by: Person,
    now: datetime,
    reason: str = passing.UNSTATED,
    note: str = "",
) -> None:
    """Give a conversation to a colleague, of whatever team, or to nobody; it may be theirs.

    To somebody of another team it is passed on, for a ``reason`` of ``passing``; its team
    stays.

    Raises
    ------
    Invalid
        If there is no such person, they no longer work here, or it is passed on without a
        reason.
    Conflict
        If its owner changed since it was loaded.
    """
    before = conversation.owner_id
    if before == owner_id:
        return
    if owner_id is not None and not owners.is_active(session, owner_id):
        raise Invalid("Nobody who works here can be found under this name.")
    leaves = owner_id != by.id and passing.leaves_team(session, conversation.team_id, owner_id)
    text = passing.check(reason, note) if leaves else ""
    theirs = {"owner_id": owner_id, "covered_for_id": None}
    covering = _covering(conversation)
    if not rows.change(session, conversation.id, _owned_by(before), **theirs):
        raise Conflict("Its owner has just changed.")
    how = "claimed" if owner_id == by.id else "assigned" if owner_id else "unassigned"
    data = {"reason": how, "owner": owner_id, "before": before}
    data |= moved(covering, {"owner": owner_id, "covered_for": None})
    add_event(session, conversation.id, EventKind.ASSIGNED, now, data, by=by.id)
    if leaves:
        place = place_of(conversation)
        places = {**place, "owner": before}, {**place, "owner": owner_id}
        passing.note_passing(session, conversation, *places, reason, text, by=by, now=now)
    changed(session, conversation.id)


def _covering(conversation: Conversation) -> dict[str, int | None]:
    return {"owner": conversation.owner_id, "covered_for": conversation.covered_for_id}


def _owned_by(owner_id: int | None) -> ColumnElement[bool]:
    owner = conversations.owner_id
    return owner.is_(None) if owner_id is None else owner == owner_id


def mark_read(session: Session, conversation: Conversation, now: datetime) -> None:
    """Record that somebody opened it; this stops no clock and moves no version."""
    done = session.execute(
        update(Conversation)
        .where(
            conversations.id == conversation.id,
            or_(
                conversations.read_at.is_(None),
                conversations.read_at < conversations.last_inbound_at,
            ),
            conversations.last_inbound_at.is_not(None),
        )
        .values(read_at=now)
    )
    if done.rowcount:  # type: ignore[attr-defined]
        after_commit(session, "list")
        if conversation.channel is ChannelKind.CHAT:  # the visitor is told, too
            chat.tell_visitors(session, conversation)


def _written(text: str) -> str:
    body = text.replace("\r\n", "\n").strip()
    if not body:
        raise Invalid("Write something first.", {"body": "Write something first."})
    return body


_SAME_KEY = select(messages.id).where(messages.client_key == bindparam("key"))


def _same_key(session: Session, key: str | None) -> Message | None:
    if not key:
        return None
    found = session.execute(_SAME_KEY, {"key": key}).scalar_one_or_none()
    return session.get(Message, found) if found is not None else None


def check_seen(
    session: Session, conversation: Conversation, seen: int | None, now: datetime
) -> None:
    """Raise ``NewerMessage`` if somebody wrote after the last message that was read.

    ``seen`` is that message; None asks for no check.
    """
    if seen is None:
        return
    newer = session.execute(
        select(Message)
        .where(
            messages.conversation_id.in_(merges.family(session, conversation)),
            messages.id > seen,
            messages.direction.in_([Direction.INBOUND, Direction.OUTBOUND]),
            messages.is_machine.is_(False),
        )
        .order_by(messages.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if newer is None:
        return
    colleagues = people.list_colleagues(session)
    author = colleagues.get(newer.author_id or 0)
    who = author.name if author else newer.sender_address or "the customer"
    ago = max(int((now - newer.created_at).total_seconds()), 0)
    raise NewerMessage(who, ago, newer.id)


def _store(
    session: Session,
    conversation: Conversation,
    text: str,
    direction: Direction,
    by: Person,
    key: str | None,
    now: datetime,
    channel: ChannelKind | None = None,
) -> Message:
    message = Message(
        conversation_id=conversation.id,
        direction=direction,
        channel=channel or conversation.channel,
        author_id=by.id,
        text=text,
        visible_text=text,
        client_key=key or None,
        created_at=now,
    )
    session.add(message)
    return message
