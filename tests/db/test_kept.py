"""What rarely changes is kept while it is the same, whoever changes it."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import Column, ColumnElement, event, select, text
from sqlalchemy import Table as CoreTable
from sqlalchemy.sql import visitors
from sqlmodel import Session

from inbox import auth
from inbox.db import Database
from inbox.duty import load_duty
from inbox.sla.calendar import WorkingCalendar
from inbox.store import sessions, setup
from inbox.store.kept import LOADERS
from inbox.store.people import list_colleagues, set_on_duty, team_names
from inbox.timeline import _read_before
from inbox.views import inbox as _every_loader  # noqa: F401  (what a page loads, imported)
from models import (
    Absence,
    Agent,
    Calendar,
    HouseEdition,
    OwnField,
    ProductGroup,
    SavedView,
    Tag,
    ViewChoice,
)
from models.base import columns
from tests.factories import NOW, Firm, arrive

ONE_MORE_TAG = (
    "INSERT INTO tags (name, folded, created_at) "
    "VALUES ('Gấp', 'gap', '2026-11-20 00:00:00+00:00')"
)
TRIGGERS_OF_SQLITE = (
    "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'house_edition%'"
)
TRIGGERS_OF_POSTGRES = (
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname LIKE 'house_edition%'"
)
WATCHING = re.compile(r"AFTER (.+?) ON (?:\w+\.)?(\w+)\s", re.IGNORECASE)


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    """Open the same database as another process does."""
    made = Database(database_url)
    yield made
    await made.close()


def _word(session: Session) -> str:
    found: str = session.execute(select(columns(HouseEdition).word)).scalar_one()
    return found


def _run(session: Session, statement: str) -> None:
    session.execute(text(statement))


def _rename(session: Session, team_id: int, name: str) -> None:
    query = text("UPDATE teams SET name = :name WHERE id = :team_id")
    session.execute(query, {"team_id": team_id, "name": name})


async def test_what_another_process_changes_is_seen_at_once(
    database: Database, elsewhere: Database, firm: Firm
) -> None:
    before = await database.read(team_names)
    again = await database.read(team_names)
    assert again is before, "it is kept"

    await elsewhere.write(_rename, firm.sales, "Cửa hàng")
    changed = await database.read(team_names)
    await elsewhere.write(_run, ONE_MORE_TAG)
    other = await database.read(team_names)

    assert before[firm.sales] == "Bán hàng"
    assert changed[firm.sales] == "Cửa hàng"
    assert other == changed


async def test_what_is_rolled_back_is_never_kept(database: Database, firm: Firm) -> None:
    before = await database.read(team_names)
    seen: list[str] = []

    def fail(session: Session) -> None:
        _rename(session, firm.sales, "Nháp")
        seen.append(team_names(session)[firm.sales])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(fail)

    assert seen == ["Nháp"], "who writes reads what is written"
    assert await database.read(team_names) is before


async def test_two_states_never_have_one_word(database: Database, firm: Firm) -> None:
    """Also where a state comes back: a copy that was put back may be changed otherwise."""
    words = [await database.read(_word)]
    for name in ("A", "B", "Bán hàng", "A"):
        await database.write(_rename, firm.sales, name)
        words.append(await database.read(_word))
    assert len(set(words)) == len(words)


async def test_ordinary_traffic_leaves_it_alone(database: Database, firm: Firm) -> None:
    """The one row is a lock: what comes in, and who is seen, must not wait for each other."""
    before = await database.read(_word)
    number = await database.write(arrive, firm)
    await database.write(
        sessions.open_session, auth.hash_token("a"), firm.an.id, epoch=0, now=NOW
    )
    await database.write(sessions.touch_session, auth.hash_token("a"), NOW + timedelta(hours=1))
    assert number
    assert await database.read(_word) == before
    await database.write(set_on_duty, firm.an.id, False, NOW)
    assert await database.read(_word) != before


async def test_without_its_word_nothing_is_kept(database: Database, firm: Firm) -> None:
    first = await database.read(team_names)
    await database.write(_run, "DELETE FROM house_edition")
    await database.write(_rename, firm.sales, "Khác")
    assert (await database.read(team_names))[firm.sales] == "Khác"
    assert first[firm.sales] == "Bán hàng"


async def test_the_clock_goes_on_over_what_is_kept(database: Database, firm: Firm) -> None:
    """Who is at work is found anew each time, out of rows that are kept."""

    def plan(session: Session) -> None:
        begins, ends = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
        away = Absence(agent_id=firm.an.id, starts_at=begins, ends_at=ends, created_at=NOW)
        session.add(away)

    await database.write(plan)
    word = await database.read(_word)
    there = [
        firm.an.id in (await database.read(load_duty, NOW + timedelta(minutes=later))).at_work
        for later in (0, 60, 119, 120)
    ]
    assert there == [True, False, False, True]
    assert await database.read(_word) == word


# ---- every column that is read is watched, and nothing that is kept can be changed ------


def _watched(session: Session) -> dict[str, dict[str, set[str]]]:
    """Return by table which changes the database notes, with the columns; none: any."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    query = text(TRIGGERS_OF_SQLITE if on_sqlite else TRIGGERS_OF_POSTGRES)
    found: dict[str, dict[str, set[str]]] = {}
    for said in session.execute(query).scalars():
        match = WATCHING.search(said)
        assert match is not None, said
        for change in match[1].split(" OR "):
            what, _, those = change.partition(" OF ")
            names = {name for name in those.split(", ") if name}
            found.setdefault(match[2], {})[what.lower()] = names
    return found


