"""Units of work: what is committed, announced, refused, and who may write when."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlmodel import Session

from inbox.db import Database, DatabaseGone, WriterLock, after_commit
from inbox.store.people import take_turn
from models import Team
from tests.conftest import Announced
from tests.factories import NOW, everything

HOUR = timedelta(hours=1)

INCREMENT = """
import asyncio, sys
from datetime import UTC, datetime
from sqlalchemy import text
from inbox.db import Database

def add(session):
    count = session.execute(text("SELECT count FROM counters WHERE key = 'n'")).scalar_one()
    session.execute(text("UPDATE counters SET count = :n WHERE key = 'n'"), {"n": count + 1})
    return count

async def main():
    database = Database(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        print(await database.write(add), flush=True)
    await database.close()

asyncio.run(main())
"""


async def test_a_unit_of_work_is_kept_whole_and_returns_what_it_made(
    database: Database,
) -> None:
    def work(session: Session, name: str) -> Team:
        team = Team(name=name)
        session.add(team)
        return team

    team = await database.write(work, "Bán hàng")

    assert team.id
    assert await database.read(lambda session: everything(session, Team)) == [team]


async def test_names_are_announced_once_and_only_after_the_commit(
    database: Database, announced: Announced
) -> None:
    def work(session: Session) -> None:
        after_commit(session, "list", "conv-1")
        after_commit(session, "list")
        assert announced.names == []

    await database.write(work)

    assert announced.names == ["list", "conv-1"]


async def test_what_fails_changes_nothing_and_announces_nothing(
    database: Database, announced: Announced
) -> None:
    def work(session: Session) -> None:
        session.add(Team(name="Bán hàng"))
        session.flush()
        after_commit(session, "list")
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await database.write(work)

    assert announced.names == []
    assert await database.read(lambda session: everything(session, Team)) == []


async def test_a_broken_rule_of_the_tables_is_not_taken_for_a_lost_database(
    database: Database,
) -> None:
    def work(session: Session) -> None:
        session.add_all([Team(name="Bán hàng"), Team(name="Bán hàng")])

    with pytest.raises(IntegrityError):
        await database.write(work)


async def test_trouble_of_the_database_becomes_one_error(database: Database) -> None:
    """R9: whoever asks is told to try again, whatever went wrong underneath."""

    def locked(session: Session) -> None:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    def full(session: Session) -> None:
        raise OSError(28, "No space left on device")

    for work in (locked, full):
        with pytest.raises(DatabaseGone) as caught:
            await database.write(work)
        assert caught.value.status == 503
        assert "locked" not in caught.value.message


async def test_a_window_has_so_many_turns_and_starts_anew(database: Database) -> None:
    """Each turn keeps the window open; a refused one does not."""

    def turn(session: Session, now: datetime) -> bool:
        return take_turn(session, "k", 3, expires_at=now + HOUR, now=now)

    taken = [await database.write(turn, NOW) for _ in range(4)]
    assert taken == [True, True, True, False]
    assert not await database.write(turn, NOW + HOUR / 2)
    assert await database.write(turn, NOW + HOUR)


async def test_together_they_take_no_turn_too_many(database: Database) -> None:
    """R53: counting and checking is one statement."""
    turns = await asyncio.gather(
        *(database.write(take_turn, "k", 5, expires_at=NOW + HOUR, now=NOW) for _ in range(30))
    )

    assert sum(turns) == 5


def _count(database_url: str, times: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", INCREMENT, database_url, str(times)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_processes_take_turns_and_lose_no_write(
    database_kind: str, database: Database, database_url: str
) -> None:
    """Read, add one, write, from four processes: with a deferred BEGIN most would be lost."""
    await database.write(
        lambda session: session.execute(
            text("INSERT INTO counters VALUES ('n', 0, '2099-01-01 00:00:00')")
        )
    )
    each = 40

    processes = [_count(database_url, each) for _ in range(4)]
    seen = [process.communicate(timeout=60)[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert sorted(int(one) for lines in seen for one in lines) == list(range(4 * each))


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_writer_without_pause_does_not_starve_another(
    database_kind: str, database: Database, database_url: str
) -> None:
    await database.write(
        lambda session: session.execute(
            text("INSERT INTO counters VALUES ('n', 0, '2099-01-01 00:00:00')")
        )
    )
    greedy = _count(database_url, 400)
    assert greedy.stdout is not None
    greedy.stdout.readline()  # it is at work

    waited = []
    for _ in range(10):
        started = asyncio.get_running_loop().time()
        await database.write(lambda session: session.execute(text("SELECT 1")))
        waited.append(asyncio.get_running_loop().time() - started)
    still_at_work = greedy.poll() is None
    greedy.kill()
    greedy.communicate()

    assert still_at_work
    assert max(waited) < 1.0


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_writers_queue_for_the_lock_file(
    database_kind: str, database: Database, database_url: str
) -> None:
    """A turnstile before BEGIN, for SQLite's own waiting is a lottery."""
    lock = WriterLock(database.path.with_name("write.lock"))
    with lock.held():
        write = asyncio.create_task(database.write(lambda session: "written"))
        done, _ = await asyncio.wait([write], timeout=0.1)
        assert not done
        assert await database.read(lambda session: "read") == "read"
    assert await write == "written"
    lock.close()


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_write_excludes_other_writers_from_its_first_word(
    database_kind: str, database: Database, database_url: str
) -> None:
    """What it read before it wrote is still true when it writes."""

    def refused() -> bool:
        with closing(sqlite3.connect(database.path, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            return False

    assert await database.write(lambda session: refused())
    assert not await database.read(lambda session: refused())


@pytest.mark.parametrize("database_kind", ["sqlite"], scope="session")
async def test_a_file_that_was_replaced_is_not_written_into(
    database_kind: str, database: Database, database_url: str
) -> None:
    """R16."""
    await database.write(lambda session: session.add(Team(name="Bán hàng")))
    path = database.path
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.touch()

    with pytest.raises(DatabaseGone):
        await database.write(lambda session: session.add(Team(name="Kỹ thuật")))

    assert path.stat().st_size == 0


@pytest.mark.parametrize("database_kind", ["postgresql"], scope="session")
async def test_a_server_that_hangs_up_or_is_away_is_a_lost_database(
    database_kind: str, database: Database, database_url: str
) -> None:
    """R9, on PostgreSQL: cut in the middle, away; and it recovers by itself."""

    def cut(session: Session) -> None:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DatabaseGone):
        await database.write(cut)
    assert await database.read(lambda session: everything(session, Team)) == []

    away = Database("postgresql+asyncpg://postgres@/kip?host=/nonexistent")
    with pytest.raises(DatabaseGone):
        await away.read(lambda session: everything(session, Team))
    await away.close()


@pytest.mark.parametrize("database_kind", ["postgresql"], scope="session")
async def test_what_lost_a_deadlock_is_done_again(
    database_kind: str, database: Database
) -> None:
    """R10: once it is not the loser, nobody hears of it; what was undone is not there twice."""
    tries = []

    def lose_once(session: Session) -> None:
        tries.append(1)
        session.add(Team(name="Kỹ thuật"))
        session.flush()
        if len(tries) == 1:
            session.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE='40P01'; END $$"))

    await database.write(lose_once)

    assert len(tries) == 2
    assert len(await database.read(lambda session: everything(session, Team))) == 1


@pytest.mark.parametrize("database_kind", ["postgresql"], scope="session")
@pytest.mark.parametrize(
    ("state", "is_gone"),
    [
        ("53100", True),  # disk full
        ("53300", True),  # too many connections
        ("57P03", True),  # starting up
        ("40P01", True),  # deadlock
        ("25006", True),  # read-only
        ("22001", False),  # a value too long: that is ours
    ],
)
async def test_postgresql_says_by_its_code_what_is_wrong(
    database_kind: str, database: Database, state: str, is_gone: bool
) -> None:
    """R9, R10."""
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"

    with pytest.raises(DatabaseGone if is_gone else DBAPIError):
        await database.write(lambda session: session.execute(text(raising)))


async def test_what_nobody_waits_for_any_more_is_finished_before_the_end(
    database_url: str,
) -> None:
    """A browser that has left, or a role that stops, leaves no transaction half done."""
    leaving, begun = Database(database_url), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(session: Session) -> None:
        session.add(Team(name="Bán hàng"))
        session.flush()
        loop.call_soon_threadsafe(begun.set)
        if leaving.is_sqlite:
            time.sleep(0.2)
        else:
            session.execute(text("SELECT pg_sleep(0.2)"))

    asked = asyncio.create_task(leaving.write(work))
    await begun.wait()
    asked.cancel()
    await leaving.close()

    after = Database(database_url)
    assert [team.name for team in await after.read(everything, Team)] == ["Bán hàng"]
    await after.close()
