"""The worker's loops on real rows: readers, rules, savepoints, a real mail server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from inbox import intake, loops
from inbox.channels.reader import MailReader
from inbox.channels.webform import Posted, pack
from inbox.db import Database, DatabaseGone
from inbox.intake import Incoming
from inbox.loops import Send, TakeIn, Watch, renewing, run_loop
from inbox.settings import Settings
from inbox.smtpd import Sink, make_server
from inbox.staging import Arrival, stage
from inbox.store import raw as raws
from models import (
    ChannelKind,
    Conversation,
    DeliveryState,
    Inbox,
    Outbox,
    RawMessage,
    RawState,
    SinkMail,
)
from tests.conftest import Clock
from tests.factories import (
    CUSTOMER,
    NOW,
    Firm,
    arrive,
    context,
    everything,
    make_mail,
    make_message,
    notices_of,
    prediction,
    stage_mail,
)


@pytest.fixture
async def take_in(
    database: Database, firm: Firm, settings: Settings, secret: bytes, clock: Clock
) -> AsyncIterator[TakeIn]:
    """Make the take-in loop, its time stopped at NOW."""
    made = TakeIn(database, settings, secret)
    yield made
    await made.close()


def _post(session: Session, firm: Firm, key: str, body: bytes, at: Any = NOW) -> int:
    arrival = Arrival(firm.form, ChannelKind.FORM, key, body, {"peer": "192.0.2.1"})
    return stage(session, arrival, at).id


def _form(text: str, **values: Any) -> bytes:
    return pack(Posted(name="Lan", email=CUSTOMER, subject="Hỏi", body=text, **values))


async def _rows(database: Database, table: Any) -> list[Any]:
    return await database.read(lambda session: everything(session, table))


async def test_mail_and_form_are_read_sorted_and_taken_in(
    database: Database, firm: Firm, take_in: TakeIn
) -> None:
    """F1, F54, F64, DESIGN 35: with no trained model at all the written rules sort."""
    mail = make_mail("Máy giặt của tôi bị lỗi E5, không chạy.", subject="Máy bị lỗi")
    await database.write(stage_mail, firm, mail)
    await database.write(_post, firm, "f1", _form("Tôi muốn trả hàng và hoàn tiền."))

    assert not await take_in.once()

    rows = await _rows(database, Conversation)
    assert {row.channel: row.request_type for row in rows} == {
        "email": "technical_support",
        "form": "return_refund",
    }
    assert [row.id for row in rows] == [1001, 1002]
    assert not await take_in.once()
    assert len(await _rows(database, Conversation)) == 2


async def test_the_customers_own_choice_of_topic_is_kept(
    database: Database, firm: Firm, take_in: TakeIn
) -> None:
    body = _form("Chào shop.", request_type="billing_payment")
    await database.write(_post, firm, "f1", body)
    await database.write(_post, firm, "f2", _form("Chào shop.", request_type="<b>"))

    await take_in.once()

    # Whichever was sorted first was taken in first.
    sure = {
        row.request_type: row.request_type_confidence
        for row in await _rows(database, Conversation)
    }
    assert sure.keys() == {"billing_payment", "general"}
    assert sure["billing_payment"] == 0.75


async def test_poison_is_put_aside_after_three_strikes_and_holds_up_nobody(
    database: Database, firm: Firm, take_in: TakeIn, clock: Clock
) -> None:
    """F7, R13, R14: fifteen seconds at most, and the good one beside it goes in at once."""
    poison = await database.write(_post, firm, "bad", b"{not a form")
    await database.write(_post, firm, "good", _form("Chào shop."))

    await take_in.once()
    assert len(await _rows(database, Conversation)) == 1

    while (await _rows(database, RawMessage))[0].state is RawState.PENDING:
        clock.forward(seconds=1)
        await take_in.once()

    assert (clock.now - NOW).total_seconds() <= 15
    found = await database.read(raws.find_quarantined, poison)
    assert found is not None
    assert (found.body, found.failures) == (b"{not a form", 3)
    assert "not what a form sends" in found.error


async def test_a_mail_whose_reader_dies_can_be_tried_again_when_it_is_mended(
    database: Database, firm: Firm, take_in: TakeIn, clock: Clock
) -> None:
    """F7, R13: with a real process that ends."""
    staged = await database.write(stage_mail, firm, make_mail("Chào shop."))
    good, take_in._reader = (
        take_in._reader,
        MailReader((sys.executable, "-c", "raise SystemExit(1)")),
    )
    for _ in range(3):
        await take_in.once()
        clock.forward(seconds=5)
    await take_in.close()
    take_in._reader = good

    aside = await database.read(raws.find_quarantined, staged.id)
    assert aside is not None
    assert "died" in aside.error
    await database.write(raws.try_again, staged.id, clock.now)
    await take_in.once()

    (row,) = await _rows(database, Conversation)
    assert row.id
    assert (await _rows(database, RawMessage))[0].state is RawState.DONE


@pytest.mark.parametrize("where", ["take-in", "sorting"])
async def test_a_bug_over_one_message_strikes_only_that_one(
    database: Database,
    firm: Firm,
    take_in: TakeIn,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """F7: its savepoint is rolled back, the others of the batch are kept."""
    for n in range(3):
        await database.write(_post, firm, f"f{n}", _form(f"Chào shop {n}."))
    real_take_in, real_predict = intake.take_in, loops._predict

    def buggy_take_in(session: Session, incoming: Any, *rest: Any) -> int:
        number = real_take_in(session, incoming, *rest)
        if "1" in incoming.message.text:
            raise ZeroDivisionError
        return number

    def buggy_predict(model: Any, message: Any, types: Any, before: str) -> Any:
        if "1" in message.text:
            raise ZeroDivisionError
        return real_predict(model, message, types, before)

    if where == "take-in":
        monkeypatch.setattr(intake, "take_in", buggy_take_in)
    else:
        monkeypatch.setattr(loops, "_predict", buggy_predict)

    await take_in.once()

    rows = await _rows(database, RawMessage)
    assert [row.state for row in rows] == [RawState.DONE, RawState.PENDING, RawState.DONE]
    assert (rows[1].failures, "ZeroDivisionError" in rows[1].error) == (1, True)
    assert len(await _rows(database, Conversation)) == 2


async def test_two_workers_and_one_new_customer(
    database: Database, firm: Firm, take_in: TakeIn
) -> None:
    """R14: both messages are taken in at once, and are one contact's."""
    for n in range(2):
        await database.write(_post, firm, f"f{n}", _form(f"Chào shop {n}."))
    claimed = await database.write(raws.claim, NOW, 2)
    about = await database.read(context, firm)

    await asyncio.gather(
        *(
            database.write(
                loops._store, [Incoming(raw, make_message(), prediction())], [], about
            )
            for raw in claimed
        )
    )

    assert {row.state for row in await _rows(database, RawMessage)} == {RawState.DONE}
    assert len({row.contact_id for row in await _rows(database, Conversation)}) == 1


