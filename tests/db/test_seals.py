"""Seals: what is changed, removed, put in or forged in the audit trail is named (R57)."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlmodel import Session

from inbox import sealing
from inbox.commands import audit as command
from inbox.db import Database
from inbox.operations.auditing import (
    AFTER_GAP,
    BROKEN,
    CHANGED,
    GAP,
    MISSING,
    NOT_AS_NOTED,
    OUT_OF_ORDER,
    STRAY,
    UNREADABLE,
    UNSEALED,
    Finding,
    Verdict,
    verify,
)
from inbox.sealing import Seal
from inbox.settings import Settings
from inbox.store import people, seals
from models import AuditEntry, AuditSeal, Event
from tests.conftest import Clock
from tests.factories import NOW, Firm, arrive, everything, make_message

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of the sealing loop."""
    stopped = Clock()
    monkeypatch.setattr(sealing, "utcnow", stopped)
    return stopped


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make seals small, so that a few rows make several."""
    monkeypatch.setattr(sealing, "BATCH", 4)
    monkeypatch.setattr(sealing, "MOST_LINKS", 2)


async def _seal(worker: Seal, clock: Clock) -> None:
    """Let a worker seal everything there is."""
    for _ in range(3):  # it ends with an earlier look, looks again, and finds that settled
        while await worker.once():
            pass
        clock.forward(seconds=10)  # PostgreSQL waits for what ran when it looked first


def _live(session: Session, firm: Firm) -> None:
    for number in range(3):
        arrive(session, firm, make_message(from_address=f"khach{number}@vidu.example"))
    for on_duty in (False, True, False):
        people.set_on_duty(session, firm.an.id, on_duty, NOW)


async def _lived(database: Database, firm: Firm, clock: Clock) -> None:
    await database.write(_live, firm)
    await _seal(Seal(database), clock)


async def _read(database: Database, **named: Any) -> tuple[Verdict, list[Finding]]:
    found: list[Finding] = []
    verdict = await verify(database, found.append, lambda _count: None, **named)
    assert verdict.findings == len(found)
    return verdict, found


def _as_owner(session: Session) -> None:
    """Do what somebody can who owns the database: take the refusing triggers off."""
    if session.get_bind().dialect.name == "postgresql":
        for table in ("events", "audit_entries", "audit_seals"):
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    rows = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    for (name,) in rows.all():
        session.execute(text(f"DROP TRIGGER {name}"))


async def _tamper(database: Database, *statements: str, **values: Any) -> None:
    def work(session: Session) -> None:
        _as_owner(session)
        for statement in statements:
            session.execute(text(statement), values)

    await database.write(work)


async def test_an_untouched_trail_is_proved_row_by_row(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R57, the other half: no false alarm, and nothing is left out."""
    await _lived(database, firm, clock)

    verdict, found = await _read(database)

    rows = len(await database.read(everything, Event))
    entries = len(await database.read(everything, AuditEntry))
    links = await database.read(everything, AuditSeal)
    assert found == []
    assert (verdict.rows, verdict.seals) == (rows + entries, len(links))
    assert len(links) > 3
    assert verdict.waiting == {"events": 0, "audit_entries": 0, "redactions": 0}
    assert verdict.last is not None
    assert verdict.last[2] == links[-1].hash
    assert await Seal(database).once() is False
    assert len(await database.read(everything, AuditSeal)) == len(links)


