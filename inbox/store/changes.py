"""What every change to a conversation ends with: an event, a new version, an announcement."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlmodel import Session

from inbox.db import after_commit, before_commit
from inbox.queue import conversation_name
from inbox.store import accounts, hooks, merges
from inbox.store import conversations as rows
from models import ChannelKind, Conversation, Direction, Event, EventKind, Inbox, Message
from models.base import columns, core

messages = columns(Message)

_ADD_EVENT = insert(core(Event))


def add_event(
    session: Session,
    conversation_id: int,
    kind: EventKind,
    at: datetime,
    data: dict[str, Any] | None = None,
    *,
    by: int | None = None,
) -> None:
    """Write down that something happened."""
    _touch(session, conversation_id, at)
    found = _event(conversation_id, kind, at, data or {}, by)
    session.execute(_ADD_EVENT, found)
    hooks.hear(session, [found])


def add_happened(
    session: Session,
    happened: Iterable[tuple[int, EventKind, datetime, dict[str, Any], int | None]],
) -> None:
    """Write down events of any conversations: number, kind, when, data and who did it."""
    found = [_event(*what) for what in happened]
    if found:
        session.execute(_ADD_EVENT, found)
        for one in found:
            _touch(session, one["conversation_id"], one["at"])
        hooks.hear(session, found)


def _touch(session: Session, conversation_id: int, at: datetime) -> None:
    """Remember whose figures are to be counted again; written once, before the commit."""
    touched: dict[int, datetime] = session.info.setdefault("touched", {})
    touched[conversation_id] = at
    before_commit(session, _mark)


def _mark(session: Session) -> None:
    touched: dict[int, datetime] = session.info.pop("touched", {})
    if touched:
        accounts.mark_touched(session, touched, max(touched.values()))


def _event(
    conversation_id: int,
    kind: EventKind,
    at: datetime,
    data: dict[str, Any],
    actor_id: int | None,
) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "kind": kind,
        "at": at,
        "actor_id": actor_id,
        "data": data,
    }


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event's ``data`` says of a change: ``from`` and ``to``, by field.

    Both hold JSON values (ids of people and teams, an instant as ISO text) of the fields that
    differ only; nothing differs, nothing is said.
    """
    names = [name for name in after if before.get(name) != after[name]]
    if not names:
        return {}
    return {
        "from": {name: before.get(name) for name in names},
        "to": {name: after[name] for name in names},
    }


def place_of(conversation: Conversation) -> dict[str, Any]:
    """Return who answers for a conversation, as ``moved`` compares it."""
    return {"team": conversation.team_id, "owner": conversation.owner_id}


def changed(session: Session, conversation_id: int, *bells: str, **values: Any) -> None:
    """Change a conversation and announce it after the commit."""
    if values:
        rows.change(session, conversation_id, **values)
    after_commit(session, "list", conversation_name(conversation_id), *bells)


def door_address(session: Session, conversation: Conversation) -> str | None:
    """Return the address of the inbox that it came to, if that is an e-mail inbox."""
    door = session.get(Inbox, conversation.inbox_id)
    return door.handle if door is not None and door.kind is ChannelKind.EMAIL else None


_LAST_INBOUND = (
    select(messages.email_message_id)
    .where(
        messages.conversation_id.in_(bindparam("numbers", expanding=True)),
        messages.contact_id == bindparam("contact_id"),
        messages.direction == Direction.INBOUND,
        messages.is_machine.is_(False),
        messages.email_message_id.is_not(None),
    )
    .order_by(messages.id.desc())
    .limit(1)
)


def last_inbound_id(session: Session, conversation: Conversation) -> str:
    """Return the Message-ID of the last mail that its contact wrote, or ""."""
    values = {
        "numbers": merges.family(session, conversation),
        "contact_id": conversation.contact_id,
    }
    return session.execute(_LAST_INBOUND, values).scalar_one_or_none() or ""
