"""An operator's day: a pipe from the mail server, a backup of what runs, a move elsewhere."""

import contextlib
import json
import os
import secrets
import signal
import smtplib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import redis

from inbox.redis_server import socket_path
from tests.slow.product import (
    PATIENCE_S,
    SUPPORT,
    TOKEN,
    Product,
    composer,
    running,
    until,
)

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


def _everything_in_redis(product: Product) -> bytes:
    """Return every key of its Redis, and what each holds, as one piece."""
    client: Any = redis.Redis(unix_socket_path=str(socket_path(product.data)))
    read = {
        b"none": lambda key: b"",  # it ended since it was listed
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"stream": client.xrange,
    }
    with client:
        keys = list(client.scan_iter())
        return b"\n".join(repr((key, read[client.type(key)](key))).encode() for key in keys)


def _left(product: Product, canary: dict[str, str]) -> dict[str, list[str]]:
    """Return what is found of the words, and where: in files, logs, Redis."""
    found: dict[str, list[str]] = {}
    held = {"redis": _everything_in_redis(product)}
    for path in (*product.data.rglob("*"), product.log_path):
        with contextlib.suppress(FileNotFoundError):  # it went since it was listed
            held |= {str(path): path.read_bytes()} if path.is_file() else {}
    for where, text in held.items():
        for name, word in canary.items():
            if word.encode() in text:
                found.setdefault(name, []).append(where)
    return found


def test_nothing_of_an_erased_person_is_left_on_disk_in_logs_or_in_redis(
    product: Product,
) -> None:
    """R58, F106: by the command, beside the running product; every byte of it is searched."""
    canary = {
        name: f"xoa{secrets.token_hex(5)}"
        for name in (
            *(
                "address",
                "name",
                "subject",
                "body",
                "file_name",
                "file",
                "form",
                "form_subject",
            ),
            *("reply", "note", "draft", "second"),
        )
    }
    sender = f"{canary['address']}@khach.example"
    mail = EmailMessage()
    mail["From"], mail["To"] = f"{canary['name']} <{sender}>", SUPPORT
    mail["Subject"], mail["Message-ID"] = canary["subject"], f"<{sender}>"
    mail.set_content(f"Máy không chạy. {canary['body']}")
    mail.add_attachment(canary["file"], filename=f"{canary['file_name']}.txt")
    product.send_mail(bytes(mail), sender)
    first = product.conversation_of(sender)
    product.post_form(
        name=canary["name"],
        email=sender,
        subject=canary["form_subject"],
        body=f"Gọi lại giúp. {canary['form']}",
    )
    until(lambda: len(product.conversations_of(sender)) == 2, PATIENCE_S, "both are in")
    with product.signed_in("agent") as browser:
        where = f"/inbox/{first['number']}"
        for kind, said in (("reply", "reply"), ("note", "note")):
            fields = composer(browser.get(where).text)
            fields |= {"kind": kind, "body": f"Dạ vâng. {canary[said]}", "key": said}
            browser.post(f"{where}/messages", data=fields).raise_for_status()
        fields = composer(browser.get(where).text) | {"kind": "reply", "key": "draft"}
        browser.post(f"{where}/drafts", data={**fields, "body": canary["draft"]})
    words = MAIL.replace("Máy lọc nước", canary["body"])  # that nobody else has written
    product.send_mail(words.format(sender=sender, number=canary["second"]).encode(), sender)
    waiting = "SELECT 1 FROM raw_messages WHERE state = 'pending'"
    until(lambda: not product.rows(waiting), PATIENCE_S, "all is taken in")
    until(
        lambda: any(canary["reply"] in one["text"] for one in product.sink(sender)),
        PATIENCE_S,
        "the answer has left",
    )
    leaving = "SELECT 1 FROM outbox WHERE state IN ('queued', 'claimed')"
    until(lambda: not product.rows(leaving), PATIENCE_S, "no mail is on its way")

    there = _left(product, canary)
    assert {"address", "name", "body", "file_name", "form", "reply", "note"} <= set(there)
    file = product.data.parent / "of-them.zip"
    assert _kip(product.data, "privacy", "export", sender, str(file)).returncode == 0
    with zipfile.ZipFile(file) as given:
        told = b"\n".join(given.read(name) for name in given.namelist())
    assert [
        name for name in ("body", "form", "reply") if canary[name].encode() not in told
    ] == []

    done = _kip(product.data, "privacy", "erase", sender, "--yes", "--json")

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["database"], said["files"], said["models"]) == (0, 0, 0), said
    assert _left(product, canary) == {}
