"""Handing claimed mails over: written, fenced, sent, settled.

At most one mail of a courier is fenced and not settled: how one went is committed together
with the fence of the next, so that a mail costs one commit. Whatever breaks after the fence
leaves a fate that nobody knows, unless the server has said no.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from inbox import delivery
from inbox.channels.base import OutboundMessage, Receipt
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.delivery import Job, Sent
from inbox.errors import Rejected, Unavailable, Unconfirmed
from inbox.failpoints import failpoint
from models import OutboxKind

T = TypeVar("T")

log = logging.getLogger(__name__)

SLOWS = (421, 450)  # "not now" that is about us or the domain, not about one mail
SETTLE_WITHIN_S = 0.5  # the longest that a sent mail waits for the fence of the next one


class Transport(Protocol):
    """One open connection that mails go over."""

    def send(
        self, message: OutboundMessage, fence: Callable[[], Any]
    ) -> Coroutine[Any, Any, Receipt | None]:
        """Send one message; see ``inbox.channels.smtp``."""
        ...


class Courier:
    """Hands claimed mails over, one after the other.

    ``slowed`` is what the server said when it would rather have the last mail later.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sent: Sent | None = None
        self.slowed: Unavailable | None = None

    async def deliver(self, transport: Transport, job: Job) -> None:
        """Send one mail and see to it that how it went is written down.

        Raises nothing that can be settled. After the last mail call ``settle``.
        """
        self.slowed = None
        message = await _written(self._database, job)
        if message is None:
            return
        fenced = False

        async def fence() -> bool:
            nonlocal fenced
            fenced = await self._fence(job, message)
            return fenced

        try:
            receipt = await self._meanwhile_settle(transport.send(message, fence))
        except DatabaseGone:
            raise
        except Exception as error:
            await self._went_wrong(job, error, fenced=fenced)
            return
        if receipt is not None:
            self._sent = Sent(job, receipt.reference, utcnow(), receipt.refused)
            failpoint("outbox.handed_over")

    async def _went_wrong(self, job: Job, error: Exception, *, fenced: bool) -> None:
        """Write down what a failure means; a bug of ours must not hold up the other mails."""
        match error:
            case Unavailable():
                self.slowed = error if error.code in SLOWS else None
                await self._database.write(
                    delivery.put_off, job, error.message, utcnow(), error.wait_s
                )
                return
            case Rejected():
                await self._database.write(delivery.fail, job, error.message, utcnow(), error)
                return
            case Unconfirmed():
                await self._database.write(delivery.doubt, job, error.message)
                return
        log.error("sending mail %d failed", job.id, exc_info=error)
        reason = f"{type(error).__name__}: {error}"
        if fenced:
            await self._database.write(delivery.doubt, job, reason)
        else:
            await self._database.write(delivery.put_off, job, reason, utcnow())

    async def settle(self) -> None:
        """Write down how the last mail went, if no fence has done it.

        While the database is away it is kept, for the next call.
        """
        if self._sent is not None:
            await self._write_settled(self._sent, delivery.settle, self._sent)

    async def _fence(self, job: Job, message: OutboundMessage) -> bool:
        before = self._sent
        ours = await self._write_settled(before, delivery.fence, job, message, before)
        failpoint("outbox.fenced")
        return ours

    async def _write_settled(self, sent: Sent | None, work: Callable[..., T], *args: Any) -> T:
        """Run what settles a mail; a failure that would come again does not block the next."""
        try:
            result = await self._database.write(work, *args)
        except DatabaseGone:
            raise
        except Exception:
            self._forget(sent)
            raise
        self._forget(sent)
        if sent is not None:
            failpoint("outbox.settled")
        return result

    def _forget(self, sent: Sent | None) -> None:
        if self._sent is sent:
            self._sent = None

    async def _meanwhile_settle(
        self, sending: Coroutine[Any, Any, Receipt | None]
    ) -> Receipt | None:
        """Send, and settle the mail before if the server takes its time up to the fence."""
        if self._sent is None:
            return await sending
        task = asyncio.create_task(sending)
        try:
            await asyncio.wait([task], timeout=SETTLE_WITHIN_S)
            await self.settle()
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])


async def deliver(database: Database, transport: Transport, job: Job) -> None:
    """Send one claimed mail and write down how it went."""
    courier = Courier(database)
    await courier.deliver(transport, job)
    await courier.settle()


async def _written(database: Database, job: Job) -> OutboundMessage | None:
    """Return the mail in words; None if it is for nobody, or has to wait."""
    try:
        mail = await _words(database, job)
        if mail is None:
            return None
        message = delivery.compose(mail)
        if mail.get("has_files"):
            message = replace(message, files=await database.read(delivery.load_files, job))
        return message
    except DatabaseGone:
        raise
    except Exception as error:  # a bug of ours in one mail must not hold up the others
        log.exception("mail %d cannot be written", job.id)
        reason = f"It could not be written: {type(error).__name__}."
        await database.write(delivery.put_off, job, reason, utcnow())
        return None


async def _words(database: Database, job: Job) -> dict[str, Any] | None:
    """Return what the mail is made of; None if it is about an account that nobody has."""
    if job.kind != OutboxKind.ACCOUNT:
        return job.mail
    return await database.write(delivery.account_words, job, utcnow())


async def postpone(database: Database, jobs: Sequence[Job], reason: str) -> None:
    """Put claimed mails back, because there is no server to hand them to just now."""
    for job in jobs:
        await database.write(delivery.put_off, job, reason, utcnow())
