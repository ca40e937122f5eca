"""What a run's engines share: a statement is compiled once, not once for each test's engine."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import LRUCache

from inbox import db

STATEMENTS = 5_000  # more than the product has


class _Shared:
    """The dialect of the first engine of its kind, told of its server once, and its cache.

    Compiling is a third of what a short test computes, and every test has a database, so an
    engine, of its own. A dialect knows its kind of server and nothing of a database.
    """

    def __init__(self, engine: Engine) -> None:
        self._dialect = engine.dialect
        self._learn = engine.dialect.initialize
        self._knows = False
        self._compiled: Any = LRUCache(STATEMENTS)

    def give_to(self, engine: Engine) -> None:
        """Make an engine, which has not connected yet, use what is shared."""
        engine.dialect.initialize = self._initialize  # type: ignore[method-assign]
        engine.dialect = engine.pool._dialect = self._dialect
        engine._compiled_cache = self._compiled

    def _initialize(self, connection: Connection) -> None:
        if not self._knows:
            self._learn(connection)
            self._knows = True


def share_statements(patch: pytest.MonkeyPatch) -> None:
    """Let every engine that this process makes from now on share with those of its kind."""
    shared: dict[str, _Shared] = {}

    def sharing(make: Callable[..., Any]) -> Callable[..., Any]:
        def create(*args: Any, **options: Any) -> Engine | AsyncEngine:
            made: Engine | AsyncEngine = make(*args, **options)
            engine = made.sync_engine if isinstance(made, AsyncEngine) else made
            shared.setdefault(engine.dialect.name, _Shared(engine)).give_to(engine)
            return made

        return create

    for name in ("create_engine", "create_async_engine"):
        patch.setattr(db, name, sharing(getattr(db, name)))
