"""`kip run`'s supervision, with real child processes."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from inbox.errors import Conflict
from inbox.supervisor import demand_free_port, hold

pytestmark = pytest.mark.slow

STAYS = ["import time; time.sleep(600)"]
IGNORES_SIGTERM = [
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
]
FAILS = ["raise SystemExit(3)"]
HAS_A_CHILD = [
    "import os, pathlib, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "path = pathlib.Path(sys.argv[1])\n"
    "path.with_suffix('.new').write_text(str(child.pid))\n"
    "path.with_suffix('.new').rename(path)\n"
    "time.sleep(600)"
]
SAYS_WHEN_IT_STOPS = """
import signal, sys, time

def stop(*_):
    time.sleep(float(sys.argv[2]))
    sys.stdout.write(sys.argv[1] + "\\n")
    sys.exit()

signal.signal(signal.SIGTERM, stop)
sys.stdout.write("up\\n")  # in one piece, as others write there too
sys.stdout.flush()
time.sleep(600)
"""
KIP_RUN = """
import json, sys
from pathlib import Path
from inbox.errors import Conflict
from inbox.supervisor import Role, answers_http, hold, run_supervised

data, roles, port = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
try:
    with hold(data):
        code = run_supervised(
            data,
            [
                Role(
                    name,
                    [sys.executable, "-c", *argv],
                    ready=answers_http("127.0.0.1", port) if port and name == "web" else None,
                    stops_last=name == "redis",
                )
                for name, argv in roles.items()
            ],
            lambda: print("ready", flush=True),
        )
except Conflict as error:
    sys.exit(error.message)
sys.exit(code)
"""


@contextmanager
def _kip_run(
    data: Path, roles: dict[str, list[str]], port: int = 0
) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", KIP_RUN, str(data), json.dumps(roles), str(port)]
    with subprocess.Popen(argv, stdout=-1, stderr=-1, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _pid(path: Path, other_than: int = 0, within_s: float = 20.0) -> int:
    """Wait until the file holds another process id, and return it."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if path.exists() and (pid := int(path.read_text() or 0)) not in {0, other_than}:
            return pid
        time.sleep(0.02)
    raise AssertionError(f"{path} did not appear within {within_s} s")


def _ended(pidfd: int, within_s: float = 5.0) -> bool:
    readable, _, _ = select.select([pidfd], [], [], within_s)
    os.close(pidfd)
    return bool(readable)


def _run_files(data: Path) -> set[str]:
    return {path.name for path in (data / "run").iterdir()}


def test_it_stops_all_within_five_seconds_even_what_ignores_us(tmp_path: Path) -> None:
    roles = {"redis": STAYS, "web": STAYS, "worker": IGNORES_SIGTERM}
    with _kip_run(tmp_path, roles) as kip:
        pids = [os.pidfd_open(_pid(tmp_path / "run" / f"{name}.pid")) for name in roles]
        assert kip.stdout is not None
        assert kip.stdout.readline() == "ready\n"
        started = time.monotonic()
        kip.send_signal(signal.SIGINT)
        code = kip.wait(timeout=20)
        took_s = time.monotonic() - started

    assert code == 0
    assert took_s < 5
    assert all(_ended(pid, 0.0) for pid in pids)
    assert _run_files(tmp_path) == {"kip.lock"}


def test_what_the_others_need_stops_last(tmp_path: Path) -> None:
    roles = {
        "redis": [SAYS_WHEN_IT_STOPS, "redis", "0"],
        "web": [SAYS_WHEN_IT_STOPS, "web", "0.5"],
    }
    with _kip_run(tmp_path, roles) as kip:
        assert kip.stdout is not None
        first = sorted(kip.stdout.readline() for _ in range(3))
        kip.terminate()
        last, _ = kip.communicate(timeout=20)

    assert first == ["ready\n", "up\n", "up\n"]
    assert last.split() == ["web", "redis"]


