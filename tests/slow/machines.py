"""Several machines' roles on one PostgreSQL and one Redis, each with a directory of its own."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import text

from inbox import redis_server
from inbox.db import Database
from inbox.demo.seed import seed
from inbox.processes import die_with_parent
from inbox.settings import Settings
from tests.conftest import aside
from tests.postgres import Postgres
from tests.slow.product import PASSWORD, PYTHON, free_port, hidden, until

KEY = "the same long random text on every machine"
START_S = 150.0
ROLES = ("web-a", "web-b", "worker-a", "worker-b", "smtp")


class MailServer:
    """The company's outgoing mail server; remembers who got what."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: Counter[tuple[str, str]] = Counter()  # recipient, Message-ID
        self._lock = threading.Lock()
        self._server = Controller(self, "127.0.0.1", self.port)

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take every mail."""
        content = envelope.content
        head = content.split(b"\r\n\r\n", 1)[0] if isinstance(content, bytes) else b""
        ids = [line for line in head.split(b"\r\n") if line.lower().startswith(b"message-id:")]
        with self._lock:
            self.taken[envelope.rcpt_tos[0], ids[0].decode()] += 1
        return "250 taken"

    @contextmanager
    def running(self) -> Iterator["MailServer"]:
        """Take mail until the block ends."""
        self._server.start()
        try:
            yield self
        finally:
            self._server.stop()


class Machines:
    """The roles by name; use :func:`machines`."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, outside: MailServer):
        self.folder = folder
        self.database_url = database_url
        self.outside = outside
        self.ports = {name: free_port() for name in ROLES if not name.startswith("worker")}
        kept = {name: value for name, value in os.environ.items() if name[:4] != "KIP_"}
        self._environment = kept | {
            "KIP_DATABASE_URL": database_url,
            "KIP_REDIS_URL": redis_url,
            "KIP_SECRET_KEY": KEY,
            "KIP_BASE_URL": self.url("web-a"),
            "KIP_SMTP_URL": f"smtp://127.0.0.1:{outside.port}",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, name: str) -> str:
        """Return where a web role is."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def kip(self, name: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on one of the machines."""
        return subprocess.run(
            [*PYTHON, "-m", "inbox.cli", *words],
            env=self._own(name),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def _own(self, name: str) -> dict[str, str]:
        return self._environment | {"KIP_DATA_DIR": str(self.folder / name)}

    def start(self, name: str) -> None:
        """Start a role, or start it again."""
        role = name.partition("-")[0]
        port = ["--port", str(self.ports[name])] if name in self.ports else []
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*PYTHON, "-m", "inbox.cli", role, *port],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._own(name),
                preexec_fn=die_with_parent(),  # noqa: PLW1509 -- before any thread of ours
            )

    def wait(self, name: str) -> None:
        """Return once a role with a port answers."""
        port = self.ports[name]

        def answers() -> bool:
            assert self.processes[name].poll() is None, self.log(name)
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(answers, START_S, f"{name} listens")

    def log(self, name: str) -> str:
        """Return what a role said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """End a role as a power cut would."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def stop(self) -> None:
        """End them all."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def rows(self, sql: str) -> list[Any]:
        """Read from the database beside them."""

        async def ask() -> list[Any]:
            database = Database(self.database_url)
            try:
                return await database.read(lambda one: list(one.execute(text(sql)).all()))
            finally:
                await database.close()

        return asyncio.run(ask())

    def count(self, sql: str) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(sql)[0][0])

    @contextmanager
    def signed_in(self, name: str, who: str = "agent") -> Iterator[httpx.Client]:
        """Give a browser in which somebody has signed in at one of the web roles."""
        with httpx.Client(timeout=20, trust_env=False, follow_redirects=True) as browser:
            where = self.url(name)
            fields = hidden(browser.get(f"{where}/login").text)
            fields |= {"email": f"{who}@demo.example", "password": PASSWORD}
            answer = browser.post(f"{where}/login", data=fields)
            assert answer.url.path == "/inbox", answer.text
            yield browser


@contextmanager
def redis_on_tcp(folder: Path) -> Iterator[str]:
    """Run a Redis that several machines could share."""
    port = free_port()
    command = [
        *(str(redis_server.find_server()), "--port", str(port), "--bind", "127.0.0.1"),
        *("--dir", str(folder), "--appendonly", "yes", "--maxmemory-policy", "noeviction"),
    ]
    with (folder / "redis.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent())  # noqa: PLW1509

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers, START_S, "Redis listens")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(20)


def make_company(database_url: str, folder: Path) -> None:
    """Put the sample company into a migrated database."""
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg] # of pydantic-settings
        data_dir=folder,
        database_url=database_url,
        secret_key=KEY,  # type: ignore[arg-type] # pydantic makes it a secret
        redis_url=None,
        demo=True,
    )

    async def make() -> None:
        database = Database(database_url)
        try:
            await seed(database, settings)
        finally:
            await database.close()

    aside(make)


@contextmanager
def machines(postgres: Postgres) -> Iterator[Machines]:
    """Run two web roles, two workers and a mail receiver for the sample company."""
    folder = Path(tempfile.mkdtemp(prefix="kip-machines-"))
    name = f"kip_{folder.name.rpartition('-')[2]}".lower()
    aside(lambda: postgres.execute(f"CREATE DATABASE {name} TEMPLATE kip_template"))
    try:
        make_company(postgres.url(name), folder)
        with redis_on_tcp(folder) as redis_url, MailServer().running() as outside:
            made = Machines(folder, postgres.url(name), redis_url, outside)
            try:
                for role in ROLES:
                    made.start(role)
                for role in made.ports:
                    made.wait(role)
                yield made
            finally:
                made.stop()
    finally:
        aside(lambda: postgres.execute(f"DROP DATABASE {name} WITH (FORCE)"))
        shutil.rmtree(folder, ignore_errors=True)
