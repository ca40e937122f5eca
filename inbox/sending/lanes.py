"""Several connections side by side, so that no slow server or domain holds up the others.

Mail to one domain keeps to one lane: never two connections for it at once. A domain whose
server says "not now" is left alone for a while that doubles, up to ten minutes, and then
tried with one mail. An inbox's own server has lanes of its own.
"""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from inbox import delivery
from inbox.channels.smtp import Server, SmtpSession, read_url
from inbox.clock import utcnow
from inbox.courier import Courier, postpone
from inbox.db import Database
from inbox.delivery import Job
from inbox.errors import Unavailable
from inbox.sending import servers
from inbox.sending.servers import Own, Signers, Ways
from inbox.vault import Vault

LANES = 4  # connections to one server at once
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)

Key = tuple[str, int]  # the inbox's address, or "" for the installation's server; which lane


@dataclass
class Pace:
    """How slow a domain is: nothing goes there before ``until``."""

    pause: timedelta
    until: datetime


class Lane:
    """One connection, and what is handed over on it."""

    def __init__(self, database: Database) -> None:
        self.courier = Courier(database)
        self.session: SmtpSession | None = None
        self.server: Server | None = None

    async def close(self) -> None:
        """Hang up."""
        session, self.session = self.session, None
        if session is not None:
            await session.close()


class Lanes:
    """Hands batches of claimed mail over."""

    def __init__(self, database: Database, smtp_url: str, secret: bytes) -> None:
        self._database = database
        self.default = read_url(smtp_url)
        self._vault = Vault(secret)
        self._signers = Signers(self._vault)
        self._lanes: dict[Key, Lane] = {}
        self._paces: dict[str, Pace] = {}

    def slow(self) -> frozenset[str]:
        """Return the domains that are to be left alone now."""
        now = utcnow()
        return frozenset(domain for domain, one in self._paces.items() if one.until > now)

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
            session = await self._connect(lane, own)
            while left:
                job = left[0]
                if job.domain in self.slow():
                    await self._put_back(job)
                else:
                    await lane.courier.deliver(session, job)
                    self._learn(job.domain, lane.courier.slowed)
                left.pop(0)
                waiting.remove(job)
        except Unavailable as error:
            await self._note(own, error.message)
            await postpone(self._database, left, error.message)
            for job in left:
                waiting.remove(job)
        finally:
            await lane.courier.settle()

    async def _connect(self, lane: Lane, own: Own | None) -> SmtpSession:
        """Return the lane's connection, opened where it is not."""
        server = self.default
        if own is not None:
            server = await servers.server_of(own, self._database, self._vault)
        if lane.session is None or lane.session.is_broken or lane.server != server:
            await lane.close()
            opened = SmtpSession(server, self._signers.seal, plain_sender=own is not None)
            await opened.__aenter__()
            lane.session, lane.server = opened, server
            await self._note(own, "")
        return lane.session

    async def _note(self, own: Own | None, problem: str) -> None:
        if own is not None:
            inbox_id = own.sender.inbox_id
            await self._database.write(servers.note_state, inbox_id, problem, utcnow())

    async def _put_back(self, job: Job) -> None:
        """Let a claimed mail wait with its domain."""
        now = utcnow()
        wait_s = int((self._paces[job.domain].until - now).total_seconds()) + 1
        reason = "Its server asked for a pause a moment ago."
        await self._database.write(delivery.put_off, job, reason, now, wait_s)

    def _learn(self, domain: str, slowed: Unavailable | None) -> None:
        """Keep a domain's pace after a mail to it."""
        if slowed is None:
            self._paces.pop(domain, None)
            return
        before = self._paces.get(domain)
        pause = FIRST_PAUSE if before is None else min(2 * before.pause, LONGEST_PAUSE)
        wait = max(pause, timedelta(seconds=slowed.wait_s))
        self._paces[domain] = Pace(pause, utcnow() + wait)


def _key(job: Job, ways: Ways) -> Key:
    """Return the lane that a mail keeps to."""
    address = str(job.mail.get("from_address", ""))
    number = zlib.crc32(job.domain.encode()) % LANES
    return address if address in ways.own else "", number
