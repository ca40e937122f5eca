"""Waiting for news of mailboxes (IDLE): a bell, so that mail is fetched as it comes.

One worker waits for each mailbox, on a connection of its own; when mail comes, the mailbox is
due. Where nobody can wait, or nobody does, it is looked into every so often all the same.
"""

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session

from inbox.channels.imap import ImapMailbox
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.errors import InboxError, Rejected
from inbox.fetching.looks import WATCHED_PAUSE
from inbox.fetching.tokens import server_for
from inbox.mailboxes import Job, load
from inbox.settings import Settings
from inbox.vault import Vault
from models import Inbox, Mailbox
from models.base import columns, core

log = logging.getLogger(__name__)

mailboxes = columns(Mailbox)
inboxes = columns(Inbox)

MOST = 20  # mailboxes, each with one connection and one thread
WAIT_S = 540.0  # of one IDLE: servers and routers forget who is silent for longer
LEASE = timedelta(seconds=15)  # when it runs out, looks go on as if nobody waited
RENEW_S = 5.0
DEAF_FOR = timedelta(hours=1)  # until a server that cannot tell of news is asked again
CALM_S = 0.5  # between two bells


class Watch:
    """Keeps somebody waiting at every mailbox that can tell of news."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._own = settings.own_token_services
        self._vault = Vault(secret)
        self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="imap-idle")
        self._waiting: dict[int, asyncio.Task[None]] = {}
        self._not_before: dict[int, datetime] = {}

    async def once(self) -> bool:
        """Begin to wait where nobody does; never waits for a server."""
        now = utcnow()
        room = MOST - len(self._waiting)
        later = [one for one, until in self._not_before.items() if until > now]
        skipped = [*later, *self._waiting]
        if room < 1 or not await self._database.read(find_free, now, skipped, 1):
            return False
        for mailbox_id in await self._database.write(claim, now, skipped, room):
            task = asyncio.create_task(self._watch(mailbox_id))
            self._waiting[mailbox_id] = task
            task.add_done_callback(partial(self._forget, mailbox_id))
        return False

    def _forget(self, mailbox_id: int, _task: asyncio.Task[None]) -> None:
        self._waiting.pop(mailbox_id, None)

    async def _watch(self, mailbox_id: int) -> None:
        pause = timedelta(seconds=30)
        try:
            job = await self._database.read(load, mailbox_id)
            await self._listen(job)
        except DatabaseGone as error:
            log.warning("mailbox %d: %s (%s)", mailbox_id, error, error.__cause__)
        except Rejected as error:
            pause = DEAF_FOR
            log.info("mailbox %d is looked into now and then: %s", mailbox_id, error.message)
        except InboxError as error:
            log.info("mailbox %d: waiting for news ended: %s", mailbox_id, error.message)
        except Exception:
            log.exception("waiting for news of mailbox %d failed", mailbox_id)
        finally:  # also when this worker stops: another one waits at once
            self._not_before[mailbox_id] = utcnow() + pause
            with contextlib.suppress(DatabaseGone):
                await self._database.write(leave, mailbox_id, utcnow())

    async def _listen(self, job: Job) -> None:
        server = await server_for(self._database, job, self._vault, self._own)
        async with ImapMailbox(server, self._pool) as box:
            await box.select(job.folder)
            listening = asyncio.create_task(self._ring_on_news(job, box))
            try:
                while not listening.done():
                    await asyncio.wait([listening], timeout=RENEW_S)
                    if not await self._database.write(renew, job.id, utcnow()):
                        return
                await listening
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def _ring_on_news(self, job: Job, box: ImapMailbox) -> None:
        while True:
            if await box.wait_for_news(WAIT_S):
                await self._database.write(ring, job.id, utcnow())
                await asyncio.sleep(CALM_S)

    async def close(self) -> None:
        """Wait no more."""
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pool.shutdown(wait=False)


def _to_watch(now: datetime) -> Any:
    return (
        mailboxes.is_active.is_(True),
        mailboxes.last_ok_at.is_not(None),
        mailboxes.failing_since.is_(None),
        or_(mailboxes.watched_until.is_(None), mailboxes.watched_until <= now),
    )


def find_free(session: Session, now: datetime, skipped: list[int], limit: int) -> list[int]:
    """Return mailboxes that can be read and that nobody waits for."""
    found = session.execute(
        select(mailboxes.id)
        .join(core(Inbox), inboxes.id == mailboxes.inbox_id)
        .where(*_to_watch(now), inboxes.is_active.is_(True), mailboxes.id.not_in(skipped))
        .order_by(mailboxes.id)
        .limit(limit)
    )
    return list(found.scalars())


def claim(session: Session, now: datetime, skipped: list[int], limit: int) -> list[int]:
    """Take the waiting for mailboxes upon us; they are due, as mail may have come meanwhile."""
    taken = []
    for mailbox_id in find_free(session, now, skipped, limit):
        done = session.execute(
            update(Mailbox)
            .where(mailboxes.id == mailbox_id, *_to_watch(now))
            .values(watched_until=now + LEASE, next_at=now)
        )
        if done.rowcount == 1:  # type: ignore[attr-defined]
            taken.append(mailbox_id)
    return taken


def renew(session: Session, mailbox_id: int, now: datetime) -> bool:
    """Go on waiting; False if the mailbox is not to be read any more.

    The next look is put off with the lease, so that it comes soon if we die.
    """
    until = now + LEASE
    done = session.execute(
        update(Mailbox)
        .where(mailboxes.id == mailbox_id, mailboxes.is_active.is_(True))
        .values(watched_until=until)
        .returning(mailboxes.next_at, mailboxes.last_ok_at)
    ).one_or_none()
    if done is None:
        return False
    if done.next_at > now and done.last_ok_at is not None:
        session.execute(
            update(Mailbox)
            .where(mailboxes.id == mailbox_id, mailboxes.next_at == done.next_at)
            .values(next_at=max(done.next_at, min(until, done.last_ok_at + WATCHED_PAUSE)))
        )
    return True


def ring(session: Session, mailbox_id: int, now: datetime) -> None:
    """Make a mailbox due: mail came, perhaps too late for the look that is being taken."""
    session.execute(
        update(Mailbox)
        .where(
            mailboxes.id == mailbox_id,
            or_(mailboxes.next_at > now, mailboxes.leased_until > now),
        )
        .values(next_at=now)
    )


def leave(session: Session, mailbox_id: int, now: datetime) -> None:
    """Wait no more: it is looked into as often as it would be without us."""
    session.execute(
        update(Mailbox).where(mailboxes.id == mailbox_id).values(watched_until=None)
    )
    every_s = session.execute(
        select(mailboxes.every_s).where(mailboxes.id == mailbox_id)
    ).scalar_one_or_none()
    if every_s is not None:
        latest = now + timedelta(seconds=every_s)
        session.execute(
            update(Mailbox)
            .where(mailboxes.id == mailbox_id, mailboxes.next_at > latest)
            .values(next_at=latest)
        )
