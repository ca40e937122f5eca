"""Answers given elsewhere (F121): attached, counted at their sent time, never sent again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import conversations, loops, mailboxes
from inbox.addressing import copier_of, make_copy_address, make_reply_address
from inbox.channels.mime import parse
from inbox.db import Database
from inbox.fetching import sent
from inbox.intake import Incoming, begin, take_in
from inbox.later import elsewhere
from inbox.store import raw as raws
from models import (
    ClockKind,
    Direction,
    LedgerEntry,
    Mailbox,
    Outbox,
    RawMessage,
    Status,
)
from tests.conftest import Clock
from tests.db.test_mailboxes import add
from tests.factories import (
    CUSTOMER,
    NOW,
    SECRET,
    SUPPORT,
    Firm,
    arrive,
    clocks_of,
    context,
    conversation,
    everything,
    make_mail,
    make_message,
    messages_of,
    prediction,
    stage_mail,
)
from tests.mailfolders import Account

ASKED = "hoi-1@khach.example"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock(NOW + 30 * MINUTE)
    for module in (mailboxes, sent):
        monkeypatch.setattr(module, "utcnow", stopped)
    return stopped


@pytest.fixture
async def asked(database: Database, firm: Firm) -> int:
    return await database.write(arrive, firm, make_message(message_id=ASKED))


def answer(firm: Firm, **headers: str) -> bytes:
    plain = {
        "from": f"An <{firm.an.email}>",
        "to": f"Lan <{CUSTOMER}>",
        "subject": "Re: Hỏi về máy lọc nước",
        "in_reply_to": f"<{ASKED}>",
    }
    return make_mail("Dạ còn hàng ạ.", **{**plain, **headers})


async def copy(database: Database, firm: Firm, mail: bytes, at: datetime, **meta: Any) -> str:
    """Let a blind copy come in and be taken in; return what the ledger says."""
    address = make_copy_address(SECRET, firm.an.id, SUPPORT)

    def work(session: Session) -> str:
        known = {"rcpt": [address], **meta}
        staged = stage_mail(session, firm, mail, at, **known)
        _take(session, firm, staged.id, at)
        return str(everything(session, LedgerEntry)[-1].state)

    return await database.write(work)


def _take(session: Session, firm: Firm, raw_id: int, at: datetime) -> None:
    row = session.get_one(RawMessage, raw_id, populate_existing=True)
    claimed = raws.Claimed(
        **{name: getattr(row, name) for name in raws.Claimed.__dataclass_fields__}
    )
    incoming = Incoming(claimed, parse(row.body), prediction())
    around = context(session, firm)
    openings = begin(session, around, at)
    if not elsewhere.attach(session, incoming, around, openings, at):
        take_in(session, incoming, around, at, openings)
    openings.settle()


def met(session: Session, number: int) -> dict[ClockKind, datetime | None]:
    return {one.kind: one.met_at for one in clocks_of(session, number)}


async def test_a_blind_copy_is_the_answer_at_its_time(
    database: Database, firm: Firm, asked: int
) -> None:
    """F121, and nothing is sent again."""
    before = len(await database.read(everything, Outbox))
    at = NOW + 10 * MINUTE

    assert await copy(database, firm, answer(firm), at) == "accepted"

    last = (await database.read(messages_of, asked))[-1]
    assert (last.direction, last.author_id, last.created_at) == (
        Direction.OUTBOUND,
        firm.an.id,
        at,
    )
    assert (await database.read(met, asked))[ClockKind.FIRST_RESPONSE] == at
    assert (await database.read(conversation, asked)).first_responded_at == at
    assert len(await database.read(everything, Outbox)) == before
    assert await copy(database, firm, answer(firm, subject="Lại"), at) == "accepted"


async def test_the_same_answer_twice_is_one(database: Database, firm: Firm, asked: int) -> None:
    mail = answer(firm, message_id="<tra-loi@congty.example>")
    assert await copy(database, firm, mail, NOW) == "accepted"
    other_way = mail.replace(b"Subject:", b"X-Way: 2\r\nSubject:")

    assert await copy(database, firm, other_way, NOW) == "duplicate"

    assert len(await database.read(messages_of, asked)) == 2


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"from": "An <an@evil.example>"}, elsewhere.NOT_OURS),
        ({"from": "Bình <BINH>"}, elsewhere.NOT_OURS),
        ({"to": "ai-do@evil.example"}, elsewhere.NOTHING_HERE),
        ({"in_reply_to": "<khac@khach.example>"}, elsewhere.NOTHING_HERE),
        ({"in_reply_to": ""}, elsewhere.NOTHING_HERE),
        ({"cc": "COPY"}, elsewhere.SHOWN),
    ],
)
async def test_who_is_not_that_person_or_answers_nothing_changes_nothing(
    database: Database, firm: Firm, asked: int, headers: dict[str, str], why: str
) -> None:
    """S6: the address is one person's secret, and good for answers to who asked."""
    own = make_copy_address(SECRET, firm.an.id, SUPPORT)
    given = {
        name: value.replace("COPY", own).replace("BINH", firm.binh.email)
        for name, value in headers.items()
    }

    assert await copy(database, firm, answer(firm, **given), NOW) == "ignored"

    entry = (await database.read(everything, LedgerEntry))[-1]
    assert entry.reason == why
    assert len(await database.read(messages_of, asked)) == 1
    assert (await database.read(met, asked))[ClockKind.FIRST_RESPONSE] is None


