"""A small company and its roles as processes of their own, started and ended one by one."""

import os
import shutil
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from inbox.auth import hash_token
from inbox.db import Database
from inbox.failpoints import EXIT_CODE, VARIABLE
from inbox.processes import die_with_parent
from models import ApiToken, Scope
from tests.conftest import aside
from tests.factories import CUSTOMER, NOW, PASSWORD, SECRET, SUPPORT, Firm, make_firm, make_mail
from tests.slow.product import PYTHON, free_port, hidden, until
from tests.weather.ledger import Ledger

TOKEN = "a token of these tests"
START_S = 150.0


@dataclass
class Place:
    """An installation without `kip run`: a database, a data directory, and what is told."""

    data: Path
    url: str
    firm: Firm
    smtp_url: str = "console://"
    redis_url: str = ""  # none is used
    web_port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)

    @property
    def ledger(self) -> Ledger:
        """Its database."""
        return Ledger(self.url)

    @property
    def base_url(self) -> str:
        """Where its web role listens."""
        return f"http://127.0.0.1:{self.web_port}"

    def environment(self, failpoint: str = "") -> dict[str, str]:
        """Return a role's environment."""
        kept = {name: text for name, text in os.environ.items() if name[:4] != "KIP_"}
        return {
            **kept,
            "KIP_DATA_DIR": str(self.data),
            "KIP_DATABASE_URL": self.url,
            "KIP_SECRET_KEY": SECRET.decode(),
            "KIP_BASE_URL": self.base_url,
            "KIP_SMTP_URL": self.smtp_url,
            "KIP_REDIS_URL": self.redis_url,
            VARIABLE: failpoint,
        }

    def start(
        self, *line: str, failpoint: str = "", before: tuple[str, ...] = (), **more: Any
    ) -> subprocess.Popen[bytes]:
        """Start ``kip LINE``, perhaps below another program, and do not wait."""
        with (self.data / f"{line[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [*before, *PYTHON, "-m", "inbox.cli", *line],
                stdin=more.pop("stdin", subprocess.DEVNULL),
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=self.environment(failpoint),
                preexec_fn=die_with_parent(),  # noqa: PLW1509 -- no threads
                start_new_session=True,  # ended as one group: strace's death frees its child
                **more,
            )

    def log(self, role: str) -> str:
        """Return what a role said."""
        path = self.data / f"{role}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @contextmanager
    def role(
        self, name: str, failpoint: str = "", before: tuple[str, ...] = ()
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run web, smtp or worker; the first two are open when this gives them."""
        port = {"web": self.web_port, "smtp": self.smtp_port}.get(name)
        line = [name, "--port", str(port)] if port else [name]
        process = self.start(*line, failpoint=failpoint, before=before)
        try:
            if port:
                until(lambda: self._opens(process, port), START_S, f"{name} opens its port")
            yield process
        finally:
            end(process)

    def _opens(self, process: subprocess.Popen[bytes], port: int) -> bool:
        assert process.poll() is None, "it ended before it was open"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def send(self, raw: bytes, sender: str = CUSTOMER) -> int:
        """Send a mail; return the server's code, or 0 if it hung up."""
        try:
            with smtplib.SMTP("127.0.0.1", self.smtp_port, "test", timeout=30) as smtp:
                smtp.sendmail(sender, [SUPPORT], raw)
        except smtplib.SMTPRecipientsRefused as error:
            return max(code for code, _ in error.recipients.values())
        except smtplib.SMTPResponseException as error:
            return error.smtp_code if error.smtp_code > 0 else 0
        except (smtplib.SMTPException, OSError):
            return 0
        return 250

    @contextmanager
    def signed_in(self, name: str = "an") -> Iterator[httpx.Client]:
        """Give a browser without scripts, in which somebody of the company has signed in."""
        with httpx.Client(
            base_url=self.base_url, timeout=30, trust_env=False, follow_redirects=True
        ) as browser:
            fields = hidden(browser.get("/login").text)
            fields |= {"email": f"{name}@congty.example", "password": PASSWORD}
            assert browser.post("/login", data=fields).url.path == "/inbox"
            yield browser

    def client(self) -> httpx.Client:
        """Return a browser or script for the web role."""
        return httpx.Client(base_url=self.base_url, timeout=30, trust_env=False)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a role at once, with whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def died(process: subprocess.Popen[bytes], within_s: float = 60.0) -> bool:
    """Tell whether it dies at its failpoint."""
    return process.wait(within_s) == EXIT_CODE


def make_place(folder: Path, url: str, smtp_url: str = "console://") -> Place:
    """Set a company up in an empty, migrated database."""
    found: list[Firm] = []

    async def fill() -> None:
        database = Database(url)
        try:
            found.append(await database.write(make_firm))
            await database.write(_add_token, found[0].an.id)
        finally:
            await database.close()

    aside(fill)
    return Place(folder, url, found[0], smtp_url)


def mail_from(sender: str, text: str = "Còn hàng không ạ?") -> bytes:
    """Write a mail to the company."""
    return make_mail(text, **{"from": sender})


def new_place(folder: Path, template: Path, **values: Any) -> Place:
    """Set a company up in a copy of a migrated SQLite file, in ``folder / "data"``."""
    data = folder / "data"
    data.mkdir()
    shutil.copyfile(template, data / "kip.db")
    place = make_place(data, f"sqlite+aiosqlite:///{data / 'kip.db'}")
    return replace(place, **values)


def _add_token(session: Any, agent_id: int) -> None:
    session.add(
        ApiToken(
            name="test",
            token_hash=hash_token(TOKEN),
            agent_id=agent_id,
            scope=Scope.WRITE,
            created_at=NOW,
        )
    )
