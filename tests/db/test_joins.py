"""Contacts who may be one person: proposed, joined, and two again."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox.accounts import contacts, joining, keeping
from inbox.accounts.contacts import NewContact
from inbox.accounts.keeping import Draft
from inbox.addressing import make_message_id
from inbox.db import Database
from inbox.errors import Conflict
from inbox.store import joins, people
from inbox.store.joins import JoinState, Why
from models import (
    AuditAction,
    AuditEntry,
    ChannelKind,
    Contact,
    ContactIdentity,
    ContactJoin,
)
from models.base import columns
from tests.factories import (
    CUSTOMER,
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_message,
    messages_of,
)

OTHER = "lan.tran@nha.example"
LATER = NOW + timedelta(hours=1)


def write_as(session: Session, firm: Firm, address: str, **values: Any) -> int:
    """Let a mail come from an address; return its conversation."""
    message = make_message(from_address=address, **{"from_name": "Lan", **values})
    return arrive(session, firm, message)


def who(session: Session, number: int) -> int:
    """Return the contact of a conversation."""
    return conversation(session, number).contact_id


async def _two(database: Database, firm: Firm) -> tuple[int, int, int, int]:
    """Let two write: their conversations and who they are."""
    first = await database.write(write_as, firm, CUSTOMER)
    second = await database.write(write_as, firm, OTHER)
    a, b = [await database.read(who, one) for one in (first, second)]
    return first, second, a, b


async def test_joined_they_are_one_and_parted_they_are_two(
    database: Database, firm: Firm
) -> None:
    """F87: addresses, conversations and messages move, and go back; so does what came since."""
    first, second, a, b = await _two(database, firm)
    number = await database.write(joining.join, a, b, by=firm.dung.id, now=NOW)

    known = await database.read(people.list_identities, a)
    assert known["email"] == [CUSTOMER, OTHER]
    assert await database.read(who, second) == a
    assert {one.contact_id for one in await database.read(messages_of, second)} == {a}
    since = await database.write(
        arrive, firm, make_message(from_address=OTHER), at=LATER, now=LATER
    )
    own = await database.write(
        arrive, firm, make_message(from_address=CUSTOMER), at=LATER, now=LATER
    )
    assert [await database.read(who, one) for one in (since, own)] == [a, a]
    with pytest.raises(Conflict):
        await database.write(joining.join, a, b, by=firm.dung.id, now=LATER)

    await database.write(joining.part, number, by=firm.dung.id, now=LATER)

    of = [await database.read(who, one) for one in (first, second, since, own)]
    assert of == [a, b, b, a]
    assert (await database.read(people.list_identities, b))["email"] == [OTHER]
    assert (await database.read(people.list_identities, a))["email"] == [CUSTOMER]
    assert {one.contact_id for one in await database.read(messages_of, second)} == {b}
    trail = await database.read(lambda session: everything(session, AuditEntry))
    assert [one.action for one in trail] == [AuditAction.JOINED, AuditAction.REMOVED]
    with pytest.raises(Conflict):
        await database.write(joining.part, number, by=firm.dung.id, now=LATER)


async def test_the_kept_one_has_the_tier_and_the_account_of_either(
    database: Database, firm: Firm
) -> None:
    """F87: and open requests follow; parted, each has its own again."""
    first, second, a, b = await _two(database, firm)

    def place(session: Session) -> int:
        draft = Draft("Trúc An", tier="vip")
        made = keeping.create_account(session, draft, by=firm.dung.id, now=NOW)
        contacts.put_contact_into_account(session, b, made, by=firm.dung.id, now=NOW)
        return made

    account = await database.write(place)
    number = await database.write(joining.join, a, b, by=firm.dung.id, now=NOW)

    row = await database.read(lambda session: session.get_one(Contact, a))
    assert (row.tier, row.account_id) == ("vip", account)
    of = [(await database.read(conversation, one)).account_id for one in (first, second)]
    assert of == [account, account]
    assert "classed" in [one.kind.value for one in await database.read(events_of, first)]

    await database.write(joining.part, number, by=firm.dung.id, now=LATER)

    row = await database.read(lambda session: session.get_one(Contact, a))
    assert (row.tier, row.account_id) == ("standard", None)
    of = [(await database.read(conversation, one)).account_id for one in (first, second)]
    assert of == [None, account]


async def test_the_last_join_is_parted_first(database: Database, firm: Firm) -> None:
    """F87: one of three; each gets back what was theirs."""
    first, second, a, b = await _two(database, firm)
    third = await database.write(write_as, firm, "ba@nha.example")
    c = await database.read(who, third)
    said = {"by": firm.dung.id, "now": LATER}
    inner = await database.write(joining.join, a, b, **said)
    outer = await database.write(joining.join, c, a, **said)
    assert {await database.read(who, one) for one in (first, second, third)} == {c}

    with pytest.raises(Conflict):
        await database.write(joining.part, inner, **said)
    await database.write(joining.part, outer, **said)
    await database.write(joining.part, inner, **said)

    assert [await database.read(who, one) for one in (first, second, third)] == [a, b, c]


async def test_what_is_typed_joins_nobody_and_is_proposed_once(
    database: Database, firm: Firm
) -> None:
    """F87: a form with somebody else's number; said to be two, it is not asked again."""
    channel = ChannelKind.FORM
    first = await database.write(
        arrive, firm, make_message(from_address="", phone="0901234567"), channel=channel
    )
    second = await database.write(
        arrive, firm, make_message(from_address=OTHER, phone="0901234567"), channel=channel
    )

    a, b = [await database.read(who, one) for one in (first, second)]
    assert a != b
    (pair,) = await database.read(joins.list_pairs)
    assert (pair.kept.id, pair.joined.id, pair.reason) == (a, b, Why.CLAIMED)

    await database.write(joining.refuse, pair.id, by=firm.dung.id, now=NOW)
    assert await database.write(joins.propose, b, a, Why.NAME, NOW) is None
    assert await database.read(joins.list_pairs) == []
    with pytest.raises(Conflict):
        await database.write(joining.refuse, pair.id, by=firm.dung.id, now=NOW)


