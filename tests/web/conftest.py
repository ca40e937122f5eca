"""The application over a copy of one prepared database; nothing waits, nothing leaves."""

import asyncio
import functools
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from pydantic import SecretStr

from inbox import auth
from inbox.app import assemble, make_site
from inbox.db import Database
from inbox.loops import TakeIn
from inbox.migrations import migrate
from inbox.settings import Settings
from inbox.views import assets
from inbox.views.site import Site
from tests.conftest import aside
from tests.postgres import Postgres
from tests.web.scene import BASE, PASSWORD, SECRET, Clock, Scene, create_company

StartScene = Callable[..., Any]


async def _prepare(folder: Path) -> None:
    """Make one database without a company and one with it."""
    empty = Database(f"sqlite+aiosqlite:///{folder / 'empty' / 'kip.db'}")
    await migrate(empty)
    await empty.close()
    shutil.copytree(folder / "empty", folder / "company")
    company = Database(f"sqlite+aiosqlite:///{folder / 'company' / 'kip.db'}")
    hashed = await asyncio.to_thread(auth.hash_password, PASSWORD)
    await company.write(create_company, hashed)
    await company.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the databases ``empty`` and ``company``, made once a run."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "empty").mkdir()
    asyncio.run(_prepare(folder))
    return folder


@pytest.fixture(scope="session")
def prepared_postgres(postgres: Postgres) -> Postgres:
    """Return a server with the databases ``kip_empty`` and ``kip_company``, made once a run."""

    async def prepare() -> None:
        for kind in ("empty", "company"):
            await postgres.execute(f"CREATE DATABASE kip_{kind} TEMPLATE kip_template")
        database = Database(postgres.url("kip_company"))
        hashed = await asyncio.to_thread(auth.hash_password, PASSWORD)
        await database.write(create_company, hashed)
        await database.close()

    aside(prepare)
    return postgres


_load_assets = functools.cache(assets.load)


_apps: list[Litestar] = []  # one after the other, as assembling takes longer than most tests


def _app_over(site: Site, used: list[Litestar]) -> Litestar:
    """Return an application over the site that this test does not use already."""
    free = [app for app in _apps if app not in used]
    if free:
        app = free[0]
        app.state.site = site
    else:
        app = assemble(site)
        _apps.append(app)
    used.append(app)
    return app


@asynccontextmanager
async def living(app: Litestar) -> AsyncIterator[None]:
    """Start and stop an application in one task of its own, as its task group demands."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if not task.done():
            yield
    finally:
        stop.set()
        await task


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of everything that asks for the time."""
    stopped = Clock()
    for name, module in list(sys.modules.items()):
        if name.startswith("inbox.") and "utcnow" in vars(module):
            monkeypatch.setitem(vars(module), "utcnow", lambda: stopped.now)
    return stopped


@pytest.fixture
async def start(
    database_kind: str,
    prepared: Path,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[StartScene]:
    """Return what starts an application: ``await start(kind="company", **settings)``."""
    monkeypatch.setattr(assets, "load", _load_assets)
    used: list[Litestar] = []
    async with AsyncExitStack() as stack:

        async def begin(kind: str = "company", **changes: Any) -> Scene:
            url = None
            if database_kind == "sqlite":
                shutil.copytree(prepared / kind, tmp_path, dirs_exist_ok=True)
            else:
                server: Postgres = request.getfixturevalue("prepared_postgres")
                url = await stack.enter_async_context(server.copy_of(f"kip_{kind}"))
            values: dict[str, Any] = {
                "data_dir": tmp_path,
                "secret_key": SecretStr(SECRET),
                "base_url": BASE,
                "database_url": url,
                "redis_url": None,
                **changes,
            }
            settings: Settings = Settings.model_construct(**values)
            site = make_site(settings)
            app = _app_over(site, used)
            take_in = TakeIn(site.database, settings, settings.secret)
            scene = Scene(app, site, take_in, clock)
            site.database.announce = scene.announce
            await stack.enter_async_context(living(app))
            stack.push_async_callback(take_in.close)
            return scene

        yield begin


@pytest.fixture
async def scene(start: StartScene) -> Scene:
    """Return the company's application."""
    made: Scene = await start()
    return made
