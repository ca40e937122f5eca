"""Somebody's private calendar of what is due: deadlines, milestones, reminders (F132).

Whoever has its address reads it, without signing in, as calendar programs do. So the address
holds a secret that is shown once and kept as its hash, and what stands in there says no more
than is needed to know what is due: no customer's words.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlmodel import Session

from inbox.auth import hash_token, random_token
from inbox.channels.icswrite import Item
from inbox.db import insert_into
from inbox.errors import NotFound
from inbox.store import dates
from inbox.store.audit import add_entry
from inbox.templating import N_, translator
from models import (
    Agent,
    AuditAction,
    AuditThing,
    CalendarFeed,
    Conversation,
    Status,
)
from models.base import columns, core

agents = columns(Agent)
conversations = columns(Conversation)
feeds = columns(CalendarFeed)

MOST = 300  # conversations, those due first
SEEN_EVERY = timedelta(hours=1)
ANSWER = N_("Answer #%(number)s")
MILESTONE = N_("Milestone: %(title)s")
REMINDER = N_("Reminder: %(title)s")
NO_FEED = N_("There is no calendar at this address.")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose feed is read; ``is_stale``: that it is was not noted for a while."""

    agent_id: int
    name: str
    language: str
    is_stale: bool


def make(session: Session, agent_id: int, *, now: datetime) -> str:
    """Give somebody a feed, or their feed another address; return its secret this once."""
    secret = random_token() + random_token()
    values = {"token_hash": hash_token(secret), "made_at": now, "read_at": None}
    known = session.get(CalendarFeed, agent_id) is not None
    session.execute(
        insert_into(session, CalendarFeed)
        .values(agent_id=agent_id, **values)
        .on_conflict_do_update(index_elements=["agent_id"], set_=values)
    )
    done = AuditAction.CHANGED if known else AuditAction.CREATED
    _note(session, agent_id, done, now)
    return secret


def remove(session: Session, agent_id: int, *, now: datetime) -> None:
    """Let nobody read somebody's feed any longer; nothing if there is none."""
    gone = session.execute(
        delete(CalendarFeed).where(feeds.agent_id == agent_id).returning(feeds.agent_id)
    ).first()
    if gone is not None:
        _note(session, agent_id, AuditAction.REMOVED, now)


def _note(session: Session, agent_id: int, done: AuditAction, now: datetime) -> None:
    add_entry(session, AuditThing.CALENDAR_FEED, agent_id, done, now, by=agent_id)


def find_reader(session: Session, secret: str, now: datetime) -> Reader:
    """Return whose feed an address is.

    Raises
    ------
    NotFound
        If it is nobody's, or somebody's who no longer works here.
    """
    row = session.execute(
        select(agents.id, agents.name, agents.language, feeds.read_at)
        .join(core(CalendarFeed), feeds.agent_id == agents.id)
        .where(feeds.token_hash == hash_token(secret), agents.is_active.is_(True))
    ).first()
    if row is None:
        raise NotFound(NO_FEED)
    is_stale = row.read_at is None or now - row.read_at > SEEN_EVERY
    return Reader(row.id, row.name, row.language, is_stale)


def note_read(session: Session, agent_id: int, now: datetime) -> None:
    """Note that a feed is read, to an hour."""
    session.execute(update(CalendarFeed).where(feeds.agent_id == agent_id).values(read_at=now))


def list_items(session: Session, reader: Reader, base_url: str) -> list[Item]:
    """Return what somebody has to do and by when."""
    say = translator(reader.language).gettext
    items = [
        Item(
            f"answer-{row.id}@kip",
            row.next_due_at,
            say(ANSWER) % {"number": row.id},
            f"{base_url}/inbox/{row.id}",
        )
        for row in session.execute(
            select(conversations.id, conversations.next_due_at)
            .where(
                conversations.owner_id == reader.agent_id,
                conversations.status == Status.OPEN,
                conversations.next_due_at.is_not(None),
            )
            .order_by(conversations.next_due_at, conversations.id)
            .limit(MOST)
        )
    ]
    for milestone in dates.list_milestones_of(session, reader.agent_id):
        place = _place(milestone.account_id, milestone.conversation_id, base_url)
        title = say(MILESTONE) % {"title": milestone.title}
        key = f"milestone-{milestone.id}@kip"
        items.append(Item(key, milestone.due_at, title, place))
    for one in dates.list_reminders_of(session, reader.agent_id):
        place = _place(one.account_id, one.conversation_id, base_url)
        title = say(REMINDER) % {"title": one.text or place.rpartition("/")[2]}
        items.append(Item(f"reminder-{one.id}@kip", one.due_at, title, place))
    return items


def _place(account_id: int | None, conversation_id: int | None, base_url: str) -> str:
    if conversation_id is not None:
        return f"{base_url}/inbox/{conversation_id}"
    return f"{base_url}/accounts/{account_id}"
