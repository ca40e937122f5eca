"""A thousand browsers on one web process: what each weighs, how soon a change is with all.

And fifty agents who click every ten seconds while ten mails a second come in. Everything goes
over HTTP and SMTP to ``kip run --demo``; ``--short`` takes half a minute instead of three.
"""

import asyncio
import http.client
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.bench_run import free_ports, name_of, product
from benchmarks.measure import cpu_s, family_of, figure, letter, loop_ms, pss_mib
from inbox.demo.traffic import SUPPORT

PEOPLE = ("agent", "supervisor", "admin")
TOKEN = "kip-demo-token"  # noqa: S105 -- the sample company's, known to all
AGENTS = 50
CLICK_EVERY_S = 10.0
MAILS_A_S = 10
ARRIVES_WITHIN_S = 30.0
_HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')
_ROW = re.compile(r'id="conversation-row-(\d+)"')


def sign_in(port: int, who: str) -> dict[str, str]:
    """Return the cookies of somebody of the sample company."""
    cookies: dict[str, str] = {}
    fields: dict[str, str] = {}
    for method in ("GET", "POST"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        jar = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = {"cookie": jar, "content-type": "application/x-www-form-urlencoded"}
        connection.request(method, "/login", urlencode(fields) if fields else None, headers)
        answer = connection.getresponse()
        for value in answer.headers.get_all("set-cookie") or []:
            name, _, rest = value.partition("=")
            cookies[name] = rest.partition(";")[0]
        fields = dict(_HIDDEN.findall(answer.read().decode()))
        fields |= {"email": f"{who}@demo.example", "password": "kip-demo"}
        connection.close()
    return cookies


class Listener:
    """One browser's stream."""

    def __init__(self, port: int, cookies: dict[str, str]) -> None:
        self._port = port
        self._cookies = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self.heard: dict[str, float] = {}  # name -> when it last came
        self.is_open = asyncio.Event()

    async def listen(self) -> None:
        """Hear names until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        writer.write(f"{head}Cookie: {self._cookies}\r\n\r\n".encode())
        assert b" 200 " in await reader.readline()
        try:
            while line := await reader.readline():
                self.is_open.set()
                if line.startswith(b"event: "):
                    self.heard[line[7:].strip().decode()] = time.monotonic()
        finally:
            writer.close()


async def request(
    port: int,
    method: str,
    path: str,
    headers: dict[str, str],
    fields: dict[str, str] | None = None,
) -> tuple[float, str]:
    """Send one request on a connection of its own; return how long it took and the body."""
    body = urlencode(fields).encode() if fields is not None else b""
    start = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if fields is not None:
        lines += ["Content-Type: application/x-www-form-urlencoded"]
        lines += [f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    answer = await reader.read()
    writer.close()
    status = int(answer.split(b" ", 2)[1])
    assert status < 400, (method, path, status)
    return time.monotonic() - start, answer.partition(b"\r\n\r\n")[2].decode(errors="replace")


async def note(port: int, number: str) -> None:
    """Keep a note through the API: every browser hears that the conversation changed."""
    head = f"/api/v1/conversations/{number}/notes"
    body = b'{"text": "For the benchmark."}'

    def post() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        kind = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        connection.request("POST", head, body, kind)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        connection.close()

    await asyncio.to_thread(post)


async def crowd(
    port: int, web: int, jars: Sequence[dict[str, str]], many: int, rounds: int, idle_s: float
) -> None:
    """Open streams, and print what they weigh, how soon they hear, and what they cost idle."""
    headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in jars[1].items())}
    _, page = await request(port, "GET", "/inbox", headers)
    number = _ROW.findall(page)[0]
    for _ in range(20):
        await request(port, "GET", "/inbox", headers)
    await note(port, number)
    before = pss_mib(web)
    crowd = [Listener(port, jars[n % len(jars)]) for n in range(many)]
    tasks = []
    used = cpu_s([web])
    for listener in crowd:
        tasks.append(asyncio.create_task(listener.listen()))
        await asyncio.sleep(0.002)
    await asyncio.wait_for(asyncio.gather(*(one.is_open.wait() for one in crowd)), 120)
    figure("live_open", (cpu_s([web]) - used) / many * 1000, "cpu_ms/client")
    await asyncio.sleep(3)
    figure("live_memory", (pss_mib(web) - before) * 1024 / many, "KiB/client", "<=60")
    waits: list[float] = []
    used = cpu_s([web])
    for _ in range(rounds):
        for one in crowd:
            one.heard.pop(f"conv-{number}", None)
        start = time.monotonic()
        await note(port, number)
        end = start + ARRIVES_WITHIN_S
        while any(f"conv-{number}" not in one.heard for one in crowd):
            assert time.monotonic() < end, "somebody never heard"
            await asyncio.sleep(0.02)
        waits += [one.heard[f"conv-{number}"] - start for one in crowd]
        await asyncio.sleep(0.5)
    told = (cpu_s([web]) - used) / rounds
    figure("live_event_p50", statistics.median(waits) * 1000, "ms")
    figure("live_event_p95", statistics.quantiles(waits, n=20)[-1] * 1000, "ms", "<=1000")
    figure("live_event_last", max(waits) * 1000, "ms")
    figure("live_event_cpu", told * 1000, "cpu_ms/event_to_all")
    used = cpu_s([web])
    await asyncio.sleep(idle_s)
    figure("live_idle", (cpu_s([web]) - used) / idle_s * 100, "%_of_a_core")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def beats(port: int, web: int, jar: dict[str, str], turns: int) -> None:
    """Print what one word of who is where costs, and what looking costs."""
    headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())}
    _, page = await request(port, "GET", "/inbox", headers)
    token = dict(_HIDDEN.findall(page))["_csrf_token"]
    number = _ROW.findall(page)[0]
    for name, method in (("here_said", "POST"), ("here_seen", "GET")):
        used = cpu_s([web])
        for turn in range(turns):
            said = {"number": number, "tab": f"{turn % 10:08d}", "state": "looks"}
            fields = {**said, "_csrf_token": token} if method == "POST" else None
            await request(port, method, "/here", headers, fields)
        figure(name, (cpu_s([web]) - used) / turns * 1000, "cpu_ms/request")


async def day(
    port: int, smtp_port: int, pid: int, jars: Sequence[dict[str, str]], seconds: float
) -> None:
    """Let fifty agents click while mail comes in, and print how long the list takes."""
    took: dict[str, list[float]] = {"list": [], "conversation": []}
    end = time.monotonic() + seconds
    listeners = [Listener(port, jars[n % len(jars)]) for n in range(AGENTS)]
    streams = [asyncio.create_task(one.listen()) for one in listeners]

    async def click(n: int) -> None:
        jar = jars[n % len(jars)]
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())}
        headers["HX-Request"] = "true"
        await asyncio.sleep(CLICK_EVERY_S * n / AGENTS)
        while time.monotonic() < end:
            began = time.monotonic()
            wall, page = await request(port, "GET", "/inbox", headers)
            took["list"].append(wall)
            numbers = _ROW.findall(page)
            if numbers:
                path = f"/inbox/{numbers[n % len(numbers)]}"
                took["conversation"].append((await request(port, "GET", path, headers))[0])
            await asyncio.sleep(max(0.0, CLICK_EVERY_S - (time.monotonic() - began)))

    async def mail() -> None:
        number, begun = 0, time.monotonic()
        while time.monotonic() < end:
            await asyncio.to_thread(send, smtp_port, number)
            number += 1
            await asyncio.sleep(max(0.0, begun + number / MAILS_A_S - time.monotonic()))
        figure("day_mails", number / (time.monotonic() - begun), "mails/s", f"{MAILS_A_S}")

    used = cpu_s(family_of(pid))
    await asyncio.gather(mail(), *(click(n) for n in range(AGENTS)))
    figure("day_cpu", (cpu_s(family_of(pid)) - used) / seconds * 100, "%_of_a_core")
    for name, walls in took.items():
        goal = "<=150" if name == "list" else "-"
        figure(f"day_{name}_p50", statistics.median(walls) * 1000, "ms")
        figure(f"day_{name}_p95", statistics.quantiles(walls, n=20)[-1] * 1000, "ms", goal)
    for task in streams:
        task.cancel()
    await asyncio.gather(*streams, return_exceptions=True)


def send(port: int, number: int) -> None:
    """Hand over one mail."""
    import smtplib  # noqa: PLC0415 -- slow to import, and only needed here

    sender, raw = letter(number, SUPPORT)
    with smtplib.SMTP("127.0.0.1", port, "bench", 30) as smtp:
        smtp.sendmail(sender, [SUPPORT], raw)


async def measure(port: int, smtp_port: int, pid: int, *, short: bool) -> None:
    """Print every figure."""
    web = next(one for one in family_of(pid) if name_of(one, pid) == "web")
    jars = [await asyncio.to_thread(sign_in, port, who) for who in PEOPLE]
    figure("python_loop", loop_ms(), "cpu_ms")
    many, rounds, idle_s = (200, 3, 5.0) if short else (1000, 10, 30.0)
    await crowd(port, web, jars, many, rounds, idle_s)
    await beats(port, web, jars[0], 50 if short else 300)
    await day(port, smtp_port, pid, jars, 15.0 if short else 60.0)


def main() -> None:
    """Run the product on a fresh folder and measure."""
    with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
        port, smtp_port = free_ports(2)
        with product(Path(folder), port, smtp_port, "--no-traffic") as (pid, _):
            asyncio.run(measure(port, smtp_port, pid, short="--short" in sys.argv[1:]))


if __name__ == "__main__":
    main()
