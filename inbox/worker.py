"""The worker process: its own loops, and arq beside them."""

import asyncio
import contextlib
import logging
import signal

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
from inbox.company.covering import Cover
from inbox.company.following import Follow
from inbox.company.ladders import Climb
from inbox.company.rehearsals import Rehearse
from inbox.dates.firing import Dates
from inbox.db import Database
from inbox.drift import Drift
from inbox.escalating.meetings import Forewarn
from inbox.fetching import watching
from inbox.foresight import Foresee
from inbox.giving import Give
from inbox.learning.likening import Liken
from inbox.learning.working import Learn, Rehome
from inbox.loops import Send, TakeIn, Watch, run_loop
from inbox.polling import Poll
from inbox.privacy.working import Erase, Export, Retain
from inbox.processes import leave_within
from inbox.queue import (
    ALERTS,
    CLOCKS,
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
from inbox.sealing import Seal
from inbox.settings import Settings
from inbox.sheets.work import Bring

log = logging.getLogger(__name__)

BELLS = (INTAKE, OUTBOX, CLOCKS, ALERTS, TELEGRAM, PUSH, PRIVACY)
LONGEST_PAUSE_S = 5.0
STOP_S = 4.0


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
    take_in = TakeIn(database, settings, secret)
    poll = Poll(database, settings, secret)
    news = watching.Watch(database, settings, secret)
    work = [
        run_loop("take-in", take_in.once, bells[INTAKE]),
        run_loop("sending", Send(database, settings, secret).once, bells[OUTBOX]),
        run_loop("clocks", Watch(database, settings, secret).once, bells[CLOCKS]),
        run_loop("alerts", Alerts(database, settings, secret).once, bells[ALERTS]),
        run_loop("days", DayMail(database, settings, secret).once, asyncio.Event()),
        run_loop("telegram", TelegramSend(database, settings, secret).once, bells[TELEGRAM]),
        run_loop("push", PushSend(database, settings, secret).once, bells[PUSH]),
        run_loop("bot", TelegramListen(database, settings, secret).once, asyncio.Event()),
        run_loop("hours", Follow(database).once, asyncio.Event()),
        run_loop("rehearsals", Rehearse(database).once, asyncio.Event()),
        run_loop("learning", Learn(database, settings.data_dir).once, asyncio.Event()),
        run_loop("types", Rehome(database).once, asyncio.Event()),
        run_loop("likeness", Liken(database, take_in.serving).once, asyncio.Event()),
        run_loop("absences", Cover(database, settings, secret).once, asyncio.Event()),
        run_loop("giving out", Give(database).once, asyncio.Event()),
        run_loop("accounts", Recount(database).once, asyncio.Event()),
        run_loop("ladders", Climb(database).once, asyncio.Event()),
        run_loop("amends", Amends(database, settings, secret).once, asyncio.Event()),
        run_loop("waits", Drift(database, settings, secret).once, asyncio.Event()),
        run_loop("dates", Dates(database, settings, secret).once, asyncio.Event()),
        run_loop("questions", Chase(database, settings, secret).once, asyncio.Event()),
        run_loop("forecast", Foresee(database, settings, secret).once, asyncio.Event()),
        run_loop("mailboxes", poll.once, asyncio.Event()),
        run_loop("news of mailboxes", news.once, asyncio.Event()),
        run_loop("seals", Seal(database).once, asyncio.Event()),
        run_loop("reports", Close(database).once, asyncio.Event()),
        run_loop("erasing", Erase(database, settings).once, bells[PRIVACY]),
        run_loop("retention", Retain(database, settings).once, asyncio.Event()),
        run_loop("exports of people", Export(database, settings).once, bells[PRIVACY]),
        run_loop("sheets", Bring(database).once, asyncio.Event()),
        run_loop("calendars", Meet(database, settings, secret).once, asyncio.Event()),
        run_loop("meetings", Forewarn(database).once, asyncio.Event()),
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
        await poll.close()
        await news.close()
        await take_in.close()
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
