"""Several new conversations of one unit of work: owners and answers come together, last."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.util import await_only
from sqlmodel import Session

from inbox import intake
from inbox.channels.base import InboundMessage
from inbox.db import Database
from inbox.intake import Incoming
from inbox.staging import Arrival, stage
from inbox.store import raw as raws
from models import (
    Absence,
    Agent,
    ChannelKind,
    Conversation,
    EventKind,
    Outbox,
    Team,
    TeamMember,
)
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    context,
    conversation,
    events_of,
    everything,
    kinds_of,
    make_message,
    prediction,
)

agents = columns(Agent)


def _claim(session: Session, firm: Firm, messages: list[InboundMessage]) -> list[Incoming]:
    """Stage mail and have it, read and sorted: every other one a complaint."""
    for number, _ in enumerate(messages):
        arrival = Arrival(firm.mail, ChannelKind.EMAIL, f"batch-{number}", b"raw", {})
        stage(session, arrival, NOW)
    claimed = raws.claim(session, NOW, 100)
    kinds = ("product_advice", "complaint")
    return [
        Incoming(raw, message, prediction(kinds[number % 2]))
        for number, (raw, message) in enumerate(zip(claimed, messages, strict=True))
    ]


def _take_in(session: Session, firm: Firm, messages: list[InboundMessage]) -> list[int]:
    """Take messages in as the worker does with a batch."""
    about = context(session, firm)
    some = _claim(session, firm, messages)
    openings = intake.begin(session, about, NOW)
    numbers = [intake.take_in(session, one, about, NOW, openings) for one in some]
    openings.settle()
    return numbers


def _from(*senders: str, **values: Any) -> list[InboundMessage]:
    return [make_message(from_address=f"{one}@khach.example", **values) for one in senders]


async def _owners(database: Database) -> Counter[int | None]:
    rows: list[Conversation] = await database.read(lambda s: everything(s, Conversation))
    return Counter(row.owner_id for row in rows)


@pytest.mark.parametrize("gives_by", ["least_open", "round_robin", "weight"])
async def test_a_cap_counts_what_the_same_batch_gave_in_another_team(
    database: Database, firm: Firm, gives_by: str
) -> None:
    """F69: somebody in two teams, and a backup of both, gets no more than they may have."""

    def only_chi(session: Session) -> None:
        session.add(TeamMember(team_id=firm.sales, agent_id=firm.chi.id))
        session.execute(update(Team).values(gives_by=gives_by))
        absent = (firm.an.id, firm.binh.id)
        session.execute(update(Agent).where(agents.id.in_(absent)).values(on_duty=False))
        session.execute(update(Agent).where(agents.id == firm.chi.id).values(open_cap=3))

    await database.write(only_chi)
    await database.write(_take_in, firm, _from(*"abcdefgh"))

    assert await _owners(database) == {firm.chi.id: 3, None: 5}


async def test_a_backup_s_cap_counts_what_the_same_batch_gave(
    database: Database, firm: Firm
) -> None:
    """F51, F69: a stand-in is not given more than fits because a batch came at once."""

    def away(session: Session) -> None:
        for who in (firm.an, firm.binh):
            absent = Absence(
                agent_id=who.id,
                backup_id=firm.chi.id,
                starts_at=NOW.replace(hour=0),
                ends_at=NOW.replace(hour=23),
                created_at=NOW,
            )
            session.add(absent)
        session.execute(update(Agent).where(agents.id == firm.chi.id).values(open_cap=3))

    await database.write(away)
    await database.write(_take_in, firm, _from(*"abcdefgh"))

    assert (await _owners(database))[firm.chi.id] == 3


async def test_three_acknowledgements_for_an_address_in_one_batch(
    database: Database, firm: Firm
) -> None:
    """F22: the cap of a day holds when everything comes at once."""
    await database.write(_take_in, firm, _from(*["mot"] * 5, "hai"))

    mails: list[Outbox] = await database.read(lambda session: everything(session, Outbox))
    assert Counter(one.to_address for one in mails) == {
        "mot@khach.example": 3,
        "hai@khach.example": 1,
    }


async def test_what_a_message_of_the_batch_looks_at_is_complete(
    database: Database, firm: Firm
) -> None:
    """A hint to a conversation that the same batch opened counts there as asked again."""
    (first,) = _from("lan", message_id="goc@khach.example")
    (second,) = _from("lan", in_reply_to="goc@khach.example")

    one, two = await database.write(_take_in, firm, [first, second])

    assert (await database.read(conversation, one)).asked_again == 1
    opened = ["received", "sorted", "ruled", "assigned", "acknowledged"]
    assert (await database.read(kinds_of, one))[:5] == opened
    assert await database.read(kinds_of, two) == [*opened, "hinted"]
    (given,) = [
        event
        for event in await database.read(events_of, two)
        if event.kind is EventKind.ASSIGNED
    ]
    assert given.data["to"]["owner"] == (await database.read(conversation, two)).owner_id


@pytest.mark.parametrize("database_kind", ["postgresql"], scope="session")
async def test_a_long_batch_holds_up_nobody_who_gives_out_work(
    database: Database, firm: Firm
) -> None:
    """F69: others take in and give out while a batch is under way; caps hold all the same."""
    everybody = (firm.an.id, firm.binh.id)
    await database.write(
        lambda session: session.execute(
            update(Agent).where(agents.id.in_(everybody)).values(open_cap=1)
        )
    )
    begun, others_done = asyncio.Event(), asyncio.Event()

    def slowly(session: Session) -> None:
        about = context(session, firm)
        some = _claim(session, firm, _from("mot", "hai", "ba"))
        openings = intake.begin(session, about, NOW)
        for one in some[::2]:
            intake.take_in(session, one, about, NOW, openings)
        begun.set()
        await_only(others_done.wait())
        openings.settle()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(database.write(slowly))
        await begun.wait()
        number: int = await database.write(arrive, firm, *_from("bon"), key="beside")
        others_done.set()

    assert (await database.read(conversation, number)).owner_id in everybody
    assert await _owners(database) == {firm.an.id: 1, firm.binh.id: 1, None: 1}
