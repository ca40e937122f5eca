"""The worker process: its own loops, and arq beside them."""

import asyncio
import contextlib
import logging
import signal
from typing import Protocol, runtime_checkable

from redis.asyncio import Redis

from inbox import jobs
from inbox.accounts.figures import Recount
from inbox.alerting.daymail import DayMail
from inbox.alerting.gathering import Alerts
from inbox.alerting.listening import TelegramListen
from inbox.alerting.push import PushSend
from inbox.alerting.telegram import TelegramSend
from inbox.amends import Amends
from inbox.asks import Chase
from inbox.calendars.own import Meet
from inbox.chatting.letters import Letters
from inbox.chatting.pace import Pace
from inbox.company.covering import Cover
from inbox.company.following import Follow
from inbox.company.ladders import Climb
from inbox.company.rehearsals import Rehearse
from inbox.dates import meetings
from inbox.dates.firing import Dates
from inbox.db import Database
from inbox.drift import Drift
from inbox.escalating.meetings import Forewarn
from inbox.fetching import watching
from inbox.foresight import Foresee
from inbox.giving import Give
from inbox.hooks.sending import HookSend
from inbox.learning.likening import Liken
from inbox.learning.working import Learn, Rehome
from inbox.loops import Send, TakeIn, Watch, run_loop
from inbox.messaging.bringing import Gather
from inbox.polling import Poll
from inbox.privacy.working import Erase, Export, Retain
from inbox.processes import leave_within
from inbox.queue import (
    ALERTS,
    CLOCKS,
    FILES,
    HOOKS,
    INTAKE,
    OUTBOX,
    PRIVACY,
    PUSH,
    TELEGRAM,
    Announcer,
    connect,
    listen,
)
from inbox.reporting.closing import Close
from inbox.satisfaction.asking import Ask
from inbox.sealing import Seal
from inbox.search.working import Index
from inbox.settings import Settings
from inbox.sheets.work import Bring
from inbox.writing.planned import Planned

log = logging.getLogger(__name__)

BELLS = (INTAKE, OUTBOX, CLOCKS, ALERTS, TELEGRAM, PUSH, PRIVACY, FILES, HOOKS)
LONGEST_PAUSE_S = 5.0
STOP_S = 4.0


class Room(Protocol):
    """One kind of work; any number of workers may do it."""

    async def once(self) -> bool:
        """Do what is due; true where there is more."""
        ...


@runtime_checkable
class Closing(Protocol):
    """What has something to let go of at the end."""

    async def close(self) -> None:
        """Let go of processes and connections."""
        ...


def make_rooms(
    database: Database, settings: Settings, secret: bytes
) -> dict[str, tuple[Room, str]]:
    """Return everything that a worker does: by name, with the bell that calls it, or ""."""
    take_in = TakeIn(database, settings, secret)
    return {
        "take-in": (take_in, INTAKE),
        "sending": (Send(database, settings, secret), OUTBOX),
        "clocks": (Watch(database, settings, secret), CLOCKS),
        "alerts": (Alerts(database, settings, secret), ALERTS),
        "days": (DayMail(database, settings, secret), ""),
        "telegram": (TelegramSend(database, settings, secret), TELEGRAM),
        "push": (PushSend(database, settings, secret), PUSH),
        "planned answers": (Planned(database, settings, secret), ""),
        "bot": (TelegramListen(database, settings, secret), ""),
        "hours": (Follow(database), ""),
        "rehearsals": (Rehearse(database), ""),
        "learning": (Learn(database, settings.data_dir), ""),
        "types": (Rehome(database), ""),
        "likeness": (Liken(database, take_in.serving), ""),
        "absences": (Cover(database, settings, secret), ""),
        "giving out": (Give(database), ""),
        "accounts": (Recount(database), ""),
        "ladders": (Climb(database), ""),
        "amends": (Amends(database, settings, secret), ""),
        "waits": (Drift(database, settings, secret), ""),
        "how we did": (Ask(database, settings, secret), ""),
        "dates": (Dates(database, settings, secret), ""),
        "questions": (Chase(database, settings, secret), ""),
        "forecast": (Foresee(database, settings, secret), ""),
        "mailboxes": (Poll(database, settings, secret), ""),
        "news of mailboxes": (watching.Watch(database, settings, secret), ""),
        "seals": (Seal(database), ""),
        "reports": (Close(database), ""),
        "erasing": (Erase(database, settings), PRIVACY),
        "retention": (Retain(database, settings), ""),
        "exports of people": (Export(database, settings), PRIVACY),
        "sheets": (Bring(database), ""),
        "search": (Index(database), ""),
        "calendars": (Meet(database, settings, secret), ""),
        "meetings": (Forewarn(database, (meetings.find, meetings.bring_forward)), ""),
        "messengers": (Gather(database, settings, secret), FILES),
        "chats by mail": (Letters(database, settings, secret), ""),
        "pace of chats": (Pace(database), ""),
        "webhooks": (HookSend(database, settings, secret), HOOKS),
    }


async def run_worker(settings: Settings) -> None:
    """Work until told to stop."""
    redis = connect(settings.redis_url) if settings.redis_url else None
    database = Database(settings.database, Announcer(redis))
    secret = settings.secret
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bells = {name: asyncio.Event() for name in BELLS}
    rooms = make_rooms(database, settings, secret)
    work = [
        run_loop(name, room.once, bells.get(bell, asyncio.Event()))
        for name, (room, bell) in rooms.items()
    ]
    if redis is not None:
        work += [_hear(redis, bells), _keep_arq(database, settings, secret)]
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await stop.wait()
    finally:
        leave_within(STOP_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for room, _ in rooms.values():
            if isinstance(room, Closing):
                await room.close()
        await database.close()
        if redis is not None:
            await redis.aclose()


async def _hear(redis: Redis, bells: dict[str, asyncio.Event]) -> None:
    """Ring the loops that a name is for; all of them after a gap."""
    async for names in listen(redis):
        for name in bells if names is None else names:
            if name in bells:
                bells[name].set()


async def _keep_arq(database: Database, settings: Settings, secret: bytes) -> None:
    """Run arq's worker, and a new one when it ends: it does whenever Redis goes away."""
    pause_s = 0.2
    while True:
        worker = jobs.make_worker(database, settings, secret)
        try:
            await worker.async_run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("arq ended (%s); starting it again in %.1f s", error, pause_s)
        finally:
            with contextlib.suppress(Exception):
                await worker.close()
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
