"""A person is erased: no byte of theirs is left, and no figure is lost (F106, R58)."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from inbox import sealing
from inbox.channels import webform
from inbox.channels.webform import Posted
from inbox.db import Database
from inbox.errors import Conflict
from inbox.learning.serving import Serving, choose
from inbox.operations.auditing import Finding, verify
from inbox.privacy import erasing, erasures
from inbox.privacy.checking import count_in_file, database_files, other_files
from inbox.privacy.working import Erase
from inbox.reporting import report
from inbox.sealing import Seal
from inbox.settings import Settings
from inbox.staging import Arrival, stage
from inbox.store import erased
from inbox.store.learning import find_last
from inbox.store.reports import Wanted
from models import ChannelKind, Erasure, LegalHold, RawMessage, RawState, TaskState
from tests.canaries import ADDRESS, CANARIES, TEXT, join_in, make_other, make_person
from tests.conftest import Clock
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    messages_of,
)

NAMED = "WHERE id IN (SELECT row_id FROM redactions WHERE source = 'events')"


@pytest.fixture
def worker(database: Database, settings: Settings) -> Erase:
    """Return the worker's part, which waits for nobody here."""
    made = Erase(database, settings)
    made.let_go_s = made.look_again_s = 0.0
    return made


def all_rows(session: Session) -> str:
    """Return the whole database as text, table by table."""
    return "\n".join(
        f"{table.name}: {tuple(row)!r}"
        for table in SQLModel.metadata.sorted_tables
        for row in session.execute(select(table))
    )


def left_in(rows: str) -> list[str]:
    """Return the lines that still hold a canary."""
    return [line[:200] for line in rows.splitlines() if any(one in line for one in CANARIES)]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the sealing loop wait when a test seals: on PostgreSQL rows have to settle."""
    stopped = Clock()
    monkeypatch.setattr(sealing, "utcnow", stopped)
    return stopped


async def seal(database: Database, clock: Clock) -> list[Finding]:
    """Seal what is new, and return what is wrong with the trail."""
    found: list[Finding] = []
    worker = Seal(database)
    for _ in range(4):
        while await worker.once():
            pass
        clock.forward(seconds=10)
    verdict = await verify(database, found.append, lambda _count: None)
    assert not any(verdict.waiting.values())
    return found


async def test_no_byte_of_twenty_canaries_is_left(
    database: Database, firm: Firm, settings: Settings, worker: Erase, clock: Clock
) -> None:
    """R58: in rows, in the database's files and log, in files beside it, in the model."""
    contact = await database.write(make_person, firm, settings.data_dir)
    before = await database.read(all_rows)
    assert [one for one in CANARIES if one not in before] == []
    await seal(database, clock)
    await database.write(erasures.ask, contact, "mail of 3 March", by=firm.admin.id, now=NOW)

    assert await worker.once()

    rows = await database.read(everything, Erasure)
    assert [(row.state, row.error) for row in rows] == [(TaskState.DONE, "")]
    assert left_in(await database.read(all_rows)) == []
    files = other_files(settings.data_dir, None)
    if database.is_sqlite:
        files += database_files(database.path)
        assert database.path in files
    assert {str(path): count_in_file(path, CANARIES) for path in files} == {
        str(path): 0 for path in files
    }
    checked = rows[0].checked
    assert checked["looked_for"] > 0
    assert checked.get("database", 0) == checked["files"] == checked["models"] == 0
    assert checked["rows"] == {}
    assert rows[0].counts["messages"] >= 3
    assert not await worker.once()


