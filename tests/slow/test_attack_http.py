"""Attacks that need real processes: many tries at once, slow and large requests, secrets."""

import contextlib
import os
import random
import signal
import smtplib
import socket
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from inbox.processes import die_with_parent
from tests.slow.product import (
    PATIENCE_S,
    PYTHON,
    TOKEN,
    Product,
    free_port,
    hidden,
    make_mail,
    running,
    until,
)

pytestmark = pytest.mark.slow

TRIES = 100
SLOW, LARGE, LARGE_BYTES = 60, 10, 24 * 1024 * 1024
PAGES_MEANWHILE = 40
CANARY = "c4nary-7f3a91"
ODD_PATHS = (
    *("/nowhere", "/inbox/9", "/s/none", "/f/none", "/files/x", "/static/none", "/setup"),
    *("/login?next=//x", "/api/none", "/metrics?x", "/demo/none", "/s/%00a", "/inbox?after=x"),
)
ODD_CALLS = ("?after=x", "?limit=x", "?status=x", "?x=y", "/0", "/999999")
ODD_BODIES = (b"", b"{", b"[]", b'{"text": 1}', b"\xff", b'{"x": "y"}')
ODD_KINDS = ("text/plain", "multipart/form-data", "multipart/form-data; boundary=a")
ODD_COMMANDS = ("XYZ", "MAIL FROM:<", "RCPT TO:<x@y>", "DATA", "VRFY root", "AUTH PLAIN")


# ---- guessing passwords -------------------------------------------------------


@contextmanager
def _second_web(product: Product) -> Iterator[str]:
    """Run another web process on the same data; give its address."""
    port = free_port()
    environment = {
        **product.environment(),
        "KIP_DATA_DIR": str(product.data),
        "KIP_SECRET_KEY": (product.data / "secret.key").read_text().strip(),
        "KIP_DEMO": "1",
    }
    with (product.data.parent / "second.log").open("wb") as log:
        process = subprocess.Popen(
            [*PYTHON, "-m", "inbox.cli", "web", "--port", str(port)],
            env=environment,
            cwd=product.data.parent,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 -- no threads yet
        )
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/health/live", trust_env=False).status_code == 200
        return False

    try:
        until(ready, 60, "the second web process answers")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def test_a_hundred_guesses_over_two_processes_are_five_checks(product: Product) -> None:
    """R53, S22: counted in one place, for the account, whatever X-Forwarded-For says."""
    chance = random.Random(22)
    with _second_web(product) as other:
        bases = [product.base_url, other]

        def guess(number: int) -> int:
            forwarded = ".".join(str(chance.randrange(1, 255)) for _ in range(4))
            base = bases[number % 2]
            headers = {"x-forwarded-for": forwarded, "x-real-ip": forwarded}
            with httpx.Client(base_url=base, timeout=60, trust_env=False) as browser:
                fields = hidden(browser.get("/login").text)
                fields |= {"email": "admin@demo.example", "password": f"guess {number}"}
                return browser.post("/login", data=fields, headers=headers).status_code

        with ThreadPoolExecutor(20) as pool:
            codes = Counter(pool.map(guess, range(TRIES)))
    # 422 is "does not fit", said after a check; 429 is said without one.
    assert set(codes) == {422, 429}
    assert 1 <= codes[422] <= 5
    assert codes[429] == TRIES - codes[422]


# ---- slow and large requests --------------------------------------------------


def _dribble(port: int, stop_at: float) -> None:
    """Send a request's head, a letter at a time, and never end it."""
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"POST /f/support HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        while time.monotonic() < stop_at:
            try:
                slow.sendall(b"a")
            except OSError:
                return  # hung up on, as well it may be
            time.sleep(0.2)


