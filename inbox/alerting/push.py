"""Alerts in browsers: rows are the queue, one message to each browser of a person."""

import logging
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.alerting import browsers, words
from inbox.alerting import messages as queue
from inbox.alerting.browsers import WAY
from inbox.alerting.messages import Job
from inbox.channels.telegram import SlowDown
from inbox.channels.webpush import Browser, Gone, PushSender
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone, after_commit
from inbox.errors import Rejected, Unavailable, Unconfirmed
from inbox.house import load_house
from inbox.queue import OUTBOX
from inbox.settings import Settings
from inbox.staffmail import to_staff
from inbox.store.people import list_colleagues
from inbox.templating import translator
from inbox.vault import Sealed, Vault
from models import DeliveryState, PushBrowser

log = logging.getLogger(__name__)

OFF = "This browser was switched off."
PAGE = "/me/alerts"


class PushSend:
    """Sends what waits for browsers."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._vault = Vault(secret)

    async def once(self) -> bool:
        """Send a few messages; True if there may be more."""
        if not await self._database.read(queue.waits, WAY, utcnow()):
            return False
        house = await self._database.read(load_house, self._settings, self._secret)
        if house is None:
            return False
        jobs = await self._database.write(queue.claim, WAY, utcnow())
        sender = PushSender(browsers.signer_of(house), self._settings.own_push_services)
        for job in jobs:
            try:
                await self._send(sender, job, house)
            except SlowDown as error:
                wait = error.wait_s
                await self._database.write(queue.postpone, job, error.message, utcnow(), wait)
            except Unavailable as error:
                await self._database.write(queue.postpone, job, error.message, utcnow())
            except DatabaseGone:
                raise
            except Exception as error:
                log.exception("sending alert %d to a browser failed", job.id)
                reason = type(error).__name__
                await self._database.write(queue.postpone, job, reason, utcnow())
        return len(jobs) == queue.BATCH

    async def _send(self, sender: PushSender, job: Job, house: House) -> None:
        who = int(job.address), job.agent_id
        row = await self._database.read(browsers.find_browser, *who)
        browser = self._open(row)
        if browser is None:
            await self._database.write(self._drop, job, OFF, utcnow())
            return
        now = utcnow()
        message = message_of(job, house)
        left_s = int((job.created_at + queue.GIVE_UP_AFTER - now).total_seconds())
        if not await self._database.write(queue.fence, job, now):
            return
        try:
            await sender.send(browser, message, keep_s=left_s, now=now)
        except Gone as error:
            await self._database.write(self._drop, job, error.message, utcnow())
        except Rejected as error:
            await self._settle(job, DeliveryState.FAILED, error.message)
        except Unconfirmed as error:
            await self._settle(job, DeliveryState.UNCONFIRMED, error.message)
        else:
            await self._settle(job, DeliveryState.SENT, "", utcnow())

    async def _settle(self, job: Job, *how: Any) -> None:
        await self._database.write(queue.settle, job, *how)

    def _open(self, row: PushBrowser | None) -> Browser | None:
        """Return where it is reached; None: it was switched off, or sealed by another key.

        With another key of the installation, browsers would not take what we sign either.
        """
        try:
            return browsers.open_browser(row, self._vault) if row is not None else None
        except Sealed:
            return None

    def _drop(self, session: Session, job: Job, reason: str, now: datetime) -> None:
        """Forget the browser; whom nothing reaches in any is told by mail, once."""
        queue.settle(session, job, DeliveryState.FAILED, reason)
        was_last = browsers.forget(session, int(job.address), job.agent_id, now)
        house = load_house(session, self._settings, self._secret)
        person = list_colleagues(session).get(job.agent_id)
        if not was_last or house is None or person is None or not person.is_active:
            return
        lost = {"lines": [], "more": 0, "link": f"{house.base_url}/notices", **job.facts}
        mail = to_staff(
            person.email,
            house,
            now,
            template="push_off",
            language=person.language,
            facts={**lost, "settings": f"{house.base_url}{PAGE}"},
        )
        if mail is not None:
            session.add(mail)
            after_commit(session, OUTBOX)


def message_of(job: Job, house: House) -> bytes:
    """Return what the browser's worker script reads: ``inbox/static/push.js``."""
    title, text = words.push_words(job.facts)
    said = {
        "title": title,
        "body": text,
        "tag": f"kip-{job.id}",  # twice the same is shown once
        "url": job.facts.get("link", f"{house.base_url}{PAGE}"),
    }
    if "taking" in job.facts:
        said["have_url"] = job.facts["taking"]
        said["have"] = translator(job.facts["language"]).gettext("I have it")
    return msgspec.json.encode(said)
