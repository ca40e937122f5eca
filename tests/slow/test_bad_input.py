"""What should not happen and does: bombs, locks, wrong requests, a second start, Ctrl-C."""

import fcntl
import os
import select
import signal
import smtplib
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.slow.product import (
    PATIENCE_S,
    ROLES,
    SUPPORT,
    TOKEN,
    Product,
    hidden,
    make_mail,
    running,
    until,
)

pytestmark = pytest.mark.slow

LOCKED_S = 3.0
RECOVERED_S = 10.0


def _stored(product: Product) -> int:
    ((count,),) = product.rows("SELECT count(*) FROM raw_messages")
    return int(count)


def _arrives(product: Product, address: str, within_s: float = 5.0) -> None:
    """Send a good mail and wait for its conversation."""
    product.send_mail(make_mail(address), address)
    product.conversation_of(address, within_s)


# ---- too much, and too odd --------------------------------------------------


@pytest.mark.parametrize("says_size", [True, False])
def test_a_mail_of_40_mb_is_refused_for_good_and_not_stored(
    product: Product, says_size: bool
) -> None:
    """R4's limit: 552, whether the sender tells its size before or not."""
    before = _stored(product)
    raw = make_mail("big@customer.example", body="x" * 70 + ("\n" + "x" * 70) * 600_000)
    assert len(raw) > 40_000_000
    with smtplib.SMTP("127.0.0.1", product.smtp_port, timeout=30) as smtp:
        smtp.ehlo()
        size = f" SIZE={len(raw)}" if says_size else ""
        code, _ = smtp.docmd("MAIL", f"FROM:<big@customer.example>{size}")
        if not says_size:
            assert code == 250
            smtp.rcpt(SUPPORT)
            code, _ = smtp.data(raw)
    assert code == 552
    assert _stored(product) == before
    _arrives(product, f"after.big{says_size:d}@customer.example")


def _nested(levels: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(levels)
    )
    return head + b"Content-Type: text/plain\r\n\r\nDeep down.\r\n"


def _many_parts(parts: int) -> bytes:
    part = b"--p\r\nContent-Type: text/plain\r\n\r\nPart.\r\n"
    return b"Content-Type: multipart/mixed; boundary=p\r\n\r\n" + part * parts + b"--p--\r\n"


ODD = {
    "no-headers": b"\r\nJust a body.\r\n",
    "nothing": b"\r\n",
    "many-parts": _many_parts(1_000),
    "nested": _nested(1_000),
    "many-recipients": b"To: " + b"a@b.example,\r\n " * 8_000 + b"\r\n\r\nHello.\r\n",
    "brackets": b"Subject: hi\r\nTo: <a@[\r\nMessage-ID: <[\r\n\r\nHello.\r\n",
    "parentheses": b"Subject: "
    + b"(" * 5_000
    + b"\r\nDate: "
    + b"(" * 5_000
    + b"\r\n\r\nHi.\r\n",
    "deep-html": b"Content-Type: text/html\r\n\r\n" + b"<div>\r\n" * 70_000,
    "entities": b"Content-Type: text/html\r\n\r\n" + b"&amp;&lt;<b a=1 b=2>\r\n" * 60_000,
    "quotes": b"Content-Type: text/plain\r\n\r\n" + b"> > > >\r\n" * 60_000,
    "long-lines": b"Content-Type: text/plain\r\n\r\n"
    + (b"On Monday wrote: " * 800 + b"\r\n") * 20,
    "charset": b"Content-Type: text/plain; charset=rot13\r\n\r\n"
    + bytes(range(128, 256))
    + b"\r\n",
    "nul": b"Subject: a\x00b\r\n\r\nnu\x00l\r\n",
}


