"""`kip check` as an operator calls it: stopped, half configured, and beside a running Kịp."""

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.slow.product import Product, free_port

pytestmark = pytest.mark.slow


def _check(data: Path, **env: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run it; return the exit code and what it says of each thing (the last, if several)."""
    kept = {name: text for name, text in os.environ.items() if name[:4] != "KIP_"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "inbox.cli", "check", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=data.parent,
        env={**kept, "KIP_DATA_DIR": str(data), **env},
    )
    said = json.loads(done.stdout)
    assert said["ok"] == (done.returncode == 0), done.stderr
    return done.returncode, {one["name"]: one for one in said["checks"]}


class _NoLogin(socketserver.StreamRequestHandler):
    """A mail server that knows nobody; everything it is told is kept."""

    heard: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 mx ESMTP\r\n")
        for line in self.rfile:
            type(self).heard.append(line)
            word = line[:4].upper()
            if word == b"EHLO":
                self.wfile.write(b"250-mx\r\n250 AUTH PLAIN\r\n")
            elif word == b"AUTH":
                self.wfile.write(b"535 5.7.8 no\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"502 no\r\n")


@pytest.fixture
def mail_server() -> Iterator[tuple[int, list[bytes]]]:
    """Run it; give its port and what it hears."""
    _NoLogin.heard.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _NoLogin) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], _NoLogin.heard
        server.shutdown()
        thread.join()


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    code, found = _check(tmp_path / "data")

    assert code == 1
    assert found["data directory"]["state"] == "wrong"
    assert found["secret key"]["state"] == "wrong"
    assert "kip run" in found["data directory"]["mend"]
    assert not (tmp_path / "data").exists()  # asking makes nothing


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    code, found = _check(tmp_path / "data", KIP_LOG_FORMAT="colourful")

    assert code == 1
    assert "KIP_log_format".upper() in found["settings"]["text"].upper()


def test_a_running_product_is_well_and_says_where_to_look(
    product: Product, mail_server: tuple[int, list[bytes]]
) -> None:
    """With the running one's data: all is well, but for what we point it to."""
    code, found = _check(product.data)
    assert code == 0, found
    for name in ("kip run", "database", "SQLite", "Redis", "classifier", "time zones"):
        assert found[name]["state"] == "ok", found[name]
    assert found["outgoing mail"]["state"] == "note"  # console://

    port, heard = mail_server
    url = f"smtp://user:pa55word@127.0.0.1:{port}"
    code, found = _check(product.data, KIP_SMTP_URL=url)
    assert code == 1
    assert "refused our user name or password" in found["outgoing mail"]["text"]
    assert "pa55word" not in json.dumps(found)
    assert not [line for line in heard if line.upper().startswith((b"MAIL", b"RCPT", b"DATA"))]

    nobody = f"redis://127.0.0.1:{free_port()}/0"
    closed = f"smtp://127.0.0.1:{free_port()}"
    code, found = _check(product.data, KIP_REDIS_URL=nobody, KIP_SMTP_URL=closed)
    assert code == 1
    assert found["Redis"]["state"] == "wrong"
    assert found["outgoing mail"]["state"] == "wrong"
    assert found["database"]["state"] == "ok"

    gone = f"postgresql+asyncpg://kip:pa55word@127.0.0.1:{free_port()}/kip"
    code, found = _check(product.data, KIP_DATABASE_URL=gone)
    assert code == 1
    assert found["database"]["state"] == "wrong"
    assert "pa55word" not in json.dumps(found)


def test_work_that_nobody_does_is_wrong(product: Product) -> None:
    """A message that waits for longer than a minute has no worker."""
    late = "2026-01-01 00:00:00.000000"
    (raw_id,) = product.rows("SELECT max(id) FROM raw_messages")[0]
    product.write(
        "UPDATE raw_messages SET state = 'quarantined', leased_until = ? WHERE id = ?",
        late,
        raw_id,
    )
    code, found = _check(product.data)
    assert (code, found["quarantine"]["state"]) == (0, "note")
    product.write("UPDATE raw_messages SET state = 'done' WHERE id = ?", raw_id)
