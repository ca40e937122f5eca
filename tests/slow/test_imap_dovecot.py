"""A real mail server, the real product: what Dovecot keeps becomes conversations, each once."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox.clock import utcnow
from inbox.processes import die_with_parent
from tests.slow.dovecot import PASSWORD, USER, Dovecot, running_dovecot
from tests.slow.product import PATIENCE_S, SUPPORT, Product, make_mail, running, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture(scope="module")
def product(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Run the sample company, which trusts this Dovecot's certificate."""
    trusted = {"SSL_CERT_FILE": str(dovecot.certificate)}
    data = tmp_path_factory.mktemp("imap") / "data"
    with running(data, env=trusted) as started:
        yield started


def kip(
    product: Product, *words: str, typed: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command on the product's data."""
    own = {**product.environment(), "KIP_DATA_DIR": str(product.data), **env}
    return subprocess.run(
        [sys.executable, "-P", "-m", "inbox.cli", *words],
        input=typed,
        env=own,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def add(
    product: Product, dovecot: Dovecot, *more: str, password: str = PASSWORD, **env: str
) -> subprocess.CompletedProcess[str]:
    """Enter the mailbox; looked into each second."""
    where = ("--host", "127.0.0.1", "--port", str(dovecot.port), "--user", USER)
    options = ("--every", "1", "--password-stdin")
    return kip(
        product,
        "mailbox",
        "add",
        SUPPORT,
        *where,
        *options,
        *more,
        typed=f"{password}\n",
        **env,
    )


@pytest.fixture
def entered(product: Product, dovecot: Dovecot) -> Product:
    """Enter the mailbox, if no test before has."""
    if not json.loads(kip(product, "mailbox", "list", "--json").stdout):
        done = add(product, dovecot)
        assert done.returncode == 0, done.stderr
        until(lambda: listed(product)["last_ok_at"], PATIENCE_S, "a first look")
    return product


def listed(product: Product) -> dict[str, Any]:
    """Return the mailbox as `kip mailbox list` shows it."""
    rows: list[dict[str, Any]] = json.loads(kip(product, "mailbox", "list", "--json").stdout)
    return rows[0]


def taken(product: Product, prefix: str) -> list[str]:
    """Return who wrote, once a raw mail."""
    rows = product.rows("SELECT body FROM raw_messages WHERE meta LIKE '%\"mailbox\"%'")
    senders = [
        bytes(row[0]).split(b"From: ", 1)[1].split(b"\r\n", 1)[0].decode() for row in rows
    ]
    return sorted(one for one in senders if one.startswith(prefix))


def test_a_wrong_password_or_certificate_is_told_and_nothing_is_stored(
    product: Product, dovecot: Dovecot
) -> None:
    """TLS is verified, and no password is in what is said."""
    wrong = add(product, dovecot, password="canary-wrong")
    stranger = add(product, dovecot, SSL_CERT_FILE=os.devnull)

    assert (wrong.returncode, stranger.returncode) == (1, 1)
    assert "said no" in wrong.stderr
    assert "CERTIFICATE_VERIFY_FAILED" in stranger.stderr
    assert "canary" not in wrong.stdout + wrong.stderr + stranger.stdout + stranger.stderr
    assert product.rows("SELECT count(*) FROM mailboxes") == [(0,)]


def test_mail_becomes_a_conversation_from_its_arrival(
    product: Product, dovecot: Dovecot
) -> None:
    """R4: INTERNALDATE is the arrival, and only what is stored is marked."""
    at = utcnow().replace(microsecond=0) - timedelta(hours=2)
    dovecot.deliver(make_mail("first@customer.example"), at=at)
    dovecot.deliver(make_mail("read@customer.example"), at=at, flags=r"(\Seen)")
    dovecot.deliver(make_mail("old@customer.example"), at=at - timedelta(days=30))
    done = add(product, dovecot)
    assert done.returncode == 0, done.stderr

    one = product.conversation_of("first@customer.example", within_s=PATIENCE_S)

    ((arrived, started),) = product.rows(
        "SELECT DISTINCT r.received_at, c.started_at FROM raw_messages r JOIN sla_clocks c"
        " ON c.conversation_id = r.conversation_id WHERE r.conversation_id = ?",
        one["number"],
    )
    assert datetime.fromisoformat(arrived).replace(tzinfo=UTC) == at
    assert datetime.fromisoformat(started).replace(tzinfo=UTC) == at
    until(lambda: dovecot.count_unseen() == 1, PATIENCE_S, "what was taken is marked")
    assert taken(product, "") == ["first@customer.example"]
    again = add(product, dovecot)
    assert again.returncode == 1
    assert "already" in again.stderr


def test_the_password_is_nowhere(entered: Product, dovecot: Dovecot) -> None:
    """Secrets at rest: 0 hits in database, write-ahead log, logs and commands."""
    said = kip(entered, "mailbox", "list").stdout + kip(entered, "mailbox", "test").stdout
    assert "works" in said
    canary = PASSWORD.encode()
    files = [path for path in entered.data.rglob("*") if path.is_file()]
    assert [path.name for path in files if canary in path.read_bytes()] == []
    assert PASSWORD not in entered.log() + said
    assert listed(entered)["last_error"] == ""


def test_a_killed_worker_and_a_second_one_make_no_double(
    entered: Product, dovecot: Dovecot
) -> None:
    """F2, R4: kill -9 in the middle of fetching, with two workers all the while."""
    senders = sorted(f"burst{number}@customer.example" for number in range(60))
    unread = dovecot.count_unseen()
    own = {**entered.environment(), "KIP_DATA_DIR": str(entered.data)}
    second = subprocess.Popen(
        [sys.executable, "-P", "-m", "inbox.cli", "worker"],
        env=own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 -- no threads
    )
    try:
        for start in range(0, 60, 15):
            dovecot.deliver(*map(make_mail, senders[start : start + 15]))
            time.sleep(0.3)
            killed = entered.kill("worker")
            entered.pid("worker", other_than=killed)
        until(lambda: len(taken(entered, "burst")) >= 60, 40, "all are taken in")
        until(lambda: dovecot.count_unseen() == unread, PATIENCE_S, "all are marked")
    finally:
        second.terminate()
        second.wait(10)
    assert taken(entered, "burst") == senders

    def wrote() -> list[str]:
        found = [one["contact"]["address"] for one in entered.conversations()]
        return sorted(one for one in found if one.startswith("burst"))

    until(lambda: len(wrote()) >= 60, PATIENCE_S, "all are conversations")
    time.sleep(2)
    assert wrote() == senders


def test_an_outage_is_shown_and_what_came_meanwhile_is_fetched(
    entered: Product, dovecot: Dovecot
) -> None:
    """F5, F8: no command is typed."""
    until(lambda: listed(entered)["last_ok_at"], PATIENCE_S, "a good look")
    dovecot.stop()
    until(
        lambda: listed(entered)["last_error"], PATIENCE_S, "the failure is shown", every_s=0.5
    )
    assert kip(entered, "mailbox", "test").returncode == 1

    dovecot.start()
    dovecot.deliver(make_mail("meanwhile@customer.example"))
    entered.conversation_of("meanwhile@customer.example", within_s=PATIENCE_S)
    until(lambda: listed(entered)["last_error"] == "", PATIENCE_S, "it is over", every_s=0.5)


def test_a_renumbered_mailbox_makes_no_doubles(entered: Product, dovecot: Dovecot) -> None:
    """R4: another UIDVALIDITY."""
    before = taken(entered, "")
    (validity,) = entered.rows("SELECT uidvalidity FROM mailboxes")
    time.sleep(1.1)  # Dovecot's number is made of the second
    dovecot.renumber()
    dovecot.deliver(make_mail("renumbered@customer.example"))

    entered.conversation_of("renumbered@customer.example", within_s=PATIENCE_S)

    until(
        lambda: entered.rows("SELECT uidvalidity FROM mailboxes") != [validity],
        PATIENCE_S,
        "seen",
    )
    assert taken(entered, "") == sorted([*before, "renumbered@customer.example"])


def test_mail_is_fetched_as_it_comes_and_answers_are_found_in_the_sent_folder(
    entered: Product, dovecot: Dovecot
) -> None:
    """IDLE: no look is due for an hour. F121, F6: and the ledger has as many as the server."""
    entered.write("UPDATE mailboxes SET every_s = 3600, sent_folder = '*' WHERE id = 1")
    watched = "SELECT watched_until FROM mailboxes WHERE watched_until IS NOT NULL"
    until(lambda: entered.rows(watched), PATIENCE_S, "somebody waits for news")
    entered.write("UPDATE mailboxes SET next_at = '2026-01-01 00:00:00'")
    seen = "SELECT 1 FROM mailboxes WHERE sent LIKE '%last_uid%' AND next_at > leased_until"
    until(lambda: entered.rows(seen), PATIENCE_S, "the folder of sent mail is known")
    question = make_mail("news@customer.example")
    message_id = question.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
    dovecot.deliver(question)
    asked = entered.conversation_of("news@customer.example", within_s=PATIENCE_S)

    answer = make_mail(SUPPORT, to="news@customer.example", in_reply_to=message_id)
    dovecot.deliver(answer, folder="Sent")
    entered.write("UPDATE mailboxes SET next_at = '2026-01-01 00:00:00', reconciled_at = NULL")

    met = "SELECT met_at FROM sla_clocks WHERE conversation_id = ? AND kind = 'first_response'"
    until(lambda: entered.rows(met, asked["number"])[0][0], PATIENCE_S, "the clock is met")
    until(
        lambda: entered.rows("SELECT 1 FROM mailboxes WHERE tally LIKE '%server%'"),
        PATIENCE_S,
        "it",
    )
    ((tally,),) = entered.rows("SELECT tally FROM mailboxes")
    counted = json.loads(tally)
    assert counted["server"] == counted["ledger"] > 0
    assert counted["missing"] == 0


def test_starttls_and_a_large_mail(entered: Product, dovecot: Dovecot) -> None:
    """A mail of 30 MiB comes whole, over the other way in."""
    done = kip(entered, "mailbox", "change", "1", "--off")
    assert done.returncode == 0, done.stderr
    entered.write(
        "UPDATE mailboxes SET tls = 'starttls', port = ? WHERE id = 1", dovecot.starttls_port
    )
    assert kip(entered, "mailbox", "change", "1", "--on").returncode == 0
    unread = dovecot.count_unseen()
    large = make_mail(
        "large@customer.example", body="x" * 70 + "\n" + ("y" * 70 + "\n") * 430_000
    )
    dovecot.deliver(large)

    until(lambda: taken(entered, "large"), 40, "the large mail is stored")

    ((size,),) = entered.rows(
        "SELECT length(body) FROM raw_messages ORDER BY length(body) DESC LIMIT 1"
    )
    assert size == len(large)
    until(lambda: dovecot.count_unseen() == unread, PATIENCE_S, "it is marked")
