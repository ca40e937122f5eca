"""Live names over server-sent events, with a real Redis."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from inbox import redis_server
from inbox.errors import InboxError
from inbox.queue import Announcer, connect
from inbox.views import hub
from tests.web.scene import Scene


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """Start the embedded Redis once for these tests."""
    try:
        redis_server.find_server()
    except InboxError as error:
        pytest.skip(error.message)
    with tempfile.TemporaryDirectory(prefix="kip-", dir="/tmp") as name:
        path = redis_server.socket_path(Path(name))
        command = redis_server.command(Path(name) / "redis", path)
        with subprocess.Popen(command) as process:
            try:
                redis_server.wait_until_ready(path)
                yield redis_server.url(path)
            finally:
                process.terminate()


@asynccontextmanager
async def stream(app: Litestar, cookie: str) -> AsyncIterator[Callable[[], Any]]:
    """Open ``/live`` as a browser does; yield what returns the next chunk."""
    chunks: asyncio.Queue[Any] = asyncio.Queue()
    left = asyncio.Event()
    asked = False

    async def receive() -> Any:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await chunks.put(message)

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/live",
        "raw_path": b"/live",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"testserver.example"), (b"cookie", f"kip={cookie}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("testserver.example", 80),
        "extensions": {},
    }
    task = asyncio.create_task(app(scope, receive, send))
    try:
        yield chunks.get
    finally:
        left.set()
        await asyncio.wait_for(task, 5)


async def events(next_chunk: Callable[[], Any], timeout_s: float) -> list[str]:
    """Return the names that come within a time."""
    found: list[str] = []
    end = time.monotonic() + timeout_s
    while (left := end - time.monotonic()) > 0:
        try:
            message = await asyncio.wait_for(next_chunk(), left)
        except TimeoutError:
            break
        lines = message.get("body", b"").decode().splitlines()
        found += [line[7:] for line in lines if line.startswith("event: ")]
    return [name for name in found if name != hub.BEAT]


async def open_session(scene: Scene, person: str) -> str:
    """Sign somebody in and return the session's cookie."""
    browser = await scene.signed_in(person)
    return next(one.value or "" for one in browser.client.cookies.jar if one.name == "kip")


async def test_names_arrive(start: Callable[..., Any], redis_url: str) -> None:
    """An announced name is an event within a second; others' notices and bells are not."""
    scene: Scene = await start(redis_url=redis_url)
    binh, ha = await scene.agent("binh"), await scene.agent("ha")
    redis = connect(redis_url)
    announce = Announcer(redis)
    try:
        async with stream(scene.app, await open_session(scene, "binh")) as next_chunk:
            head = await asyncio.wait_for(next_chunk(), 5)
            assert head["status"] == 200
            headers = dict(head["headers"])
            assert headers[b"content-type"].startswith(b"text/event-stream")
            assert headers[b"cache-control"] == b"no-store"
            assert b"content-security-policy" in headers
            await events(next_chunk, 0.3)  # a fresh subscription says: look once
            begun = time.monotonic()
            await announce(["conv-1001"])
            while "conv-1001" not in await events(next_chunk, 0.05):
                assert time.monotonic() - begun < 1
            await announce([f"notices-{ha.id}", "ring:intake", f"notices-{binh.id}", "list"])
            assert await events(next_chunk, 0.5) == ["notices", "list"]
        assert not scene.site.hub._streams, "a browser that left is forgotten"
    finally:
        await redis.aclose()


async def test_a_click_is_heard_by_others(start: Callable[..., Any], redis_url: str) -> None:
    """A change by one person reaches another's open page through Redis."""
    scene: Scene = await start(redis_url=redis_url)
    number = await scene.arrive()
    scene.database.announce = Announcer(scene.site.redis)
    async with stream(scene.app, await open_session(scene, "ha")) as next_chunk:
        await asyncio.wait_for(next_chunk(), 5)
        await events(next_chunk, 0.3)
        browser = await scene.signed_in("binh")
        done = await browser.post(f"/inbox/{number}/resolution", {"reason": "spam"})
        assert done.status_code == 303
        assert set(await events(next_chunk, 0.6)) >= {"list", f"conv-{number}"}


async def test_a_stop_ends_streams(start: Callable[..., Any], redis_url: str) -> None:
    """Decision 7: stopping waits for no open stream."""
    scene: Scene = await start(redis_url=redis_url)
    async with stream(scene.app, await open_session(scene, "ha")) as next_chunk:
        await asyncio.wait_for(next_chunk(), 5)
        await events(next_chunk, 0.2)
        await scene.site.hub.stop()
        while (await asyncio.wait_for(next_chunk(), 1)).get("more_body"):
            pass


async def test_without_redis(scene: Scene) -> None:
    """Decision 38: 204, so that the browser does not try again; pages poll."""
    answer = await (await scene.signed_in("binh")).get("/live")
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_redis_that_is_away(start: Callable[..., Any], tmp_path: Path) -> None:
    """Decision 14: clicks work and wait for nothing while Redis is gone."""
    scene: Scene = await start(redis_url=f"unix://{tmp_path}/nobody.sock")
    number = await scene.arrive()
    announce, waited = Announcer(scene.site.redis), []

    async def timed(names: list[str]) -> None:
        begun = time.monotonic()
        await announce(names)
        waited.append(time.monotonic() - begun)

    scene.database.announce = timed
    browser = await scene.signed_in("ha")
    assert (await browser.post(f"/inbox/{number}/claim")).status_code == 303
    assert waited
    assert sum(waited) < 1.5


async def test_slow_streams_do_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that takes nothing keeps a bounded number of names, and is left in the end."""
    one, sent, taken = hub.Hub(None), [], asyncio.Event()

    async def send(body: bytes) -> None:
        sent.append(body)
        await taken.wait()

    stream = hub.Stream(send)
    one.open(stream)
    one.tell(["list"])
    await asyncio.sleep(0)
    for n in range(1000):
        one.tell([f"conv-{n}"])
        assert len(stream.names) <= hub.MAX_NAMES
    assert list(stream.names) == ["list", "gap"], "what was left out is looked for"
    await one.look()
    assert not stream.over.is_set(), "slow is not gone"
    taken.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert sent == [b"event: list\ndata: 1\n\n", b"".join(map(hub.written, hub.GAP))]

    taken.clear()
    monkeypatch.setattr(hub, "STUCK_S", -1.0)
    one.tell(["list"])
    await asyncio.sleep(0)
    await one.look()
    assert stream.over.is_set()
    one.close(stream)
    assert not one._streams


async def test_what_is_told_twice_meanwhile_is_sent_once() -> None:
    """Names wait as a set: a list that changed ten times is fetched once."""
    one, sent = hub.Hub(None), []

    async def send(body: bytes) -> None:
        sent.append(body)

    mine, other = hub.Stream(send, agent_id=7), hub.Stream(send, agent_id=8)
    one.open(mine)
    one.tell(["list", "conv-1", "list", "notices-8", "notices-7", "seat-1:7:abcdef12:w"])
    await asyncio.sleep(0)
    one.open(other)
    one.tell(["here:1,2", "notices-9", "ring:intake", "chat-3:a", "account-7"])
    await asyncio.sleep(0)
    told = b"".join(sent).decode().split("\n\n")
    assert told[:3] == [f"event: {name}\ndata: 1" for name in ("list", "conv-1", "notices")]
    assert told[3:] == ["event: here\ndata: 1,2"] * 2 + [""]