@contextmanager
def _columns_read(session: Session) -> Iterator[set[Column[Any]]]:
    """Collect the columns of tables that statements name meanwhile."""
    found: set[Column[Any]] = set()
    connection = session.connection()

    def note(_connection: Any, statement: Any, *_rest: Any) -> None:
        for one in visitors.iterate(statement):
            if isinstance(one, ColumnElement) and isinstance(one, Column):
                found.add(one)
            elif isinstance(one, CoreTable):
                found.add(next(iter(one.primary_key)))

    event.listen(connection, "before_execute", note)
    try:
        yield found
    finally:
        event.remove(connection, "before_execute", note)


def _read_all(session: Session) -> set[Column[Any]]:
    with _columns_read(session) as found:
        for load in LOADERS:
            load(session)
    return found


async def test_every_column_that_is_kept_is_watched(database: Database, firm: Firm) -> None:
    watched = await database.read(_watched)
    read = await database.read(_read_all)

    assert {str(one.table) for one in read} | {"calendar_versions"} == set(watched)
    for column in read:
        changes = watched[str(column.table)]
        assert changes.keys() >= {"insert", "update", "delete"}, column
        only = changes["update"]
        assert not only or column.primary_key or column.name in only, column


def _fill(session: Session, firm: Firm) -> None:
    spec = {"timezone": "UTC", "hours": {}, "holidays": []}
    calendar = Calendar(name="Ca đêm", spec=spec)
    view = SavedView(
        name="Của tôi", agent_id=firm.an.id, filters={"q": "x"}, created_at=NOW, changed_at=NOW
    )
    session.add_all([
        *(calendar, view, Tag(name="Gấp", folded="gap", created_at=NOW)),
        OwnField(name="Màu", folded="mau", choices=["đỏ", "xanh"], created_at=NOW),
        ProductGroup(name="Máy lọc", terms=["mlnk"], created_at=NOW),
        Absence(agent_id=firm.chi.id, starts_at=NOW, ends_at=NOW, created_at=NOW),
    ])  # fmt: skip
    session.flush()
    session.add(ViewChoice(agent_id=firm.an.id, view_id=view.id))
    session.get_one(Agent, firm.an.id).calendar_id = calendar.id


def _is_frozen(value: Any) -> bool:
    if isinstance(value, str | int | float | bool | date | datetime | Enum | WorkingCalendar):
        return True
    if isinstance(value, tuple | frozenset):
        return all(map(_is_frozen, value))
    if is_dataclass(value) and value.__dataclass_params__.frozen:  # type: ignore[union-attr]
        return all(_is_frozen(getattr(value, one.name)) for one in fields(value))
    if isinstance(value, Mapping) and not hasattr(value, "__setitem__"):
        return all(map(_is_frozen, value.values()))
    return value is None


async def test_nobody_can_change_what_is_kept(database: Database, firm: Firm) -> None:
    await database.write(_fill, firm)
    for load in LOADERS:
        found = await database.read(load)
        assert found or load is _read_before.__wrapped__, load  # type: ignore[attr-defined]
        assert _is_frozen(found) or (isinstance(found, dict) and not found), load


async def test_one_unit_of_work_asks_for_the_word_once(database: Database, firm: Firm) -> None:
    def page(session: Session) -> list[str]:
        ran: list[str] = []

        def note(_connection: Any, statement: Any, *_rest: Any) -> None:
            ran.append(str(statement))

        connection = session.connection()
        event.listen(connection, "before_execute", note)
        for load in (setup.named_types, team_names, list_colleagues, team_names):
            load(session)
        event.remove(connection, "before_execute", note)
        return ran

    assert len(await database.read(page)) == 4
    (asked,) = await database.read(page)
    assert "house_edition" in asked
