"""Work from an account goes to who looks after it, then to the backup, then to the team."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import corrections
from inbox.accounts import contacts, keeping
from inbox.accounts.keeping import Draft
from inbox.db import Database
from inbox.giving import give_out
from inbox.rulebook import load_rulebook
from inbox.store.people import find_contact
from models import Absence, Agent, AwayKind, Event, EventKind
from models.base import columns
from tests.factories import CUSTOMER, NOW, Firm, arrive, conversation, events_of

agents = columns(Agent)


def _account(session: Session, firm: Firm, owner: int | None, backup: int | None) -> int:
    """Make the customer's account, once they have written."""
    arrive(session, firm)
    contact = find_contact(session, "email", CUSTOMER)
    assert contact is not None
    draft = Draft("Trúc An", owner_id=owner, backup_id=backup)
    made = keeping.create_account(session, draft, by=firm.dung.id, now=NOW)
    contacts.put_contact_into_account(session, contact.id, made, by=firm.dung.id, now=NOW)
    return made


def _set(session: Session, *ids: int, **values: object) -> None:
    session.execute(update(Agent).where(agents.id.in_(ids)).values(**values))


async def _why(database: Database, number: int) -> Event:
    events = await database.read(events_of, number)
    return next(one for one in reversed(events) if one.kind is EventKind.ASSIGNED)


async def test_it_goes_to_the_owner_of_whatever_team_and_says_so(
    database: Database, firm: Firm
) -> None:
    """F122: advice is of sales; Chi, who looks after the account, is a technician."""
    account = await database.write(_account, firm, firm.chi.id, firm.an.id)
    number = await database.write(arrive, firm)

    row, why = await database.read(conversation, number), await _why(database, number)
    assert (row.account_id, row.team_id, row.owner_id) == (account, firm.sales, firm.chi.id)
    assert (why.data["reason"], why.data["account"]) == ("account_owner", account)


@pytest.mark.parametrize("because", ["absent", "full"])
async def test_it_goes_to_the_backup_when_the_owner_cannot(
    database: Database, firm: Firm, because: str
) -> None:
    """F122."""

    def away(session: Session) -> None:
        if because == "full":
            _set(session, firm.chi.id, open_cap=0)
            return
        session.add(
            Absence(
                agent_id=firm.chi.id,
                starts_at=NOW - timedelta(days=1),
                ends_at=NOW + timedelta(days=1),
                kind=AwayKind.ABSENCE,
                created_at=NOW,
                created_by_id=firm.dung.id,
            )
        )

    await database.write(_account, firm, firm.chi.id, firm.binh.id)
    await database.write(away)
    number = await database.write(arrive, firm)

    row, why = await database.read(conversation, number), await _why(database, number)
    assert row.owner_id == firm.binh.id
    assert (why.data["reason"], why.data["first"]) == ("account_backup", firm.chi.id)


async def test_an_absent_owners_own_backup_stands_in_where_the_account_has_none(
    database: Database, firm: Firm
) -> None:
    """F122: An's own backup is Chi."""
    await database.write(_account, firm, firm.an.id, None)
    await database.write(_set, firm.an.id, on_duty=False)
    number = await database.write(arrive, firm)

    assert (await database.read(conversation, number)).owner_id == firm.chi.id


async def test_it_goes_to_the_types_team_when_neither_can(
    database: Database, firm: Firm
) -> None:
    """F122: and the conversation says of which account it is."""
    account = await database.write(_account, firm, firm.chi.id, firm.dung.id)
    await database.write(_set, firm.chi.id, firm.dung.id, on_duty=False)
    number = await database.write(arrive, firm)

    row, why = await database.read(conversation, number), await _why(database, number)
    assert row.owner_id == firm.binh.id  # An has the first one
    assert (why.data["reason"], why.data["account"]) == ("least_open", account)


async def test_what_waited_goes_to_the_owner_once_they_are_there(
    database: Database, firm: Firm
) -> None:
    """F122: though nobody of the team is."""
    everybody = (firm.an.id, firm.binh.id, firm.chi.id)
    await database.write(_account, firm, firm.chi.id, None)
    await database.write(_set, *everybody, on_duty=False)
    number = await database.write(arrive, firm)
    assert (await database.read(conversation, number)).owner_id is None
    assert await database.write(give_out, NOW) == 0

    await database.write(_set, firm.chi.id, on_duty=True)
    assert await database.write(give_out, NOW) == 1

    row, why = await database.read(conversation, number), await _why(database, number)
    assert row.owner_id == firm.chi.id
    assert (why.data["reason"], why.data["later"]) == ("account_owner", True)


async def test_the_keeper_keeps_it_when_it_is_sorted_anew(
    database: Database, firm: Firm
) -> None:
    """F122: the team follows the topic, the owner stays."""
    await database.write(_account, firm, firm.an.id, None)
    number = await database.write(arrive, firm)

    def correct(session: Session) -> None:
        row, book = conversation(session, number), load_rulebook(session)
        corrections.correct(
            session, row, book, firm.house, request_type="complaint", by=firm.an, now=NOW
        )

    await database.write(correct)

    row = await database.read(conversation, number)
    assert (row.team_id, row.owner_id) == (firm.tech, firm.an.id)


async def test_the_cap_holds_over_a_batch(database: Database, firm: Firm) -> None:
    """F69, F122: three come, the owner has room for one."""
    await database.write(_account, firm, firm.chi.id, None)
    await database.write(_set, firm.chi.id, open_cap=1)
    numbers = [await database.write(arrive, firm) for _ in range(3)]

    owners = [(await database.read(conversation, one)).owner_id for one in numbers]
    assert owners.count(firm.chi.id) == 1
    assert None not in owners