async def test_a_forged_copy_address_is_none(
    database: Database, firm: Firm, asked: int
) -> None:
    """S6: with a wrong signature it is mail as any other, and joins nothing."""
    real = make_copy_address(SECRET, firm.an.id, SUPPORT)
    wrong = make_copy_address(b"another secret, as long as the real one", firm.an.id, SUPPORT)
    reply = make_reply_address(SECRET, asked, SUPPORT)
    assert real != wrong
    assert copier_of(SECRET, [wrong, reply, SUPPORT]) is None

    assert await copy(database, firm, answer(firm), NOW, rcpt=[wrong]) == "accepted"

    assert len(await database.read(messages_of, asked)) == 1


async def test_mail_that_its_domain_calls_forged_is_not_believed(
    database: Database, firm: Firm, asked: int
) -> None:
    verdict = {"dmarc": "fail", "by": "mx.congty.example"}

    assert await copy(database, firm, answer(firm), NOW, authentication=verdict) == "ignored"


async def test_a_question_after_the_answer_is_owed_still(
    database: Database, firm: Firm, asked: int
) -> None:
    """F121: found late, it counts at its time, and the later question runs on from its own."""
    again = make_message(
        "Alo?",
        message_id="hoi-2@khach.example",
        to=(make_reply_address(SECRET, asked, SUPPORT),),
    )
    await database.write(arrive, firm, again, at=NOW + 20 * MINUTE)

    await copy(database, firm, answer(firm), NOW + 10 * MINUTE)

    clocks = {one.kind: one for one in await database.read(clocks_of, asked)}
    assert clocks[ClockKind.FIRST_RESPONSE].met_at == NOW + 10 * MINUTE
    running = clocks[ClockKind.NEXT_RESPONSE]
    assert (running.started_at, running.met_at) == (NOW + 20 * MINUTE, None)


async def test_an_answer_from_before_the_question_is_shown_and_stops_nothing(
    database: Database, firm: Firm, asked: int
) -> None:
    assert await copy(database, firm, answer(firm), NOW - MINUTE) == "accepted"

    assert len(await database.read(messages_of, asked)) == 2
    assert (await database.read(met, asked))[ClockKind.FIRST_RESPONSE] is None


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
async def box(database: Database, firm: Firm, now: Clock) -> int:
    return await database.write(add, firm, sent_folder="*")


async def look(database: Database, account: Account, box: int) -> int:
    job = await database.read(mailboxes.load, box)
    return await sent.read(database, job, account, SECRET)


async def _taken(database: Database, firm: Firm, at: datetime) -> None:
    def work(session: Session) -> None:
        for row in everything(session, RawMessage):
            if row.state == "pending":
                _take(session, firm, row.id, at)

    await database.write(work)


def entries(session: Session) -> list[tuple[str, str]]:
    """Return what is in the ledger after the question."""
    found = everything(session, LedgerEntry)[1:]
    return [(one.via.value, one.state.value) for one in found]


async def test_answers_in_the_sent_folder_are_found(
    database: Database, firm: Firm, asked: int, account: Account, box: int, now: Clock
) -> None:
    """F121: of other mail only the head is read, and no word of it is kept."""
    account.sent.put(answer(firm))  # from before we were told of the folder
    assert await look(database, account, box) == 0
    private = make_mail("Riêng tư", **{"from": firm.an.email, "subject": "Lương"})
    account.sent.put(private, NOW)
    account.sent.put(answer(firm), NOW + 5 * MINUTE)

    assert await look(database, account, box) == 1
    await _taken(database, firm, now.now)

    assert account.sent.said.count("fetch") == 1
    assert (await database.read(met, asked))[ClockKind.FIRST_RESPONSE] == NOW + 5 * MINUTE
    assert await database.read(entries) == [("sent", "ignored"), ("sent", "accepted")]
    assert all(
        "Lương" not in one.subject for one in await database.read(everything, LedgerEntry)
    )
    assert not account.sent.mails[3].is_seen
    assert await look(database, account, box) == 0


