"""One commit a mail: how one went is written down with the fence of the next one."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from inbox import courier, delivery
from inbox.channels.base import OutboundMessage, Receipt
from inbox.courier import Courier
from inbox.db import Database, DatabaseGone
from inbox.delivery import LEASE
from inbox.errors import Unconfirmed
from models import Outbox
from tests.conftest import Clock
from tests.factories import NOW, Firm, arrive, everything, make_message

Fence = Callable[[], Awaitable[bool]]
Moment = Callable[[int], Awaitable[None]]


class DiedError(BaseException):
    """The process ends here."""


async def _nothing(_: int) -> None:
    """Happen."""


class Wire:
    """The far side; what happens before and after the fence of the n-th mail is given."""

    def __init__(self, before: Moment = _nothing, after: Moment = _nothing) -> None:
        self.before, self.after = before, after
        self.sent: list[str] = []
        self.tries = 0

    async def send(self, message: OutboundMessage, fence: Fence) -> Receipt | None:
        self.tries += 1
        number = self.tries
        await self.before(number)
        if not await fence():
            return None
        await self.after(number)
        self.sent.append(message.to)
        return Receipt("250 queued")


def dies_at(number: int) -> Moment:
    async def die(mail: int) -> None:
        if mail == number:
            raise DiedError

    return die


async def _some(database: Database, firm: Firm, count: int = 3) -> list[str]:
    people = [f"nguoi{number}@khach.example" for number in range(count)]
    for person in people:
        await database.write(arrive, firm, make_message(from_address=person), at=NOW)
    return people


async def _send(sender: Courier, database: Database, wire: Wire, clock: Clock) -> None:
    """Do what the loop does with everything whose time has come."""
    for job in await database.write(delivery.claim, clock.now, 20):
        await sender.deliver(wire, job)
    await sender.settle()


async def _states(database: Database) -> list[str]:
    rows: list[Outbox] = await database.read(lambda session: everything(session, Outbox))
    return [row.state.value for row in sorted(rows, key=lambda row: row.id or 0)]


async def test_a_mail_costs_one_commit(
    database: Database, firm: Firm, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = await _some(database, firm, 5)
    writes: list[str] = []
    write = database.write

    async def count(work: Any, *args: Any, **kwargs: Any) -> Any:
        writes.append(work.__name__)
        return await write(work, *args, **kwargs)

    monkeypatch.setattr(database, "write", count)
    wire = Wire()

    await _send(Courier(database), database, wire, clock)

    assert Counter(writes) == {"claim": 1, "fence": 5, "settle": 1}
    assert wire.sent == people
    assert await _states(database) == ["sent"] * 5


@pytest.mark.parametrize(
    ("before", "after", "left", "twice"),
    [
        # Before the second one's fence: the first has arrived, and nobody wrote that down.
        (2, 0, ["sending", "claimed", "claimed"], ["unconfirmed", "sent", "sent"]),
        # Behind it: the fence has settled the first.
        (0, 2, ["sent", "sending", "claimed"], ["sent", "unconfirmed", "sent"]),
        (0, 1, ["sending", "claimed", "claimed"], ["unconfirmed", "sent", "sent"]),
        (1, 0, ["claimed", "claimed", "claimed"], ["sent", "sent", "sent"]),
    ],
)
async def test_who_dies_in_a_batch_leaves_at_most_one_unknown_fate(
    database: Database,
    firm: Firm,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    before: int,
    after: int,
    left: list[str],
    twice: list[str],
) -> None:
    """R18, R19: and no mail goes out twice."""
    people = await _some(database, firm)
    wire, write = Wire(dies_at(before), dies_at(after)), database.write

    async def write_while_alive(work: Any, *args: Any, **kwargs: Any) -> Any:
        if 0 < wire.tries == before:
            raise DiedError
        return await write(work, *args, **kwargs)

    monkeypatch.setattr(database, "write", write_while_alive)
    with pytest.raises(DiedError):
        await _send(Courier(database), database, wire, clock)
    monkeypatch.setattr(database, "write", write)
    found = await _states(database)
    clock.forward(seconds=LEASE.total_seconds())
    again = Wire()
    await _send(Courier(database), database, again, clock)

    assert found == left
    assert await _states(database) == twice
    sent = Counter(wire.sent + again.sent)
    assert set(sent.values()) == {1}
    unknown = {who for who, state in zip(people, twice, strict=True) if state != "sent"}
    assert set(people) - set(sent) <= unknown


async def test_a_slow_server_does_not_keep_the_one_before_waiting(
    database: Database, firm: Firm, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a worker that dies while a server dawdles makes two fates unknown."""
    monkeypatch.setattr(courier, "SETTLE_WITHIN_S", 0.01)
    await _some(database, firm, 2)
    seen = []

    async def dawdle(number: int) -> None:
        if number == 2:
            async with asyncio.timeout(10):
                while (await _states(database))[0] != "sent":
                    await asyncio.sleep(0.01)
            seen.extend(await _states(database))

    await _send(Courier(database), database, Wire(before=dawdle), clock)

    assert seen == ["sent", "claimed"]
    assert await _states(database) == ["sent", "sent"]


async def test_what_a_database_that_is_away_cannot_write_is_written_when_it_is_back(
    database: Database, firm: Firm, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R21: the server's yes is not forgotten."""
    await _some(database, firm, 2)
    sender, wire, write = Courier(database), Wire(), database.write

    async def gone(work: Any, *args: Any, **kwargs: Any) -> Any:
        if wire.sent:
            raise DatabaseGone("The database cannot be reached just now.")
        return await write(work, *args, **kwargs)

    monkeypatch.setattr(database, "write", gone)
    with pytest.raises(DatabaseGone):
        await _send(sender, database, wire, clock)
    away = await _states(database)
    monkeypatch.setattr(database, "write", write)
    await sender.settle()
    back = await _states(database)
    clock.forward(seconds=LEASE.total_seconds())
    await _send(sender, database, wire, clock)

    assert (away, back) == (["sending", "claimed"], ["sent", "claimed"])
    assert await _states(database) == ["sent", "sent"]
    assert len(wire.sent) == 2


@pytest.mark.parametrize(("fenced", "state"), [(False, "queued"), (True, "unconfirmed")])
async def test_a_bug_of_ours_holds_up_no_other_and_sends_nothing_twice(
    database: Database, firm: Firm, clock: Clock, fenced: bool, state: str
) -> None:
    """R14, F77: behind the fence it may have been sent, whatever broke."""
    await _some(database, firm)

    async def break_down(number: int) -> None:
        if number == 2:
            raise ValueError("ours")

    wire = Wire(after=break_down) if fenced else Wire(before=break_down)
    await _send(Courier(database), database, wire, clock)

    assert await _states(database) == ["sent", state, "sent"]


async def test_a_broken_line_settles_the_one_before(
    database: Database, firm: Firm, clock: Clock
) -> None:
    await _some(database, firm)

    async def cut(number: int) -> None:
        if number == 2:
            raise Unconfirmed("The connection broke.")

    await _send(Courier(database), database, Wire(after=cut), clock)

    assert await _states(database) == ["sent", "unconfirmed", "sent"]
