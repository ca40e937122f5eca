"""What is counted of accounts: how much care each needs, why, and when it is counted again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.accounts import figures, keeping
from inbox.accounts.figures import band_of, need_of
from inbox.db import Database
from inbox.store import accountlist
from inbox.store import accounts as rows
from inbox.store.accountlist import Wanted
from models import Account, AccountFigures, AccountStatus, Milestone
from models.base import columns
from tests.db.test_accounts import make, put
from tests.factories import NOW, Firm, arrive, conversation

MUCH_LATER = NOW + timedelta(days=3)


def _quiet(session: Session, account_id: int) -> None:
    """Let nothing be counted until something happens."""
    row = session.get_one(AccountFigures, account_id)
    row.stale_at = None
    session.add(row)


async def _kept(database: Database, firm: Firm, **values: Any) -> int:
    """Make an account of the customer, who has written once."""
    await database.write(arrive, firm)
    account = await database.write(make, firm, owner_id=firm.an.id, **values)
    await database.write(put, firm, account)
    return account


async def _count(database: Database, account: int, now: datetime) -> AccountFigures:
    await database.write(figures.count, [account], now)
    found = await database.read(rows.find_figures, account)
    assert found is not None
    return found


def test_need_and_its_bands() -> None:
    """Each reason counts three times at most; days of silence once."""
    assert [band_of(n) for n in (0, 1, 4, 5, 9, 10, 60)] == [0, 1, 1, 2, 2, 3, 3]
    assert need_of({}) == 0
    assert need_of({"waiting": 1}) == 1
    assert need_of({"late": 50}) == need_of({"late": 3}) == 15
    assert need_of({"silent": 90}) == 4
    assert need_of({"missed": 1, "again": 1}) == 7


async def test_what_is_open_waits_and_is_late(database: Database, firm: Firm) -> None:
    """F89: and nothing has to happen for it to become late: time has it counted again."""
    account = await _kept(database, firm, value="A")

    one = await _count(database, account, NOW)
    assert (one.open_count, one.late_count, one.reasons) == (1, 0, {"waiting": 1})
    assert (one.oldest_waiting_at, one.last_contact_at, one.place) == (NOW, NOW, "A1")
    assert one.stale_at is not None
    assert NOW < one.stale_at <= NOW + timedelta(days=1)  # its answer is due

    assert await database.write(figures.count_stale, one.stale_at) == 1
    assert await database.write(figures.count_stale, one.stale_at) == 0
    late = await database.read(rows.find_figures, account)
    assert late is not None
    assert (late.late_count, late.place) == (1, "A2")


async def test_promises_kept_and_missed_and_milestones(database: Database, firm: Firm) -> None:
    """F129."""
    account = await _kept(database, firm)

    def plan(session: Session) -> None:
        for days in (-2, 5, 9):
            due = NOW + timedelta(days=days)
            own: dict[str, Any] = {"account_id": account, "created_at": NOW, "warn_days": 1}
            session.add(Milestone(title="Mốc", due_at=due, **own))

    await database.write(plan)
    one = await _count(database, account, MUCH_LATER)

    assert (one.promises_kept, one.promises_missed) == (0, 2)  # the answer, and the end
    assert one.next_milestone_at == NOW + timedelta(days=5)
    assert one.reasons["missed"] == 1


async def test_silence_counts_by_value(database: Database, firm: Firm) -> None:
    """F89, F128: A after 14 days, B after 30."""
    account = await _kept(database, firm, value="B")
    number = await database.write(arrive, firm)

    def done(session: Session) -> None:
        for one in (number, number - 1):
            conversation(session, one).status = "resolved"  # type: ignore[assignment]

    await database.write(done)
    at = NOW + timedelta(days=20)
    assert "silent" not in (await _count(database, account, at)).reasons
    await database.write(
        lambda session: session.execute(
            update(Account).where(columns(Account).id == account).values(value="A")
        )
    )
    assert (await _count(database, account, at)).reasons["silent"] == 20


async def test_an_ended_account_stands_nowhere(database: Database, firm: Firm) -> None:
    account = await _kept(database, firm)
    ended = AccountStatus.ENDED
    await database.write(keeping.set_status, account, ended, by=firm.an.id, now=MUCH_LATER)

    one = await database.read(rows.find_figures, account)
    assert one is not None
    assert (one.need, one.place) == (0, "")
    assert await database.read(accountlist.count_places) == {}
    assert await database.read(accountlist.list_accounts, Wanted()) == []
    listed = await database.read(accountlist.list_accounts, Wanted(status=ended))
    assert [row.id for row in listed] == [account]


@pytest.mark.parametrize("what", ["message", "correction of a past count"])
async def test_what_happens_has_it_counted_again(
    database: Database, firm: Firm, what: str
) -> None:
    """F89: the sweep counts what something happened to, and nothing else."""
    account = await _kept(database, firm)
    await database.write(_quiet, account)
    assert not await database.read(figures.is_due, NOW)

    if what == "message":
        await database.write(arrive, firm)
    else:
        await database.write(rows.mark_stale, [account, None], NOW)

    assert await database.read(figures.is_due, NOW)
    assert await database.write(figures.count_stale, NOW) == 1
    one = await database.read(rows.find_figures, account)
    assert one is not None
    assert one.open_count == (2 if what == "message" else 1)


async def test_the_matrix_counts_and_names(database: Database, firm: Firm) -> None:
    """F89: of all, or of whom somebody looks after."""
    account = await _kept(database, firm, value="A")
    other = await database.write(make, firm, "Khác", owner_id=firm.binh.id, value="C")
    await database.write(figures.count, [account, other], MUCH_LATER)

    assert await database.read(accountlist.count_places) == {"A2": 1, "C0": 1}
    assert await database.read(accountlist.count_places, firm.an.id) == {"A2": 1}
    points = await database.read(accountlist.list_points, ["A2", "C0"], None, 3)
    assert [one.name for one in points["A2"]] == ["Trúc An"]
    assert points["A2"][0].reasons["late"] == 1
    assert await database.read(accountlist.list_place, "A2", firm.binh.id) == []


async def test_the_list_is_sorted_by_whatever_is_asked(database: Database, firm: Firm) -> None:
    """F129: what has no time comes last, whichever way round."""
    busy = await _kept(database, firm, value="C")
    calm = await database.write(make, firm, "An Khang", owner_id=firm.an.id, value="A")
    await database.write(make, firm, "Của Bình", owner_id=firm.binh.id)
    await database.write(figures.count, [busy, calm], MUCH_LATER)

    async def ids(**values: Any) -> list[int]:
        wanted = Wanted(firm.an.id, **values)
        return [one.id for one in await database.read(accountlist.list_accounts, wanted)]

    assert await ids() == [busy, calm]
    assert await ids(turned=True) == [calm, busy]
    assert await ids(sort="name") == [calm, busy]
    assert await ids(sort="value") == [calm, busy]
    for turned in (False, True):
        assert await ids(sort="waiting", turned=turned) == [busy, calm]
    assert await ids(words="truc") == [busy]
    assert await ids(words="truc an") == [busy]
    assert await ids(words="%") == []
