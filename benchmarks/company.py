"""An installation for benchmarks, with the sample company, and a browser for it."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from litestar.types import ASGIApp

from benchmarks.measure import Costs
from inbox.db import Database
from inbox.demo.seed import seed
from inbox.migrations import migrate
from inbox.processes import keep_loaded
from inbox.settings import Settings, ensure_secret
from tests.machine import postgres_programs

DURABLE = ("shared_buffers=128MB",)  # of PostgreSQL: as it comes, fsync at every commit


@dataclass(frozen=True)
class Target:
    """A database to measure on; without a URL it is SQLite in the data directory."""

    url: str | None = None
    server_pid: int | None = None


@contextmanager
def databases() -> Iterator[dict[str, Target]]:
    """Give SQLite, and an empty PostgreSQL database where the programs are there."""
    if postgres_programs() is None:
        yield {"sqlite": Target()}
        return
    from tests.postgres import start_postgres  # noqa: PLC0415 -- needs what tests need

    with start_postgres(DURABLE) as server:
        pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
        yield {"sqlite": Target(), "postgresql": Target(server.url("kip_template"), pid)}


@asynccontextmanager
async def sample_company(
    database_url: str | None = None,
) -> AsyncIterator[tuple[Database, Settings]]:
    """Make a data directory with the sample company, without Redis; gone afterwards.

    A PostgreSQL database that is given has to be empty, and is not emptied again.
    """
    with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg] # of pydantic-settings
            data_dir=Path(folder),
            database_url=database_url,
            redis_url=None,
            base_url="http://127.0.0.1:8000",
            demo=True,
        )
        ensure_secret(settings.data_dir)
        database = Database(settings.database)
        try:
            await migrate(database)
            await seed(database, settings)
            keep_loaded()  # as a role does, once it is loaded
            yield database, settings
        finally:
            await database.close()


class Browser:
    """Asks the application for pages without a network between."""

    def __init__(
        self, app: ASGIApp, cookie: str, headers: Mapping[bytes, bytes] | None = None
    ) -> None:
        self._app = app
        self.cookie = cookie
        self._headers = dict(headers or {})
        self._kept: dict[bytes, None] = {}  # cookies that it was given
        self._mark = b""  # of the last page, asked for again

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a page."""
        return await self._ask("GET", path, b"", {b"if-none-match": self._mark})

    async def post(
        self, path: str, fields: Mapping[str, str], headers: Mapping[bytes, bytes]
    ) -> tuple[int, bytes]:
        """Send a form; a redirection is not followed."""
        kind = {b"content-type": b"application/x-www-form-urlencoded"}
        return await self._ask("POST", path, urlencode(fields).encode(), {**kind, **headers})

    async def _ask(
        self, method: str, path: str, sent: bytes, headers: Mapping[bytes, bytes]
    ) -> tuple[int, bytes]:
        where, _, query = path.partition("?")
        scope: Any = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": where,
            "raw_path": where.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [
                (b"host", b"127.0.0.1:8000"),
                (b"cookie", b"; ".join((self.cookie.encode(), *self._kept))),
                (b"accept-language", b"vi"),
                (b"content-length", str(len(sent)).encode()),
                *headers.items(),
                *self._headers.items(),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        status, parts = 0, []

        async def receive() -> Any:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._mark = dict(message["headers"]).get(b"etag", b"")
                for name, value in message["headers"]:
                    if name == b"set-cookie":
                        self._kept[value.partition(b";")[0]] = None
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return status, b"".join(parts)


async def page_costs(
    browser: Browser, path: str, pages: int, sign: bytes = b"", least: int = 1
) -> Costs:
    """Get a page again and again; each has to hold ``sign`` so often."""
    costs = Costs()
    for _ in range(pages):
        costs.begin()
        status, body = await browser.get(path)
        costs.end()
        assert status == 200, (path, body[:400])
        assert body.count(sign) >= least, path
    return costs
