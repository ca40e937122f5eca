"""500 visitors at once on one web process, 50 agents with their page open: how soon, how heavy.

Visitors come from ten addresses of this machine, as one address has fifty seats. Everybody is
connected all the time; one after another they write, and are answered through the API. A line
has arrived when the agent's thread has it, an answer when the visitor's socket has.
"""

import argparse
import asyncio
import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench_chat import Agent, number_of, seen
from benchmarks.bench_run import free_ports, product
from benchmarks.measure import cpu_s, family_of, figure, loop_ms, pss_mib
from tests.chatclient import ChatClient, Frame
from tests.slow.product import TOKEN

VISITORS, AGENTS = 500, 50
PEERS = 10
TALKING = 40  # of them have a conversation in which lines are timed
LINES = 4
PAUSE_S = 0.5  # between lines: what 500 visitors write in a busy hour


class Crowded(ChatClient):
    """A visitor who comes from an address of their own."""

    def __init__(self, base_url: str, number: int) -> None:
        super().__init__(base_url)
        self.peer = f"127.0.0.{2 + number % PEERS}"
        self.number = number


def answer(port: int, number: int, text: str) -> None:
    """Answer a conversation through the API."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    path = f"/api/v1/conversations/{number}/replies"
    connection.request("POST", path, json.dumps({"text": text}), headers)
    status = connection.getresponse().status
    connection.close()
    assert status in (200, 201), status


def web_of(pid: int) -> int:
    """Return the web role's process."""
    for one in family_of(pid):
        words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
        if b"web" in words:
            return one
    raise AssertionError("there is no web process")


async def measure(port: int, pid: int, visitors: int, agents: int) -> None:
    """Fill the house, then time lines and answers."""
    reader = Agent(port)
    await asyncio.to_thread(reader.sign_in)
    for _ in range(agents):  # one of them looks at what comes; the others only hear
        silent = Agent(port)
        silent.share(reader)
        threading.Thread(target=silent.listen, daemon=True).start()
    threading.Thread(target=reader.listen, daemon=True).start()
    web = web_of(pid)
    await asyncio.sleep(2)
    before = pss_mib(web)
    crowd = [Crowded(f"http://127.0.0.1:{port}", number) for number in range(visitors)]
    for at in range(0, visitors, 20):
        await asyncio.gather(*(_enter(one) for one in crowd[at : at + 20]))
    await asyncio.sleep(2)
    figure("chat_memory_a_visitor", (pss_mib(web) - before) * 1024 / visitors, "KiB", "<=80")
    to_agent, to_visitor, cpu = [], [], cpu_s(family_of(pid))
    talking = crowd[:: max(visitors // TALKING, 1)][:TALKING]
    numbers = []
    for one in talking:
        await one.say("Hello, I would like to ask about a kettle.")
        numbers.append(await number_of(one))
    for turn in range(LINES):
        for number, one in zip(numbers, talking, strict=True):
            said, answered = f"line-{turn}-of-{number}.", f"answer-{turn}-to-{number}."
            reader.want(number, said)
            start = time.monotonic()
            await one.say(said)
            to_agent.append((await seen(reader, said) - start) * 1000)
            start = time.monotonic()
            sending = asyncio.create_task(asyncio.to_thread(answer, port, number, answered))
            await one.heard(_says(answered))
            to_visitor.append((time.monotonic() - start) * 1000)
            await sending
            await asyncio.sleep(PAUSE_S)
    for name, waits in (("chat_to_agent", to_agent), ("chat_to_visitor", to_visitor)):
        figure(f"{name}_p50", statistics.median(waits), "ms")
        figure(f"{name}_p95", statistics.quantiles(waits, n=20)[-1], "ms", "<=500")
    used = cpu_s(family_of(pid)) - cpu
    figure("chat_crowd_cpu_a_line", used / len(to_agent) * 1000, "ms_cpu")
    figure("chat_still_connected", sum(not one.is_closed for one in crowd), "visitors")
    figure("python_loop", loop_ms(), "ms_cpu")
    for one in crowd:
        await one.close()


def _says(text: str) -> Callable[[Frame], bool]:
    return lambda frame: frame.get("text") == text


async def _enter(one: Crowded) -> None:
    await one.open(local_address=one.peer)
    await one.hello(language="en", name=f"Visitor {one.number}")


def main() -> None:
    """Run the product on a fresh folder and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--visitors", type=int, default=VISITORS)
    parser.add_argument("--agents", type=int, default=AGENTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port, smtp_port = free_ports(2)
        with product(Path(folder), port, smtp_port, "--no-traffic") as (pid, _):
            asyncio.run(measure(port, pid, asked.visitors, asked.agents))


if __name__ == "__main__":
    main()