async def test_bytes_would_be_left_without_writing_the_file_anew(
    database: Database, firm: Firm, settings: Settings
) -> None:
    """What the test above looks for is really there until the file is compacted."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL's files are its own")
    contact = await database.write(make_person, firm, settings.data_dir)
    found = await database.read(erasing.look, contact)

    await database.write(erasing.wipe, found, NOW, by=None)

    files = database_files(database.path)
    assert sum(count_in_file(path, CANARIES) for path in files) > 0
    await database.compact([])
    assert sum(count_in_file(path, CANARIES) for path in files) == 0


async def test_figures_stay_and_the_trail_is_still_proved(
    database: Database, firm: Firm, settings: Settings, worker: Erase, clock: Clock
) -> None:
    """F106: kinds, times and numbers stay; every row of the trail is still sealed."""
    contact = await database.write(make_person, firm, settings.data_dir)
    number = await database.read(_number_of, contact)
    assert await seal(database, clock) == []
    events = await database.read(events_of, number)
    clocks = await database.read(clocks_of, number)
    await database.write(erasures.ask, contact, "", by=firm.admin.id, now=NOW)

    await worker.once()

    after = await database.read(events_of, number)
    same = [(one.kind, one.at, one.actor_id) for one in after[: len(events)]]
    assert same == [(one.kind, one.at, one.actor_id) for one in events]
    first = [(one.kind, one.due_at, one.met_at) for one in clocks if one.met_at]
    kept = await database.read(clocks_of, number)
    still = [(one.kind, one.due_at, one.met_at) for one in kept]
    assert first
    assert [one for one in first if one not in still] == []
    row = await database.read(conversation, number)
    assert (row.subject, row.status, row.erased_at is not None) == ("", "resolved", True)
    said = await database.read(messages_of, number)
    assert {(one.text, one.sender_address) for one in said} == {("", "")}
    assert await seal(database, clock) == []


async def test_what_was_open_ends_unsolved_and_counts_as_no_longer_owed(
    database: Database, firm: Firm
) -> None:
    """F106: neither kept nor missed, in the reports' own column."""

    def work(session: Session) -> int:
        number = arrive(session, firm)
        session.flush()
        erasing.close_open(session, [number], NOW + timedelta(minutes=5), by=firm.admin.id)
        return number

    number = await database.write(work)

    ended = [
        (one.kind.value, one.met_at, one.excuse)
        for one in await database.read(clocks_of, number)
    ]
    assert ended == [("first_response", None, "erased"), ("resolution", None, "erased")]
    row = await database.read(conversation, number)
    assert (row.status, row.resolution_due_at) == ("resolved", None)
    march = Wanted(date(2026, 3, 1), date(2026, 3, 31))
    later = NOW + timedelta(hours=2)
    lines = await database.read(report.load_report, march, "type", str, "en", later)
    counts = lines[-1].sums.counts
    assert (counts["resolution_met"], counts["resolution_excused"]) == (0, 1)


