"""Reading a mailbox: nothing lost, nothing doubled, nothing marked before it is stored."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import mailboxes, outages
from inbox.db import Database
from inbox.delivery import compose
from inbox.errors import Rejected, TooLarge, Unavailable
from inbox.fetching import looks
from inbox.mailboxes import Job
from models import Mailbox, MailboxTls, Outbox, RawMessage
from tests.conftest import Clock
from tests.factories import NOW, Firm, everything, make_mail, stage_mail
from tests.mailserver import Server

HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(mailboxes, "utcnow", stopped)
    return stopped


@pytest.fixture
async def box(database: Database, firm: Firm, now: Clock) -> int:
    """Enter a mailbox for the firm's mail a week ago; it was never read."""
    return await database.write(add, firm)


def add(session: Session, firm: Firm, days: int = 7, **values: Any) -> int:
    plain: dict[str, Any] = {
        "inbox_id": firm.mail,
        "host": "imap.congty.example",
        "port": 993,
        "tls": MailboxTls.TLS,
        "username": "hotro",
        "password": "sealed",
        "since": NOW - timedelta(days=days + 7),
        "created_at": NOW - timedelta(days=7),
        "next_at": NOW,
        "leased_until": NOW,
    }
    row = Mailbox(**{**plain, **values})
    session.add(row)
    session.flush()
    return row.id


async def look(database: Database, server: Server, at: datetime = NOW) -> int:
    """Claim the mailbox, read it, and give it back."""
    (job,) = await database.write(mailboxes.claim, at, 5)
    try:
        return await mailboxes.read(database, job, server)
    finally:
        await database.write(give_back, job, at)


def give_back(session: Session, job: Job, at: datetime) -> None:
    looks.succeed(session, job.id, None, at)
    row = session.get_one(Mailbox, job.id, populate_existing=True)
    row.next_at = at
    session.add(row)


def raws(session: Session) -> list[RawMessage]:
    return everything(session, RawMessage)


def row_of(session: Session, number: int) -> Mailbox:
    return session.get_one(Mailbox, number, populate_existing=True)


