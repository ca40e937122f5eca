"""The list's statements, written once, say the same on both databases."""

from datetime import timedelta

from sqlalchemy import update
from sqlmodel import Session

from inbox.db import Database
from inbox.store import counts
from inbox.store.conversations import Cursor, list_conversations
from inbox.store.people import Person
from models import Conversation, Status
from models.base import columns
from tests.factories import NOW, Firm, arrive, prediction

conversations = columns(Conversation)


def _numbers(session: Session, who: Person, after: Cursor | None = None) -> list[int]:
    return [row.id for row in list_conversations(session, who, after=after, limit=2)]


def _three(session: Session, firm: Firm) -> list[int]:
    """Open one for sales, one for the technicians, and one of theirs without an owner."""
    kinds = ("product_advice", "technical_support", "technical_support")
    found = [
        arrive(session, firm, said=prediction(kind), at=NOW + timedelta(minutes=n))
        for n, kind in enumerate(kinds)
    ]
    session.flush()
    nobody = update(Conversation).where(conversations.id == found[2]).values(owner_id=None)
    session.execute(nobody)
    due = update(Conversation).values(order_at=NOW, urgency_rank=2)
    session.execute(due)
    return found


async def test_who_sees_what_and_how_many(database: Database, firm: Firm) -> None:
    """An agent: the team's, the own, and what nobody owns; a supervisor: everything."""
    sales, tech, nobodys = await database.write(_three, firm)
    assert await database.read(_numbers, firm.an) == [sales, nobodys]
    assert await database.read(_numbers, firm.chi) == [tech, nobodys]
    assert await database.read(_numbers, firm.dung) == [sales, tech]
    assert (await database.read(counts.scopes_and_rail, firm.chi))[0] == ("1", "2", "0")
    assert (await database.read(counts.scopes_and_rail, firm.dung))[0] == ("0", "3", "0")
    assert (await database.read(counts.scopes_and_rail, firm.admin))[0] == ("0", "3", "0")
    rail = await database.read(counts.navigation, firm.chi)
    assert (rail.inbox, rail.review) == ("1", "0")


async def test_a_page_goes_on_where_the_last_one_ended(database: Database, firm: Firm) -> None:
    """Rows with one due time and urgency are told apart by their numbers: none twice."""
    sales, tech, nobodys = await database.write(_three, firm)
    after = Cursor(NOW, 2, tech)
    assert await database.read(_numbers, firm.dung, after) == [nobodys]
    assert await database.read(_numbers, firm.an, Cursor(NOW, 1, nobodys)) == [sales, nobodys]


async def test_what_is_done_is_not_listed(database: Database, firm: Firm) -> None:
    """Only open ones are listed, unless all are asked for."""

    def work(session: Session) -> tuple[int, int]:
        number = _three(session, firm)[0]
        done = update(Conversation).where(conversations.id == number)
        session.execute(done.values(status=Status.RESOLVED))
        everything = list_conversations(session, firm.dung, status=None)
        return len(list_conversations(session, firm.dung)), len(everything)

    assert await database.write(work) == (2, 3)
