"""Visitors of the chat and what is there for them to read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from inbox.db import insert_into
from models import (
    Attachment,
    Blob,
    ChannelKind,
    ChatPace,
    ContactIdentity,
    Conversation,
    Direction,
    Event,
    EventKind,
    Message,
    RawMessage,
    RawState,
    Status,
)
from models.base import columns, core

identities = columns(ContactIdentity)
conversations = columns(Conversation)
messages = columns(Message)
raws = columns(RawMessage)
events = columns(Event)
paces = columns(ChatPace)
attachments = columns(Attachment)
blobs = columns(Blob)

KIND = "chat"
SPOKEN = (Direction.OUTBOUND, Direction.AUTOMATIC)
REOPENS_FOR = timedelta(days=7)  # after it was done
MOST_AT_ONCE = 200
PACE_OVER = timedelta(hours=2)
PACE_LIVES = timedelta(minutes=10)  # a worker counts each minute
FEWEST = 3  # visits that make a pace
GRACE_S = 60  # whoever has waited less says nothing yet
LOOKED_AT = 2000  # newest conversations, of all channels


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor who has written: whose contact, and when the widget was last connected."""

    id: int
    contact_id: int
    seen_at: datetime | None


def visitor_value(inbox_id: int, visitor: str) -> str:
    """Return how a visitor of one key is written as an identity."""
    return f"{inbox_id}:{visitor}"


def find_visitor(session: Session, value: str, *, to_change: bool = False) -> Visitor | None:
    """Return a visitor, or None before the first line was taken in.

    ``to_change`` makes lines of one visitor take turns, so that two never open two
    conversations.
    """
    query = select(identities.id, identities.contact_id, identities.seen_at).where(
        identities.kind == KIND, identities.value == value
    )
    row = session.execute(query.with_for_update() if to_change else query).one_or_none()
    return None if row is None else Visitor(*row)


def visitors_of(
    session: Session, inbox_id: int, contact_id: int
) -> list[tuple[str, datetime | None]]:
    """Return who reads a contact's chats in a widget: identity values and when last seen."""
    found = session.execute(
        select(identities.value, identities.seen_at).where(
            identities.contact_id == contact_id,
            identities.kind == KIND,
            identities.value.startswith(f"{inbox_id}:", autoescape=True),
        )
    )
    return [(row.value, row.seen_at) for row in found]


def seen(session: Session, values: Iterable[str], now: datetime) -> None:
    """Note that these visitors' widgets are connected."""
    session.execute(
        update(ContactIdentity)
        .where(identities.kind == KIND, identities.value.in_(list(values)))
        .values(seen_at=now)
    )