async def test_mail_to_an_inbox_that_was_closed_says_so(
    database: Database, firm: Firm, take_in: TakeIn, caplog: pytest.LogCaptureFixture
) -> None:
    """F7: a sentence for whoever looks into quarantine, not a bug in our log."""

    def close(session: Session) -> None:
        session.get_one(Inbox, firm.form).is_active = False

    await database.write(_post, firm, "f1", _form("Chào shop."))
    await database.write(close)

    await take_in.once()

    (row,) = await _rows(database, RawMessage)
    assert (row.failures, row.error) == (
        1,
        "The inbox that it came to was closed meanwhile. Open it, then try again.",
    )
    assert "Traceback" not in caplog.text


def _sqlite_is_full() -> OperationalError:
    return OperationalError("INSERT", {}, Exception("database or disk is full"))


def _deadlock() -> DBAPIError:
    class Lost(Exception):
        sqlstate = "40P01"

    return DBAPIError("UPDATE", {}, Lost())


@pytest.mark.parametrize("trouble", [_sqlite_is_full, _deadlock])
async def test_trouble_of_the_database_is_no_strike(
    database: Database,
    firm: Firm,
    take_in: TakeIn,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Callable[[], Exception],
) -> None:
    """R10: a full disk puts no good message into quarantine."""
    await database.write(_post, firm, "f1", _form("Chào shop."))

    def full(*_: Any) -> int:
        raise trouble()

    monkeypatch.setattr(intake, "take_in", full)
    with pytest.raises(DatabaseGone):
        await take_in.once()

    (row,) = await _rows(database, RawMessage)
    assert (row.state, row.failures) == (RawState.PENDING, 0)


