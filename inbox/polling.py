"""The worker's look into mailboxes: each on its own, so that a slow server delays no other."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from sqlmodel import Session

from inbox import mailboxes
from inbox.channels.imap import ImapMailbox
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.errors import InboxError
from inbox.fetching import looks, sent, tally
from inbox.fetching.tokens import server_for
from inbox.house import load_house
from inbox.loops import renewing
from inbox.mailboxes import Job
from inbox.settings import Settings
from inbox.staging import has_room
from inbox.vault import Vault

log = logging.getLogger(__name__)

LOOK_FOR_SILENCE_S = 30.0
AT_ONCE = 4  # mailboxes, each with one connection and one thread


class Poll:
    """Starts a look into every mailbox that is due."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._vault = Vault(secret)
        self._pool = ThreadPoolExecutor(AT_ONCE + 1, thread_name_prefix="imap")
        self._looks: set[asyncio.Task[None]] = set()
        self._has_hurried = False
        self._silence_at = 0.0

    async def once(self) -> bool:
        """Start what is due and there is room for; never waits for a server."""
        if not self._has_hurried:
            await self._database.write(mailboxes.hurry, utcnow())
            self._has_hurried = True
        await self._tell_silent()
        room = AT_ONCE - len(self._looks)
        if room < 1 or not await self._database.read(mailboxes.waits, utcnow()):
            return False
        if not has_room(self._settings.data_dir):
            log.warning("the disk is nearly full: mail waits in its mailboxes")
            await asyncio.sleep(5)
            return False
        for job in await self._database.write(mailboxes.claim, utcnow(), room):
            look = asyncio.create_task(self._look(job))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)
        return False

    async def _tell_silent(self) -> None:
        """Raise the alarm for mailboxes that nobody gets round to, now and then."""
        if time.monotonic() < self._silence_at:
            return
        self._silence_at = time.monotonic() + LOOK_FOR_SILENCE_S
        if await self._database.read(looks.list_silent, utcnow()):
            await self._database.write(self._tell)

    def _tell(self, session: Session) -> None:
        house = load_house(session, self._settings, self._secret)
        looks.tell_silent(session, house, utcnow())

    async def _look(self, job: Job) -> None:
        """Read one mailbox and write down how it went."""

        async def renew() -> None:
            await self._database.write(mailboxes.renew, job.id, utcnow())

        reason = None
        try:
            await renewing(renew, self._read(job))
        except DatabaseGone as error:
            log.warning("mailbox %d: %s (%s)", job.id, error, error.__cause__)
            return  # its lease runs out, and it is due still
        except InboxError as error:
            reason = error.message
        except Exception as error:
            log.exception("reading mailbox %d failed", job.id)
            reason = f"{type(error).__name__}: {error}"
        try:
            await self._database.write(self._settle, job, reason)
        except DatabaseGone as error:
            log.warning("mailbox %d: %s (%s)", job.id, error, error.__cause__)

    async def _read(self, job: Job) -> None:
        own = self._settings.own_token_services
        server = await server_for(self._database, job, self._vault, own)
        async with ImapMailbox(server, self._pool) as box:
            count = await mailboxes.read(self._database, job, box)
            await sent.read(self._database, job, box, self._secret)
            if tally.is_due(job, utcnow()):
                await tally.reconcile(self._database, job, box)
                await sent.recount(self._database, job, box, self._secret)
        if count:
            log.info("mailbox %s: %d mails", job.address, count)

    def _settle(self, session: Session, job: Job, reason: str | None) -> None:
        house = load_house(session, self._settings, self._secret)
        if reason is None:
            looks.succeed(session, job.id, house, utcnow(), job.next_at)
        else:
            looks.fail(session, job.id, reason, house, utcnow())

    async def close(self) -> None:
        """Stop all looks; what is stored is stored."""
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)
        self._pool.shutdown(wait=False)