def find_current(
    session: Session,
    inbox_id: int,
    contact_id: int,
    at: datetime,
    channel: ChannelKind = ChannelKind.CHAT,
) -> tuple[int, Status] | None:
    """Return the conversation that somebody's next line belongs to, if there is one.

    So in a chat, and by a messenger. One that was merged into another has its lines too,
    while the other is in work.
    """
    whole = aliased(Conversation)
    in_work = [Status.OPEN, Status.WAITING, Status.SNOOZED]
    row = session.execute(
        select(conversations.id, conversations.status)
        .outerjoin(whole, conversations.merged_into_id == whole.id)
        .where(
            conversations.contact_id == contact_id,
            conversations.inbox_id == inbox_id,
            conversations.channel == channel,
            or_(
                conversations.status.in_(in_work),
                (conversations.status == Status.MERGED) & col(whole.status).in_(in_work),
                (conversations.status == Status.RESOLVED)
                & (conversations.resolved_at >= at - REOPENS_FOR),
            ),
        )
        .order_by(conversations.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.id, row.status)


def _theirs(inbox_id: int, contact_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        conversations.contact_id == contact_id,
        conversations.inbox_id == inbox_id,
        conversations.channel == ChannelKind.CHAT,
    )


def list_newer(session: Session, value: str, after: int, *, own: bool = False) -> list[Message]:
    """Return what a visitor has not got yet, oldest first; ``own`` adds the own lines."""
    visitor = find_visitor(session, value)
    if visitor is None:
        return []
    inbox_id = int(value.partition(":")[0])
    said: ColumnElement[bool] = messages.direction.in_(SPOKEN)
    if own:  # nobody else's mail, though it is in the same conversation
        mine = messages.contact_id == visitor.contact_id
        said = said | ((messages.direction == Direction.INBOUND) & mine)
    found = session.execute(
        select(Message)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(
            *_theirs(inbox_id, visitor.contact_id),
            messages.id > after,
            messages.is_machine.is_(False),
            said,
        )
        .order_by(messages.id)
        .limit(MOST_AT_ONCE)
    )
    return list(found.scalars())


def newest_ids(session: Session, values: list[str]) -> dict[str, int]:
    """Return the newest message id for each of these visitors who has one: one query."""
    found = session.execute(
        select(identities.value, func.max(messages.id).label("newest"))
        .join(core(Conversation), conversations.contact_id == identities.contact_id)
        .join(core(Message), messages.conversation_id == conversations.id)
        .where(
            identities.kind == KIND,
            identities.value.in_(values),
            conversations.channel == ChannelKind.CHAT,
            messages.direction.in_([*SPOKEN, Direction.INBOUND]),
        )
        .group_by(identities.value)
    )
    return {row.value: row.newest for row in found}


def current_state(session: Session, value: str) -> tuple[int, datetime | None]:
    """Return a visitor's newest conversation (0: none), and when one of us last read it."""
    visitor = find_visitor(session, value)
    if visitor is None:
        return 0, None
    row = session.execute(
        select(conversations.id, conversations.read_at)
        .where(*_theirs(int(value.partition(":")[0]), visitor.contact_id))
        .order_by(conversations.id.desc())
        .limit(1)
    ).one_or_none()
    return (0, None) if row is None else (row.id, row.read_at)


def files_of(session: Session, ids: Iterable[int]) -> dict[int, list[tuple[str, str, int]]]:
    """Return the files of messages: blob id, name and size, by message."""
    wanted = list(ids)
    found: dict[int, list[tuple[str, str, int]]] = {}
    if not wanted:
        return found
    rows = session.execute(
        select(
            *(attachments.message_id, attachments.blob_id),
            *(attachments.filename, attachments.size_bytes),
        )
        .where(attachments.message_id.in_(wanted))
        .order_by(attachments.id)
    )
    for number, blob, name, size in rows:
        found.setdefault(number, []).append((blob, name, size))
    return found


def find_file(session: Session, inbox_id: int, blob_id: str) -> tuple[str, bytes] | None:
    """Return name and bytes of a file that was said in one chat's conversations."""
    row = session.execute(
        select(attachments.filename, blobs.content)
        .join(core(Blob), blobs.id == attachments.blob_id)
        .join(core(Message), messages.id == attachments.message_id)
        .join(core(Conversation), conversations.id == messages.conversation_id)
        .where(
            attachments.blob_id == blob_id,
            conversations.inbox_id == inbox_id,
            messages.direction != Direction.NOTE,
        )
    ).one_or_none()
    return None if row is None else (row.filename, row.content)


def mark_received(session: Session, value: str, up_to: int, now: datetime) -> list[int]:
    """Note what a visitor's widget shows, up to an id; return the conversations changed."""
    visitor = find_visitor(session, value)
    if visitor is None:
        return []
    mine = select(conversations.id).where(
        *_theirs(int(value.partition(":")[0]), visitor.contact_id)
    )
    done = session.execute(
        update(Message)
        .where(
            messages.conversation_id.in_(mine),
            messages.direction.in_(SPOKEN),
            messages.id <= up_to,
            messages.delivered_at.is_(None),
        )
        .values(delivered_at=now)
        .returning(messages.conversation_id)
        .execution_options(synchronize_session=False)
    )
    return sorted(set(done.scalars()))


def find_pace(session: Session, inbox_id: int, now: datetime) -> int | None:
    """Return how long visitors of a chat wait just now, in seconds; None if few wrote."""
    found = select(paces.wait_s).where(
        paces.inbox_id == inbox_id,
        paces.answers >= FEWEST,
        paces.counted_at > now - PACE_LIVES,
    )
    return session.execute(found).scalar_one_or_none()


def count_waits(session: Session, now: datetime) -> dict[int, list[int]]:
    """Return how long visitors of the last two hours waited, by inbox, in seconds.

    Whoever still waits has waited until now.
    """
    newest = select(func.max(conversations.id)).scalar_subquery()
    found = session.execute(
        select(
            conversations.inbox_id, conversations.created_at, conversations.first_responded_at
        ).where(
            conversations.id > newest - LOOKED_AT,
            conversations.channel == ChannelKind.CHAT,
            conversations.created_at > now - PACE_OVER,
            conversations.status != Status.SPAM,
            or_(
                conversations.first_responded_at.is_not(None),
                conversations.status == Status.OPEN,
            ),
        )
    )
    waits: dict[int, list[int]] = {}
    for inbox_id, began, answered in found:
        waited = int(((answered or now) - began).total_seconds())
        if answered is not None or waited > GRACE_S:
            waits.setdefault(inbox_id, []).append(waited)
    return waits


def keep_pace(
    session: Session, inbox_id: int, wait_s: int, answers: int, now: datetime
) -> None:
    """Write down how long visitors of a chat wait."""
    values = {"wait_s": wait_s, "answers": answers, "counted_at": now}
    statement = insert_into(session, ChatPace).values(inbox_id=inbox_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["inbox_id"], set_=values))


def list_said(session: Session, conversation_id: int, most: int) -> list[str]:
    """Return the visitor's last lines of a conversation, oldest first."""
    found = session.execute(
        select(messages.visible_text)
        .where(
            messages.conversation_id == conversation_id,
            messages.direction == Direction.INBOUND,
        )
        .order_by(messages.id.desc())
        .limit(most)
    )
    return list(reversed(found.scalars().all()))


def only_chats(session: Session, contact_id: int) -> bool:
    """Tell whether all we know of a contact is what a visitor typed."""
    first = (
        select(conversations.channel)
        .where(conversations.contact_id == contact_id)
        .distinct()
        .limit(2)
    )
    return list(session.execute(first).scalars()) == [ChannelKind.CHAT]


def drop_claim(session: Session, contact_id: int, address: str) -> None:
    """Take an address from a visitor who only typed it; it stays with the lines."""
    session.execute(
        delete(ContactIdentity).where(
            identities.contact_id == contact_id,
            identities.kind == "email",
            identities.value == address,
        )
    )


def was_hinted(session: Session, conversation_id: int) -> bool:
    """Tell whether agents were shown what else may belong to a conversation."""
    found = session.execute(
        select(events.id)
        .where(events.conversation_id == conversation_id, events.kind == EventKind.HINTED)
        .limit(1)
    ).first()
    return found is not None


def waits_to_be_read(session: Session, prefix: str) -> bool:
    """Tell whether a line with a dedupe key beginning so is not taken in yet."""
    found = session.execute(
        select(raws.id)
        .where(
            raws.state == RawState.PENDING,
            raws.dedupe_key.startswith(prefix, autoescape=True),
        )
        .limit(1)
    ).first()
    return found is not None
