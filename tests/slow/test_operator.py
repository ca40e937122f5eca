"""An operator's day: a pipe from the mail server, a backup of what runs, a move elsewhere."""

import json
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slow.product import PATIENCE_S, SUPPORT, TOKEN, Product, running, until

pytestmark = pytest.mark.slow

MAIL = """From: Hoa <{sender}>
To: support@demo.example
Subject: Máy lọc nước
Message-ID: <{number}@khach.example>
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Máy lọc nước nhà mình không chạy nữa.
"""


def _kip(
    data: Path, *command: str, stdin: bytes = b"", **env: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if name[:4] != "KIP_"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "inbox.cli", *command],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=data.parent,
        env={**kept, "KIP_DATA_DIR": str(data), **env},
    )
    return subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def _mail(sender: str, number: str) -> bytes:
    return MAIL.format(sender=sender, number=number).encode()


@pytest.fixture
def frozen_web(product: Product) -> Iterator[None]:
    """Stop the web role as a debugger does, and let it go on afterwards."""
    pid = product.pid("web")
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


def _count(product: Product, sender: str) -> int:
    found = product.rows(
        "SELECT count(*) FROM raw_messages WHERE instr(body, ?)", sender.encode()
    )
    return int(found[0][0])


@pytest.mark.usefixtures("frozen_web")
def test_a_pipe_stores_with_the_web_stopped_and_knows_mail_from_smtp(product: Product) -> None:
    """0 only when stored; the same mail by SMTP is the same mail."""
    sender = "hoa-pipe@khach.example"
    raw = _mail(sender, "pipe-1")
    done = _kip(product.data, "receive", "--to", SUPPORT, "--from", sender, stdin=raw)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    mbox = b"From hoa Mon Mar  2 09:29:00 2026\n" + raw
    assert _kip(product.data, "receive", "--to", SUPPORT, stdin=mbox).returncode == 0
    product.send_mail(raw.replace(b"\n", b"\r\n"), sender)

    assert _count(product, sender) == 1
    done_ = "SELECT 1 FROM raw_messages WHERE state = 'done' AND instr(body, ?)"
    until(lambda: product.rows(done_, sender.encode()), PATIENCE_S, "it is taken in")


def test_a_pipe_gives_back_what_a_mail_server_understands(
    product: Product, tmp_path: Path
) -> None:
    """67: nobody has the address. 65: no mail. 75: keep it, try again. Nothing is stored."""
    before = product.rows("SELECT count(*) FROM raw_messages")
    raw = _mail("x@khach.example", "pipe-2")

    def code(to: str, stdin: bytes, data: Path = product.data, **env: str) -> int:
        done = _kip(data, "receive", "--to", to, stdin=stdin, **env)
        assert done.stderr.count("\n") == 1
        return done.returncode

    assert code("nobody@demo.example", raw) == 67
    assert code(SUPPORT, b"") == 65
    assert code(SUPPORT, b"Received: a\n" * 51 + raw) == 65
    assert code(SUPPORT, b"a" * (35 * 1024 * 1024 + 1)) == 65
    assert code(SUPPORT, raw, tmp_path / "nowhere") == 75
    away = "postgresql+asyncpg://kip@127.0.0.1:1/kip"
    assert code(SUPPORT, raw, KIP_DATABASE_URL=away) == 75
    assert code(SUPPORT, raw, KIP_LOG_FORMAT="colourful") == 75
    assert product.rows("SELECT count(*) FROM raw_messages") == before


def test_metrics_and_a_backup_of_what_runs_that_starts_elsewhere(
    product: Product, tmp_path: Path
) -> None:
    """F112, F114, R17: one command each way, and the restored company answers."""
    sender = "hoa-backup@khach.example"
    product.send_mail(_mail(sender, "backup-1"), sender)
    number = product.conversation_of(sender)["number"]
    target = tmp_path / "kip.backup"
    done = _kip(product.data, "backup", str(target))
    assert done.returncode == 0, done.stderr
    said = product.http.get("/metrics").text
    assert "kip_last_backup_timestamp_seconds 1" in said
    assert "process_resident_memory_bytes" in said
    lost = "hoa-later@khach.example"
    product.send_mail(_mail(lost, "backup-2"), lost)
    product.conversation_of(lost)

    refused = _kip(product.data, "restore", "--force", str(target))
    assert refused.returncode == 1
    assert "already runs" in refused.stderr

    elsewhere = tmp_path / "elsewhere"
    done = _kip(elsewhere, "restore", str(target))
    assert done.returncode == 0, done.stderr
    with running(elsewhere, options=()) as restored:
        answer = restored.http.get(
            f"/api/v1/conversations/{number}", headers={"authorization": f"Bearer {TOKEN}"}
        )
        assert answer.json()["contact"]["address"] == sender
        assert restored.conversations_of(lost) == []
        with smtplib.SMTP("127.0.0.1", restored.smtp_port, timeout=30) as smtp:
            smtp.sendmail(lost, [SUPPORT], _mail(lost, "backup-2"))
        again = restored.conversation_of(lost, within_s=PATIENCE_S)
        assert again["number"] > number


def test_a_copy_wants_the_product_stopped(product: Product, tmp_path: Path) -> None:
    """F136: the first pass may run beside it; then it says what differs or that all is same."""
    (tmp_path / "there").mkdir()
    url = f"sqlite+aiosqlite:///{tmp_path / 'there' / 'kip.db'}"
    refused = _kip(product.data, "copy", "--to", url)
    assert refused.returncode == 1
    assert "already runs" in refused.stderr
    same = _kip(product.data, "copy", "--to", f"sqlite+aiosqlite:///{product.data}/kip.db")
    assert same.returncode == 1
    assert "same database" in same.stderr
    first = _kip(product.data, "copy", "--while-running", "--json", "--to", url)
    tables = {one["table"]: one for one in json.loads(first.stdout)["tables"]}
    assert tables["conversations"]["target_rows"] > 50
    assert tables["request_types"]["same"]  # what nobody writes to meanwhile
    if all(one["same"] for one in tables.values()):
        assert first.returncode == 0
    else:
        assert first.returncode == 1
        assert "Stop Kịp and copy again" in first.stderr
