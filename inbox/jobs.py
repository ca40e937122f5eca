"""arq jobs: they escalate what nears breach, and tidy up.

A job is a doorbell: it may ring twice or never. What is due is read from the database and
claimed there, so these and the worker's own loops are harmless to each other.
"""

from datetime import UTC
from typing import Any

from arq.connections import RedisSettings
from arq.cron import cron
from arq.worker import Worker
from sqlalchemy import delete
from sqlmodel import Session

from inbox import escalation
from inbox.clock import utcnow
from inbox.db import Database
from inbox.queue import from_json, to_json
from inbox.settings import Settings
from models import Counter, LoginSession
from models.base import columns

JOB_TIMEOUT_S = 20


async def escalate_due(ctx: dict[str, Any]) -> int:
    """Warn the owner, then tell supervisor and backup, of whatever nears or passes its due."""
    return await escalation.escalate_due(ctx["database"], ctx["settings"], ctx["secret"])


async def tidy(ctx: dict[str, Any]) -> None:
    """Forget counters and sessions that have expired."""
    await ctx["database"].write(_forget)


def _forget(session: Session) -> None:
    now = utcnow()
    session.execute(delete(Counter).where(columns(Counter).expires_at <= now))
    session.execute(delete(LoginSession).where(columns(LoginSession).expires_at <= now))


CRON = (
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
        functions=[escalate_due, tidy],
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
