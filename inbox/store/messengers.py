"""Who writes through messengers, until when they may be answered, how far answers have come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import delete, func, or_, select, update
from sqlmodel import Session

from inbox.db import after_commit, insert_into
from inbox.queue import FILES, conversation_name
from models import (
    ContactIdentity,
    Conversation,
    Message,
    Messenger,
    MessengerFile,
    MessengerPerson,
    MessengerPiece,
    Outbox,
)
from models.base import columns, core

accounts = columns(Messenger)
people = columns(MessengerPerson)
pieces = columns(MessengerPiece)
identities = columns(ContactIdentity)
conversations = columns(Conversation)
outbox = columns(Outbox)

MOST_FILES = 20  # of one message
MOST_SIZE = 2**31 - 1
ORPHANS_LIVE = timedelta(days=2)  # a provider's word about what we never sent


def value_of(inbox_id: int, user: str) -> str:
    """Return how somebody's id with a provider is written as an identity."""
    return f"{inbox_id}:{user}"


def user_of(value: str) -> str:
    """Return somebody's id with the provider."""
    return value.partition(":")[2]


def address_of(inbox_id: int, user: str, kind: str) -> str:
    """Return where an answer to somebody goes; the part behind @ is the account's pace."""
    return f"{user}@{inbox_id}.{kind}"


@dataclass(frozen=True, slots=True)
class Reach:
    """Somebody whom an answer reaches: their id there, and until when it may be written.

    ``until`` None is always. Who has ``left`` takes nothing.
    """

    inbox_id: int
    value: str
    wrote_at: datetime
    until: datetime | None
    left: bool

    @property
    def user(self) -> str:
        """Their id with the provider."""
        return user_of(self.value)

    def is_open(self, at: datetime) -> bool:
        """Tell whether they may be written to."""
        return not self.left and (self.until is None or at < self.until)


def note_written(
    session: Session,
    inbox_id: int,
    value: str,
    at: datetime,
    window: timedelta | None,
    *,
    is_named: bool,
) -> None:
    """Note that somebody wrote; an event that comes late moves nothing back.

    Who is not named yet is asked for at the provider.
    """
    until = at + window if window is not None else None
    values: dict[str, Any] = {"wrote_at": at, "may_write_until": until, "left_at": None}
    session.execute(
        insert_into(session, MessengerPerson)
        .values(inbox_id=inbox_id, value=value, named_at=at if is_named else None, **values)
        .on_conflict_do_update(
            index_elements=["inbox_id", "value"], set_=values, where=people.wrote_at < at
        )
    )