async def test_the_trail_gives_up_words_and_nothing_else(
    database: Database, firm: Firm, settings: Settings, worker: Erase, clock: Clock
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    await database.write(erasures.ask, contact, "", by=None, now=NOW)
    await worker.once()

    def change(session: Session, statement: str) -> None:
        session.execute(text(statement))

    for statement in (
        f"UPDATE events SET at = '2020-01-01' {NAMED}",  # noqa: S608 -- from below
        "UPDATE events SET data = '{}'",
        f"DELETE FROM events {NAMED}",  # noqa: S608
        "UPDATE redactions SET after_hash = ''",
        "DELETE FROM redactions",
    ):
        with pytest.raises(DBAPIError):
            await database.write(change, statement)
    # Whoever changes what was taken out is still found.
    await seal(database, clock)
    await database.write(change, f"UPDATE events SET data = '{{}}' {NAMED}")  # noqa: S608
    assert await seal(database, clock) != []


@pytest.mark.one_database
async def test_others_lose_nothing_but_what_they_quote(
    database: Database, firm: Firm, settings: Settings, worker: Erase
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    other = await database.write(make_other, firm)
    shared = await database.write(make_other, firm)
    await database.write(join_in, firm, shared, contact)
    mine = await database.read(messages_of, other)
    await database.write(erasures.ask, contact, "", by=None, now=NOW)

    await worker.once()

    assert await database.read(messages_of, other) == mine
    said = [one.text for one in await database.read(messages_of, shared)]
    assert said[-2:] == ["", "Vâng."]
    assert said[0] == mine[0].text
    assert left_in(await database.read(all_rows)) == []


def wait_for_take_in(session: Session, firm: Firm) -> tuple[list[int], list[int]]:
    """Let five messages wait: three of the person's, two of others who only name them."""
    doors = {ChannelKind.EMAIL: firm.mail, ChannelKind.FORM: firm.form}
    mail = f"From: Lan <{ADDRESS.upper()}>\r\nSubject: Hỏi\r\n\r\n{TEXT}\r\n"
    copied = (
        f"From: minh@khac.example\r\nCc: {ADDRESS}\r\nSubject: Gửi {ADDRESS}\r\n\r\nChào.\r\n"
    )
    form = webform.pack(Posted(email=ADDRESS, body=TEXT))
    of_another = webform.pack(Posted(email="minh@khac.example", body="Xin chào"))
    bodies = [
        (ChannelKind.EMAIL, mail.encode(), "pending"),
        (ChannelKind.EMAIL, mail.encode(), "quarantined"),
        (ChannelKind.FORM, form, "pending"),
        (ChannelKind.EMAIL, copied.encode(), "pending"),
        (ChannelKind.FORM, of_another, "pending"),
    ]
    found = []
    for place, (kind, body, state) in enumerate(bodies):
        row = stage(session, Arrival(doors[kind], kind, f"waits:{place}", body, {}), NOW)
        session.get_one(RawMessage, row.id).state = RawState(state)
        found.append(row.id)
    return found[:3], found[3:]


async def test_what_was_not_taken_in_yet_goes_too(
    database: Database, firm: Firm, settings: Settings, worker: Erase
) -> None:
    """F106: nobody comes back by a message that waited while they were erased."""
    contact = await database.write(make_person, firm, settings.data_dir)
    theirs, others = await database.write(wait_for_take_in, firm)
    before = {row.id: row.body for row in await database.read(everything, RawMessage)}
    await database.write(erasures.ask, contact, "", by=None, now=NOW)

    assert await worker.once()

    rows = {row.id: row for row in await database.read(everything, RawMessage)}
    assert [(rows[one].body, rows[one].state) for one in theirs] == [
        (b"", RawState.IGNORED)
    ] * 3
    assert [(rows[one].body, rows[one].state) for one in others] == [
        (before[one], RawState.PENDING) for one in others
    ]


@pytest.mark.one_database
async def test_a_dry_run_changes_nothing_and_counts_what_goes(
    database: Database, firm: Firm, settings: Settings, worker: Erase
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    before = await database.read(all_rows)

    found = await database.read(lambda session: erasing.look(session, contact).counts(session))

    assert await database.read(all_rows) == before
    await database.write(erasures.ask, contact, "", by=None, now=NOW)
    await worker.once()
    (row,) = await database.read(everything, Erasure)
    same = {name: count for name, count in row.counts.items() if name != "events"}
    assert same == {name: count for name, count in found.items() if name != "events"}


async def test_a_hold_stops_it(
    database: Database, firm: Firm, settings: Settings, worker: Erase
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    await database.write(erasures.ask, contact, "", by=None, now=NOW)
    hold = LegalHold(contact_id=contact, reason="toà án", created_at=NOW)
    await database.write(lambda session: session.add(hold))

    await worker.once()

    (row,) = await database.read(everything, Erasure)
    assert (row.state, row.wiped_at) == (TaskState.FAILED, None)
    assert ADDRESS in await database.read(all_rows)
    with pytest.raises(Conflict):
        await database.write(erasures.ask, contact, "", by=None, now=NOW)


async def test_two_workers_erase_once(
    database: Database, firm: Firm, settings: Settings
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    asked = [
        await database.write(erasures.ask, contact, "", by=None, now=NOW) for _ in range(2)
    ]
    workers = [Erase(database, settings) for _ in range(2)]
    for one in workers:
        one.let_go_s = 0.0

    await asyncio.gather(*(one.once() for one in workers))

    assert asked[0].id == asked[1].id
    (row,) = await database.read(everything, Erasure)
    assert (row.state, row.tries) == (TaskState.DONE, 1)
    with pytest.raises(Conflict):
        await database.write(erasures.ask, contact, "", by=None, now=NOW)


@pytest.mark.one_database
async def test_who_was_erased_is_known_by_a_mark_only(
    database: Database, firm: Firm, settings: Settings, worker: Erase
) -> None:
    contact = await database.write(make_person, firm, settings.data_dir)
    await database.write(erasures.ask, contact, "", by=None, now=NOW)
    await worker.once()

    asked = [ADDRESS.upper(), "minh@khac.example"]
    known = await database.read(erased.find_erased, "email", asked)

    assert known == {ADDRESS.upper()}
    assert erased.mark_of("one", "email", ADDRESS) != erased.mark_of("two", "email", ADDRESS)


@pytest.mark.one_database
async def test_the_model_answers_others_as_before(
    database: Database, firm: Firm, settings: Settings, worker: Erase
) -> None:
    """Features that only the erased person's words had are renamed; weights stay."""
    contact = await database.write(make_person, firm, settings.data_dir)
    await database.write(erasures.ask, contact, "", by=None, now=NOW)
    types = frozenset({"billing_payment", "order_delivery"})

    async def answers() -> tuple[float, int | None]:
        serving = Serving(database, settings.data_dir)
        sorter = await serving.sorter(await database.read(choose))
        assert sorter.model is not None
        said = sorter.predict("", "thế nhé", types)
        return said.request_type_confidence, sorter.version_id

    before = await answers()
    await worker.once()
    assert await answers() == before
    assert await database.read(find_last) is None


def _number_of(session: Session, contact_id: int) -> int:
    query = "SELECT min(id) FROM conversations WHERE contact_id = :id"
    return int(session.execute(text(query), {"id": contact_id}).scalar_one())


def test_counting_finds_what_crosses_a_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inbox.privacy.checking.CHUNK", 10)
    path = tmp_path / "file"
    path.write_bytes(b"." * 7 + TEXT.encode() + b"." * 7 + TEXT.encode() + b"nguy\\u1ec5n")
    assert count_in_file(path, [TEXT]) == 2
    assert count_in_file(path, ["nguyễn"]) == 1