async def test_a_shared_mailbox_answers_under_its_own_address(
    database: Database, firm: Firm, asked: int, account: Account, box: int, now: Clock
) -> None:
    await look(database, account, box)
    account.sent.put(answer(firm, **{"from": SUPPORT}), NOW + MINUTE)
    account.sent.put(answer(firm, **{"from": "la@evil.example"}), NOW + MINUTE)

    assert await look(database, account, box) == 1
    await _taken(database, firm, now.now)

    last = (await database.read(messages_of, asked))[-1]
    assert (last.direction, last.author_id) == (Direction.OUTBOUND, None)


async def test_what_we_sent_ourselves_is_no_answer_from_elsewhere(
    database: Database, firm: Firm, asked: int, account: Account, box: int
) -> None:
    """F121: providers keep copies of what goes out through them."""
    await look(database, account, box)

    def reply(session: Session) -> str:
        row = conversation(session, asked)
        made = conversations.reply(session, row, "Dạ.", firm.house, by=firm.an, now=NOW)
        return str(made.email_message_id)

    message_id = await database.write(reply)
    account.sent.put(answer(firm, message_id=f"<{message_id}>"))

    assert await look(database, account, box) == 0

    assert await database.read(entries) == [("sent", "duplicate")]
    assert len(await database.read(messages_of, asked)) == 2


async def test_a_question_that_waits_is_taken_in_first(
    database: Database, firm: Firm, account: Account, box: int, now: Clock
) -> None:
    """F5, F121: after a downtime both come at once."""
    await look(database, account, box)
    account.sent.put(answer(firm), NOW + MINUTE)
    question = make_mail(message_id=f"<{ASKED}>")
    await database.write(stage_mail, firm, question, NOW)

    assert await look(database, account, box) == 0
    await _taken(database, firm, now.now)
    assert await look(database, account, box) == 1


async def recount(database: Database, account: Account, box: int) -> dict[str, int]:
    """Count the sent mail, and return what is kept of it."""
    job = await database.read(mailboxes.load, box)
    await sent.recount(database, job, account, SECRET)
    tally: dict[str, dict[str, int]] = (
        await database.read(lambda s: s.get_one(Mailbox, box, populate_existing=True))
    ).tally
    return tally.get("sent", {})


async def test_sent_mail_that_was_missed_is_found_by_counting(
    database: Database, firm: Firm, asked: int, account: Account, box: int, now: Clock
) -> None:
    """F13, F121: the ledger's lines are what counts, wherever we think that we have come."""
    account.sent.put(answer(firm))  # from before our time: never counted
    assert await recount(database, account, box) == {}
    await look(database, account, box)
    account.sent.put(make_mail(**{"from": firm.an.email}), NOW)
    account.sent.put(answer(firm), NOW + 5 * MINUTE)
    last = account.sent.put(make_mail(**{"from": firm.an.email}), NOW - timedelta(days=40))

    def skip(session: Session) -> None:
        row = session.get_one(Mailbox, box)
        row.sent = {**row.sent, "last_uid": last}

    await database.write(skip)
    waiting = await database.write(stage_mail, firm, make_mail("Hỏi"), NOW)
    told = await recount(database, account, box)
    assert told == {"server": 2, "ledger": 0, "missed": 0}, "a question may wait"
    await _taken(database, firm, now.now)
    assert waiting.is_new

    assert await recount(database, account, box) == {"server": 2, "ledger": 2, "missed": 2}
    await _taken(database, firm, now.now)
    assert (await database.read(met, asked))[ClockKind.FIRST_RESPONSE] == NOW + 5 * MINUTE
    assert await recount(database, account, box) == {"server": 2, "ledger": 2, "missed": 0}


async def test_a_missing_folder_is_told_and_the_inbox_goes_on(
    database: Database, firm: Firm, account: Account, box: int
) -> None:
    account.marked = None
    assert await look(database, account, box) == 0

    def error(session: Session) -> str:
        return str(session.get_one(Mailbox, box).sent["error"])

    assert "marks no folder" in await database.read(error)


async def test_the_worker_attaches_it(database: Database, firm: Firm, asked: int) -> None:
    """The same through the worker's own unit of work."""
    address = make_copy_address(SECRET, firm.an.id, SUPPORT)
    mail = answer(firm)

    def work(session: Session) -> Status:
        staged = stage_mail(session, firm, mail, NOW + MINUTE, rcpt=[address])
        row = session.get_one(RawMessage, staged.id)
        claimed = raws.Claimed(
            **{name: getattr(row, name) for name in raws.Claimed.__dataclass_fields__}
        )
        incoming = Incoming(claimed, parse(row.body), prediction())
        loops._store(session, [incoming], [], context(session, firm))
        return conversation(session, asked).status

    assert await database.write(work) is Status.OPEN
    assert len(await database.read(messages_of, asked)) == 2