def test_a_killed_role_comes_back_later_each_time(tmp_path: Path) -> None:
    pid_file = tmp_path / "run" / "worker.pid"
    with _kip_run(tmp_path, {"worker": STAYS}) as kip:
        pid = 0
        for _ in range(3):
            pid = _pid(pid_file, other_than=pid)
            os.kill(pid, signal.SIGKILL)
        _pid(pid_file, other_than=pid)
        kip.terminate()
        _, errors = kip.communicate(timeout=20)

    for delay in ("0.2", "0.4", "0.8"):
        assert f"worker ended (SIGKILL), starts again in {delay} s" in errors


def test_a_second_run_on_the_same_data_refuses(tmp_path: Path) -> None:
    """R15: one sentence, exit code 1, and the first goes on undisturbed."""
    with _kip_run(tmp_path, {"web": STAYS}) as first:
        pid = _pid(tmp_path / "run" / "web.pid")
        with _kip_run(tmp_path, {"web": STAYS}) as second:
            _, errors = second.communicate(timeout=20)

        assert second.returncode == 1
        assert errors.count("\n") == 1
        assert f"already runs on {tmp_path} (process {first.pid})" in errors
        assert _pid(tmp_path / "run" / "web.pid") == pid


def test_after_kill_9_nothing_is_left_and_the_next_run_starts(tmp_path: Path) -> None:
    """R15: the lock dies with its holder, and so do the roles."""
    with _kip_run(tmp_path, {"web": STAYS, "worker": IGNORES_SIGTERM}) as first:
        old = [_pid(tmp_path / "run" / f"{name}.pid") for name in ("web", "worker")]
        pidfds = [os.pidfd_open(pid) for pid in old]
        first.kill()
        first.wait()
        with _kip_run(tmp_path, {"web": STAYS}) as second:
            _pid(tmp_path / "run" / "web.pid", other_than=old[0])
            assert second.poll() is None

    assert all(_ended(pidfd) for pidfd in pidfds)


def test_a_role_s_own_children_end_with_it(tmp_path: Path) -> None:
    path = tmp_path / "grandchild"
    with _kip_run(tmp_path, {"worker": [*HAS_A_CHILD, str(path)]}) as kip:
        first = _pid(path)
        grandchild = os.pidfd_open(first)
        os.kill(_pid(tmp_path / "run" / "worker.pid"), signal.SIGKILL)
        assert _ended(grandchild)

        second = os.pidfd_open(_pid(path, other_than=first))
        kip.terminate()
        kip.wait(timeout=20)
        assert _ended(second)


def test_a_role_that_never_starts_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    with _kip_run(tmp_path, {"redis": STAYS, "web": FAILS}, port=1) as kip:
        _, errors = kip.communicate(timeout=30)

    assert kip.returncode == 1
    assert errors.splitlines()[-1] == "kip web does not start (exit code 3)."


def test_it_is_ready_when_the_page_answers_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "www" / "health").mkdir(parents=True)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    web = (
        "import functools, http.server as h, sys\n"
        "handler = functools.partial(h.SimpleHTTPRequestHandler, directory=sys.argv[1])\n"
        "h.HTTPServer(('127.0.0.1', int(sys.argv[2])), handler).serve_forever()"
    )
    with _kip_run(tmp_path, {"web": [web, str(tmp_path / "www"), str(port)]}, port) as kip:
        assert kip.stdout is not None
        _pid(tmp_path / "run" / "web.pid")
        early, _, _ = select.select([kip.stdout], [], [], 1.0)  # it answers 404 until now
        (tmp_path / "www" / "health" / "live").write_text("ok")

        assert not early
        assert kip.stdout.readline() == "ready\n"


def test_a_taken_port_is_refused_before_anything_starts() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port}: Address already in use"):
            demand_free_port("127.0.0.1", port)
    demand_free_port("127.0.0.1", port)


def test_the_lock_is_free_again_once_let_go(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(Conflict), hold(tmp_path):
        pass
    with hold(tmp_path):
        pass
