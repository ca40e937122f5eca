"""The chat of the whole product over real sockets: kills, reconnecting, random frames."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from inbox.channels.chat import CODES
from tests.chatclient import ChatClient
from tests.slow.product import Product, running, until

pytestmark = pytest.mark.slow

VISITORS, LINES = 4, 12
GIVE_UP_S = 45.0
ADDRESS = "lan@khach.example"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Run one product for this file."""
    with running(tmp_path_factory.mktemp("chat") / "data") as made:
        yield made


def _reply(product: Product, number: int, text: str) -> None:
    answer = product.http.post(
        f"/api/v1/conversations/{number}/replies",
        json={"text": text},
        headers={"authorization": "Bearer kip-demo-token"},
    )
    assert answer.status_code == 201, answer.text


async def test_a_visitor_and_an_agent_talk(product: Product) -> None:
    """F1: the line is in the list with all others; the answer is in the widget at once."""
    async with ChatClient(product.base_url) as chat:
        welcome = await chat.hello(name="Lan", email=ADDRESS, language="vi")
        await chat.say("Cho mình hỏi đơn ML-20111 khi nào giao?")
        auto = await chat.heard(lambda one: one.get("from") == "auto")
        (found,) = await asyncio.to_thread(product.conversations_of, ADDRESS)
        assert found["channel"] == "chat"
        assert f"{found['number']}" in auto["text"]

        started = time.monotonic()
        await asyncio.to_thread(_reply, product, found["number"], "Chiều nay ạ.")
        told = await chat.heard(lambda one: one.get("from") == "agent")
        assert time.monotonic() - started < 3
        assert (told["text"], told["name"]) == ("Chiều nay ạ.", "Khoa")
        await chat.send({"type": "received", "id": told["id"]})
        delivered = "SELECT 1 FROM messages WHERE id = ? AND delivered_at IS NOT NULL"
        await asyncio.to_thread(
            until, lambda: product.rows(delivered, told["id"]), 5, "the receipt is kept"
        )
    assert welcome["company"] == "Mộc Lam Home"
    assert product.sink(ADDRESS) == []  # no mail


class Visitor:
    """Writes lines, each until it is accepted, whatever is killed meanwhile."""

    def __init__(self, product: Product, number: int) -> None:
        self.email = f"khach{number}@khach.example"
        self._product = product
        self.chat = ChatClient(product.base_url)
        self.tries: Counter[str] = Counter()
        self.ids = [str(uuid4()) for _ in range(LINES)]

    async def write_all(self) -> None:
        for place, number in enumerate(self.ids):
            await self.insist(f"câu {place} của {self.email}", number)
            await asyncio.sleep(0.15)

    async def insist(self, text: str, number: str) -> None:
        """Send a line under one id until there is an ``accepted``."""
        end = time.monotonic() + GIVE_UP_S
        while time.monotonic() < end:
            self.tries[number] += 1
            with contextlib.suppress(
                OSError, TimeoutError, ConnectionClosed, InvalidHandshake, AssertionError
            ):
                if self.tries[number] > 1 or not self.chat.token:
                    await self.reconnect()
                await self.chat.say(text, number, within_s=5)
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{text} was never accepted")

    async def reconnect(self) -> None:
        with contextlib.suppress(OSError, ConnectionClosed):
            await self.chat.close()
        await self.chat.open()
        await self.chat.hello(email=self.email, language="vi")


async def test_what_was_accepted_is_there_once_whatever_is_killed(product: Product) -> None:
    """F18 and R48's neighbours: web, worker and Redis die while four visitors write."""
    visitors = [Visitor(product, number) for number in range(VISITORS)]
    writing = asyncio.gather(*(one.write_all() for one in visitors))
    order = random.Random(24)
    for role in ("web", "worker", "web", "redis", "web"):
        await asyncio.sleep(order.uniform(0.4, 0.9))
        old = await asyncio.to_thread(product.kill, role)
        await asyncio.to_thread(product.pid, role, old)
    await writing

    wanted = {f"câu {n} của {one.email}" for one in visitors for n in range(LINES)}
    query = "SELECT text FROM messages WHERE channel = 'chat' AND text LIKE 'câu %'"

    def all_there() -> bool:
        return wanted <= {row[0] for row in product.rows(query)}

    await asyncio.to_thread(until, all_there, 30, "every accepted line is taken in")
    count = Counter(row[0] for row in product.rows(query))
    assert count == Counter(wanted)
    for one in visitors:
        (found,) = await asyncio.to_thread(product.conversations_of, one.email)
        await asyncio.to_thread(_reply, product, found["number"], "Đã nhận đủ.")
        await one.reconnect()  # with last: nothing comes twice
        await one.chat.heard(lambda frame: frame.get("text") == "Đã nhận đủ.")
        ids = [frame["id"] for frame in one.chat.messages]
        assert len(ids) == len(set(ids))
        senders = Counter(frame["from"] for frame in one.chat.messages)
        assert senders == {"auto": 1, "agent": 1}
        await one.chat.close()
    assert any(tries > 1 for one in visitors for tries in one.tries.values())


async def test_random_frames_end_in_fixed_codes(product: Product) -> None:
    """R49: ten thousand over real sockets; whoever floods is shown out."""
    rng = random.Random(49)
    left = 10_000
    codes: set[str] = set()
    while left > 0:
        async with ChatClient(product.base_url) as chat:
            with contextlib.suppress(ConnectionClosed):
                for _ in range(min(left, 600)):
                    left -= 1
                    await chat.send(rng.choice(["{}", "[", "\0", "é" * rng.randrange(99)]))
        codes |= {frame["code"] for frame in chat.frames}
        assert {frame["type"] for frame in chat.frames} <= {"error"}
    async with ChatClient(product.base_url) as chat:
        await chat.send("x" * 20_000)
        assert (await chat.heard(lambda one: one["type"] == "error"))["code"] == "too_large"
        assert (await chat.hello())["type"] == "welcome"
        with contextlib.suppress(ConnectionClosed):
            await chat.send("x" * 100_000)
        with pytest.raises(ConnectionError):
            await chat.heard(lambda one: one["type"] == "never")
    assert codes <= set(CODES)
    assert "Traceback" not in product.log()


async def test_foreign_pages_are_refused_before_accept(product: Product) -> None:
    """R48."""
    for origin in ("https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            await ChatClient(product.base_url, origin=origin).open()
        assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as unknown:
        await ChatClient(product.base_url, "nobody").open()
    assert unknown.value.response.status_code == 404


def test_it_stops_in_time_with_open_chats(tmp_path: Path) -> None:
    """DECISIONS 7: three seconds, sockets closed cleanly."""

    async def work(made: Product) -> float:
        async with ChatClient(made.base_url) as chat, ChatClient(made.base_url) as silent:
            await chat.hello()
            pid = made.pid("web")
            started = time.monotonic()
            await asyncio.to_thread(made.stop)
            with pytest.raises(ConnectionError):
                await chat.heard(lambda one: one["type"] == "never")
            assert silent.frames == []
            assert not Path(f"/proc/{pid}").exists()
            return time.monotonic() - started

    with running(tmp_path / "data") as made:
        assert asyncio.run(work(made)) < 5  # all of kip run; the web process has three
        assert "Traceback" not in made.log()
