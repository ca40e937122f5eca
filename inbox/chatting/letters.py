"""A chat that its visitor has left goes on by mail, in the same conversation.

Each answer is looked at a minute after it was written: if the visitor has not seen it and is
gone, it goes to the address that they gave last. That address is a claim, so the mail says how
it came about, quotes nothing that anybody typed into the chat and links to nothing private.
Whoever answers it, answers into the conversation, by the mail's signed id (``threads``).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from inbox.acknowledgement import House, sender_of
from inbox.addressing import inbox_named
from inbox.channels.addresses import is_strict
from inbox.clock import utcnow
from inbox.db import Database, after_commit
from inbox.house import load_house
from inbox.outgoing.letters import Instead, post
from inbox.outgoing.marks import find_marked
from inbox.queue import OUTBOX, conversation_name
from inbox.settings import Settings
from inbox.sla.chat import is_there
from inbox.store import chat as visitors
from inbox.store import chatletters as rows
from inbox.store import people
from inbox.store.changes import door_address
from inbox.store.conversations import get_to_change
from inbox.store.people import Person
from inbox.templating import N_, translator
from models import Agent, ChatLetter, Conversation, Message

LOOK_AFTER = timedelta(seconds=60)  # somebody who changes pages is soon back
LOOK_AGAIN = timedelta(seconds=30)
LONGEST = timedelta(minutes=15)  # with the page open somewhere, and nobody in front of it
NO_ADDRESS, OWN_ADDRESS, BOUNCED, RESTRICTED = (
    *("no_address", "own_address"),
    *("bounced", "restricted"),
)
SUBJECT = N_("Our answer to your chat (#%(number)s)")
BEFORE = N_("You wrote to %(company)s in the chat on our site. Here is our answer:")
AFTER = N_(
    "Simply answer this mail, or come back to the chat: it is one conversation, and what you "
    "answer also appears there. If you did not write to us, please ignore this mail."
)


def plan(session: Session, message: Message, now: datetime) -> None:
    """Have an answer in a chat looked at: seen, or to be sent by mail."""
    rows.plan(session, message.id, now + LOOK_AFTER)


class Letters:
    """Sends by mail what a visitor who has left has not seen."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret

    async def once(self) -> bool:
        """Look at what is due; True if there may be more."""
        if not await self._database.read(rows.is_due, utcnow()):
            return False
        looked_at = await self._database.write(
            look_at_due, self._settings, self._secret, utcnow()
        )
        return looked_at == rows.MOST_AT_ONCE


def look_at_due(session: Session, settings: Settings, secret: bytes, now: datetime) -> int:
    """Look at each conversation with an answer that is due; return how many those are."""
    house = load_house(session, settings, secret)
    numbers = rows.due_numbers(session, now) if house is not None else []
    for number in numbers:
        if house is not None:
            _look_at(session, number, house, now)
    return len(numbers)


def _look_at(session: Session, number: int, house: House, now: datetime) -> None:
    conversation = get_to_change(session, number)
    waiting = rows.claim(session, number)
    if conversation is None or not waiting:
        return
    rows.forget(session, [one.id for one, message in waiting if message.delivered_at])
    unseen = [pair for pair in waiting if pair[1].delivered_at is None]
    if not unseen:
        return
    signs = visitors.visitors_of(session, conversation.inbox_id, conversation.contact_id)
    is_here = any(is_there(at, now) for _, at in signs)
    if is_here and now - unseen[0][1].created_at < LONGEST:
        rows.put_off(session, [one.id for one, _ in unseen], now + LOOK_AGAIN)
        return
    address = rows.last_address(session, number) or _known_address(session, conversation)
    reason = _reason_against(session, conversation, house, address)
    if reason:
        rows.settle(session, [one.id for one, _ in unseen], reason=reason)
    else:
        _send(session, conversation, unseen, house, address)
    after_commit(session, conversation_name(number), OUTBOX)


def _reason_against(
    session: Session, conversation: Conversation, house: House, address: str
) -> str:
    """Return why nothing can be sent to an address, or ""."""
    if not is_strict(address) or not sender_of(house, door_address(session, conversation)):
        return NO_ADDRESS
    if inbox_named(address, house.own_addresses):
        return OWN_ADDRESS
    if find_marked(session, [address]):
        return BOUNCED
    return RESTRICTED if people.is_restricted(session, conversation.contact_id) else ""


def _send(
    session: Session,
    conversation: Conversation,
    unseen: Sequence[tuple[ChatLetter, Message]],
    house: House,
    address: str,
) -> None:
    """Send what was not seen: together, but that each mail carries one answer's files."""
    files = rows.with_files(session, [message.id for _, message in unseen])
    together: list[tuple[ChatLetter, Message]] = []
    for number, pair in enumerate(unseen, start=1):
        together.append(pair)
        message = pair[1]
        if message.id not in files and number < len(unseen):
            continue
        say = translator(conversation.language).gettext
        words = Instead(
            subject=say(SUBJECT) % {"number": conversation.id},
            text="\n\n".join(
                [
                    say(BEFORE) % {"company": house.company},
                    *(one.text for _, one in together if one.text),
                    say(AFTER),
                ]
            ),
            has_files=message.id in files,
        )
        by = _author(session, message)
        mail = post(session, conversation, message, house, address, by, instead=words)
        session.flush()
        rows.settle(session, [one.id for one, _ in together], outbox_id=mail.id)
        together = []


def _known_address(session: Session, conversation: Conversation) -> str:
    known = people.list_identities(session, conversation.contact_id).get("email", [])
    return known[0] if known else ""


def _author(session: Session, message: Message) -> Person:
    agent = session.get_one(Agent, message.author_id)
    known = (agent.id, agent.name, agent.email, agent.role, agent.language, agent.theme)
    return Person(*known, agent.on_duty, frozenset())