def _upload(base_url: str) -> int:
    """Send 24 MiB to the form; return the status, 0 when it was hung up on."""
    big = {"files": ("a.bin", b"x" * LARGE_BYTES)}
    url = f"{base_url}/f/support"
    try:
        return httpx.post(url, files=big, timeout=60, trust_env=False).status_code
    except httpx.TransportError:
        return 0


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def test_slow_and_large_requests_hold_nobody_up(product: Product) -> None:
    """S31, short: 60 senders that never end and 10 uploads of 24 MiB; a page stays quick."""
    web = product.pid("web")
    stop_at = time.monotonic() + 12
    took = []
    most = 0.0
    with ThreadPoolExecutor(SLOW + LARGE) as pool, product.signed_in() as browser:
        for _ in range(SLOW):
            pool.submit(_dribble, product.port, stop_at)
        uploads = [pool.submit(_upload, product.base_url) for _ in range(LARGE)]
        for _ in range(PAGES_MEANWHILE):
            asked = time.monotonic()
            browser.get("/inbox").raise_for_status()
            took.append(time.monotonic() - asked)
            most = max(most, _resident_mib(web))
        codes = {upload.result() for upload in uploads}
    assert codes <= {413, 0}
    assert statistics.quantiles(took, n=20)[-1] < 1
    assert most < 600
    assert product.pid("web") == web


# ---- secrets ------------------------------------------------------------------


def _provoke(product: Product) -> list[str]:
    """Walk thirty paths that end in an error; return everything that was answered."""
    http = product.http
    bearer = {"authorization": f"Bearer {TOKEN}"}
    replies = "/api/v1/conversations/1001/replies"
    said = [http.get(path).text for path in ODD_PATHS]
    said += [
        http.get(f"/api/v1/conversations{path}", headers=bearer).text for path in ODD_CALLS
    ]
    said += [http.post(replies, content=body, headers=bearer).text for body in ODD_BODIES]
    said += [
        http.post("/f/support", content=b"x", headers={"content-type": kind}).text
        for kind in ODD_KINDS
    ]
    with smtplib.SMTP("127.0.0.1", product.smtp_port, "test", 20) as smtp:
        said += [repr(smtp.docmd(command)) for command in ODD_COMMANDS]
    return said


def test_a_secret_of_the_settings_is_said_nowhere(tmp_path: Path) -> None:
    """S30: in no answer, reply to a mail server, log or database, whatever fails."""
    dead = free_port()  # nobody listens there: sending and ringing fail, with the address known
    secrets = {
        "KIP_SECRET_KEY": f"key-{CANARY}-long-enough-for-a-key",
        "KIP_SMTP_URL": f"smtp://sender:{CANARY}@127.0.0.1:{dead}",
        "KIP_REDIS_URL": f"redis://:{CANARY}@127.0.0.1:{dead}/0",
    }
    with running(tmp_path / "data", env=secrets) as product:
        said = _provoke(product)
        assert len(said) >= 30
        product.send_mail(make_mail("kim@customer.example"), "kim@customer.example")
        number = product.conversation_of("kim@customer.example", within_s=PATIENCE_S)["number"]
        with product.signed_in() as browser:
            page = browser.get(f"/inbox/{number}").text
            fields = hidden(page) | {"body": "Chào chị", "kind": "reply"}
            fields = {
                name: fields[name] for name in ("_csrf_token", "body", "kind", "key", "seen")
            }
            said.append(browser.post(f"/inbox/{number}/messages", data=fields).text)

        def tried() -> bool:
            rows = product.rows("SELECT attempts FROM outbox WHERE attempts > 0")
            return bool(rows)

        until(tried, PATIENCE_S, "sending was tried and failed")
        said.append(browser_text(product, number))
        done = subprocess.run(
            [*PYTHON, "-m", "inbox.cli", "check"],
            env={**product.environment(), "KIP_DATA_DIR": str(product.data)}
            | {"KIP_DATABASE_URL": f"postgresql+asyncpg://kip:{CANARY}@127.0.0.1:{dead}/kip"},
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        said += [done.stdout, done.stderr]
        assert done.returncode == 1
    assert "Traceback" not in "".join(said)
    assert [text for text in said if CANARY in text] == []
    files = [
        path for path in tmp_path.rglob("*") if path.is_file() and path.name != "secret.key"
    ]
    assert any(path.name == "kip.db" for path in files)
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []


def browser_text(product: Product, number: int) -> str:
    """Return a conversation's page, which tells why a mail has not left."""
    with product.signed_in() as browser:
        return browser.get(f"/inbox/{number}").text