async def test_new_mail_is_stored_with_its_arrival_and_then_marked(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    """R4: arrival is the server's, and nothing is marked before the commit."""
    raw = b"Delivered-To: hotro+k1042.abc@congty.example\r\n" + make_mail()
    uid = server.put(raw, NOW - HOUR)

    assert await look(database, server) == 1

    (row,) = await database.read(raws)
    assert (row.body, row.inbox_id, row.received_at) == (raw, firm.mail, NOW - HOUR)
    assert row.meta["rcpt"] == ["hotro+k1042.abc@congty.example"]
    assert "from" not in row.meta  # not known: the head's Return-Path says it
    assert server.mails[uid].is_seen
    assert server.said == ["select", "search", "describe", "fetch", "mark"]
    kept = await database.read(row_of, box)
    assert (kept.last_uid, kept.uidvalidity, kept.last_ok_at) == (uid, 77, NOW)


async def test_a_quiet_mailbox_costs_one_command(
    database: Database, box: int, server: Server
) -> None:
    server.put()
    await look(database, server)
    server.said.clear()

    assert await look(database, server) == 0
    assert server.said == ["select"]


@pytest.mark.parametrize("step", ["describe", "fetch", "mark"])
async def test_whatever_breaks_is_done_again_and_makes_no_double(
    database: Database, box: int, server: Server, now: Clock, step: str
) -> None:
    """F2, R4: a crash after the fetch, or between commit and mark."""
    uids = [server.put() for _ in range(3)]
    server.dies_at = step
    with pytest.raises(Unavailable):
        await look(database, server)
    assert not any(server.mails[uid].is_seen for uid in uids)

    server.dies_at = ""
    await look(database, server)
    await look(database, server, now.forward(hours=2))

    assert len(await database.read(raws)) == 3
    assert all(server.mails[uid].is_seen for uid in uids)


async def test_renumbered_mail_is_read_again_without_doubles(
    database: Database, box: int, server: Server
) -> None:
    """R4: another UIDVALIDITY means UID 1 again, and the key knows what it has."""
    for _ in range(25):
        server.put(at=NOW - HOUR)
    await look(database, server)
    server.renumber()
    server.mails[3].is_seen = False
    server.put(at=NOW)

    await look(database, server)

    assert len(await database.read(raws)) == 26
    kept = await database.read(row_of, box)
    assert (kept.uidvalidity, kept.last_uid) == (78, 26)


async def test_seven_days_of_downtime_are_caught_up(
    database: Database, box: int, server: Server, now: Clock
) -> None:
    """F5: also what a person has opened meanwhile, oldest first, with no command typed."""
    server.put()
    await look(database, server)
    for hour in range(7 * 24):
        server.put(at=NOW + hour * HOUR, is_seen=hour % 2 == 0)
    back = now.forward(days=7)

    assert await look(database, server, back) == 7 * 24

    rows = await database.read(raws)
    arrivals = [row.received_at for row in rows]
    assert arrivals == sorted(arrivals)
    assert len(rows) == 1 + 7 * 24


async def test_what_was_there_before_is_taken_only_while_unread_and_recent(
    database: Database, box: int, server: Server
) -> None:
    """Nobody gets a receipt for a letter of last year."""
    server.put(at=NOW - timedelta(days=300))
    server.put(at=NOW - timedelta(days=10), is_seen=True)
    wanted = server.put(at=NOW - timedelta(days=10))
    missed = server.put(at=NOW - timedelta(days=2), is_seen=True)  # since we were told of it

    assert await look(database, server) == 2

    taken = [row.meta["uid"] for row in await database.read(raws)]
    assert taken == [wanted, missed]
    old = server.put(at=NOW - timedelta(days=300))  # moved in by a colleague, later
    await look(database, server)
    assert [row.meta["uid"] for row in await database.read(raws)][-1] == old


async def test_old_mail_moved_in_is_new_even_after_a_first_look_that_broke(
    database: Database, box: int, server: Server
) -> None:
    server.put(at=NOW - timedelta(days=300))
    server.put()
    server.dies_at = "describe"
    with pytest.raises(Unavailable):
        await look(database, server)
    server.dies_at = ""
    moved = server.put(at=NOW - timedelta(days=300))

    await look(database, server)
    assert [row.meta["uid"] for row in await database.read(raws)] == [2, moved]


async def test_mail_that_was_deleted_or_moved_is_left_alone(
    database: Database, box: int, server: Server
) -> None:
    """F13: and what we have taken in once is never taken again."""
    gone, kept = server.put(), server.put()
    del server.mails[gone]

    assert await look(database, server) == 1
    server.renumber()
    assert kept not in server.mails
    await look(database, server)
    assert len(await database.read(raws)) == 1


async def test_mail_over_the_limit_stays_and_is_written_down(
    database: Database, box: int, server: Server, now: Clock
) -> None:
    large = server.put(size=36 * 1024 * 1024)
    liar = server.put(trouble=TooLarge("The server sends 99 bytes at once."))
    small = server.put()
    with pytest.raises(Unavailable):
        await look(database, server)

    await look(database, server)

    assert [row.meta["uid"] for row in await database.read(raws)] == [small]
    kept = await database.read(row_of, box)
    assert set(kept.left) == {str(large), str(liar)}
    assert "2 left in the mailbox" in kept.last_error
    assert not server.mails[large].is_seen
    assert server.said.count("fetch") == 2  # the large one never
    server.mails[large].is_seen = True  # a person has seen to it
    del server.mails[liar]
    await look(database, server, now.forward(days=1))
    assert (await database.read(row_of, box)).left == {}


@pytest.mark.parametrize("trouble", [Rejected("broken"), Unavailable("hung up")])
async def test_a_mail_that_cannot_be_fetched_holds_up_no_other(
    database: Database, box: int, server: Server, now: Clock, trouble: Exception
) -> None:
    """F7's first half: it is tried again later, ever more seldom, and taken once it can be."""
    bad = server.put(trouble=trouble)
    good = server.put()
    for _ in range(2):
        try:
            await look(database, server)
        except Unavailable:
            continue
    assert [row.meta["uid"] for row in await database.read(raws)] == [good]
    assert str(trouble) in (await database.read(row_of, box)).last_error

    tries = server.said.count("fetch")
    await look(database, server, now.forward(seconds=10))
    assert server.said.count("fetch") == tries  # not yet

    server.mails[bad].trouble = None
    await look(database, server, now.forward(minutes=2))

    assert [row.meta["uid"] for row in await database.read(raws)] == [good, bad]
    assert (await database.read(row_of, box)).left == {}


async def test_a_moment_of_the_future_is_now(
    database: Database, box: int, server: Server
) -> None:
    """A server whose clock is wrong cannot hide a mail until its date comes."""
    server.put(at=NOW + timedelta(days=900))
    await look(database, server)
    (row,) = await database.read(raws)
    assert row.received_at == NOW
    assert row.leased_until == NOW


async def test_the_same_mail_over_smtp_and_twice_over_imap_is_one(
    database: Database, firm: Firm, box: int, server: Server
) -> None:
    """F2: the way it came is no part of what it is."""
    raw = make_mail()
    await database.write(stage_mail, firm, raw)
    server.put(raw)
    server.put(b"Received: from elsewhere\r\n" + raw)
    await look(database, server)
    assert len(await database.read(raws)) == 1


async def test_one_worker_at_a_time_reads_a_mailbox(
    database: Database, box: int, now: Clock
) -> None:
    claims = await asyncio.gather(*(database.write(mailboxes.claim, NOW, 5) for _ in range(8)))
    assert sorted(map(len, claims)) == [0] * 7 + [1]

    await database.write(mailboxes.renew, box, NOW + timedelta(seconds=4))
    assert await database.write(mailboxes.claim, NOW + timedelta(seconds=8), 5) == []
    dead = NOW + timedelta(seconds=9)  # its worker was killed: five seconds, no more
    assert await database.read(mailboxes.waits, dead)
    assert len(await database.write(mailboxes.claim, dead, 5)) == 1


async def test_two_workers_that_read_at_once_make_no_double(
    database: Database, box: int, server: Server
) -> None:
    """F2: even if a lease ran out under a worker that was only slow."""
    for _ in range(30):
        server.put()
    (job,) = await database.write(mailboxes.claim, NOW, 5)
    await mailboxes.read(database, job, Server())  # sets the folder's numbers
    again = Job(**{name: getattr(job, name) for name in Job.__dataclass_fields__})
    await asyncio.gather(
        mailboxes.read(database, job, server), mailboxes.read(database, again, server)
    )
    assert len(await database.read(raws)) == 30


async def test_a_mailbox_that_is_off_is_not_read(database: Database, firm: Firm) -> None:
    await database.write(add, firm, is_active=False)
    assert not await database.read(mailboxes.waits, NOW)
    assert await database.write(mailboxes.claim, NOW, 5) == []


async def test_a_worker_that_starts_looks_at_once(database: Database, box: int) -> None:
    await database.write(looks.succeed, box, None, NOW)
    assert not await database.read(mailboxes.waits, NOW)
    await database.write(mailboxes.hurry, NOW)
    assert await database.read(mailboxes.waits, NOW)


async def test_one_alarm_an_outage_and_one_all_clear(
    database: Database, firm: Firm, box: int, now: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """F8: after 15 minutes, to those who lead; tries come ever more seldom, to 5 minutes."""
    began = now.now
    pauses = []
    while now.now - began < timedelta(hours=2):
        await database.write(looks.fail, box, "refused", firm.house, now.now)
        kept = await database.read(row_of, box)
        pauses.append((kept.next_at - now.now).total_seconds())
        mails = await database.read(lambda session: everything(session, Outbox))
        late = now.now - began >= outages.ALARM_AFTER
        assert len(mails) == (2 if late else 0)  # Dung leads, Giang is admin
        assert kept.last_error == "refused"
        now.now = kept.next_at
    assert pauses[:6] == [30, 60, 120, 240, 300, 300]
    assert kept.last_ok_at is None

    for _ in range(3):
        await database.write(looks.succeed, box, firm.house, now.now)

    mails = await database.read(lambda session: everything(session, Outbox))
    assert [mail.to_address for mail in mails] == [firm.dung.email, firm.admin.email] * 2
    assert caplog.text.count("unread since") == 1
    kept = await database.read(row_of, box)
    assert (kept.failing_since, kept.alarmed_at, kept.last_error) == (None, None, "")
    assert kept.last_ok_at == now.now


async def test_what_the_alarm_says(database: Database, firm: Firm, box: int) -> None:
    """F108: in the reader's language."""
    late = NOW + outages.ALARM_AFTER
    await database.write(looks.fail, box, "connection refused", firm.house, NOW)
    await database.write(looks.fail, box, "connection refused", firm.house, late)
    await database.write(looks.succeed, box, firm.house, late)
    mails = await database.read(lambda session: everything(session, Outbox))
    alarm, clear = mails[0].mail, mails[-1].mail

    said = compose({**alarm, "language": "vi"})
    assert said.subject == "Không đọc được hộp thư hotro@congty.example"
    assert "Từ 9:30 hôm nay" in said.text
    assert "connection refused" in said.text
    assert "no mail could be fetched" in compose({**alarm, "language": "en"}).text
    assert compose({**clear, "language": "vi"}).subject.endswith("đã đọc lại được")
    assert compose({**clear, "language": "en"}).subject.endswith("can be read again")
    assert said.automatic


async def test_too_much_to_do_leaves_mail_where_it_is(
    database: Database, box: int, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "MAX_BACKLOG", 20)
    for _ in range(45):
        server.put()
    assert await look(database, server) == 20
    assert sum(mail.is_seen for mail in server.mails.values()) == 20
    assert (await database.read(row_of, box)).last_uid == 20
