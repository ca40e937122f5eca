"""The embedded Redis, started for real."""

import os
import select
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from inbox import redis_server
from inbox.errors import InboxError
from inbox.processes import die_with_parent

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    with _started(data_dir) as process:
        yield process
        process.kill()


def _started(data_dir: Path) -> subprocess.Popen[bytes]:
    path = redis_server.socket_path(data_dir)
    line = redis_server.command(data_dir / "redis", path)
    process = subprocess.Popen(line, preexec_fn=die_with_parent())  # noqa: PLW1509 -- no threads
    redis_server.wait_until_ready(path)
    return process


def _connect(data_dir: Path) -> Redis:
    url = redis_server.url(redis_server.socket_path(data_dir))
    return Redis.from_url(url, decode_responses=True)


def test_only_our_user_reaches_it_and_only_by_its_socket(
    server: subprocess.Popen[bytes], data_dir: Path
) -> None:
    path = redis_server.socket_path(data_dir)

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "redis").stat().st_mode) == 0o700
    assert _connect(data_dir).execute_command("INFO", "server")["tcp_port"] == 0


@pytest.mark.parametrize(
    "command",
    ["EVAL x 0", "SCRIPT LOAD x", "CONFIG GET *", "SHUTDOWN", "ACL LIST", "DEBUG JMAP"],
)
def test_scripting_and_administration_are_refused(
    server: subprocess.Popen[bytes], data_dir: Path, command: str
) -> None:
    with pytest.raises(NoPermissionError):
        _connect(data_dir).execute_command(*command.split())


def test_what_was_written_survives_a_kill(data_dir: Path) -> None:
    with _started(data_dir) as first:
        _connect(data_dir).set("kept", "yes")
        first.kill()
    with _started(data_dir) as second:
        assert _connect(data_dir).get("kept") == "yes"
        second.terminate()
        assert second.wait(timeout=5) == 0


def test_it_dies_with_the_process_that_started_it(data_dir: Path) -> None:
    """R15's other half: after a kill -9 nothing of ours is left that holds the data."""
    path = redis_server.socket_path(data_dir)
    script = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from inbox import redis_server\n"
        "from inbox.processes import die_with_parent\n"
        "data, path = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "line = redis_server.command(data / 'redis', path)\n"
        "child = subprocess.Popen(line, preexec_fn=die_with_parent())\n"
        "redis_server.wait_until_ready(path)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(data_dir), str(path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    ended, _, _ = select.select([child], [], [], 5)  # a pidfd is readable once it ended
    os.close(child)
    assert ended


def test_a_silent_server_is_named_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="did not answer within"):
        redis_server.wait_until_ready(tmp_path / "none.sock", timeout_s=0.05)