class ToFetch(Protocol):
    """A file that lies with a provider."""

    @property
    def id(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def size_bytes(self) -> int | None: ...


def plan_files(
    session: Session, message: Message, inbox_id: int, some: Sequence[ToFetch]
) -> None:
    """Have files fetched that came with a message."""
    at = message.created_at
    for one in some[:MOST_FILES]:
        session.add(
            MessengerFile(
                message_id=message.id,
                inbox_id=inbox_id,
                reference=one.id,
                filename=one.filename,
                content_type=one.content_type,
                size_bytes=one.size_bytes if (one.size_bytes or 0) <= MOST_SIZE else MOST_SIZE,
                next_at=at,
                created_at=at,
            )
        )
    if some:
        after_commit(session, FILES)


def find_reach(session: Session, conversation: Conversation) -> Reach | None:
    """Return whom an answer in a conversation reaches: whoever of the contact wrote last."""
    row = session.execute(
        select(
            people.inbox_id,
            people.value,
            people.wrote_at,
            people.may_write_until,
            people.left_at,
        )
        .join(core(ContactIdentity), identities.value == people.value)
        .where(
            identities.contact_id == conversation.contact_id,
            identities.kind == conversation.channel.value,
            people.inbox_id == conversation.inbox_id,
        )
        .order_by(people.wrote_at.desc(), people.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return Reach(
        row.inbox_id, row.value, row.wrote_at, row.may_write_until, row.left_at is not None
    )


def find_person(session: Session, inbox_id: int, value: str) -> Reach | None:
    """Return somebody by their identity's value."""
    row = session.execute(
        select(
            people.inbox_id,
            people.value,
            people.wrote_at,
            people.may_write_until,
            people.left_at,
        ).where(people.inbox_id == inbox_id, people.value == value)
    ).one_or_none()
    if row is None:
        return None
    return Reach(
        row.inbox_id, row.value, row.wrote_at, row.may_write_until, row.left_at is not None
    )


# ---- what the provider has taken ----------------------------------------------------


def list_taken(session: Session, outbox_id: int) -> dict[int, str]:
    """Return the pieces of an answer that the provider has: their places and references."""
    found = session.execute(
        select(pieces.number, pieces.reference).where(pieces.outbox_id == outbox_id)
    )
    return {row.number: row.reference for row in found}


def keep_piece(
    session: Session,
    inbox_id: int,
    outbox_id: int,
    value: str,
    number: int,
    reference: str,
    sent_at: datetime,
    now: datetime,
) -> None:
    """Write down that the provider has a piece; its word about it may be there already."""
    values: dict[str, Any] = {"outbox_id": outbox_id, "number": number, "sent_at": sent_at}
    values["value"] = value
    session.execute(
        insert_into(session, MessengerPiece)
        .values(
            inbox_id=inbox_id,
            reference=reference or f"outbox-{outbox_id}-{number}",
            failed="",
            created_at=now,
            **values,
        )
        .on_conflict_do_update(index_elements=["inbox_id", "reference"], set_=values)
    )


def list_failed(session: Session, outbox_id: int) -> list[str]:
    """Return a provider's words about pieces of an answer that it could not deliver."""
    found = session.execute(
        select(pieces.failed).where(pieces.outbox_id == outbox_id, pieces.failed != "")
    )
    return list(found.scalars())


def note_progress(
    session: Session,
    inbox_id: int,
    reference: str,
    at: datetime,
    *,
    is_read: bool,
    now: datetime,
) -> None:
    """Note that a message of ours has arrived, or was read; the first time counts."""
    values: dict[str, Any] = {"delivered_at": at}
    if is_read:
        values["read_at"] = at
    kept = {name: func.coalesce(pieces[name], value) for name, value in values.items()}
    outbox_id = session.execute(
        insert_into(session, MessengerPiece)
        .values(
            inbox_id=inbox_id,
            reference=reference,
            value="",
            failed="",
            created_at=now,
            **values,
        )
        .on_conflict_do_update(index_elements=["inbox_id", "reference"], set_=kept)
        .returning(pieces.outbox_id)
    ).scalar_one_or_none()
    _announce(session, outbox_id)


def note_failed(
    session: Session, inbox_id: int, reference: str, said: str, now: datetime
) -> int | None:
    """Note that a provider could not deliver what it took; return the mail's row, if known."""
    row = session.execute(
        insert_into(session, MessengerPiece)
        .values(inbox_id=inbox_id, reference=reference, value="", failed=said, created_at=now)
        .on_conflict_do_update(index_elements=["inbox_id", "reference"], set_={"failed": said})
        .returning(pieces.outbox_id)
    ).scalar_one_or_none()
    return int(row) if row is not None else None


def note_up_to(
    session: Session, inbox_id: int, value: str, up_to: datetime, *, is_read: bool
) -> None:
    """Note up to when all that was sent to somebody has arrived, or was read."""
    names = ["delivered_until", *(["read_until"] if is_read else [])]
    for name in names:
        column = people[name]
        session.execute(
            update(MessengerPerson)
            .where(
                people.inbox_id == inbox_id,
                people.value == value,
                or_(column.is_(None), column < up_to),
            )
            .values({name: up_to})
        )
    kind_of = select(conversations.id).join(
        core(ContactIdentity), identities.contact_id == conversations.contact_id
    )
    number = session.execute(
        kind_of.where(identities.value == value, conversations.inbox_id == inbox_id)
        .order_by(conversations.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if number is not None:
        after_commit(session, conversation_name(number))


def note_left(
    session: Session, inbox_id: int, value: str, at: datetime, *, is_back: bool
) -> None:
    """Note that somebody takes nothing from us any more, or does again."""
    wrote_before = people.wrote_at <= at  # an older event that comes late says nothing
    session.execute(
        update(MessengerPerson)
        .where(people.inbox_id == inbox_id, people.value == value, wrote_before)
        .values(left_at=None if is_back else at)
    )


def _announce(session: Session, outbox_id: int | None) -> None:
    if outbox_id is None:
        return
    number = session.execute(
        select(outbox.conversation_id).where(outbox.id == outbox_id)
    ).scalar_one_or_none()
    if number is not None:
        after_commit(session, conversation_name(number))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an answer has come with the person: when all of it arrived, when it was read."""

    delivered_at: datetime | None
    read_at: datetime | None


def list_progress(session: Session, outbox_ids: Sequence[int]) -> dict[int, Progress]:
    """Return how far answers have come that the provider has."""
    if not outbox_ids:
        return {}
    rows = session.execute(
        select(
            pieces.outbox_id,
            pieces.sent_at,
            pieces.delivered_at,
            pieces.read_at,
            people.delivered_until,
            people.read_until,
        )
        .outerjoin(
            core(MessengerPerson),
            (people.inbox_id == pieces.inbox_id) & (people.value == pieces.value),
        )
        .where(pieces.outbox_id.in_(list(outbox_ids)))
        .order_by(pieces.id)
    )
    found: dict[int, list[Progress]] = {}
    for row in rows:
        arrived = row.delivered_at or _reached(row.sent_at, row.delivered_until)
        read = row.read_at or _reached(row.sent_at, row.read_until)
        found.setdefault(row.outbox_id, []).append(Progress(arrived or read, read))
    return {number: _whole(some) for number, some in found.items()}


def _reached(sent_at: datetime | None, until: datetime | None) -> datetime | None:
    return until if sent_at is not None and until is not None and sent_at <= until else None


def _whole(some: Sequence[Progress]) -> Progress:
    """Return how far an answer has come: it has arrived, or was read, once each piece has."""
    arrived = [one.delivered_at for one in some if one.delivered_at is not None]
    read = [one.read_at for one in some if one.read_at is not None]
    return Progress(
        max(arrived) if len(arrived) == len(some) else None,
        max(read) if len(read) == len(some) else None,
    )


def forget_orphans(session: Session, now: datetime) -> None:
    """Forget providers' words about messages that we never sent: people write there too."""
    session.execute(
        delete(MessengerPiece).where(
            pieces.outbox_id.is_(None), pieces.created_at < now - ORPHANS_LIVE
        )
    )
