"""Earlier mail brought in from files (F113): once, in its order, and quietly."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from inbox.addressing import make_reply_address
from inbox.channels.reader import ReadFailed
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.importing.run import Count, Plan, make_plan, run_import
from inbox.learning import samples
from inbox.loops import TakeIn
from inbox.settings import Settings
from inbox.store.learning import list_labels
from models import (
    Conversation,
    Direction,
    LedgerEntry,
    LedgerState,
    LedgerVia,
    Message,
    Outbox,
    RawMessage,
    RawState,
    SLAClock,
    Status,
)
from tests.conftest import Clock
from tests.factories import (
    CUSTOMER,
    NOW,
    SUPPORT,
    Firm,
    arrive,
    everything,
    make_mail,
    make_message,
)

OLD = {"date": "Mon, 05 Jan 2026 09:00:00 +0700"}


@pytest.fixture
async def take_in(
    database: Database, firm: Firm, settings: Settings, secret: bytes, clock: Clock
) -> AsyncIterator[TakeIn]:
    made = TakeIn(database, settings, secret)
    yield made
    await made.close()


def mbox(path: Path, *mails: bytes) -> Path:
    quoted = (one.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ") for one in mails)
    path.write_bytes(b"".join(b"From x\n" + one + b"\n" for one in quoted))
    return path


def thread() -> tuple[bytes, ...]:
    """Return a question, its answer, thanks, and somebody else's question."""
    first, second = "<a-1@khach.example>", "<b-1@congty.example>"
    return (
        make_mail("Máy hỏng.", message_id=first, **OLD),
        make_mail(
            "Dạ, đổi máy.",
            message_id=second,
            in_reply_to=first,
            **{"from": SUPPORT, "to": CUSTOMER, "date": "Mon, 05 Jan 2026 10:00:00 +0700"},
        ),
        make_mail(
            "Cảm ơn.", references=f"{first} {second}", date="Tue, 06 Jan 2026 09:00:00 +0700"
        ),
        make_mail("Giá?", **{"from": "ai@khac.example", **OLD}),
    )


async def run(database: Database, take_in: TakeIn, firm: Firm, path: Path, **how: Any) -> Count:
    return await run_import(
        database, take_in.take, Plan(firm.mail, **how), path, lambda _: None
    )


async def test_an_mbox_becomes_done_conversations_once(
    database: Database, take_in: TakeIn, firm: Firm, tmp_path: Path
) -> None:
    """F113: twice with no duplicates; no acknowledgement, no clock."""
    path = mbox(tmp_path / "old.mbox", *thread())

    first = await run(database, take_in, firm, path)
    again = await run(database, take_in, firm, path)

    assert first == Count(4, 4, 0, 0)
    assert again == Count(4, 0, 4, 0)
    rows = await database.read(everything, Conversation)
    assert [row.status for row in rows] == [Status.RESOLVED] * 2
    assert await database.read(everything, SLAClock) == []
    assert await database.read(everything, Outbox) == []
    said = await database.read(everything, Message)
    assert [one.conversation_id == rows[0].id for one in said] == [True, True, True, False]
    ways = [one.direction for one in said]
    assert ways == [Direction.INBOUND, Direction.OUTBOUND, Direction.INBOUND, Direction.INBOUND]
    assert rows[0].created_at.isoformat() == "2026-01-05T02:00:00+00:00"
    assert rows[0].resolved_at.isoformat() == "2026-01-06T02:00:00+00:00"
    states = [(one.via, one.state) for one in await database.read(everything, LedgerEntry)]
    came = LedgerVia.IMPORTED
    new, known = (came, LedgerState.ACCEPTED), (came, LedgerState.DUPLICATE)
    assert states == [new] * 4 + [known] * 4


async def test_open_ones_have_clocks_from_now_until_they_are_answered(
    database: Database, take_in: TakeIn, firm: Firm, tmp_path: Path
) -> None:
    path = mbox(tmp_path / "old.mbox", *thread())

    await run(database, take_in, firm, path, is_open=True)

    rows = await database.read(everything, Conversation)
    assert [row.status for row in rows] == [Status.OPEN] * 2
    clocks = await database.read(everything, SLAClock)
    assert clocks
    assert all(clock.started_at >= NOW for clock in clocks)
    assert await database.read(everything, Outbox) == []
    first = (await database.read(everything, Message))[0]
    assert first.created_at.isoformat() == "2026-01-05T02:00:00+00:00"


