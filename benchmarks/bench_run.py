"""`kip run --demo` as a whole: how soon it is there, what it weighs, how fast mail gets in."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import cpu_s, family_of, figure, letter, pss_mib
from inbox.demo.traffic import SUPPORT

CONNECTIONS = 10
MAILS = 1000
SETTLE_S = 12.0
IDLE_S = 10.0
READY_WITHIN_S = 60.0


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _environment() -> dict[str, str]:
    """Return our environment without settings: a benchmark measures the defaults."""
    return {key: text for key, text in os.environ.items() if key[:4] != "KIP_"}


@contextmanager
def product(
    data: Path, port: int, smtp_port: int, *options: str, **settings: str
) -> Iterator[tuple[int, float]]:
    """Run the product; yield its process id and how many seconds a usable page took."""
    environment = {**_environment(), **settings}
    command = [sys.executable, "-P", "-m", "inbox.cli", "run", "--demo", "--data", str(data)]
    command += ["--port", str(port), "--smtp-port", str(smtp_port), *options]
    with (data / "output.txt").open("ab") as output:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            _wait_for_page(port, process)
            yield process.pid, time.monotonic() - start
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)


def _wait_for_page(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end:
        assert process.poll() is None, "it ended; see output.txt"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as page:
                if page.status == 200 and b"password" in page.read():
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("no page came")


def name_of(pid: int, supervisor: int) -> str:
    """Return which role a process is."""
    if pid == supervisor:
        return "supervisor"
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    for word in words:
        if word.endswith(b"redis-server"):
            return "redis"
        if word == b"inbox.channels.reader_child":
            return "reader"
        if word == b"inbox.demo.traffic":
            return "traffic"
        if word in (b"web", b"worker", b"smtp"):
            return word.decode()
    return "other"


def _weigh(supervisor: int) -> None:
    """Print the memory of every process, together with its reading children, and the sum."""
    goals = {"web": "<=100", "worker": "<=120"}
    found: dict[str, float] = {}
    for pid in family_of(supervisor):
        name = name_of(pid, supervisor)
        found[name] = found.get(name, 0.0) + pss_mib(pid)
    for name, mib in sorted(found.items()):
        figure(f"memory_{name}", mib, "MiB", goals.get(name, "-"))
    figure("memory_all", sum(found.values()), "MiB", "<=320")


def _idle(supervisor: int) -> None:
    """Print the processor time of the product with its traffic, in hundredths of a core."""
    pids = family_of(supervisor)
    before = cpu_s(pids)
    time.sleep(IDLE_S)
    figure("cpu_with_traffic", (cpu_s(pids) - before) / IDLE_S * 100, "%_of_a_core")


async def _send(port: int, letters: list[tuple[str, bytes]]) -> None:
    """Hand over mails on one connection, each after the other's 250."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def say(line: bytes, answer: bytes) -> None:
        writer.write(line + b"\r\n")
        await writer.drain()
        got = await reader.readline()
        assert got.startswith(answer), got

    assert (await reader.readline()).startswith(b"220")
    await say(b"HELO bench", b"250")
    for sender, mail in letters:
        await say(f"MAIL FROM:<{sender}>".encode(), b"250")
        await say(f"RCPT TO:<{SUPPORT}>".encode(), b"250")
        await say(b"DATA", b"354")
        await say(mail + b"\r\n.", b"250")
    await say(b"QUIT", b"221")
    writer.close()


async def _flood(port: int) -> float:
    """Return mails a second over all connections."""
    letters = [letter(number, SUPPORT) for number in range(MAILS)]
    start = time.monotonic()
    await asyncio.gather(*(_send(port, letters[n::CONNECTIONS]) for n in range(CONNECTIONS)))
    return MAILS / (time.monotonic() - start)


def _receive(data: Path, port: int) -> None:
    """Print how fast the mail role alone takes mail, each one on the disk before its 250."""
    command = [sys.executable, "-P", "-m", "inbox.cli", "smtp", "--port", str(port)]
    environment = _environment() | {"KIP_DATA_DIR": str(data)}
    with (data / "output.txt").open("ab") as output:
        process = subprocess.Popen(command, stderr=output, env=environment)
    try:
        _wait_for_port(port)
        before = cpu_s([process.pid])
        rate = asyncio.run(_flood(port))
        figure("mail_received", rate, "mails/wall_s")
        figure(
            "mail_received_cpu", (cpu_s([process.pid]) - before) / MAILS * 1000, "cpu_ms/mail"
        )
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nobody listens")


def main() -> None:
    """Print start times, memory, and the rate at which mail is received."""
    with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
        data = Path(folder)
        port, smtp_port = free_ports(2)
        with product(data, port, smtp_port) as (_, first_s):
            figure("start_first", first_s, "wall_s")
        with product(data, port, smtp_port) as (pid, again_s):
            figure("start_again", again_s, "wall_s", "<=10")
            time.sleep(SETTLE_S)
            _weigh(pid)
            _idle(pid)
        _receive(data, smtp_port)


if __name__ == "__main__":
    main()
