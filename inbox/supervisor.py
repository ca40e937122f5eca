"""`kip run`: start every role of one installation, keep them alive, stop them together."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inbox.errors import Conflict
from inbox.processes import die_with_parent

FIRST_DELAY_S = 0.2  # before a role that ended is started again; doubles each time
LONGEST_DELAY_S = 5.0
STEADY_S = 4.0  # alive this long, it had started, and the delay starts over
GRACE_S = 3.0  # after SIGTERM; then SIGKILL
LAST_GRACE_S = 1.0  # the same for the roles that stop last
HOPELESS_TRIES = 5  # a role that never got ready and ended this often will not
_POLL_S = 0.1
_ANSWER_S = 2.0

_log = logging.getLogger(__name__)

Ready = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Role:
    """One process to keep running."""

    name: str  # its pid is in <data>/run/<name>.pid
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to our own environment
    ready: Ready | None = None  # the installation is ready once all of these are true
    stops_last: bool = False  # the others may need it while they stop
    hidden: frozenset[str] = frozenset()  # variables of ours that it does not get


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold a data directory for one `kip run`; the kernel lets go when the process ends.

    Raises
    ------
    Conflict
        If another process holds it.
    """
    run_dir = data_dir / "run"
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (run_dir / "kip.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise Conflict(
                f"Kịp already runs on {data_dir} (process {lock.read().strip() or 'unknown'}):"
                " stop it first, or choose another --data."
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def run_supervised(
    data_dir: Path, roles: Sequence[Role], on_ready: Callable[[], None] = lambda: None
) -> int:
    """Run the roles until SIGINT or SIGTERM, and return the exit code for `kip run`.

    Must be called in the main thread, inside :func:`hold`. Every child is dead when it
    returns; when it is killed, the kernel kills them.

    Parameters
    ----------
    data_dir
        Pids are written to ``<data_dir>/run``.
    roles
        Started together, in this order.
    on_ready
        Called once, as soon as every role that can say so is ready.

    Returns
    -------
    code : int
        0 after a signal; 1 if a role kept ending before it was ever ready.
    """
    return asyncio.run(Supervisor(data_dir, roles, on_ready).run())


def demand_free_port(host: str, port: int) -> None:
    """Refuse a port that another program listens on, before anything is started.

    Raises
    ------
    Conflict
        If it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Conflict(
                f"Cannot listen on {host}, port {port}: {error.strerror}."
            ) from error


def answers_http(host: str, port: int, path: str = "/health/live") -> Ready:
    """Make a role's ``ready``: does GET of the path answer 200?"""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 -- every address includes this one
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    request = f"GET {path} HTTP/1.1\r\nHost: {shown}:{port}\r\nConnection: close\r\n\r\n"

    async def ask() -> bool:
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(request.encode("ascii"))
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except OSError:  # a timeout is one as well
            return False

    return ask


class Supervisor:
    """The state of one :func:`run_supervised`."""

    def __init__(
        self, data_dir: Path, roles: Sequence[Role], on_ready: Callable[[], None]
    ) -> None:
        self._run_dir = data_dir / "run"
        self._roles = roles
        self._on_ready = on_ready
        self._is_ready = False
        self._hopeless: str | None = None
        self._stop = asyncio.Event()
        self._users_left = sum(not role.stops_last for role in roles)
        self._unused = asyncio.Event()  # what stops last may stop now
        if not self._users_left:
            self._unused.set()

    async def run(self) -> int:
        """Do what :func:`run_supervised` says."""
        self._listen_to_signals()
        async with asyncio.TaskGroup() as group:
            for role in self._roles:
                group.create_task(self._keep(role))
            announcing = group.create_task(self._announce())
            await self._stop.wait()
            announcing.cancel()
        if self._hopeless:
            print(self._hopeless, file=sys.stderr)  # noqa: T201 -- the sentence of exit 1
            return 1
        return 0

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            ignored = signal.getsignal(number) is signal.SIG_IGN
            if number == signal.SIGHUP and ignored:  # nohup
                continue
            loop.add_signal_handler(number, self._stop.set)

    async def _announce(self) -> None:
        checks = [role.ready for role in self._roles if role.ready]
        for check in checks:
            while not await check():  # noqa: ASYNC110 -- another process's state has no event
                await asyncio.sleep(_POLL_S)
        self._is_ready = True
        self._on_ready()

    async def _keep(self, role: Role) -> None:
        """Start the role, and start it again whenever it ends, until we stop."""
        delay, tries = FIRST_DELAY_S, 0
        while not self._stop.is_set():
            started = time.monotonic()
            code = await self._run_once(role)
            if self._stop.is_set():
                break
            if time.monotonic() - started >= STEADY_S:
                delay = FIRST_DELAY_S
            tries += 1
            if tries >= HOPELESS_TRIES and not self._is_ready:
                self._hopeless = f"kip {role.name} does not start ({_how(code)})."
                self._stop.set()
                break
            _log.warning("%s ended (%s), starts again in %g s", role.name, _how(code), delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)
            delay = min(2 * delay, LONGEST_DELAY_S)
        if not role.stops_last:
            self._users_left -= 1
        if not self._users_left:
            self._unused.set()

    async def _run_once(self, role: Role) -> int:
        """Run the role until it ends or we stop; nothing it started is left behind."""
        process = await asyncio.create_subprocess_exec(
            *role.argv,
            stdin=subprocess.DEVNULL,
            env=_environment(role),
            start_new_session=True,  # Ctrl-C reaches only us; the group is killed as one
            preexec_fn=die_with_parent(),
        )
        pid_file = self._run_dir / f"{role.name}.pid"
        _write_whole(pid_file, f"{process.pid}\n")
        ended = asyncio.create_task(process.wait())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([ended, stop], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await self._ask_to_end(role, process, ended)
        finally:
            stop.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            pid_file.unlink(missing_ok=True)
        return await ended

    async def _ask_to_end(
        self,
        role: Role,
        process: asyncio.subprocess.Process,
        ended: asyncio.Task[int],
    ) -> None:
        if role.stops_last:
            await self._unused.wait()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait([ended], timeout=LAST_GRACE_S if role.stops_last else GRACE_S)


def _environment(role: Role) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in role.hidden}
    return ours | dict(role.env)


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader never sees half of it."""
    draft = path.with_name(f".{path.name}")
    draft.write_text(text, encoding="ascii")
    draft.replace(path)


def _how(code: int) -> str:
    """Put a process's end into words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
