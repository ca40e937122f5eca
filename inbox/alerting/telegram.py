"""Alerts by Telegram: rows are the queue, one worker listens to what is written to the bot.

Nothing but the installation's own people is spoken with: a chat is linked by a code that
its person got on their own page.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.alerting import words
from inbox.alerting.bot import find_bot
from inbox.alerting.choices import Choices, link_chat
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

BATCH = 5  # their sending lies inside one lease
LEASE = timedelta(seconds=60)
GIVE_UP_AFTER = timedelta(hours=12)  # an alert of yesterday helps nobody
FIRST_RETRY_S, LONGEST_RETRY_S = 5, 900
HAVE = "have:"  # a button's data: that, and the notice's id
OWED = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed message."""

    id: int
    agent_id: int
    address: str
    facts: dict[str, Any]
    attempts: int
    created_at: datetime


def waits(session: Session, now: datetime) -> bool:
    """Tell whether there is something to send, without taking the writers' turn."""
    owed = messages.state.in_(OWED), messages.leased_until <= now
    return session.execute(select(messages.id).where(*owed).limit(1)).first() is not None


def claim(session: Session, now: datetime) -> list[Job]:
    """Lease messages whose time has come; what was being sent when a worker died is unknown."""
    session.execute(
        update(AlertMessage)
        .where(messages.state == DeliveryState.SENDING, messages.leased_until <= now)
        .values(state=DeliveryState.UNCONFIRMED, error="We were stopped while sending it.")
    )
    ids = list(
        session.execute(
            select(messages.id)
            .where(
                messages.state.in_([DeliveryState.QUEUED, DeliveryState.CLAIMED]),
                messages.leased_until <= now,
            )
            .order_by(messages.leased_until, messages.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    if not ids:
        return []
    session.execute(
        update(AlertMessage)
        .where(messages.id.in_(ids))
        .values(
            state=DeliveryState.CLAIMED,
            leased_until=now + LEASE,
            attempts=messages.attempts + 1,
        )
    )
    shown = [messages[name] for name in Job.__dataclass_fields__]
    rows = session.execute(select(*shown).where(messages.id.in_(ids)).order_by(messages.id))
    return [Job(*row) for row in rows]


class TelegramSend:
    """Sends what waits for Telegram."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._vault = Vault(secret)

    async def once(self) -> bool:
        """Send a few messages; True if there may be more."""
        if not await self._database.read(waits, utcnow()):
            return False
        bot = await self._database.read(find_bot)
        jobs = await self._database.write(claim, utcnow())
        if bot is None:
            await self._fail(jobs, "There is no bot any more.")
            return bool(jobs)
        try:
            token = bot.token(self._vault)
        except Sealed as error:
            await self._fail(jobs, error.message)
            return bool(jobs)
        async with BotApi(self._settings.telegram_url, token) as api:
            await self._send_all(api, jobs)
        return len(jobs) == BATCH

    async def _send_all(self, api: BotApi, jobs: Sequence[Job]) -> None:
        for place, job in enumerate(jobs):
            try:
                await self._send(api, job)
            except SlowDown as error:
                until = utcnow() + timedelta(seconds=error.wait_s)
                await self._database.write(_hold, jobs[place:], until, error.message)
                return
            except Unavailable as error:
                await self._database.write(_postpone, job, error.message, utcnow())
            except DatabaseGone:
                raise
            except Exception as error:
                log.exception("sending alert %d by Telegram failed", job.id)
                await self._database.write(_postpone, job, type(error).__name__, utcnow())

    async def _send(self, api: BotApi, job: Job) -> None:
        text = words.message_text(job.facts)
        say = translator(job.facts["language"]).gettext
        label = say("I have it: %(number)s")
        buttons = [
            (label % {"number": line["number"]}, f"{HAVE}{line['notice']}")
            for line in job.facts["lines"][:MOST_BUTTONS]
        ]
        if not await self._database.write(_fence, job):
            return
        try:
            await api.send_message(job.address, text, buttons)
        except Blocked as error:
            await self._database.write(self._unlink, job, error.message, utcnow())
        except Rejected as error:
            await self._database.write(_settle, job, DeliveryState.FAILED, error.message)
        except Unconfirmed as error:
            await self._database.write(_settle, job, DeliveryState.UNCONFIRMED, error.message)
        else:
            await self._database.write(_settle, job, DeliveryState.SENT, "", utcnow())

    async def _fail(self, jobs: Sequence[Job], reason: str) -> None:
        for job in jobs:
            await self._database.write(_settle, job, DeliveryState.FAILED, reason)

    def _unlink(self, session: Session, job: Job, reason: str, now: datetime) -> None:
        """Nothing reaches the person there: unlink it, and tell them by mail, once."""
        _settle(session, job, DeliveryState.FAILED, reason)
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


def _move(session: Session, job: Job, before: Sequence[DeliveryState], **values: Any) -> bool:
    """Change a row that is still ours (same attempt, expected state)."""
    done = session.execute(
        update(AlertMessage)
        .where(
            messages.id == job.id,
            messages.state.in_(before),
            messages.attempts == job.attempts,
        )
        .values(**values)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _fence(session: Session, job: Job) -> bool:
    """Commit that it goes out next."""
    until = utcnow() + LEASE
    return _move(
        session, job, [DeliveryState.CLAIMED], state=DeliveryState.SENDING, leased_until=until
    )


def _settle(
    session: Session,
    job: Job,
    state: DeliveryState,
    error: str,
    sent_at: datetime | None = None,
) -> None:
    before = [DeliveryState.CLAIMED, DeliveryState.SENDING]
    _move(session, job, before, state=state, error=error[:300], sent_at=sent_at)


def _postpone(session: Session, job: Job, reason: str, now: datetime) -> None:
    if now - job.created_at > GIVE_UP_AFTER:
        _settle(session, job, DeliveryState.FAILED, f"Given up. {reason}")
        return
    pause_s = min(FIRST_RETRY_S * 2 ** (job.attempts - 1), LONGEST_RETRY_S)
    _put_back(session, job, now + timedelta(seconds=pause_s), reason)


def _put_back(session: Session, job: Job, until: datetime, reason: str) -> None:
    _move(
        session,
        job,
        [DeliveryState.CLAIMED, DeliveryState.SENDING],
        state=DeliveryState.QUEUED,
        leased_until=until,
        error=reason[:300],
    )


def _hold(session: Session, jobs: Sequence[Job], until: datetime, reason: str) -> None:
    """Put messages back, and let nothing else out before Telegram wants to hear of us."""
    for job in jobs:
        _put_back(session, job, until, reason)
    session.execute(
        update(AlertMessage)
        .where(messages.state == DeliveryState.QUEUED, messages.leased_until < until)
        .values(leased_until=until)
    )
