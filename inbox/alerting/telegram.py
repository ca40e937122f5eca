"""Alerts by Telegram: rows are the queue, one worker listens to what is written to the bot.

Nothing but the installation's own people is spoken with: a chat is linked by a code that
its person got on their own page.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session

from inbox.alerting import messages as queue
from inbox.alerting import words
from inbox.alerting.bot import find_bot
from inbox.alerting.choices import Choices, link_chat
from inbox.alerting.messages import Job
from inbox.alerting.words import MOST_BUTTONS
from inbox.channels.telegram import Blocked, BotApi, SlowDown
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
from models import Agent, AlertMessage, DeliveryState
from models.base import columns

log = logging.getLogger(__name__)

messages = columns(AlertMessage)

WAY = "telegram"
HAVE = "have:"  # a button's data: that, and the notice's id


class TelegramSend:
    """Sends what waits for Telegram."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._vault = Vault(secret)

    async def once(self) -> bool:
        """Send a few messages; True if there may be more."""
        if not await self._database.read(queue.waits, WAY, utcnow()):
            return False
        bot = await self._database.read(find_bot)
        jobs = await self._database.write(queue.claim, WAY, utcnow())
        if bot is None:
            await self._database.write(queue.settle_all, jobs, "There is no bot any more.")
            return bool(jobs)
        try:
            token = bot.token(self._vault)
        except Sealed as error:
            await self._database.write(queue.settle_all, jobs, error.message)
            return bool(jobs)
        async with BotApi(self._settings.telegram_url, token) as api:
            await self._send_all(api, jobs)
        return len(jobs) == queue.BATCH

    async def _send_all(self, api: BotApi, jobs: Sequence[Job]) -> None:
        for place, job in enumerate(jobs):
            try:
                await self._send(api, job)
            except SlowDown as error:
                until = utcnow() + timedelta(seconds=error.wait_s)
                await self._database.write(_hold, jobs[place:], until, error.message)
                return
            except Unavailable as error:
                await self._database.write(queue.postpone, job, error.message, utcnow())
            except DatabaseGone:
                raise
            except Exception as error:
                log.exception("sending alert %d by Telegram failed", job.id)
                await self._database.write(queue.postpone, job, type(error).__name__, utcnow())

    async def _send(self, api: BotApi, job: Job) -> None:
        text = words.message_text(job.facts)
        say = translator(job.facts["language"]).gettext
        label, plain = say("I have it: %(number)s"), say("I have it")
        buttons = [
            (label % line if line["number"] else plain, f"{HAVE}{line['notice']}")
            for line in job.facts["lines"][:MOST_BUTTONS]
        ]
        if not await self._database.write(queue.fence, job, utcnow()):
            return
        try:
            await api.send_message(job.address, text, buttons)
        except Blocked as error:
            await self._database.write(self._unlink, job, error.message, utcnow())
        except Rejected as error:
            await self._database.write(queue.settle, job, DeliveryState.FAILED, error.message)
        except Unconfirmed as error:
            await self._database.write(
                queue.settle, job, DeliveryState.UNCONFIRMED, error.message
            )
        else:
            await self._database.write(queue.settle, job, DeliveryState.SENT, "", utcnow())

    def _unlink(self, session: Session, job: Job, reason: str, now: datetime) -> None:
        """Nothing reaches the person there: unlink it, and tell them by mail, once."""
        queue.settle(session, job, DeliveryState.FAILED, reason)
        house = load_house(session, self._settings, self._secret)
        person = list_colleagues(session).get(job.agent_id)
        if house is None or person is None:
            return
        unlink(session, job.agent_id, job.address, now)
        mail = to_staff(
            person.email,
            house,
            now,
            template="telegram_off",
            language=person.language,
            facts={**job.facts, "settings": f"{house.base_url}/me/alerts"},
        )
        if mail is not None:
            session.add(mail)
            after_commit(session, OUTBOX)


def unlink(session: Session, agent_id: int, chat: str, now: datetime) -> None:
    """Unlink a chat, unless the person has linked another one meanwhile."""
    agent = session.get(Agent, agent_id, populate_existing=True, with_for_update=True)
    if agent is not None and Choices.of(agent.alerts).chat == chat:
        link_chat(session, agent_id, "", "", by=None, now=now)


def _hold(session: Session, jobs: Sequence[Job], until: datetime, reason: str) -> None:
    """Put messages back, and let nothing else out before Telegram wants to hear of us."""
    for job in jobs:
        queue.put_back(session, job, until, reason)
    session.execute(
        update(AlertMessage)
        .where(
            messages.state == DeliveryState.QUEUED,
            messages.leased_until < until,
            messages.way == WAY,
        )
        .values(leased_until=until)
    )
