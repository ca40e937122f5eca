"""Idempotency-Key: what a script may send again, and what it is told then."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from inbox.store import idempotency
from inbox.store.idempotency import Given
from models import Conversation, Direction, IdempotencyKey, Message, RawMessage
from models.base import columns
from tests.web.scene import BASE, OUTSIDE_TOKEN, READ_TOKEN, WRITE_TOKEN, Scene, address, bearer
from tests.web.scripts import NEW, POSTS, URL, file, problem, send

messages = columns(Message)


@pytest.mark.parametrize("what", POSTS)
async def test_the_same_again(scene: Scene, what: str) -> None:
    """F100: one effect and one answer, to the letter; without a key there are two."""
    number = await scene.arrive()
    first = await send(scene, what, number, key="k 1")
    again = await send(scene, what, number, key="k 1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json()["id"] == again.json()["id"]
    assert len(await scene.all(Message, messages.direction != Direction.AUTOMATIC)) == 2
    await send(scene, what, number)
    await send(scene, what, number)
    assert len(await scene.all(Message, messages.direction != Direction.AUTOMATIC)) == 4


@pytest.mark.parametrize("what", POSTS)
async def test_the_same_key_for_something_else(scene: Scene, what: str) -> None:
    """Other parameters under a used key are an error, and do nothing."""
    number = await scene.arrive()
    await send(scene, what, number, key="k")
    said = problem(await send(scene, what, number, {"text": "Khác."}, key="k"), 422)
    assert said.type == "urn:kip:problem:key-reused"
    other = await scene.arrive("Chuyện khác", email="khac@vidu.example")
    assert (await send(scene, what, other, key="k")).status_code == 201, "another address"
    mine = await scene.all(IdempotencyKey)
    assert [row.path for row in mine] == [f"{URL}/{n}/{what}" for n in (number, other)]


@pytest.mark.parametrize("what", POSTS)
async def test_at_the_same_time(scene: Scene, what: str) -> None:
    """Ten at once with one key: one effect, one answer."""
    number = await scene.arrive()
    answers = await asyncio.gather(*(send(scene, what, number, key="k") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    replayed = [answer for answer in answers if "idempotent-replayed" in answer.headers]
    assert len(replayed) == 9
    assert len(await scene.all(Message, messages.direction.in_(["outbound", "note"]))) == 1


async def test_refusals_are_kept(scene: Scene) -> None:
    """A refusal that was decided is the answer, whatever changed since; a new key asks anew."""
    number = await scene.arrive()
    seen = (await scene.get(number)).last_message_id
    assert (await send(scene, "replies", number)).status_code == 201
    body = {"text": "Vâng ạ.", "seen": seen}
    first = await send(scene, "replies", number, body, key="k")
    problem(first, 409)
    scene.clock.now += timedelta(minutes=5)
    again = await send(scene, "replies", number, body, key="k")
    assert problem(again, 409).type == "urn:kip:problem:newer-message"
    assert again.content == first.content, "not even the seconds are counted anew"
    assert again.headers["idempotent-replayed"] == "true"
    (kept,) = await scene.all(IdempotencyKey)
    assert kept.status == 409
    hidden = await send(scene, "notes", number, token=OUTSIDE_TOKEN, key="k")
    problem(hidden, 404)
    await send(scene, "owner", number, {"owner": address("dung")})
    problem(await send(scene, "notes", number, token=OUTSIDE_TOKEN, key="k"), 404)
    assert (await send(scene, "notes", number, token=OUTSIDE_TOKEN, key="l")).status_code == 201


async def test_what_was_not_begun_is_not_kept(scene: Scene) -> None:
    """A body that cannot be read uses up no key; neither does a missing right."""
    number = await scene.arrive()
    problem(await send(scene, "notes", number, {"txt": "x"}, key="k"), 422)
    problem(await send(scene, "notes", number, token=READ_TOKEN, key="k"), 403)
    assert await scene.all(IdempotencyKey) == []
    assert (await send(scene, "notes", number, key="k")).status_code == 201


async def test_what_broke_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of ours leaves nothing behind: the same key then does it."""
    number = await scene.arrive()

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("inbox.views.api.changing.present_message", broken)
        problem(await send(scene, "notes", number, key="k"), 500)
    assert await scene.all(Message, messages.direction == Direction.NOTE) == []
    assert await scene.all(IdempotencyKey) == []
    assert (await send(scene, "notes", number, key="k")).status_code == 201


async def test_keys_are_forgotten_after_their_days(scene: Scene) -> None:
    """At least 24 hours; after that a key is new."""
    number = await scene.arrive()
    first = await send(scene, "notes", number, key="k")
    scene.clock.now += timedelta(hours=25)
    assert (await send(scene, "notes", number, key="k")).content == first.content
    scene.clock.now += idempotency.KEPT
    later = await send(scene, "notes", number, {"text": "Khác."}, key="k")
    assert later.status_code == 201
    assert len(await scene.all(IdempotencyKey)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "kh\u00f3a", "a\tb"])
async def test_odd_keys(scene: Scene, key: str) -> None:
    """A key is printable ASCII, and not cut: two long ones must not become one."""
    number = await scene.arrive()
    headers = httpx.Headers(bearer(WRITE_TOKEN), encoding="latin-1")
    headers["idempotency-key"] = key
    path = f"{URL}/{number}/notes"
    answer = await scene.browser().client.post(path, headers=headers, json={"text": "x"})
    problem(answer, 422)
    assert await scene.all(Message, messages.direction == Direction.NOTE) == []


async def test_filing_the_same_again(scene: Scene) -> None:
    """F100: one conversation; its answer is as it was first, whatever happened since."""
    first = await file(scene, NEW, "order-7")
    assert first.status_code == 201
    number = first.json()["number"]
    await send(scene, "status", number)
    again = await file(scene, {**NEW, "name": ""}, "order-7")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == f"{BASE}{URL}/{number}" == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    said = problem(await file(scene, {**NEW, "text": "Other."}, "order-7"), 422)
    assert said.type == "urn:kip:problem:key-reused"
    assert len(await scene.all(RawMessage)) == 1


async def test_filing_at_the_same_time(scene: Scene) -> None:
    """Five at once: one conversation, one answer."""
    answers = await asyncio.gather(*(file(scene, NEW, "k") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(await scene.all(Conversation)) == 1


async def test_an_old_key_files_something_new(scene: Scene) -> None:
    """A forgotten key with another body is another conversation, not the old one."""
    first = await file(scene, NEW, "k")
    scene.clock.now += 2 * idempotency.KEPT
    second = await file(scene, {**NEW, "text": "Something else."}, "k")
    assert second.status_code == 201
    assert "Something else." in json.dumps(second.json())
    assert first.json()["messages"][0]["text"] == NEW["text"]
    assert len(await scene.all(RawMessage)) == 2


async def test_an_answer_that_comes_second_is_the_first(scene: Scene) -> None:
    """Two wait for one take-in: what the faster one kept, both say."""
    number = await scene.arrive()
    await send(scene, "notes", number, key="k")
    (kept,) = await scene.all(IdempotencyKey)
    given = Given(kept.agent_id, kept.path, kept.key, kept.fingerprint)
    slower = idempotency.Answer(201, '{"id": 0}')
    answer = await scene.write(idempotency.finish, given, slower)
    assert answer.body == kept.body