async def test_a_mail_server_that_is_down_prevents_no_conversation(
    database: Database, firm: Firm, take_in: TakeIn, settings: Settings, clock: Clock
) -> None:
    """F26, F23: and when it is back the acknowledgement leaves under the same id."""
    loop = asyncio.get_running_loop()
    sink = Sink(database)
    server = await loop.create_server(lambda: make_server(sink, "sink"), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    send = Send(database, settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{port}"}))
    await database.write(stage_mail, firm, make_mail("Máy lọc nước giá bao nhiêu?"))
    await take_in.once()

    await send.once()
    (queued,) = await _rows(database, Outbox)
    server = await loop.create_server(lambda: make_server(sink, "sink"), "127.0.0.1", port)
    clock.forward(seconds=15)
    await send.once()
    server.close()

    (conversation,) = await _rows(database, Conversation)
    (sent,) = await _rows(database, Outbox)
    (kept,) = await _rows(database, SinkMail)
    assert queued.state is DeliveryState.QUEUED
    assert "did not answer" in queued.error
    assert sent.state is DeliveryState.SENT
    assert sent.email_message_id.encode() in kept.body
    assert str(conversation.id).encode() in kept.body
    assert b"Auto-Submitted: auto-replied" in kept.body


async def test_the_watch_fires_what_is_due(
    database: Database, firm: Firm, settings: Settings, secret: bytes, clock: Clock
) -> None:
    """F43."""
    number = await database.write(arrive, firm)
    watch = Watch(database, settings, secret)

    await watch.once()
    before = await database.read(notices_of, number)
    clock.forward(minutes=30)
    await watch.once()
    await watch.once()

    assert before == []
    assert len(await database.read(notices_of, number)) == 1


async def _until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_loop_survives_failures_hears_its_bell_and_ticks_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R7, R9: rows are the queue; a bell only makes it quick."""
    calls: list[str] = []
    said: Iterator[bool | Exception] = iter(
        [DatabaseGone("away"), ValueError("a bug"), True, False, False, False]
    )

    async def once() -> bool:
        calls.append("called")
        what = next(said, False)
        if isinstance(what, Exception):
            raise what
        return what

    monkeypatch.setattr(loops, "TICK_S", 3600.0)
    bell = asyncio.Event()
    task = asyncio.create_task(run_loop("test", once, bell))
    await _until(lambda: len(calls) == 4)
    await asyncio.sleep(0.02)
    assert len(calls) == 4  # asleep, with nothing to do

    monkeypatch.setattr(loops, "TICK_S", 0.01)
    bell.set()
    await _until(lambda: len(calls) > 6)
    task.cancel()


async def test_leases_are_renewed_while_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R12: a slow mail is not taken for a dead worker."""
    monkeypatch.setattr(loops, "RENEW_EVERY_S", 0.005)
    renewed = asyncio.Event()
    times = []

    async def renew() -> None:
        times.append(1)
        if len(times) == 3:
            renewed.set()

    async def work() -> None:
        await renewed.wait()

    async with asyncio.timeout(5):
        await renewing(renew, work())

    assert len(times) == 3


async def test_what_a_form_stores_is_what_was_posted() -> None:
    assert json.loads(_form("Chào"))["body"] == "Chào"