TAMPERINGS = {
    "event's moment": ("UPDATE events SET at = :at WHERE id = 5", "events", 5, CHANGED),
    "event's kind": (*("UPDATE events SET kind = 'noted' WHERE id = 1", "events", 1, CHANGED),),
    "event's person": (*("UPDATE events SET actor_id = 2 WHERE id = 6", "events", 6, CHANGED),),
    "event's conversation": (
        *("UPDATE events SET conversation_id = 1003 WHERE id = 2", "events", 2, CHANGED),
    ),
    "event's data": ("UPDATE events SET data = '{}' WHERE id = 3", "events", 3, CHANGED),
    "event's last one": ("UPDATE events SET data = '{}' WHERE id = 15", "events", 15, CHANGED),
    "event gone": ("DELETE FROM events WHERE id = 7", "events", 7, MISSING),
    "newest event gone": ("DELETE FROM events WHERE id = 15", "events", 15, MISSING),
    "event put in": (
        "INSERT INTO events (id, conversation_id, kind, at, data) "
        "VALUES (-4, 1001, 'resolved', :at, '{}')",
        *("events", -4, UNSEALED),
    ),
    "entry's from": (
        "UPDATE audit_entries SET before = '{\"on_duty\": 1}' WHERE id = 2",
        *("audit_entries", 2, CHANGED),
    ),
    "entry's thing": (
        "UPDATE audit_entries SET thing_id = '99' WHERE id = 3",
        *("audit_entries", 3, CHANGED),
    ),
    "entry gone": ("DELETE FROM audit_entries WHERE id = 1", "audit_entries", 1, MISSING),
    "entry put in": (
        "INSERT INTO audit_entries (id, at, thing, thing_id, action, before, after) "
        "VALUES (0, :at, 'person', '1', 'changed', '{}', '{}')",
        *("audit_entries", 0, UNSEALED),
    ),
    "seal's moment": ("UPDATE audit_seals SET at = :at WHERE id = 2", "audit_seals", 2, BROKEN),
    "seal's hash": (
        "UPDATE audit_seals SET hash = 'forged' WHERE id = 2",
        *("audit_seals", 2, BROKEN),
    ),
    "seal's source": (
        "UPDATE audit_seals SET source = 'blobs' WHERE id = 1",
        *("audit_seals", 1, UNREADABLE),
    ),
    "seal's rows": (
        "UPDATE audit_seals SET rows = '[[1, \"a\"]]' WHERE id = 3",
        *("audit_seals", 3, OUT_OF_ORDER),
    ),
    "seal's rubbish": (
        "UPDATE audit_seals SET rows = '[7, {}]' WHERE id = 2",
        *("audit_seals", 2, UNREADABLE),
    ),
    "seal put in": (
        "INSERT INTO audit_seals (id, at, source, rows, hash) "
        "VALUES (0, :at, 'events', '[]', '')",
        *("audit_seals", 0, STRAY),
    ),
    "seal gone": ("DELETE FROM audit_seals WHERE id = 2", "audit_seals", 2, GAP),
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_what_is_tampered_with_is_named(
    database: Database, firm: Firm, clock: Clock, what: str
) -> None:
    """R57: one field of one row, one row gone, one put in, one seal forged."""
    statement, table, row, why = TAMPERINGS[what]
    await _lived(database, firm, clock)
    assert [one.id for one in await database.read(everything, Event)] == list(range(1, 16))

    await _tamper(database, statement, **({"at": LATER} if ":at" in statement else {}))

    _, found = await _read(database)
    assert Finding(table, row, why) in found
    if table != "audit_seals":
        assert found == [Finding(table, row, why)]


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
@pytest.mark.parametrize(
    ("table", "column"), [("events", "data"), ("events", "at"), ("audit_entries", "after")]
)
async def test_a_row_that_cannot_even_be_read_is_named(
    database: Database, firm: Firm, clock: Clock, table: str, column: str
) -> None:
    """R57: SQLite keeps whatever it is given."""
    await _lived(database, firm, clock)
    statement = f"UPDATE {table} SET \"{column}\" = 'no' WHERE id = 2"  # noqa: S608
    await _tamper(database, statement)

    _, found = await _read(database)
    assert found == [Finding(table, 2, CHANGED)]


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_seal_that_cannot_even_be_read_is_named(
    database: Database, firm: Firm, clock: Clock
) -> None:
    await _lived(database, firm, clock)
    await _tamper(database, "UPDATE audit_seals SET rows = 'no' WHERE id = 2")

    _, found = await _read(database)
    assert Finding("audit_seals", 2, UNREADABLE) in found


async def test_a_forged_row_with_its_seal_made_to_fit_breaks_the_chain(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R57: who makes one seal fit has to make all later ones anew."""
    await _lived(database, firm, clock)
    await _tamper(database, "UPDATE events SET kind = 'noted' WHERE id = 2")

    def fit(session: Session) -> str:
        first = seals.list_links(session, 0, 1)[0]
        rows = seals.list_seals_of(session, "events", after=0, upto=4, limit=4)
        fitting = [list(row) for row in rows]
        made = seals.link_hash("", 1, first.at, first.source, fitting)
        session.execute(
            text("UPDATE audit_seals SET rows = :rows, hash = :hash WHERE id = 1"),
            {"rows": json.dumps(fitting), "hash": made},
        )
        return made

    forged = await database.write(fit)
    assert len(forged) == len(hashlib.sha256().hexdigest())
    _, found = await _read(database)
    assert found == [Finding("audit_seals", 2, BROKEN)]


async def test_a_chain_made_anew_shows_against_a_seal_noted_elsewhere(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """What the seal alone cannot show."""
    await _lived(database, firm, clock)
    verdict, _ = await _read(database)
    assert verdict.last is not None
    noted = (verdict.last[0], verdict.last[2])
    assert (await _read(database, noted=noted))[1] == []

    await _tamper(
        database,
        "UPDATE events SET kind = 'noted' WHERE id = 2",
        "DELETE FROM audit_seals",
    )
    await _seal(Seal(database), clock)

    assert (await _read(database))[1] == []
    assert (await _read(database, noted=noted))[1] == [
        Finding("audit_seals", noted[0], NOT_AS_NOTED)
    ]
    gone = (noted[0] + 1, noted[1])
    assert (await _read(database, noted=gone))[1] == [Finding("audit_seals", gone[0], GAP)]


async def test_a_worker_does_not_build_on_a_last_seal_forged_under_it(
    database: Database, firm: Firm, clock: Clock
) -> None:
    worker = Seal(database)
    await database.write(_live, firm)
    await _seal(worker, clock)
    last = (await database.read(everything, AuditSeal))[-1]
    await _tamper(database, "UPDATE audit_seals SET hash = 'x' WHERE id = :id", id=last.id)
    await database.write(arrive, firm)
    await _seal(worker, clock)

    _, found = await _read(database)
    named = [(one.id, one.what) for one in found]
    assert named == [(last.id, BROKEN), (last.id + 1, BROKEN)]


async def test_after_a_missing_seal_the_next_is_not_taken_as_proved(
    database: Database, firm: Firm, clock: Clock
) -> None:
    await _lived(database, firm, clock)
    await _tamper(database, "DELETE FROM audit_seals WHERE id = 2")

    _, found = await _read(database)
    assert found[:2] == [Finding("audit_seals", 2, GAP), Finding("audit_seals", 3, AFTER_GAP)]
    assert {one.what for one in found[2:]} == {UNSEALED}


async def test_workers_at_once_make_one_chain(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """Whoever is second looks again; no row is sealed twice."""
    workers = [Seal(database) for _ in range(4)]
    for _ in range(5):
        await database.write(arrive, firm)
        await asyncio.gather(*(worker.once() for worker in workers))
        clock.forward(seconds=10)
    await asyncio.gather(*(_seal(worker, clock) for worker in workers))

    verdict, found = await _read(database)
    assert found == []
    assert verdict.rows == len(await database.read(everything, Event))
    links = await database.read(everything, AuditSeal)
    sealed = [row[0] for one in links if one.source == "events" for row in one.rows]
    assert sealed == sorted(set(sealed))
    assert [one.id for one in links] == list(range(1, len(links) + 1))


@pytest.mark.parametrize("database_kind", ["postgresql"], scope="session")
async def test_a_row_committed_after_one_with_a_higher_id_is_sealed(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """Numbers are given before they are committed: nothing is passed over."""
    await database.write(arrive, firm)
    worker = Seal(database)
    await _seal(worker, clock)
    written, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with database.async_engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO events (conversation_id, kind, at, data) "
                    "VALUES (1001, 'noted', :at, '{}')"
                ),
                {"at": NOW},
            )
            written.set()
            await go_on.wait()

    task = asyncio.create_task(slow())
    await written.wait()
    other = make_message(from_address="khac@vidu.example")
    await database.write(arrive, firm, other)  # its rows come after what is not there yet
    for _ in range(5):
        await _seal(worker, clock)
    verdict, found = await _read(database)
    assert found == []
    assert verdict.waiting["events"] > 0  # it waits for the slow one
    go_on.set()
    await task
    await _seal(worker, clock)

    verdict, found = await _read(database)
    assert found == []
    assert verdict.waiting["events"] == 0
    assert verdict.rows == len(await database.read(everything, Event))


@pytest.fixture
def run(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return what runs ``kip audit`` on the test's database."""
    settings = Settings.model_construct(data_dir=tmp_path, database_url=database_url)
    monkeypatch.setattr(command, "get_settings", lambda: settings)

    def call(*words: str) -> Any:
        return CliRunner().invoke(command.audit, words)

    return call


async def test_the_command_names_each_and_fails(
    database: Database, firm: Firm, clock: Clock, run: Callable[..., Any]
) -> None:
    """R57, as it is called; the last seal is printed to be kept elsewhere."""
    await _lived(database, firm, clock)
    fine = await asyncio.to_thread(run, "verify")
    assert fine.exit_code == 0
    last = (await database.read(everything, AuditSeal))[-1]
    assert f"{last.id}:{last.hash}" in fine.output
    noted = await asyncio.to_thread(run, "verify", "--noted", f"{last.id}:{last.hash}")
    assert noted.exit_code == 0

    await _tamper(database, "UPDATE events SET kind = 'noted' WHERE id = 2")
    spoken = await asyncio.to_thread(run, "verify")
    as_json = await asyncio.to_thread(run, "verify", "--json")

    assert f"events 2: {CHANGED}" in spoken.output
    assert spoken.exit_code == as_json.exit_code == 1
    said = json.loads(as_json.output)
    assert said["ok"] is False
    assert said["findings"] == [{"table": "events", "id": 2, "what": CHANGED}]
    assert said["last"]["hash"] == last.hash


async def test_the_list_says_when_who_what_from_and_to(
    database: Database, firm: Firm, run: Callable[..., Any]
) -> None:
    """F105 on the command line."""
    await database.write(_live, firm)

    every = await asyncio.to_thread(run, "list", "--json")
    mine = await asyncio.to_thread(
        run, "list", "--json", "--person", firm.an.email, "--thing", f"person:{firm.an.id}"
    )

    lines = [json.loads(line) for line in every.output.splitlines()]
    assert len(lines) == 18
    assert {line["thing"] for line in lines} == {"conversation", "person"}
    first = json.loads(mine.output.splitlines()[0])
    assert first == {
        "at": NOW.isoformat(),
        "by": firm.an.email,
        "thing": "person",
        "id": str(firm.an.id),
        "what": "changed",
        "from": {"on_duty": True},
        "to": {"on_duty": False},
    }
    spoken = await asyncio.to_thread(run, "list", "--thing", "person")
    assert "on_duty: true -> false" in spoken.output
    assert not (await asyncio.to_thread(run, "list", "--since", "2031-01-01")).output
    assert (await asyncio.to_thread(run, "list", "--thing", "cat")).exception is not None