async def test_the_same_address_verified_of_both_joins_them(
    database: Database, firm: Firm
) -> None:
    """F87: verified of one only, they are proposed."""
    _, second, a, b = await _two(database, firm)
    said = {"by": firm.dung.id, "now": NOW}

    proposed = await database.write(contacts.vouch, a, "email", OTHER, **said)
    assert (proposed, await database.read(who, second)) == (JoinState.PROPOSED, b)

    await database.write(contacts.vouch, b, "email", OTHER, **said)
    joined = await database.write(contacts.vouch, a, "email", OTHER, **said)

    assert (joined, await database.read(who, second)) == (JoinState.JOINED, b)
    row = await database.read(lambda session: session.get_one(Contact, a))
    assert row.joined_into_id == b  # whose address it was


async def test_an_answer_to_our_mail_verifies_its_address(
    database: Database, firm: Firm
) -> None:
    """It knows the signed id of what we wrote there; a first mail proves nothing."""
    number = await database.write(write_as, firm, CUSTOMER)

    def verified(session: Session) -> Any:
        row = columns(ContactIdentity)
        query = select(row.verified_at).where(row.value == CUSTOMER)
        return session.execute(query).scalar_one()

    assert await database.read(verified) is None
    answer = make_message(
        in_reply_to=make_message_id(firm.house.secret, number, "congty.example")
    )
    assert await database.write(arrive, firm, answer, at=LATER, now=LATER) == number
    assert await database.read(verified) == LATER


async def test_namesakes_and_the_same_number_are_proposed(
    database: Database, firm: Firm
) -> None:
    """F87: the same name at the same account; the same last digits."""

    def enter(session: Session) -> list[int]:
        by = firm.dung.id
        account = keeping.create_account(session, Draft("Trúc An"), by=by, now=NOW)
        return [
            contacts.add_contact(session, account, one, by=by, now=NOW)
            for one in (
                NewContact("Lan", CUSTOMER),
                NewContact("lan", OTHER),
                NewContact("Hoa", phone="+1 290 123 4567"),
                NewContact("Hoa Trần", phone="+84901234567"),
            )
        ]

    made = await database.write(enter)
    assert len(await database.write(contacts.propose_joins, made[3], NOW)) == 1
    assert await database.write(contacts.propose_joins, made[3], NOW) == []

    pairs = await database.read(joins.list_pairs)
    assert [(one.kept.id, one.joined.id, one.reason) for one in pairs] == [
        (made[2], made[3], Why.NUMBER),
        (made[0], made[1], Why.NAME),
    ]
    assert pairs[1].kept.account == "Trúc An"
    of = await database.read(joins.list_pairs, contact_id=made[1])
    assert [one.id for one in of] == [pairs[1].id]


async def test_whose_data_is_restricted_is_joined_to_nobody(
    database: Database, firm: Firm
) -> None:
    _, _, a, b = await _two(database, firm)
    await database.write(
        lambda session: session.execute(
            update(Contact).where(columns(Contact).id == b).values(restricted_at=NOW)
        )
    )

    with pytest.raises(Conflict):
        await database.write(joining.join, a, b, by=firm.dung.id, now=NOW)

    assert await database.read(lambda session: everything(session, ContactJoin)) == []
