"""Around reading mailboxes: counting what is there, waiting for news, the alarm of silence."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import mailboxes
from inbox.db import Database
from inbox.errors import Rejected
from inbox.fetching import looks, tally, watching
from inbox.mailboxes import Job
from inbox.store import ledger
from models import LedgerEntry, LedgerState, Mailbox, Outbox, RawMessage
from tests.conftest import Clock
from tests.db.test_mailboxes import add
from tests.factories import NOW, Firm, everything, make_mail
from tests.mailserver import Server

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    for module in (mailboxes, tally):
        monkeypatch.setattr(module, "utcnow", stopped)
    return stopped


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def box(database: Database, firm: Firm, now: Clock) -> int:
    return await database.write(add, firm)


def row_of(session: Session, number: int) -> Mailbox:
    return session.get_one(Mailbox, number, populate_existing=True)


def entries(session: Session) -> list[LedgerEntry]:
    return everything(session, LedgerEntry)


def change(session: Session, number: int, **values: Any) -> None:
    mailboxes.write(session, number, **values)


async def look(database: Database, server: Server, box: int, at: datetime = NOW) -> None:
    await database.write(change, box, next_at=at, leased_until=at)
    (job,) = await database.write(mailboxes.claim, at, 5)
    await mailboxes.read(database, job, server)


async def count(database: Database, server: Server, box: int) -> dict[str, Any]:
    job: Job = await database.read(mailboxes.load, box)
    assert await tally.reconcile(database, job, server) is not None
    return (await database.read(row_of, box)).tally


async def test_every_mail_of_a_mailbox_is_in_the_ledger(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    """F6: taken, left, unwanted: each in one state, and the server has as many."""
    twice = make_mail()
    for raw in (twice, twice, make_mail()):
        server.put(raw)
    server.put(at=NOW - 10 * DAY, is_seen=True)  # read before we were told of it
    server.put(at=NOW - 300 * DAY)  # and from before our time
    large = server.put(size=40 << 20)
    broken = server.put(trouble=Rejected("cannot be read"))

    await look(database, server, box)

    found = {one.uid: one.state for one in await database.read(entries)}
    waiting, copy = LedgerState.WAITING, LedgerState.DUPLICATE
    held, ignored = LedgerState.QUARANTINED, LedgerState.IGNORED
    assert found == {1: waiting, 2: copy, 3: waiting, 4: ignored, large: held, broken: held}
    said = await count(database, server, box)
    assert (said["server"], said["ledger"], said["older"], said["missing"]) == (6, 6, 1, 0)


async def test_what_was_missed_is_named_and_fetched(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    """F6, F5: a mail that a look passed over is found within a day."""
    await look(database, server, box)
    for _ in range(30):
        server.put(at=NOW)
    hidden = {uid: server.mails.pop(uid) for uid in (7, 23)}
    await look(database, server, box)
    server.mails |= hidden  # as after a server's own trouble
    del server.mails[3]  # and a person tidied up

    said = await count(database, server, box)

    assert (said["fetched"], said["missed"], said["gone"]) == ([7, 23], 2, 1)
    assert said["server"] == said["ledger"] == 29
    assert len(await database.read(everything, RawMessage)) == 30
    again = await count(database, server, box)
    assert (again["missed"], again["server"], again["ledger"]) == (0, 29, 29)


async def test_what_cannot_be_had_is_named(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    await look(database, server, box)
    server.put(at=NOW)
    hidden = server.mails.pop(1)
    await look(database, server, box)
    hidden.trouble = Rejected("cannot be read")
    server.mails[1] = hidden

    said = await count(database, server, box)

    # It is in the ledger as what it is: seen, and not to be had.
    assert (said["server"], said["ledger"]) == (1, 1)
    assert [one.state for one in await database.read(entries)] == [LedgerState.QUARANTINED]


async def test_a_mailbox_is_counted_once_a_day(
    database: Database, firm: Firm, box: int, server: Server, now: Clock
) -> None:
    await look(database, server, box)
    await count(database, server, box)

    job = await database.read(mailboxes.load, box)

    assert not tally.is_due(job, NOW + 23 * HOUR)
    assert tally.is_due(job, NOW + 25 * HOUR)
    await database.write(tally.ask, box, NOW)
    assert tally.is_due(await database.read(mailboxes.load, box), NOW)


async def test_a_renumbered_folder_is_counted_at_the_next_look(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    """R4: and its mails are in the ledger again, as copies."""
    server.put(at=NOW - HOUR)
    await look(database, server, box)
    server.renumber()

    job = await database.read(mailboxes.load, box)
    assert await tally.reconcile(database, job, server) is None
    server.mails[1].is_seen = False
    await look(database, server, box)

    states = [one.state for one in await database.read(entries)]
    assert states == [LedgerState.WAITING, LedgerState.DUPLICATE]
    said = await count(database, server, box)
    assert (said["server"], said["ledger"]) == (1, 1)


async def test_mail_that_a_person_saw_to_is_held_no_longer(
    database: Database, firm: Firm, box: int, server: Server, now: Clock
) -> None:
    large = server.put(size=40 << 20)
    await look(database, server, box)
    server.mails[large].is_seen = True

    await look(database, server, box, now.forward(hours=1))

    (entry,) = await database.read(entries)
    assert (entry.state, entry.reason) == (LedgerState.IGNORED, mailboxes.SEEN_TO)


async def test_one_worker_waits_for_news_and_mail_rings(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    """F5: a mailbox that somebody waits at is due when mail comes, else every few minutes."""
    assert await database.write(watching.claim, NOW, [], 5) == []  # no good look yet
    await database.write(looks.succeed, box, None, NOW)
    assert await database.write(watching.claim, NOW, [box], 5) == []
    assert await database.write(watching.claim, NOW, [], 5) == [box]
    assert await database.write(watching.claim, NOW, [], 5) == []  # a second worker

    await database.write(looks.succeed, box, None, NOW)
    row = await database.read(row_of, box)
    assert row.next_at == NOW + timedelta(seconds=row.every_s)
    soon = NOW + timedelta(seconds=10)
    await database.write(watching.ring, box, soon)
    await database.write(watching.renew, box, soon)
    assert (await database.read(row_of, box)).next_at == soon

    await database.write(looks.succeed, box, None, soon)
    ends = soon + looks.WATCHED_PAUSE
    while soon < ends:  # with every renewal the next look is put off, for five minutes
        assert await database.write(watching.renew, box, soon)
        soon += watching.LEASE / 2
    assert (await database.read(row_of, box)).next_at == ends
    late = soon + 2 * watching.LEASE
    assert await database.write(watching.claim, late, [], 5) == [box]  # it had died


async def test_a_bell_during_a_look_is_heard_after_it(
    database: Database, firm: Firm, box: int
) -> None:
    """F5: mail that comes while we look is not left until the next turn."""
    (job,) = await database.write(mailboxes.claim, NOW, 5)
    rung = NOW + timedelta(seconds=1)
    await database.write(watching.ring, box, rung)

    await database.write(looks.succeed, box, None, NOW + timedelta(seconds=2), job.next_at)

    assert (await database.read(row_of, box)).next_at == rung


async def test_who_waits_no_more_leaves_it_to_looks(
    database: Database, firm: Firm, box: int
) -> None:
    await database.write(change, box, next_at=NOW + HOUR, watched_until=NOW + HOUR)

    await database.write(watching.leave, box, NOW)

    row = await database.read(row_of, box)
    assert (row.watched_until, row.next_at) == (None, NOW + timedelta(seconds=row.every_s))
    await database.write(change, box, is_active=False)
    assert not await database.write(watching.renew, box, NOW)


async def test_a_mailbox_that_nobody_looks_into_raises_one_alarm_and_one_all_clear(
    database: Database, firm: Firm, box: int
) -> None:
    """F8: N is the mailbox's own."""

    def mails(session: Session) -> int:
        return len(everything(session, Outbox))

    await database.write(change, box, alarm_after_min=30, last_ok_at=NOW, next_at=NOW)
    soon, late = NOW + 29 * HOUR / 60, NOW + 31 * HOUR / 60
    assert await database.write(looks.tell_silent, firm.house, soon) == 0

    assert await database.write(looks.tell_silent, firm.house, late) == 1
    assert await database.write(looks.tell_silent, firm.house, late) == 0

    told = await database.read(mails)
    assert told > 0
    row = await database.read(row_of, box)
    assert (row.failing_since, row.last_error) == (NOW, looks.NOBODY_LOOKED)
    await database.write(looks.succeed, box, firm.house, late)
    await database.write(looks.succeed, box, firm.house, late)
    assert await database.read(mails) == 2 * told


async def test_a_paused_mailbox_and_one_at_work_are_not_silent(
    database: Database, firm: Firm, box: int
) -> None:
    late = NOW + 2 * HOUR
    await database.write(change, box, next_at=NOW, leased_until=late + HOUR)
    assert await database.read(looks.list_silent, late) == []
    await database.write(change, box, leased_until=NOW, is_active=False)
    assert await database.read(looks.list_silent, late) == []
    await database.write(change, box, is_active=True)
    assert await database.read(looks.list_silent, late) == [box]


async def test_counts_of_a_mailbox_by_state(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    for _ in range(3):
        server.put()
    server.put(size=40 << 20)
    await look(database, server, box)

    found = await database.read(ledger.count_mailbox, box, 77, 1)

    assert found == {LedgerState.WAITING: 3, LedgerState.QUARANTINED: 1}
