"""Rehearsals: the last days under a draft, with nothing sent and nothing changed."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlmodel import Session, SQLModel

from inbox import closing, conversations, corrections, ruling
from inbox.company import hours, rehearsals, rehearsing
from inbox.company.rehearsals import GONE, Rehearse
from inbox.db import Database
from inbox.errors import Invalid, NotFound
from inbox.rulebook import load_rulebook
from models import Rehearsal, SLAPolicy
from models.base import columns, core
from tests.factories import (
    NOW,
    ZONE,
    Firm,
    arrive,
    clocks_of,
    conversation,
    prediction,
)

rules = columns(SLAPolicy)
HOUR = timedelta(hours=1)
EMPTY: dict[str, Any] = {"days": 30, "rules": {}, "calendars": {}}


def rule_id(session: Session, key: str) -> int:
    found = session.execute(select(rules.id).where(rules.request_type == key))
    return int(found.scalar_one())


def begin(session: Session, firm: Firm, now: Any = None, **draft: Any) -> int:
    asked = {**EMPTY, **draft}
    at = now or NOW + 24 * HOUR
    return rehearsals.begin(session, asked, by=firm.dung.id, now=at).id


def shorter(session: Session, key: str, seconds: int) -> dict[str, Any]:
    return {str(rule_id(session, key)): {"first_response_s": seconds}}


def reply(session: Session, firm: Firm, number: int, at: Any) -> None:
    row = conversation(session, number)
    conversations.reply(session, row, "Dạ.", firm.house, by=firm.an, now=at)


async def play(database: Database) -> None:
    worker = Rehearse(database)
    while await worker.once():
        pass


def figures(session: Session, number: int) -> dict[str, Any]:
    found = rehearsals.get_rehearsal(session, number)
    assert found.finished_at is not None
    assert found.error == ""
    assert found.done == found.total
    return found.result


def everything_else(session: Session) -> dict[str, Any]:
    """Return how many rows each table has, and what the conversations and clocks say."""
    tables = {name for name in SQLModel.metadata.tables if name != "rehearsals"}
    counts = {
        name: session.execute(
            select(func.count()).select_from(SQLModel.metadata.tables[name])
        ).scalar_one()
        for name in sorted(tables)
    }
    rows = {
        name: session.execute(text(f"SELECT * FROM {name} ORDER BY id")).all()  # noqa: S608
        for name in ("conversations", "sla_clocks", "escalation_steps", "outbox", "events")
    }
    return {**counts, **{f"{name} rows": found for name, found in rows.items()}}


async def test_a_stricter_rule_would_have_missed(database: Database, firm: Firm) -> None:
    """F42: compliance both ways, what would end otherwise, load, and no other row changed."""
    prompt = await database.write(arrive, firm, said=prediction("complaint"))
    slow = await database.write(arrive, firm, said=prediction("complaint"))
    other = await database.write(arrive, firm)
    await database.write(reply, firm, prompt, NOW + HOUR / 6)
    await database.write(reply, firm, slow, NOW + HOUR)
    await database.write(reply, firm, other, NOW + HOUR / 2)
    before = await database.read(everything_else)

    def work(session: Session) -> int:
        return begin(session, firm, rules=shorter(session, "complaint", 1800))

    number = await database.write(work)
    await play(database)

    found = await database.read(figures, number)
    assert found["now"]["first_response"] == {"met": 3, "missed": 0, "excused": 0, "open": 0}
    assert found["draft"]["first_response"] == {
        **{"met": 2, "missed": 1, "excused": 0, "open": 0}
    }
    assert found["types"]["complaint"] == [[2, 0], [1, 1]]
    assert found["types"]["product_advice"] == [[1, 0], [1, 0]]
    assert (found["moves"], found["ends_otherwise"]) == (2, 1)
    ((line),) = found["different"]
    assert line == [
        *(slow, "first_response", (NOW + 5 * HOUR).isoformat(), "met"),
        *((NOW + HOUR / 2).isoformat(), "missed"),
    ]
    assert found["hours"]["now"][14] == 2, "two complaints were due at 14:30"
    assert found["hours"]["draft"][10] == 3, "with the draft all three at ten"
    assert sum(was for was, _ in found["days"].values()) == 6
    assert {key: would for key, (_, would) in found["teams"].items()} == {
        str(firm.tech): 4,
        str(firm.sales): 2,
    }
    assert await database.read(everything_else) == before
    for number in (prompt, slow):
        assert (await database.read(clocks_of, number))[0].policy == "Khiếu nại"


async def test_other_hours_in_place_of_a_calendar(database: Database, firm: Firm) -> None:
    """F42: a calendar that is not in use yet is tried; pauses and types of then are kept."""
    number = await database.write(arrive, firm)
    book = await database.read(load_rulebook)

    def work(session: Session) -> int:
        row = conversation(session, number)
        corrections.correct(
            session, row, book, firm.house, request_type="complaint", by=firm.an, now=NOW
        )
        usual = hours.list_calendars(session)[0].id
        late = hours.add_calendar(session, "Chiều", usual, by=firm.dung.id, now=NOW)
        week = hours.Week("Chiều", ZONE, {"mon": [["13:00", "18:00"]]})
        hours.save_week(session, late.id, week, by=firm.dung.id, now=NOW)
        return begin(session, firm, calendars={str(usual): late.id})

    made = await database.write(work)
    await database.write(reply, firm, number, NOW + 2 * HOUR)
    await play(database)

    found = await database.read(figures, made)
    assert found["moves"] == 1
    assert found["hours"]["draft"][14] == 1, "advice, one hour from 13:00: as was promised"
    assert found["draft"]["first_response"]["met"] == 1


async def test_the_past_is_played_as_it_went(database: Database, firm: Firm) -> None:
    """F42: with a draft that gives the same, waits, reopenings and tiers end as they did."""
    number = await database.write(arrive, firm, said=prediction("complaint"))

    def live(session: Session) -> int:
        row = conversation(session, number)
        ruling.set_tier(session, row.contact_id, "vip", by=firm.an.id, now=NOW)
        reply(session, firm, number, NOW + HOUR)
        closing.resolve(session, conversation(session, number), by=firm.an, now=NOW + HOUR)
        book = load_rulebook(session)
        row = conversation(session, number)
        closing.reopen(session, row, book, by=firm.an, now=NOW + 2 * HOUR)
        return begin(session, firm, rules=shorter(session, "general", 60))

    made = await database.write(live)
    await play(database)

    found = await database.read(figures, made)
    assert found["now"] == found["draft"]
    assert found["moves"] == 0
    rows = await database.read(clocks_of, number)
    assert sum(sum(kind.values()) for kind in found["now"].values()) == len(rows)


async def test_batches_count_each_once_with_several_workers(
    database: Database, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F42: whoever is second keeps nothing; the figures are those of one."""
    monkeypatch.setattr(rehearsals, "BATCH", 2)
    for _ in range(5):
        await database.write(arrive, firm, said=prediction("complaint"))

    def work(session: Session) -> int:
        return begin(session, firm, rules=shorter(session, "complaint", 1800))

    number = await database.write(work)
    first = await database.read(rehearsals.find_unfinished)
    assert first is not None
    batch = await database.read(rehearsals.load_batch, first)
    once = rehearsals.play_batch(first.result, batch)
    assert await database.write(rehearsals.keep, first, once, 2, NOW)
    assert not await database.write(rehearsals.keep, first, once, 2, NOW)
    found = await database.read(rehearsals.get_rehearsal, number)
    assert (found.done, found.finished_at) == (2, None)
    await play(database)
    found_all = await database.read(figures, number)
    assert sum(found_all["draft"]["first_response"].values()) == 5
    assert found_all["moves"] == 5
    assert len(await database.read(rehearsals.list_rehearsals)) == 1


