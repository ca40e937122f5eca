"""Several connections side by side, so that no slow server or domain holds up the others.

Mail to one domain keeps to one lane: a worker never has two connections for it at once. A
domain whose server says "not now" is left alone by every worker for a while that doubles
(``inbox.sending.paces``), and then tried with one mail. An inbox's own server has lanes of its
own.
"""

import asyncio
import zlib
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from inbox import delivery
from inbox.channels.smtp import Server, SmtpSession, read_url
from inbox.clock import utcnow
from inbox.courier import Courier, Transport, postpone
from inbox.db import Database
from inbox.delivery import Job
from inbox.errors import Unavailable
from inbox.outgoing.messengers import ROUTE, is_routed
from inbox.sending import paces, servers
from inbox.sending.messengers import MessengerSession
from inbox.sending.servers import Own, Signers, Ways
from inbox.settings import Settings
from inbox.vault import Vault

LANES = 4  # connections to one server at once

Key = tuple[str, int]  # the inbox's address, or "" for the installation's server; which lane


class Lane:
    """One connection, and what is handed over on it."""

    def __init__(self, database: Database) -> None:
        self.courier = Courier(database)
        self.session: SmtpSession | MessengerSession | None = None
        self.server: Server | None = None

    async def close(self) -> None:
        """Hang up."""
        session, self.session = self.session, None
        if session is not None:
            await session.close()


class Lanes:
    """Hands batches of claimed mail over."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self.default = read_url(settings.smtp_url)
        self._token_services = settings.own_token_services
        self._settings = settings
        self._vault = Vault(secret)
        self._signers = Signers(self._vault)
        self._lanes: dict[Key, Lane] = {}
        self._paces: dict[str, datetime] = {}

    async def claim(self, most: int) -> list[Job]:
        """Claim mail whose time has come, none of it for domains that are left alone."""
        if not await self._database.read(_waits):
            return []
        jobs, self._paces = await self._database.write(_claim, most)
        return jobs

    async def settle(self) -> None:
        """Write down how the last mails went, where that is not done yet."""
        for lane in self._lanes.values():
            await lane.courier.settle()

    async def work(self, waiting: list[Job], *, keep_open: bool) -> None:
        """Hand a batch over; what is done with leaves ``waiting``.

        With ``keep_open`` the connections serve the next batch too.
        """
        froms = {str(job.mail.get("from_address", "")) for job in waiting}
        ways = await self._database.read(servers.load_ways, froms)
        self._signers.use(ways.keys)
        groups: dict[Key, list[Job]] = {}
        for job in waiting:
            groups.setdefault(_key(job, ways), []).append(job)
        tasks = [
            asyncio.create_task(self._run(key, jobs, ways, waiting))
            for key, jobs in groups.items()
        ]
        try:  # one lane's trouble does not cut off another in the middle of a mail
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not keep_open:
                await self.close()
        for one in ended:
            if isinstance(one, BaseException):
                raise one

    async def close(self) -> None:
        """Hang up everywhere; what is not written down yet stays known."""
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))

    async def _run(self, key: Key, jobs: Sequence[Job], ways: Ways, waiting: list[Job]) -> None:
        lane = self._lanes.setdefault(key, Lane(self._database))
        left = list(jobs)
        own = ways.own.get(key[0])
        try:
            session = await self._way(lane, own, left[0])
            while left:
                job = left[0]
                is_slow = job.domain in paces.slow(self._paces, utcnow())
                if is_slow:
                    await self._put_back(job)
                else:
                    await lane.courier.deliver(session, job)
                left.pop(0)
                waiting.remove(job)
                if not is_slow:
                    await self._learn(job.domain, lane.courier.slowed)
        except Unavailable as error:
            await self._note(own, error.message)
            await postpone(self._database, left, error.message)
            for job in left:
                waiting.remove(job)
        finally:
            await lane.courier.settle()

    async def _way(self, lane: Lane, own: Own | None, job: Job) -> Transport:
        """Return what a lane's mails go over: an inbox's messenger, or a mail server."""
        inbox_id = job.mail.get(ROUTE)
        if not isinstance(inbox_id, int):
            return await self._connect(lane, own)
        await lane.close()
        opened = MessengerSession(self._database, self._settings, self._vault, inbox_id)
        await opened.open()
        lane.session = opened
        return opened

    async def _connect(self, lane: Lane, own: Own | None) -> SmtpSession:
        """Return the lane's connection, opened where it is not."""
        server = self.default if own is None else await self._server_of(own)
        before = lane.session
        is_same = isinstance(before, SmtpSession) and lane.server == server
        if isinstance(before, SmtpSession) and is_same and not before.is_broken:
            return before
        await lane.close()
        try:
            opened = await self._open(server, own)
        except Unavailable as error:
            if own is None or server is None or not server.token or not error.code:
                raise
            server = await self._server_of(own, anew=True)  # it may have been taken back
            opened = await self._open(server, own)
        lane.session, lane.server = opened, server
        await self._note(own, "")
        return opened

    async def _server_of(self, own: Own, *, anew: bool = False) -> Server:
        return await servers.server_of(
            own, self._database, self._vault, self._token_services, anew=anew
        )

    async def _open(self, server: Server | None, own: Own | None) -> SmtpSession:
        opened = SmtpSession(server, self._signers.seal, plain_sender=own is not None)
        await opened.__aenter__()
        return opened

    async def _note(self, own: Own | None, problem: str) -> None:
        if own is not None:
            inbox_id = own.sender.inbox_id
            await self._database.write(servers.note_state, inbox_id, problem, utcnow())

    async def _put_back(self, job: Job) -> None:
        """Let a claimed mail wait with its domain."""
        now = utcnow()
        wait_s = int((self._paces[job.domain] - now).total_seconds()) + 1
        reason = "Its server asked for a pause a moment ago."
        await self._database.write(delivery.put_off, job, reason, now, wait_s)

    async def _learn(self, domain: str, slowed: Unavailable | None) -> None:
        """Keep a domain's pace after a mail to it."""
        now = utcnow()
        if slowed is not None:
            self._paces[domain] = await self._database.write(
                paces.slow_down, domain, slowed.wait_s, now
            )
        elif self._paces.pop(domain, None) is not None:
            await self._database.write(paces.take_up, domain, now)


def _waits(session: Session) -> bool:
    now = utcnow()
    return delivery.waits(session, now, paces.slow(paces.known(session), now))


def _claim(session: Session, most: int) -> tuple[list[Job], dict[str, datetime]]:
    now, found = utcnow(), paces.known(session)
    return delivery.claim(session, now, most, paces.slow(found, now)), found


def _key(job: Job, ways: Ways) -> Key:
    """Return the lane that a mail keeps to; a messenger's account has one of its own."""
    if is_routed(job.mail):
        return job.domain, 0
    address = str(job.mail.get("from_address", ""))
    number = zlib.crc32(job.domain.encode()) % LANES
    return address if address in ways.own else "", number
