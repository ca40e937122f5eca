"""Idempotency keys on both databases, where two hold one key at the same time."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.db import Database
from inbox.errors import Conflict, Unavailable
from inbox.store import idempotency
from inbox.store.idempotency import Answer, Given, KeyReused
from inbox.views.api.requests import once
from models import Agent, IdempotencyKey
from models.base import columns
from tests.factories import NOW, Firm

agents = columns(Agent)
keys = columns(IdempotencyKey)


async def _given(database: Database, fingerprint: str = "a", key: str = "k") -> Given:
    def first(session: Session) -> int:
        return int(
            session.execute(select(agents.id).order_by(agents.id)).scalars().first() or 0
        )

    return Given(await database.read(first), "/api/v1/x", key, fingerprint)


def _count(session: Session) -> int:
    return len(session.execute(select(keys.key)).all())


async def test_ten_at_once_have_one_effect(database: Database, firm: Firm) -> None:
    """F100: the others wait and are told what the first was told."""
    given = await _given(database)
    effects: list[int] = []

    def work(_session: Session) -> Answer:
        effects.append(1)
        return Answer(201, f'{{"n": {len(effects)}}}')

    answers = await asyncio.gather(*(database.write(once, given, work) for _ in range(10)))
    assert len(effects) == 1
    assert {(answer.status, answer.body) for answer in answers} == {(201, '{"n": 1}')}
    assert sum(answer.replayed for answer in answers) == 9


async def test_who_gives_up_leaves_the_key_to_the_next(database: Database, firm: Firm) -> None:
    """A failure that another try may mend keeps nothing."""
    given = await _given(database)
    tries: list[int] = []

    def work(_session: Session) -> Answer:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("away")
        return Answer(200, "{}")

    results = await asyncio.gather(
        *(database.write(once, given, work) for _ in range(4)), return_exceptions=True
    )
    assert len(tries) == 3
    assert sum(isinstance(result, Unavailable) for result in results) == 2
    assert sum(isinstance(result, Answer) for result in results) == 2


async def test_a_refusal_is_kept_and_its_work_taken_back(
    database: Database, firm: Firm
) -> None:
    """What a refused request began is gone; its answer stays."""
    given = await _given(database)

    def work(session: Session) -> Answer:
        idempotency.begin(session, Given(given.agent_id, "/begun", "k", "x"), NOW)
        session.info.setdefault("announce", []).append("begun")
        raise Conflict("too late")

    first = await database.write(once, given, work)
    assert await database.read(_count) == 1, "its own key, nothing of the work"
    again = await database.write(once, given, work)
    assert (first.status, again.body, again.replayed) == (409, first.body, True)
    assert "begun" not in database.announce.names  # type: ignore[attr-defined]


async def test_another_body_is_refused(database: Database, firm: Firm) -> None:
    """Also while the first is at work."""

    def work(_session: Session) -> Answer:
        return Answer(200, "{}")

    first, second = await _given(database, "a"), await _given(database, "b")
    await database.write(once, first, work)
    with pytest.raises(KeyReused):
        await database.write(once, second, work)
    assert (await database.write(once, first, work)).replayed


async def test_keys_end(database: Database, firm: Firm) -> None:
    """A day is promised; two are kept."""
    assert timedelta(hours=24) <= idempotency.KEPT
    given, other = await _given(database), await _given(database, key="other")
    await database.write(idempotency.begin, given, NOW)
    await database.write(idempotency.begin, other, NOW + idempotency.KEPT)
    assert await database.read(_count) == 2
    await database.write(
        idempotency.begin, other, NOW + idempotency.KEPT + timedelta(seconds=1)
    )
    assert await database.read(_count) == 1
