"""The weather: a seeded killer that logs what it does."""

import os
import random
import shutil
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from inbox import redis_server
from tests.slow.product import ROLES, Product

DEEDS = (*ROLES, "redis-emptied", "redis-flushed")


@dataclass
class Killer:
    """Does every deed ``rounds`` times, in an order that the seed decides."""

    product: Product
    seed: int
    zero: float  # time.time() at the run's beginning
    pause_s: tuple[float, float] = (0.3, 1.0)
    did: list[tuple[float, str]] = field(default_factory=list)
    worker_starts: list[float] = field(default_factory=list)

    def run(self, rounds: int, stop: threading.Event) -> None:
        """Kill until done or stopped; what was killed is back before the next deed."""
        order = random.Random(self.seed)
        for _ in range(rounds):
            for deed in order.sample(DEEDS, len(DEEDS)):
                if stop.wait(order.uniform(*self.pause_s)):
                    return
                self.do(deed)

    def do(self, deed: str) -> None:
        """Do one thing and write it down."""
        if deed == "redis-flushed":
            self._flush()
            return
        role = deed.partition("-")[0]
        if deed == "redis-emptied":
            shutil.rmtree(self._redis_files(), ignore_errors=True)
        old = self.product.pid(role)
        os.kill(old, signal.SIGKILL)
        self._note(deed)
        self.product.pid(role, other_than=old)
        if role == "worker":
            self.worker_starts.append(time.time() - self.zero)

    def _redis_files(self) -> Path:
        """Return the folder of its append-only files; the server goes on without them."""
        return self.product.data / "redis" / "appendonlydir"

    def _flush(self) -> None:
        url = redis_server.url(redis_server.socket_path(self.product.data))
        redis = Redis.from_url(url, socket_timeout=2)
        try:
            redis.flushall()
            self._note("redis-flushed")
        except RedisError:  # it is only just starting again: nothing to lose
            self._note("redis-flushed in vain")
        finally:
            redis.close()

    def _note(self, deed: str) -> None:
        self.did.append((time.time() - self.zero, deed))

    @property
    def worker_kills(self) -> int:
        """How many workers it killed."""
        return sum(deed == "worker" for _, deed in self.did)
