"""What is asked of providers afterwards: files that came with messages, what people are called.

A message is taken in without its files, so that neither it nor its clocks wait for them. Any
number of workers may: a row is leased before it is worked on.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.auth import random_token
from inbox.channels.base import FileRef, InboundAttachment
from inbox.channels.filenames import clean_filename
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import BadToken
from inbox.channels.messengers.events import MAX_FILE_BYTES
from inbox.channels.messengers.readable import NOT_FETCHED, TOO_BIG
from inbox.channels.messengers.wire import TOO_LARGE
from inbox.clock import utcnow
from inbox.db import Database, after_commit
from inbox.errors import ChannelError, Rejected
from inbox.messaging import links, renewing
from inbox.messaging.links import Stored
from inbox.queue import conversation_name
from inbox.settings import Settings
from inbox.store import messengers as rows
from inbox.vault import Sealed, Vault
from models import (
    Attachment,
    Blob,
    Contact,
    ContactIdentity,
    FetchState,
    Message,
    MessengerFile,
    MessengerPerson,
)
from models.base import columns

log = logging.getLogger(__name__)

files = columns(MessengerFile)
people = columns(MessengerPerson)
identities = columns(ContactIdentity)
messages = columns(Message)

AT_ONCE = 5
LEASE = timedelta(seconds=120)  # longer than a file may take
FIRST_AGAIN_S, LONGEST_AGAIN_S = 10, 3600
MOST_TRIES = 10
EVERY = timedelta(seconds=30)  # for what nobody waits for


@dataclass(frozen=True, slots=True)
class Due:
    """A file that is to be fetched."""

    id: int
    message_id: int
    inbox_id: int
    reference: str
    filename: str
    content_type: str
    size_bytes: int | None
    tries: int


class Gather:
    """The worker's part: fetches files and names, renews access before it ends."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._vault = Vault(secret)
        self._next = datetime.min.replace(tzinfo=UTC)

    async def once(self) -> bool:
        """Do what is due; True if there may be more."""
        now = utcnow()
        due: list[Due] = []
        if await self._database.read(_waits, now):
            due = await self._database.write(_claim, now)
        for one in due:
            await self._fetch(one)
        named = await self._names(now)
        if now >= self._next:
            self._next = now + EVERY
            await self._renew(now)
            await self._database.write(rows.forget_orphans, now)
        return len(due) == AT_ONCE or named

    async def _fetch(self, due: Due) -> None:
        if (due.size_bytes or 0) > MAX_FILE_BYTES:
            await self._database.write(_give_up, due, TOO_BIG)
            return
        try:
            found = await self._from_provider(due)
        except Rejected as error:
            why = TOO_BIG if error.message == TOO_LARGE else NOT_FETCHED
            await self._database.write(_give_up, due, why)
        except (ChannelError, Sealed) as error:
            log.warning("file %d of a message: %s", due.id, error.message)
            if due.tries >= MOST_TRIES:
                await self._database.write(_give_up, due, NOT_FETCHED)
                return
            wait_s = min(FIRST_AGAIN_S * 2 ** (due.tries - 1), LONGEST_AGAIN_S)
            wait_s = max(wait_s, getattr(error, "wait_s", 0))
            await self._database.write(_put_off, due.id, utcnow() + timedelta(seconds=wait_s))
        else:
            await self._database.write(_keep, due, found)

    async def _from_provider(self, due: Due) -> InboundAttachment:
        """Fetch a file; with a new token, if the old one is refused."""
        ref = FileRef(due.reference, due.filename, due.content_type, due.size_bytes)
        stored, account = await self._opened(due.inbox_id)
        try:
            async with links.wire_to(stored, account, self._settings) as wire:
                return await stored.provider.fetch(wire, ref)
        except BadToken:
            if not stored.provider.renews:
                raise
        stored, account = await renewing.fresh(
            self._database, stored, self._vault, self._settings, anew=True
        )
        async with links.wire_to(stored, account, self._settings) as wire:
            return await stored.provider.fetch(wire, ref)

    async def _opened(self, inbox_id: int) -> tuple[Stored, Account]:
        stored = await self._database.read(links.find, inbox_id)
        if stored is None:
            raise Rejected(NOT_FETCHED)
        return await renewing.fresh(self._database, stored, self._vault, self._settings)

    async def _names(self, now: datetime) -> bool:
        """Ask what people are called who just wrote for the first time: each is asked once."""
        if not await self._database.read(_unnamed):
            return False
        asked = await self._database.write(_claim_names, now)
        for inbox_id, value in asked:
            try:
                stored, account = await self._opened(inbox_id)
                async with links.wire_to(stored, account, self._settings) as wire:
                    name = await stored.provider.name_of(wire, rows.user_of(value))
            except (ChannelError, Sealed) as error:
                log.info("the name of somebody in inbox %d: %s", inbox_id, error.message)
                continue
            if name:
                await self._database.write(_keep_name, stored.kind.value, value, name)
        return len(asked) == AT_ONCE

    async def _renew(self, now: datetime) -> None:
        """Renew access that ends soon, so that no answer has to wait for it."""
        for stored in await self._database.read(renewing.list_ending, now):
            try:
                await renewing.fresh(
                    self._database, stored, self._vault, self._settings, spare=renewing.SPARE
                )
            except (ChannelError, Sealed) as error:
                log.warning("the access of inbox %d: %s", stored.inbox_id, error.message)


