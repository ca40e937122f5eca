"""From a visitor's line to the agent's open page, and what a line costs, `kip run` as a whole.

The agent's side is what a browser does: it hears the conversation's name over ``/live`` and
fetches the messages' partial; a line has arrived when the partial contains it.
"""

import asyncio
import http.client
import re
import statistics
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.bench_run import free_ports, product
from benchmarks.measure import cpu_s, family_of, figure
from tests.chatclient import ChatClient

VISITORS = 8
WARM_UP = 2  # lines of each
LINES = 16  # of each; more often than 20 in 10 s is refused
SEEN_WITHIN_S = 10.0
_HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')


class Agent:
    """A signed-in browser on one page after the other, listening."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}
        self.seen: dict[str, float] = {}  # text -> when the page had it
        self._wanted: dict[str, str] = {}  # conversation's name -> text looked for
        self._lock = threading.Lock()

    def ask(self, method: str, path: str, body: str | None = None) -> str:
        """Send one request with our cookies and return the page."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request(method, path, body, self._headers())
        answer = connection.getresponse()
        for value in answer.headers.get_all("set-cookie") or []:
            name, _, rest = value.partition("=")
            self._cookies[name] = rest.partition(";")[0]
        text = answer.read().decode()
        connection.close()
        return text

    def _headers(self) -> dict[str, str]:
        jar = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        kind = "application/x-www-form-urlencoded"
        return {"cookie": jar, "hx-request": "true", "content-type": kind}

    def sign_in(self) -> None:
        """Sign in as the sample company's agent."""
        fields = dict(_HIDDEN.findall(self.ask("GET", "/login")))
        fields |= {"email": "supervisor@demo.example", "password": "kip-demo"}
        self.ask("POST", "/login", urlencode(fields))

    def share(self, other: "Agent") -> None:
        """Be signed in as another browser is."""
        self._cookies = other._cookies

    def listen(self) -> None:
        """Hear names for ever, in a thread that ends with the process."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("GET", "/live", headers=self._headers())
        answer = connection.getresponse()
        while line := answer.readline():
            if line.startswith(b"event: conv-"):
                self._look(line.decode().split()[1])

    def _look(self, name: str) -> None:
        with self._lock:
            text = self._wanted.get(name)
        if text is None:
            return
        page = self.ask("GET", f"/inbox/{name.removeprefix('conv-')}?part=thread")
        if text in page:
            self.seen[text] = time.monotonic()

    def want(self, number: int, text: str) -> None:
        """Look for this text in a conversation from now on."""
        with self._lock:
            self._wanted[f"conv-{number}"] = text


async def number_of(chat: ChatClient) -> int:
    """Return the conversation's number as the automatic line says it."""
    told = await chat.heard(lambda one: one.get("from") == "auto")
    found = re.search(r"\b(1\d{3})\b", told["text"])
    assert found is not None, told
    return int(found[1])


async def seen(agent: Agent, text: str) -> float:
    """Return when the agent's page had a text; wait for it."""
    end = time.monotonic() + SEEN_WITHIN_S
    while text not in agent.seen:
        assert time.monotonic() < end, f"never seen: {text}"
        await asyncio.sleep(0.002)
    return agent.seen[text]


async def measure(port: int, pid: int) -> None:
    """Let visitors write one after the other and print the figures."""
    agent = Agent(port)
    await asyncio.to_thread(agent.sign_in)
    threading.Thread(target=agent.listen, daemon=True).start()
    visitors = [ChatClient(f"http://127.0.0.1:{port}") for _ in range(VISITORS)]
    numbers = []
    for number, chat in enumerate(visitors):
        await chat.open()
        await chat.hello(email=f"visitor{number}@customer.example", language="en")
        await chat.say("Hello, I would like to ask about a kettle.")
        numbers.append(await number_of(chat))
    waits_ms: list[float] = []
    accepted_ms: list[float] = []
    cpu = 0.0
    for turn in range(WARM_UP + LINES):
        if turn == WARM_UP:
            waits_ms, accepted_ms, cpu = [], [], cpu_s(family_of(pid))
        for number, chat in zip(numbers, visitors, strict=True):
            text = f"line-{turn}-of-{number}"
            agent.want(number, text)
            start = time.monotonic()
            await chat.say(text)
            accepted_ms.append((time.monotonic() - start) * 1000)
            waits_ms.append((await seen(agent, text) - start) * 1000)
    used_s = cpu_s(family_of(pid)) - cpu
    for chat in visitors:
        await chat.close()
    p95 = statistics.quantiles(waits_ms, n=20)[-1]
    figure("chat_to_agent_p50", statistics.median(waits_ms), "ms", "<=500")
    figure("chat_to_agent_p95", p95, "ms", "<=500")
    figure("chat_accepted_p95", statistics.quantiles(accepted_ms, n=20)[-1], "ms")
    figure("chat_line_cpu", used_s / len(waits_ms) * 1000, "ms_cpu")


def main() -> None:
    """Run the product on a fresh folder and measure."""
    with tempfile.TemporaryDirectory() as folder:
        port, smtp_port = free_ports(2)
        with product(Path(folder), port, smtp_port, "--no-traffic") as (pid, _):
            asyncio.run(measure(port, pid))


if __name__ == "__main__":
    main()
