"""arq jobs: they escalate what nears breach, and tidy up.

A job is a doorbell: it may ring twice or never. What is due is read from the database and
claimed there, so these and the worker's own loops are harmless to each other.
"""

from datetime import UTC, timedelta
from typing import Any

from arq.connections import RedisSettings
from arq.cron import cron
from arq.worker import Worker
from sqlalchemy import delete
from sqlmodel import Session

from inbox import escalation
from inbox.clock import utcnow
from inbox.db import Database
from inbox.hooks import queue as hooks
from inbox.outgoing import staged
from inbox.queue import from_json, to_json
from inbox.settings import Settings
from inbox.sheets.work import forget_old
from inbox.store import ledger
from inbox.writing import drafts
from models import Counter, LoginSession
from models.base import columns

JOB_TIMEOUT_S = 20
LEDGER_BATCH = 2000


async def escalate_due(ctx: dict[str, Any]) -> int:
    """Warn the owner, then tell supervisor and backup, of whatever nears or passes its due."""
    return await escalation.escalate_due(ctx["database"], ctx["settings"], ctx["secret"])


async def tidy(ctx: dict[str, Any]) -> None:
    """Forget counters, sessions, sheets, files put by and events sent that have expired."""
    await ctx["database"].write(_forget)


def _forget(session: Session) -> None:
    now = utcnow()
    session.execute(delete(Counter).where(columns(Counter).expires_at <= now))
    session.execute(delete(LoginSession).where(columns(LoginSession).expires_at <= now))
    staged.forget_old(session, now)
    drafts.forget_old(session, now)
    forget_old(session, now)
    hooks.forget_old(session, now)


async def thin_ledger(ctx: dict[str, Any]) -> int:
    """Forget what the mail ledger holds no words of, once it is old; return how many."""
    before = utcnow() - timedelta(days=ctx["settings"].ledger_days)
    count = LEDGER_BATCH
    total = 0
    while count == LEDGER_BATCH:
        count = await ctx["database"].write(ledger.thin, before, LEDGER_BATCH)
        total += count
    return total


CRON = (
    cron(thin_ledger, hour={19}, minute={40}, second={10}, timeout=JOB_TIMEOUT_S),
    cron(escalate_due, second=set(range(60)), timeout=JOB_TIMEOUT_S),
    cron(tidy, minute={7}, second={30}, timeout=JOB_TIMEOUT_S),
)


def make_worker(database: Database, settings: Settings, secret: bytes) -> Worker:
    """Make the arq worker. It ends when Redis does; whoever runs it starts a new one."""
    url = settings.redis_url or ""
    redis = (
        RedisSettings(unix_socket_path=url.removeprefix("unix://"))
        if url.startswith("unix://")
        else RedisSettings.from_dsn(url)
    )
    redis.conn_retries = 1
    return Worker(
        functions=[escalate_due, tidy, thin_ledger],
        cron_jobs=CRON,
        redis_settings=redis,
        ctx={"database": database, "settings": settings, "secret": secret},
        handle_signals=False,
        keep_result=0,
        job_timeout=JOB_TIMEOUT_S,
        max_jobs=4,
        timezone=UTC,
        job_serializer=to_json,
        job_deserializer=from_json,
    )
