"""The whole product as its users start it: `kip run` on a folder and ports of its own."""

import email.utils
import os
import random
import re
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from inbox.processes import die_with_parent

T = TypeVar("T")

SUPPORT = "support@demo.example"
TOKEN = "kip-demo-token"
PASSWORD = "kip-demo"
START_S = 150.0  # two cores, with other tests beside us
PATIENCE_S = 45.0  # for what a test waits for that has no figure of its own, likewise
PYTHON = (sys.executable, "-P")  # -P: nothing of the folder we stand in
ROLES = ("redis", "web", "worker", "smtp")

_HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')


def until(look: Callable[[], T | None], within_s: float, what: str, every_s: float = 0.05) -> T:
    """Return the first answer that is true; fail with ``what`` when the time is over."""
    end = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)


def free_port() -> int:
    """Return a port nobody has, below those that the kernel gives to connections.

    A role that is killed needs its port again: it must not be another's in between.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return dict(_HIDDEN.findall(page))


def composer(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that an answer is written into, without a script."""
    _, _, form = page.partition('id="composer"')
    return hidden(form.partition("</form>")[0])


def make_mail(
    sender: str, subject: str = "Where is my order?", body: str = "ML-1, please.", **more: str
) -> bytes:
    """Return a small mail as a person's program writes it; ``in_reply_to=`` makes a header."""
    headers = {
        "From": sender,
        "To": SUPPORT,
        "Subject": subject,
        "Date": email.utils.formatdate(),
        "Message-ID": email.utils.make_msgid(domain="customer.example"),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        **{name.replace("_", "-").title(): value for name, value in more.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return (head + "\r\n" + body.replace("\n", "\r\n") + "\r\n").encode()


@dataclass
class Product:
    """A `kip run` in a process of its own; use :func:`running`."""

    data: Path
    port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ("--demo", "--no-traffic")
    env: dict[str, str] = field(default_factory=dict)
    python: tuple[str, ...] = PYTHON
    started_at: float = 0.0  # time.monotonic() when it was ready
    process: subprocess.Popen[bytes] = field(init=False, repr=False)
    http: httpx.Client = field(init=False, repr=False)

    @property
    def base_url(self) -> str:
        """Where pages and the API are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        """Everything it said."""
        return self.data.with_suffix(".log")

    def command(self) -> list[str]:
        """Return the command line."""
        where = ["--data", str(self.data)]
        ports = ["--port", str(self.port), "--smtp-port", str(self.smtp_port)]
        return [*self.python, "-m", "inbox.cli", "run", *self.options, *where, *ports]

    def environment(self) -> dict[str, str]:
        """Return our environment without its own settings of Kịp."""
        kept = {name: text for name, text in os.environ.items() if name[:4] != "KIP_"}
        kept["KIP_UNDO_SEND_S"] = "0"  # but where a test wants to undo
        return {**kept, **self.env}

    def start(self) -> None:
        """Start it and wait until it says that it is open."""
        self.http = httpx.Client(base_url=self.base_url, timeout=PATIENCE_S, trust_env=False)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data.parent,
                env=self.environment(),
                preexec_fn=die_with_parent(),  # noqa: PLW1509 -- no threads
            )
        try:
            until(self._is_open, START_S, "kip run is open")
        except AssertionError as error:
            error.add_note(self.log())
            raise
        self.started_at = time.monotonic()

    def _is_open(self) -> bool:
        said = self.log()
        assert self.process.poll() is None, "kip run ended"
        return "Kịp is open" in said and self._takes_mail()

    def _takes_mail(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.smtp_port)) == 0

    def log(self) -> str:
        """Return what it said so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()  # takes its children with it
            self.process.wait()

    # ---- its processes ---------------------------------------------------

    def pid(self, role: str, other_than: int = 0) -> int:
        """Return a role's process id, once it is another than the one given."""
        path = self.data / "run" / f"{role}.pid"

        def look() -> int | None:
            try:
                pid = int(path.read_text())
            except (FileNotFoundError, ValueError):
                return None
            return pid if pid != other_than else None

        return until(look, PATIENCE_S, f"{role} runs")

    def kill(self, role: str) -> int:
        """End a role's process as a power cut would; return the id it had."""
        pid = self.pid(role)
        os.kill(pid, signal.SIGKILL)
        return pid

    # ---- mail ------------------------------------------------------------

    def send_mail(
        self, raw: bytes, sender: str, to: str = SUPPORT, timeout_s: float = 30.0
    ) -> None:
        """Hand over a mail as a mail server does; raises what smtplib raises."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, "test", timeout_s) as smtp:
            smtp.sendmail(sender, [to], raw)

    def sink(self, to: str | None = None) -> list[dict[str, Any]]:
        """Return the mail that went out, oldest first."""
        mails: list[dict[str, Any]] = self.http.get("/demo/mail.json").json()
        return [mail for mail in reversed(mails) if to is None or mail["to"] == to]

    # ---- API -------------------------------------------------------------

    def api(self, path: str, **params: Any) -> Any:
        """GET of the API."""
        answer = self.http.get(
            f"/api/v1/{path}", params=params, headers={"authorization": f"Bearer {TOKEN}"}
        )
        answer.raise_for_status()
        return answer.json()

    def conversations(self) -> list[dict[str, Any]]:
        """Return every conversation as the API lists them."""
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = self.api("conversations", limit=200, **after)
            found += page["items"]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}

    def conversations_of(self, address: str) -> list[dict[str, Any]]:
        """Return somebody's conversations, oldest first."""
        found = [one for one in self.conversations() if one["contact"]["address"] == address]
        return sorted(found, key=lambda one: int(one["number"]))

    def conversation_of(self, address: str, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for somebody's only conversation and return it with messages and events."""
        what = f"a conversation of {address}"
        found = until(lambda: self.conversations_of(address), within_s, what)
        assert len(found) == 1
        one: dict[str, Any] = self.api(f"conversations/{found[0]['number']}")
        return one

    # ---- pages -----------------------------------------------------------

    @contextmanager
    def signed_in(self, who: str = "agent") -> Iterator[httpx.Client]:
        """Give a browser without scripts, in which somebody has signed in."""
        with httpx.Client(
            base_url=self.base_url, timeout=PATIENCE_S, trust_env=False, follow_redirects=True
        ) as browser:
            fields = hidden(browser.get("/login").text)
            fields |= {"email": f"{who}@demo.example", "password": PASSWORD}
            answer = browser.post("/login", data=fields)
            assert answer.url.path == "/inbox", answer.text
            yield browser

    def speaks(self, who: str, language: str) -> None:
        """Show somebody's pages in a language from now on."""
        with self.signed_in(who) as browser:
            token = hidden(browser.get("/me").text)["_csrf_token"]
            fields = {"_csrf_token": token, "language": language, "next": "/me"}
            browser.post("/me/switches", data=fields).raise_for_status()

    def post_form(self, client: httpx.Client | None = None, **fields: str) -> httpx.Response:
        """Load the public form, fill it in and send it; return the answer, not followed."""
        client = client or self.http
        token = hidden(client.get("/f/support").text)["token"]
        return client.post("/f/support", data={"token": token, **fields})

    # ---- its database ----------------------------------------------------

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Read from its database beside it."""
        connection = sqlite3.connect(f"file:{self.data / 'kip.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def write(self, sql: str, *values: Any) -> None:
        """Change its database beside it, where a test cannot wait for the time to pass."""
        connection = sqlite3.connect(self.data / "kip.db", timeout=10)
        try:
            with connection:
                connection.execute(sql, values)
        finally:
            connection.close()


@contextmanager
def running(data: Path, **choices: Any) -> Iterator[Product]:
    """Run the product, and leave nothing of it behind."""
    product = Product(data, **choices)
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        product.start()
        yield product
    finally:
        product.stop()
