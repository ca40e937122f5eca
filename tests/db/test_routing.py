"""Who answers for it, and why."""

import asyncio
from collections import Counter

from sqlalchemy import update
from sqlmodel import Session

from inbox import routing
from inbox.db import Database
from inbox.routing import Route
from inbox.rulebook import load_rulebook
from models import Agent, Conversation, Event, EventKind, RequestType
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_message,
    prediction,
)

agents = columns(Agent)


def _choose(session: Session, request_type: str, owner_id: int | None = None) -> Route:
    book = load_rulebook(session)
    work = routing.Work(request_type)
    return routing.choose(
        session, book, work, fallback_team_id=None, now=NOW, owner_id=owner_id
    )


def _set(session: Session, *ids: int, **values: object) -> None:
    session.execute(update(Agent).where(agents.id.in_(ids)).values(**values))


async def _why(database: Database, number: int) -> Event:
    """Return the event that says who owns it."""
    events = await database.read(events_of, number)
    return next(one for one in reversed(events) if one.kind is EventKind.ASSIGNED)


async def test_work_goes_to_whoever_has_least(database: Database, firm: Firm) -> None:
    """F68, F71."""
    owners = []
    for _ in range(4):
        number = await database.write(arrive, firm)
        owners.append((await database.read(conversation, number)).owner_id)

    assert owners == [firm.an.id, firm.binh.id, firm.an.id, firm.binh.id]


async def test_the_type_names_the_team_and_leaders_get_no_work(
    database: Database, firm: Firm
) -> None:
    """F68."""
    route = await database.read(_choose, "technical_support")

    assert (route.team_id, route.owner_id, route.reason) == (
        firm.tech,
        firm.chi.id,
        "least_open",
    )
    assert route.data["type_vi"] == "Hỗ trợ kỹ thuật"


async def test_nobody_on_duty_leaves_it_to_the_team(database: Database, firm: Firm) -> None:
    """F71: with the reason in words for the page."""
    await database.write(_set, firm.an.id, firm.binh.id, on_duty=False)
    number = await database.write(arrive, firm)

    row = await database.read(conversation, number)
    why = await _why(database, number)
    assert (row.team_id, row.owner_id) == (firm.sales, None)
    assert (why.kind, why.data["reason"]) == ("assigned", "nobody_on_duty")


async def test_who_has_left_gets_nothing(database: Database, firm: Firm) -> None:
    await database.write(_set, firm.an.id, is_active=False)

    route = await database.read(_choose, "product_advice")

    assert route.owner_id == firm.binh.id


async def test_an_owner_of_the_right_team_keeps_it(database: Database, firm: Firm) -> None:
    await database.write(arrive, firm)  # An has one, Bình none

    kept = await database.read(_choose, "order_delivery", firm.an.id)
    moved = await database.read(_choose, "complaint", firm.an.id)

    assert (kept.owner_id, kept.reason) == (firm.an.id, "kept")
    assert (moved.owner_id, moved.team_id) == (firm.chi.id, firm.tech)


async def test_at_the_cap_it_waits_for_the_team(database: Database, firm: Firm) -> None:
    """F68."""
    await database.write(_set, firm.an.id, firm.binh.id, open_cap=1)
    numbers = [await database.write(arrive, firm) for _ in range(3)]

    last = await database.read(conversation, numbers[-1])
    why = await _why(database, numbers[-1])
    assert (last.team_id, last.owner_id) == (firm.sales, None)
    assert why.data["reason"] == "all_full"


async def test_eight_at_once_do_not_break_the_cap(database: Database, firm: Firm) -> None:
    """F69."""
    await database.write(_set, firm.an.id, firm.binh.id, open_cap=3)

    await asyncio.gather(
        *(
            database.write(arrive, firm, make_message(from_address=f"nguoi{n}@khac.example"))
            for n in range(8)
        )
    )

    rows: list[Conversation] = await database.read(
        lambda session: everything(session, Conversation)
    )
    assert Counter(row.owner_id for row in rows) == {
        firm.an.id: 3,
        firm.binh.id: 3,
        None: 2,
    }


async def test_a_type_without_team_goes_to_the_doors_team(
    database: Database, firm: Firm
) -> None:
    types = columns(RequestType)
    await database.write(
        lambda session: session.execute(
            update(RequestType).where(types.key == "complaint").values(team_id=None)
        )
    )

    number = await database.write(arrive, firm, None, prediction("complaint"))

    assert (await database.read(conversation, number)).team_id == firm.sales