async def test_done_ones_of_a_type_are_what_models_learn_from(
    database: Database, take_in: TakeIn, firm: Firm, tmp_path: Path
) -> None:
    """F113: imported closed items serve as training data."""
    path = mbox(tmp_path / "old.mbox", *thread())

    await run(database, take_in, firm, path, request_type="complaint", by=firm.dung.id)

    await database.write(samples.settle, NOW)
    labels, _ = await database.read(list_labels, {}, after=0, limit=50)
    assert [(one.request_type, one.text.strip()) for one in labels] == [
        ("complaint", "Máy hỏng."),
        ("complaint", "Giá?"),
    ]


async def test_a_broken_mail_is_held_and_the_rest_goes_on(
    database: Database,
    take_in: TakeIn,
    firm: Firm,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F7, F113."""
    read = take_in._reader.read

    async def reading(raw: bytes, *rest: Any) -> Any:
        if b"Poison" in raw:
            raise ReadFailed("It kills whoever reads it.")
        return await read(raw, *rest)

    monkeypatch.setattr(take_in._reader, "read", reading)
    mails = thread()
    path = mbox(tmp_path / "x.mbox", *mails[:1], make_mail("Poison", **OLD), *mails[1:])

    assert await run(database, take_in, firm, path) == Count(5, 4, 0, 1)

    held = [one for one in await database.read(everything, RawMessage) if one.error]
    assert [(one.state, one.error) for one in held] == [
        (RawState.QUARANTINED, "It kills whoever reads it.")
    ]
    entry = (await database.read(everything, LedgerEntry))[1]
    assert (entry.state, entry.sender) == (LedgerState.QUARANTINED, CUSTOMER)


async def test_a_folder_of_mails_and_one_without_a_date(
    database: Database, take_in: TakeIn, firm: Firm, tmp_path: Path
) -> None:
    (tmp_path / "a.eml").write_bytes(make_mail("Một", date=""))
    (tmp_path / "b.eml").write_bytes(make_mail("Hai", date="Fri, 01 Jan 2100 00:00:00 +0000"))

    assert await run(database, take_in, firm, tmp_path) == Count(2, 2, 0, 0)

    rows = await database.read(everything, Conversation)
    assert all(row.created_at <= NOW.replace(year=2100) for row in rows)


async def test_who_writes_again_reopens_it_with_a_clock_from_then(
    database: Database, take_in: TakeIn, firm: Firm, tmp_path: Path
) -> None:
    """A conversation from a file goes on as any other."""
    await run(database, take_in, firm, mbox(tmp_path / "x", thread()[0]))
    (row,) = await database.read(everything, Conversation)
    to = make_reply_address(firm.house.secret, row.id, SUPPORT)

    number = await database.write(arrive, firm, make_message("Vẫn hỏng!", to=(to,)))

    assert number == row.id
    clocks = await database.read(everything, SLAClock)
    assert {clock.started_at for clock in clocks} == {NOW}
    (row,) = await database.read(everything, Conversation)
    assert row.status is Status.OPEN


async def test_plans_name_what_is_there(database: Database, firm: Firm) -> None:
    async def plan(inbox: str = SUPPORT, **how: Any) -> Plan:
        whole = {"is_open": False, "request_type": "", "by": "", **how}
        return await database.read(make_plan, inbox, **whole)

    assert (await plan(SUPPORT.upper())).inbox_id == firm.mail
    typed = await plan(request_type="complaint", by=firm.an.email)
    assert (typed.request_type, typed.by) == ("complaint", firm.an.id)
    for wrong in (
        {"inbox": "nobody@congty.example"},
        {"request_type": "nothing", "by": firm.an.email},
        {"request_type": "complaint"},
    ):
        with pytest.raises((Invalid, Conflict)):
            await plan(**wrong)


async def test_a_killed_import_is_gone_on_with_by_a_worker(
    database: Database, take_in: TakeIn, firm: Firm, tmp_path: Path
) -> None:
    """F2: what was stored is known, and its way is kept with it."""
    path = mbox(tmp_path / "x.mbox", *thread())

    async def die(_claimed: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run_import(database, die, Plan(firm.mail), path, lambda _: None)
    (meta,) = {
        json.dumps(one.meta["imported"]) for one in await database.read(everything, RawMessage)
    }
    assert json.loads(meta) == {"is_open": False, "request_type": "", "by": None}
    assert not await take_in.once()  # still leased

    assert await run(database, take_in, firm, path) == Count(4, 0, 4, 0)