@pytest.mark.parametrize(
    "draft",
    [
        {"days": 0},
        {"days": 401},
        {"days": None},
        {},
        {"rules": {"1": {"first_response_s": 0}}},
        {"rules": {"999": {"first_response_s": 60}}},
        {"rules": {"1": {"calendar_id": 999}}},
        {"calendars": {"1": 999}},
    ],
)
async def test_what_cannot_be_played_is_refused(
    database: Database, firm: Firm, draft: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        await database.write(begin, firm, **draft)
    with pytest.raises(NotFound):
        await database.read(rehearsals.get_rehearsal, 1)


async def test_a_calendar_that_went_meanwhile_ends_it_with_a_sentence(
    database: Database, firm: Firm
) -> None:
    await database.write(arrive, firm)

    def work(session: Session) -> int:
        number = begin(session, firm, calendars={"1": 1})
        session.execute(
            core(Rehearsal).update().values(draft={**EMPTY, "calendars": {"1": 999}})
        )
        return number

    number = await database.write(work)
    await play(database)
    found = await database.read(rehearsals.get_rehearsal, number)
    assert found.error == GONE
    assert found.finished_at is not None


def test_no_figures_are_all_noughts() -> None:
    plain = rehearsing.empty()
    assert plain["now"] == plain["draft"]
    assert rehearsing.copied(plain) == plain
