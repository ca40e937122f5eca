"""What one role or another user of the machine must not see."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from inbox.commands.run import SECRETS
from inbox.supervisor import Role, run_supervised


def test_a_role_gets_no_variable_that_is_hidden_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis and the mail receiver sign nothing, so the key is not in their environment."""
    for name in SECRETS:
        monkeypatch.setenv(name, "s3cr3t")
    monkeypatch.setenv("KIP_BASE_URL", "http://127.0.0.1")
    (tmp_path / "run").mkdir()
    seen = tmp_path / "seen"
    code = (
        "import os, signal, pathlib;"
        f"pathlib.Path({str(seen)!r}).write_text('\\n'.join(os.environ));"
        "os.kill(os.getppid(), signal.SIGTERM);"
        "signal.pause()"
    )

    run_supervised(tmp_path, [Role("x", [sys.executable, "-c", code], hidden=SECRETS)])

    names = seen.read_text().splitlines()
    assert "KIP_BASE_URL" in names
    assert not SECRETS & set(names)


def test_what_kip_writes_is_nobody_elses(tmp_path: Path) -> None:
    """Also in a data directory that others may enter."""
    tmp_path.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "KIP_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "inbox.cli", "migrate"]

    subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True)

    assert stat.S_IMODE((tmp_path / "kip.db").stat().st_mode) == 0o600
