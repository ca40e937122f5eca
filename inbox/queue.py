"""Names over Redis: bells that wake the worker, and what changed for the browsers.

Rows are the queue; nothing here is needed for anything to happen, only for it to happen at
once. A name is ``ring:<loop>`` for a worker's loop (``intake``, ``outbox``, ``clocks``,
``alerts``, ``telegram``, ``push``, ``privacy``, ``hooks``) or a live name for browsers
(``list``, ``conv-1042``, ``notices-7``, ``chat-3:…`` for a visitor's; ``account-7`` has one
person's streams look again whether their sessions still hold; ``seat-1042:7:…`` tells the web
processes who has which conversation before them, ``inbox.views.room``).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

CHANNEL = "kip:names"
BUDGET_S = 0.2  # the longest a web request may wait for Redis
INTAKE, OUTBOX, CLOCKS = "ring:intake", "ring:outbox", "ring:clocks"
ALERTS, TELEGRAM, PUSH = "ring:alerts", "ring:telegram", "ring:push"
PRIVACY = "ring:privacy"
FILES = "ring:files"  # that lie with a messenger
HOOKS = "ring:hooks"
CHAT = "chat-"
SEAT = "seat-"


def connect(url: str) -> Redis:
    """Open a client that gives up early; no connection is made before the first call."""
    client: Redis = Redis.from_url(
        url, socket_connect_timeout=BUDGET_S, health_check_interval=30
    )
    return client


def conversation_name(conversation_id: int) -> str:
    """Return the live name of one conversation."""
    return f"conv-{conversation_id}"


def chat_name(visitor: str) -> str:
    """Return the name that a visitor's sockets listen for; browsers of ours never hear it."""
    return f"{CHAT}{visitor}"


def notices_name(agent_id: int) -> str:
    """Return the live name of one person's notices."""
    return f"notices-{agent_id}"


def account_name(agent_id: int) -> str:
    """Return the name under which a person's streams hear that their sessions ended."""
    return f"account-{agent_id}"


class Announcer:
    """Publishes names; failing is logged, never raised, and never slow."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis = redis

    async def __call__(self, names: list[str]) -> None:
        if self._redis is None:
            return
        try:
            async with asyncio.timeout(BUDGET_S):
                await self._redis.publish(CHANNEL, json.dumps(names))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Redis does not answer (%s); work waits for the next tick", error)


async def listen(redis: Redis) -> AsyncIterator[list[str] | None]:
    """Yield lists of names for ever; None after each connection: some may be missed."""
    pause_s = 0.2
    while True:
        try:
            async with redis.pubsub() as pubsub:
                await pubsub.subscribe(CHANNEL)
                pause_s = 0.2
                yield None
                async for message in pubsub.listen():
                    if message["type"] == "message":
                        yield _names(message["data"])
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("Redis went away (%s); trying again in %.1f s", error, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 5.0)


def _names(data: bytes) -> list[str]:
    try:
        names = json.loads(data)
    except ValueError:
        log.warning("Not JSON on %s: %r", CHANNEL, data[:80])
        return []
    return [name for name in names if isinstance(name, str)]


def to_json(job: dict[str, Any]) -> bytes:
    """Write an arq job as JSON: pickle would let whoever writes to Redis run code here."""
    return json.dumps(job, default=str).encode()


def from_json(data: bytes) -> dict[str, Any]:
    """Read an arq job."""
    job: dict[str, Any] = json.loads(data)
    return job
