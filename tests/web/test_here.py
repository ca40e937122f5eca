"""Who looks and who writes: shown to colleagues who may see it, forgotten by itself (F75)."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from inbox.queue import Announcer
from inbox.views import room as rooms
from inbox.views.room import Room, seat_name
from tests.web.scene import Browser, Scene
from tests.web.test_live import events, open_session, redis_url, stream

__all__ = ["redis_url"]

TAB, OTHER_TAB = "0123456789abcdef", "fedcba9876543210"


async def say(who: Browser, number: int, state: str, tab: str = TAB) -> int:
    """Post as together.js does; return the status."""
    form = {"number": str(number), "tab": tab, "state": state}
    return (await who.post("/here", form)).status_code


async def shown(who: Browser) -> str:
    return (await who.get("/here")).text


async def test_a_colleague_sees_who_looks_and_who_writes(scene: Scene) -> None:
    """F75, DESIGN 25: named in the language of who reads; not oneself; gone when they leave."""
    number = await scene.arrive()
    binh, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    assert f'data-here="{number}"' not in await shown(ha)

    assert await say(binh, number, "looks") == 204
    assert 'title="Bình is looking"' in await shown(ha)
    assert "data-here" not in await shown(binh), "one knows where one is oneself"
    assert await say(binh, number, "writes") == 204
    page = await shown(ha)
    assert page.count(f'data-here="{number}"') == 1
    assert 'class="typing writes"' in page
    assert 'title="Bình is replying"' in page
    assert 'title="Bình đang trả lời"' in (await ha.get("/here?lang=vi")).text
    assert await say(binh, 0, "left") == 204
    assert "data-here" not in await shown(ha)


async def test_only_who_may_see_it(scene: Scene) -> None:
    """Nobody says or hears anything of a conversation that is another team's."""
    number = await scene.arrive(request_type="complaint")
    await scene.change(number, owner_id=(await scene.agent("binh")).id)
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    assert await say(binh, number, "writes") == 204
    assert "data-here" not in await shown(dung)
    assert await say(dung, number, "looks") == 404
    assert "data-here" not in await shown(binh)
    assert await say(dung, number + 1, "looks") == 404


@pytest.mark.parametrize(
    "form",
    [
        {"number": "x", "tab": TAB, "state": "looks"},
        {"number": "1001", "tab": "../../etc", "state": "looks"},
        {"number": "1001", "tab": TAB, "state": "sings"},
        {"number": "1001", "tab": TAB, "state": "looks", "agent_id": "1"},
    ],
)
async def test_what_no_page_of_ours_says_is_refused(scene: Scene, form: dict[str, str]) -> None:
    assert (await (await scene.signed_in("binh")).post("/here", form)).status_code == 422


async def test_saying_it_again_asks_the_database_for_who_one_is_only(scene: Scene) -> None:
    """No write per keystroke or beat, and the right to look is checked once a minute."""
    number = await scene.arrive()
    binh = await scene.signed_in("binh")
    assert await say(binh, number, "looks") == 204
    said: list[str] = []
    engine = getattr(scene.database, "engine", None)
    engine = engine or scene.database.async_engine.sync_engine

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert await say(binh, number, "writes") == 204
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert all(one.lstrip().startswith(("BEGIN", "SELECT", "PRAGMA")) for one in said), said
    assert not any("FROM conversations" in one for one in said), said


async def test_the_other_process_hears_of_it(start: Callable[..., Any], redis_url: str) -> None:
    """Through Redis: another process's room knows, and its browsers get numbers, no names."""
    scene: Scene = await start(redis_url=redis_url)
    number = await scene.arrive()
    scene.database.announce = Announcer(scene.site.redis)
    told: list[str] = []
    elsewhere = Room(told.extend)
    scene.site.hub.hear(elsewhere.hear)
    binh = await scene.signed_in("binh")
    async with stream(scene.app, await open_session(scene, "ha")) as next_chunk:
        await asyncio.wait_for(next_chunk(), 5)
        await events(next_chunk, 0.3)
        begun = time.monotonic()
        assert await say(binh, number, "writes") == 204
        while "here" not in await events(next_chunk, 0.05):
            assert time.monotonic() - begun < 3
    there = elsewhere.others(agent_id=0)
    assert there == {number: {(await scene.agent("binh")).id: True}}


# ---- the room by itself --------------------------------------------------------------------


@pytest.mark.one_database
async def test_who_says_nothing_any_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 25: gone within 35 s of the last key, even if the browser died."""
    assert rooms.STAYS_S + 10 <= 35
    monkeypatch.setattr(rooms, "GATHER_S", 0.0)
    told: list[str] = []
    room = Room(told.extend)
    room.hear(seat_name(1001, 7, TAB, rooms.LOOKS))
    room.hear(seat_name(1001, 7, OTHER_TAB, rooms.WRITES))
    await asyncio.sleep(0.01)
    assert told == ["here:1001"], "told once for both"
    room.hear(seat_name(1001, 7, OTHER_TAB, rooms.WRITES))
    await asyncio.sleep(0.01)
    assert told == ["here:1001"], "nothing changed: nothing is told"
    assert room.others(8) == {1001: {7: True}}
    assert room.others(7) == {}

    room.hear(seat_name(1002, 7, OTHER_TAB, rooms.LOOKS))  # that tab shows another now
    await asyncio.sleep(0.01)
    assert told[1:] == ["here:1001,1002"]
    assert room.others(8) == {1001: {7: False}, 1002: {7: False}}
    room.forget(time.monotonic() + rooms.STAYS_S + 1)
    await asyncio.sleep(0.01)
    assert told[2:] == ["here:1001,1002"]
    assert room.others(8) == {}


@pytest.mark.one_database
async def test_a_room_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "GATHER_S", 0.0)
    monkeypatch.setattr(rooms, "MOST_TABS", 30)
    told: list[str] = []
    room = Room(told.extend)
    for n in range(100):
        room.hear(seat_name(n, 7, f"{n:08d}", rooms.LOOKS))
    assert len(room.others(8)) == rooms.MOST_TABS_EACH
    for n in range(100):
        room.hear(seat_name(n, n + 10, f"{n:08d}", rooms.LOOKS))
    assert len(room._tabs) == 30
    for name in ("seat-1:2:short:w", "seat-1:2:abcdefgh:x", "seat-x", "list"):
        room.hear(name)
    await asyncio.sleep(0.01)
    assert told == ["here:*"], "of so many, browsers look at all"
