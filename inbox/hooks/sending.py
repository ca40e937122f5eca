"""The worker's part: events go out, a few at a time to each receiver, none behind another."""

import asyncio
import logging
from datetime import datetime
from functools import partial

import httpx
from sqlmodel import Session

from inbox.channels.hookpost import Answer, make_client, post_event
from inbox.channels.webhook import signature
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone
from inbox.errors import ChannelError
from inbox.hooks import queue
from inbox.hooks.alarms import switch_off
from inbox.hooks.managing import secrets_of
from inbox.hooks.queue import Job
from inbox.settings import Settings
from inbox.vault import Sealed, Vault
from models import HookOff, Webhook

log = logging.getLogger(__name__)

AT_ONCE = 5  # requests to one receiver
GONE = 410
NO_KEY = "Its secret cannot be opened: make a new one."


class HookSend:
    """Sends what waits for other systems; each has a task of its own."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._vault = Vault(secret)
        self._busy: dict[int, asyncio.Task[None]] = {}

    async def once(self) -> bool:
        """Begin with each webhook that something waits for; never waits for a receiver."""
        for hook_id in await self._database.read(queue.list_due, utcnow()):
            if hook_id not in self._busy:
                task = asyncio.create_task(self._serve(hook_id))
                self._busy[hook_id] = task
                task.add_done_callback(partial(self._forget, hook_id))
        return False

    def _forget(self, hook_id: int, _task: asyncio.Task[None]) -> None:
        self._busy.pop(hook_id, None)

    async def settled(self) -> None:
        """Wait until nothing is being sent."""
        await asyncio.gather(*self._busy.values())

    async def close(self) -> None:
        """Break off; what was being sent is sent again, with the same id."""
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, hook_id: int) -> None:
        try:
            async with make_client() as client:
                while await self._batch(client, hook_id):
                    pass
        except DatabaseGone as error:
            log.warning("webhook %d: %s (%s)", hook_id, error, error.__cause__)
        except Exception:
            log.exception("sending to webhook %d failed", hook_id)

    async def _batch(self, client: httpx.AsyncClient, hook_id: int) -> bool:
        """Send what is due; False if nothing was."""
        jobs = await self._database.write(queue.claim, hook_id, utcnow())
        if not jobs:
            return False
        hook = await self._database.read(_load, hook_id)
        for some in (jobs[at : at + AT_ONCE] for at in range(0, len(jobs), AT_ONCE)):
            await asyncio.gather(*(self._send(client, hook, job) for job in some))
        return True

    async def _send(self, client: httpx.AsyncClient, hook: Webhook, job: Job) -> None:
        now = utcnow()
        try:
            answer = await self._post(client, hook, job, now)
        except (ChannelError, Sealed) as error:
            reason = NO_KEY if isinstance(error, Sealed) else error.message
            await self._database.write(self._fail, hook.id, job, reason, utcnow())
            return
        if answer.is_taken:
            await self._database.write(queue.note_sent, hook.id, job, answer, utcnow())
            return
        reason = f"It answered {answer.code}."
        await self._database.write(self._fail, hook.id, job, reason, utcnow(), answer)

    async def _post(
        self, client: httpx.AsyncClient, hook: Webhook, job: Job, now: datetime
    ) -> Answer:
        body, stamp = job.body.encode(), int(now.timestamp())
        signed = [
            signature(secret, job.event_id, stamp, body)
            for secret in secrets_of(hook, self._vault, now)
        ]
        headers = {
            "content-type": "application/json",
            "user-agent": "Kip-Webhooks/1",
            "webhook-id": job.event_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": " ".join(signed),
        }
        own = self._settings.own_hook_receivers
        return await post_event(client, hook.url, headers, body, own)

    def _fail(
        self,
        session: Session,
        hook_id: int,
        job: Job,
        reason: str,
        now: datetime,
        answer: Answer | None = None,
    ) -> None:
        queue.note_failed(session, hook_id, job, reason, now, answer)
        hook = session.get_one(Webhook, hook_id)
        if answer is not None and answer.code == GONE:
            switch_off(session, hook, HookOff.GONE, self._settings, self._secret, now)
        elif queue.is_hopeless(hook, now):
            switch_off(session, hook, HookOff.FAILING, self._settings, self._secret, now)


def _load(session: Session, hook_id: int) -> Webhook:
    return session.get_one(Webhook, hook_id)