def _waits(session: Session, now: datetime) -> bool:
    found = select(files.id).where(files.state == FetchState.WAITING, files.next_at <= now)
    return session.execute(found.limit(1)).first() is not None


def _claim(session: Session, now: datetime) -> list[Due]:
    ids = list(
        session.execute(
            select(files.id)
            .where(files.state == FetchState.WAITING, files.next_at <= now)
            .order_by(files.next_at, files.id)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    found = session.execute(
        update(MessengerFile)
        .where(files.id.in_(ids))
        .values(next_at=now + LEASE, tries=files.tries + 1)
        .returning(*(files[name] for name in Due.__dataclass_fields__))
    )
    return sorted((Due(*row) for row in found), key=lambda one: one.id)


def _settle(session: Session, file_id: int, state: FetchState) -> bool:
    """Say what became of a file; False if another worker was faster."""
    done = session.execute(
        update(MessengerFile)
        .where(files.id == file_id, files.state == FetchState.WAITING)
        .values(state=state)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _keep(session: Session, due: Due, found: InboundAttachment) -> None:
    """Put a file to its message, once."""
    if not _settle(session, due.id, FetchState.KEPT):
        return
    blob = Blob(
        id=random_token(),
        sha256=hashlib.sha256(found.data).hexdigest(),
        size_bytes=len(found.data),
        content=found.data,
    )
    session.add(blob)
    session.flush()
    session.add(
        Attachment(
            message_id=due.message_id,
            blob_id=blob.id,
            filename=clean_filename(found.filename) or "file",
            content_type=found.content_type[:100],
            size_bytes=len(found.data),
        )
    )
    _announce(session, due.message_id)


def _give_up(session: Session, due: Due, why: str) -> None:
    """Say at its message that a file cannot be had."""
    if not _settle(session, due.id, FetchState.GONE):
        return
    message = session.get(Message, due.message_id, with_for_update=True)
    if message is not None:
        message.notes = [*message.notes, f"{why}: {due.filename}"]
        session.add(message)
    _announce(session, due.message_id)


def _put_off(session: Session, file_id: int, at: datetime) -> None:
    session.execute(
        update(MessengerFile)
        .where(files.id == file_id, files.state == FetchState.WAITING)
        .values(next_at=at)
    )


def _announce(session: Session, message_id: int) -> None:
    number = session.execute(
        select(messages.conversation_id).where(messages.id == message_id)
    ).scalar_one_or_none()
    if number is not None:
        after_commit(session, conversation_name(number))


def _unnamed(session: Session) -> bool:
    found = select(people.id).where(people.named_at.is_(None)).limit(1)
    return session.execute(found).first() is not None


def _claim_names(session: Session, now: datetime) -> list[tuple[int, str]]:
    ids = list(
        session.execute(
            select(people.id)
            .where(people.named_at.is_(None))
            .order_by(people.id)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    found = session.execute(
        update(MessengerPerson)
        .where(people.id.in_(ids))
        .values(named_at=now)
        .returning(people.inbox_id, people.value)
    )
    return [(row.inbox_id, row.value) for row in found]


def _keep_name(session: Session, kind: str, value: str, name: str) -> None:
    """Give a contact the name, unless somebody has named them."""
    contact_id: Any = session.execute(
        select(identities.contact_id).where(identities.kind == kind, identities.value == value)
    ).scalar_one_or_none()
    contact = session.get(Contact, contact_id, with_for_update=True) if contact_id else None
    if contact is None or contact.name:
        return
    contact.name = name[:200]
    session.add(contact)
    after_commit(session, "list")