def test_hostile_mail_is_kept_and_delays_the_next_by_less_than_fifteen_seconds(
    product: Product,
) -> None:
    """R14, F7: each is a conversation or stands in quarantine, and the good ones go on."""
    before = _stored(product)
    for name, raw in ODD.items():
        sender = b"" if name in ("no-headers", "nothing") else b"From: %s@odd.example\r\n"
        product.send_mail(
            (sender % name.encode() if sender else b"") + raw, f"{name}@odd.example"
        )
    _arrives(product, "after.odd@customer.example", within_s=PATIENCE_S)

    def read() -> bool:
        ((waiting,),) = product.rows(
            "SELECT count(*) FROM raw_messages WHERE state = 'pending'"
        )
        return not waiting

    until(read, 60, "each has its place", 0.2)
    assert _stored(product) == before + len(ODD) + 1
    held = product.rows("SELECT error FROM raw_messages WHERE state = 'quarantined'")
    assert all(error for (error,) in held)
    with product.signed_in() as browser:
        for one in product.conversations():
            if str(one["contact"]["address"]).endswith("@odd.example"):
                assert browser.get(f"/inbox/{one['number']}").status_code == 200


def test_when_its_reading_processes_die_the_worker_starts_others(product: Product) -> None:
    """R13's other half: the reader is killed, not the worker, and no mail is lost."""
    worker = product.pid("worker")
    _arrives(product, "warm@customer.example")
    readers = _children(worker)
    assert readers
    for reader in readers:
        os.kill(reader, signal.SIGKILL)
    _arrives(product, "after.readers@customer.example")
    assert product.pid("worker") == worker


def test_requests_that_make_no_sense_get_the_number_that_says_why(product: Product) -> None:
    """413, 422, 404, 401: and never a 500."""
    token = hidden(product.http.get("/f/support").text)["token"]
    good = {"token": token, "email": "a@customer.example", "body": "Hello."}
    before = _stored(product)

    too_long = product.http.post("/f/support", data={**good, "body": "x" * 5_000_000})
    unknown = product.http.post("/f/support", data={**good, "is_admin": "1"})
    forged = product.http.post("/f/support", data={**good, "token": token + "x"})
    empty = product.http.post("/f/support", data={**good, "body": "  "})
    nowhere = product.http.get("/f/nowhere")
    nobody = product.http.get("/api/v1/conversations")

    codes = [
        answer.status_code for answer in (too_long, unknown, forged, empty, nowhere, nobody)
    ]
    assert codes == [413, 422, 403, 422, 404, 401]
    assert _stored(product) == before
    bodies: list[object] = [{"request_type": "nonsense"}, {"requesttype": "general"}, []]
    for bad in bodies:
        answer = product.http.put(
            "/api/v1/conversations/1001/request-type",
            json=bad,
            headers={"authorization": f"Bearer {TOKEN}"},
        )
        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_an_answer_to_a_conversation_that_does_not_exist_is_404(product: Product) -> None:
    """R50's neighbour: also for a number that fits no database."""
    with product.signed_in() as browser:
        token = hidden(browser.get("/inbox").text)["_csrf_token"]
        fields = {"_csrf_token": token, "kind": "reply", "body": "Hello?"}
        for number in (999_999, 2**63, 10**30):
            answer = browser.post(f"/inbox/{number}/messages", data=fields)
            assert answer.status_code == 404, number


# ---- Redis and the database away --------------------------------------------


def _timed(client: httpx.Client, path: str) -> float:
    asked = time.monotonic()
    client.get(path).raise_for_status()
    return time.monotonic() - asked


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_pages_and_mail_go_on(product: Product, how: signal.Signals) -> None:
    """R7, R8: dead or frozen, a page takes less than a second, and mail comes in."""
    name = how.name.lower()
    with product.signed_in() as browser:
        _timed(browser, "/inbox")
        pid = product.pid("redis")
        os.kill(pid, how)
        try:
            assert max(_timed(browser, path) for path in ("/inbox", "/notices", "/login")) < 1
            asked = time.monotonic()
            answer = product.post_form(email=f"{name}.form@customer.example", body="Hello.")
            assert answer.status_code == 303
            assert time.monotonic() - asked < 4
            _arrives(product, f"{name}.mail@customer.example")
        finally:
            if how == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
    product.pid("redis", other_than=pid if how == signal.SIGKILL else 0)


