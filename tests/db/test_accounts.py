"""Accounts: made, changed, handed over; their contacts; every change in the audit trail."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox.accounts import contacts, keeping
from inbox.accounts.contacts import NewContact
from inbox.accounts.keeping import Draft
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.store import accounts as rows
from inbox.store.people import find_contact
from models import (
    AccountFigures,
    AccountStatus,
    Agent,
    AuditAction,
    AuditEntry,
    AuditThing,
    Contact,
    Milestone,
    Notice,
    Reminder,
)
from models.base import columns
from tests.factories import (
    CUSTOMER,
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    make_message,
)

entries = columns(AuditEntry)


def entries_of(session: Session, thing: AuditThing, thing_id: int) -> list[AuditEntry]:
    """Return the audit trail of one thing, the oldest first."""
    query = select(AuditEntry).where(entries.thing == thing, entries.thing_id == str(thing_id))
    return list(session.execute(query.order_by(entries.id)).scalars())


def make(session: Session, firm: Firm, name: str = "Trúc An", **values: Any) -> int:
    """Make an account, by the supervisor."""
    draft = Draft(name, **values)
    return keeping.create_account(session, draft, by=firm.dung.id, now=NOW)


def customer(session: Session) -> Contact:
    """Return who writes in the tests."""
    found = find_contact(session, "email", CUSTOMER)
    assert found is not None
    return found


def put(session: Session, firm: Firm, account_id: int | None) -> bool:
    """Let them be at an account."""
    who, by = customer(session).id, firm.dung.id
    return contacts.put_contact_into_account(session, who, account_id, by=by, now=NOW)


async def test_an_account_holds_what_is_known_of_it(database: Database, firm: Firm) -> None:
    """And the trail says who made it, and what changed."""
    draft = Draft(
        " Nội thất  Trúc An ",
        reference="KH-17",
        owner_id=firm.an.id,
        backup_id=firm.chi.id,
        status="active",
        value="A",
        tier="vip",
        product_groups=("Bàn", "Bàn", "Ghế"),
        language="vi",
        since=date(2024, 5, 1),
        fields={"Mã số thuế": "0312345678", "Trống": " "},
    )
    number = await database.write(keeping.create_account, draft, by=firm.an.id, now=NOW)

    row = await database.read(rows.get_account, number)
    assert (row.name, row.folded, row.since) == (
        "Nội thất Trúc An",
        "noi that truc an",
        date(2024, 5, 1),
    )
    assert (row.product_groups, row.fields) == (["Bàn", "Ghế"], {"Mã số thuế": "0312345678"})
    assert (await database.read(rows.find_figures, number)) is not None

    changed = await database.write(
        keeping.set_status, number, AccountStatus.AT_RISK, by=firm.dung.id, now=NOW
    )
    again = await database.write(
        keeping.set_status, number, AccountStatus.AT_RISK, by=firm.dung.id, now=NOW
    )
    trail = await database.read(entries_of, AuditThing.ACCOUNT, number)
    assert (changed, again) == (True, False)
    assert [one.action for one in trail] == [AuditAction.CREATED, AuditAction.CHANGED]
    assert (trail[1].before, trail[1].after) == ({"status": "active"}, {"status": "at_risk"})


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 201}),
        ("kind", {"kind": "robot"}),
        ("status", {"status": "lost"}),
        ("value", {"value": "D"}),
        ("language", {"language": "xx"}),
        ("tier", {"tier": "x" * 61}),
        ("owner_id", {"owner_id": 999}),
        ("reference", {"reference": "KH-1"}),
        ("fields", {"fields": {str(n): "x" for n in range(51)}}),
    ],
)
async def test_what_is_wrong_is_refused(
    database: Database, firm: Firm, field: str, values: dict[str, Any]
) -> None:
    await database.write(make, firm, reference="KH-1")

    with pytest.raises(Invalid) as caught:
        await database.write(make, firm, **{"name": "Khác", **values})

    assert list(caught.value.fields) == [field]


async def test_the_owner_is_no_backup_and_a_stale_page_changes_nothing(
    database: Database, firm: Firm
) -> None:
    number = await database.write(make, firm)

    def change(session: Session, version: int, **values: Any) -> bool:
        draft = Draft("Trúc An", **values)
        by = firm.dung.id
        return keeping.change_account(session, number, draft, version=version, by=by, now=NOW)

    with pytest.raises(Invalid):
        await database.write(change, 1, owner_id=firm.an.id, backup_id=firm.an.id)
    assert await database.write(change, 1, value="A")
    with pytest.raises(Conflict):
        await database.write(change, 1, value="B")


async def test_a_contacts_conversations_are_the_accounts(
    database: Database, firm: Firm
) -> None:
    """F86: those that were there, those that come, and those of another account later."""
    first, second = await database.write(make, firm), await database.write(make, firm, "Khác")
    before = await database.write(arrive, firm)
    assert await database.write(put, firm, first)
    assert not await database.write(put, firm, first)
    after = await database.write(arrive, firm)

    of = [(await database.read(conversation, one)).account_id for one in (before, after)]
    assert of == [first, first]

    await database.write(put, firm, second)
    assert (await database.read(conversation, before)).account_id == second
    await database.write(put, firm, None)
    assert (await database.read(conversation, before)).account_id is None
    trail = await database.read(
        lambda session: entries_of(session, AuditThing.CONTACT, customer(session).id)
    )
    assert [one.after["account_id"] for one in trail] == [first, second, None]


async def test_an_accounts_tier_is_that_of_its_people(database: Database, firm: Firm) -> None:
    """F62: also of who comes later; open requests follow the policies of that tier."""
    number = await database.write(arrive, firm)
    plain = await database.write(make, firm)
    await database.write(put, firm, plain)

    def raise_tier(session: Session) -> None:
        draft = Draft("Trúc An", tier="vip")
        keeping.change_account(session, plain, draft, by=firm.dung.id, now=NOW)

    await database.write(raise_tier)

    assert (await database.read(customer)).tier == "vip"
    kinds = [one.kind.value for one in await database.read(events_of, number)]
    assert "classed" in kinds

    other = await database.write(
        arrive, firm, make_message(from_address="minh@khach.example", from_name="Minh")
    )

    def join(session: Session) -> str:
        who = conversation(session, other).contact_id
        contacts.put_contact_into_account(session, who, plain, by=firm.dung.id, now=NOW)
        return session.get_one(Contact, who).tier

    assert await database.write(join) == "vip"


async def test_it_is_handed_over_whole(database: Database, firm: Firm) -> None:
    """F129: with the owner's open requests, milestones and reminders; others' stay."""
    account = await database.write(make, firm, owner_id=firm.an.id, backup_id=firm.chi.id)
    await database.write(arrive, firm)
    await database.write(put, firm, account)
    mine, others, done = [await database.write(arrive, firm) for _ in range(3)]

    def prepare(session: Session) -> None:
        conversation(session, others).owner_id = firm.binh.id
        conversation(session, done).status = "resolved"  # type: ignore[assignment]
        own: dict[str, Any] = {"account_id": account, "created_at": NOW}
        session.add(
            Milestone(title="Gia hạn", owner_id=firm.an.id, due_at=NOW, warn_days=3, **own)
        )
        session.add(Reminder(agent_id=firm.an.id, due_at=NOW, text="Gọi", **own))

    await database.write(prepare)
    handed = await database.write(
        keeping.hand_over, [account], firm.chi.id, by=firm.dung.id, now=NOW
    )

    owners = [(await database.read(conversation, one)).owner_id for one in (mine, others, done)]
    assert owners == [firm.chi.id, firm.binh.id, firm.an.id]
    assert handed.accounts == 1
    assert handed.conversations >= 1
    row = await database.read(rows.get_account, account)
    assert (row.owner_id, row.backup_id) == (firm.chi.id, firm.an.id)
    why = (await database.read(events_of, mine))[-1]
    assert (why.data["reason"], why.data["account"]) == ("account_handed", account)
    milestones = await database.read(lambda session: everything(session, Milestone))
    reminders = await database.read(lambda session: everything(session, Reminder))
    assert [one.owner_id for one in milestones] == [firm.chi.id]
    assert [one.agent_id for one in reminders] == [firm.chi.id]
    trail = await database.read(entries_of, AuditThing.ACCOUNT, account)
    assert trail[-1].action is AuditAction.HANDED_OVER
    assert trail[-1].after["owner_id"] == firm.chi.id
    told = await database.read(lambda session: everything(session, Notice))
    assert [(one.agent_id, one.data["handed_from"]) for one in told] == [
        (firm.chi.id, firm.an.id)
    ]


async def test_nobody_who_left_gets_an_account(database: Database, firm: Firm) -> None:
    account = await database.write(make, firm, owner_id=firm.an.id)

    def leave(session: Session) -> None:
        session.execute(
            update(Agent).where(columns(Agent).id == firm.chi.id).values(is_active=False)
        )

    await database.write(leave)
    with pytest.raises(Invalid):
        await database.write(
            keeping.hand_over, [account], firm.chi.id, by=firm.dung.id, now=NOW
        )


async def test_who_may_see_and_change_one(database: Database, firm: Firm) -> None:
    """Its owner and backup, and supervisors; who may see a conversation of it reads it."""
    account = await database.write(make, firm, owner_id=firm.chi.id)
    await database.write(arrive, firm)

    async def may(who: Any, to_change: bool) -> bool:
        try:
            await database.read(rows.get_for_person, account, who, to_change=to_change)
        except NotFound:
            return False
        return True

    assert [await may(firm.chi, True), await may(firm.dung, True)] == [True, True]
    assert not await may(firm.binh, False)
    await database.write(put, firm, account)
    assert await may(firm.binh, False)
    assert not await may(firm.binh, True)


async def test_people_are_entered_at_an_account(database: Database, firm: Firm) -> None:
    """Known by their address or new; what a colleague enters is known to be theirs."""
    account = await database.write(make, firm)
    await database.write(arrive, firm)

    async def enter(**values: str) -> int:
        new = NewContact(**{"name": "Lan", **values})
        return await database.write(
            contacts.add_contact, account, new, by=firm.dung.id, now=NOW
        )

    known = await enter(email=CUSTOMER.upper(), phone="0901 234 567", position="mua hàng")
    new = await enter(name="Minh", phone="0907 000 111")

    assert known == (await database.read(customer)).id
    people = await database.read(rows.list_members, account)
    assert [(one.name, one.position, one.address) for one in people] == [
        ("Lan", "mua hàng", "+84901234567"),
        ("Minh", "", "+84907000111"),
    ]
    assert new != known
    for wrong in ({"email": "không"}, {"phone": "12"}, {}):
        with pytest.raises(Invalid):
            await enter(**wrong)


async def test_all_that_happens_has_it_counted_again(database: Database, firm: Firm) -> None:
    """F89: figures are stale once anything happens to one of its conversations."""
    account = await database.write(make, firm)
    number = await database.write(arrive, firm)
    await database.write(put, firm, account)

    def quiet(session: Session) -> None:
        session.get_one(AccountFigures, account).stale_at = None

    await database.write(quiet)
    await database.write(arrive, firm)

    found = await database.read(rows.find_figures, account)
    assert found is not None
    assert found.stale_at == NOW
    assert await database.read(clocks_of, number)