@contextmanager
def _database_busy(data: Path) -> Iterator[None]:
    """Write into the database for a while from another program, a backup say."""
    with closing(sqlite3.connect(data / "kip.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def _turn_taken(data: Path) -> Iterator[None]:
    """Hold the writers' turn, as a process of ours does that was stopped in the middle."""
    with (data / "write.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        fcntl.flock(lock, fcntl.LOCK_UN)


def _insist(product: Product, address: str) -> list[str]:
    """Send a mail as a mail server does, and return the refusals before the yes."""
    refusals: list[str] = []
    end = time.monotonic() + LOCKED_S + RECOVERED_S
    while True:
        try:
            product.send_mail(make_mail(address), address)
        except smtplib.SMTPDataError as error:
            if not 400 <= error.smtp_code < 500 or time.monotonic() > end:
                raise
            refusals.append(str(error))
            time.sleep(0.2)
        else:
            return refusals


@pytest.mark.parametrize("locked", [_database_busy, _turn_taken])
def test_a_locked_database_delays_mail_and_loses_none(
    product: Product, locked: Callable[[Path], object]
) -> None:
    """R9: pages are read meanwhile; it is over within ten seconds of the lock's end."""
    address = f"{locked.__name__.strip('_')}@customer.example"
    with ThreadPoolExecutor(1) as pool, product.signed_in() as browser:
        with locked(product.data):  # type: ignore[attr-defined]
            began = time.monotonic()
            sending: Future[list[str]] = pool.submit(_insist, product, address)
            while time.monotonic() - began < LOCKED_S:
                assert _timed(browser, "/inbox") < 1
                time.sleep(0.1)
            assert product.conversations_of(address) == []
        ended = time.monotonic()
        sending.result(timeout=RECOVERED_S)
        product.conversation_of(address, within_s=RECOVERED_S)
    assert time.monotonic() - ended < RECOVERED_S


# ---- starting and stopping --------------------------------------------------


def _children(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def test_a_second_run_on_the_same_data_refuses_with_one_sentence(product: Product) -> None:
    """R15: exit code 1, and the first one does not notice."""
    other = Product(product.data)
    done = subprocess.run(
        other.command(),
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env=other.environment(),
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"already runs on {product.data}" in done.stderr
    assert product.http.get("/health/ready").status_code == 200


def test_ctrl_c_stops_everything_within_five_seconds(tmp_path: Path) -> None:
    """Also with a browser listening and a mail half sent; nothing of it is left."""
    with running(tmp_path / "data") as product:
        pids = [product.process.pid, *_children(product.process.pid)]
        assert len(pids) > len(ROLES)
        fds = [os.pidfd_open(pid) for pid in pids]
        with (
            product.signed_in() as browser,
            smtplib.SMTP("127.0.0.1", product.smtp_port) as half,
        ):
            half.ehlo()
            half.mail("half@customer.example")
            heard = threading.Event()
            listening = threading.Thread(target=_listen, args=(browser, heard))
            listening.start()
            assert heard.wait(5)
            asked = time.monotonic()
            code = product.stop()
            took_s = time.monotonic() - asked
            listening.join(5)
            half.close()

        assert code == 0
        assert took_s < 5
        for fd in fds:
            assert select.select([fd], [], [], 1)[0]  # readable: it has ended
            os.close(fd)
        assert not list((tmp_path / "data" / "run").glob("*.pid"))
        assert "Traceback" not in product.log()


def _listen(browser: httpx.Client, heard: threading.Event) -> None:
    """Keep a stream of events open until the server ends it."""
    try:
        with browser.stream("GET", "/live") as stream:
            heard.set()
            for _ in stream.iter_bytes():
                pass
    except httpx.HTTPError:
        return
