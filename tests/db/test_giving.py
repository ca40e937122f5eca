"""Turns, weights, skills, rules; and what waited is given out once somebody is there."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import conversations as service
from inbox import giving
from inbox.db import Database
from inbox.duty import list_candidates
from inbox.store import routes
from inbox.store.routes import Rule
from inbox.telling import Alert
from models import (
    Absence,
    Agent,
    Calendar,
    Conversation,
    Event,
    EventKind,
    Status,
    Team,
    TeamMember,
)
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_agent,
    make_message,
    notices_of,
    prediction,
)

agents = columns(Agent)
teams = columns(Team)
members = columns(TeamMember)
conversations = columns(Conversation)

HOUR = timedelta(hours=1)
EVENING = {"timezone": "UTC", "hours": {"mon": [["04:00", "12:00"]]}}  # from 11:00 here


def set_agent(session: Session, *ids: int, **values: Any) -> None:
    session.execute(update(Agent).where(agents.id.in_(ids)).values(**values))


def set_team(session: Session, team_id: int, **values: Any) -> None:
    session.execute(update(Team).where(teams.id == team_id).values(**values))


async def come(
    database: Database, firm: Firm, count: int, language: str = "vi", **values: Any
) -> list[int]:
    """Let messages come in from different people, one a minute."""
    made = []
    for n in range(count):
        message = make_message(from_address=f"nguoi{n}@khach.example", language=language)
        at = NOW + timedelta(minutes=n)
        made.append(await database.write(arrive, firm, message, at=at, **values))
    return made


async def owners(database: Database, numbers: list[int]) -> list[int | None]:
    return [(await database.read(conversation, one)).owner_id for one in numbers]


async def why(database: Database, number: int) -> Event:
    events = await database.read(events_of, number)
    return next(one for one in reversed(events) if one.kind is EventKind.ASSIGNED)


async def give_out(database: Database, now: Any = NOW) -> int:
    """Do what a worker does until there is nothing left to give."""
    total = 0
    while await database.read(giving.teams_to_serve, now):
        given = await database.write(giving.give_out, now)
        if not given:
            break
        total += given
    return total


class TestModes:
    async def test_by_turn_whatever_they_have(self, database: Database, firm: Firm) -> None:
        """F68, F71: one after the other, also when one has more open."""
        await come(database, firm, 3)  # An, Bình, An: by least open
        await database.write(set_team, firm.sales, gives_by="round_robin")
        third = await database.write(lambda s: make_agent(s, "Em", firm.sales).id)

        numbers = await come(database, firm, 6)

        cycle = [firm.an.id, firm.binh.id, third]
        assert await owners(database, numbers) == cycle * 2
        assert (await why(database, numbers[0])).data["reason"] == "round_robin"

    async def test_turns_within_one_instant(self, database: Database, firm: Firm) -> None:
        """F68: what comes in one moment is shared out too."""
        await database.write(set_team, firm.sales, gives_by="round_robin")

        def burst(session: Session) -> list[int]:
            some = (make_message(from_address=f"n{n}@khach.example") for n in range(6))
            return [arrive(session, firm, message) for message in some]

        numbers = await database.write(burst)
        assert await owners(database, numbers) == [firm.an.id, firm.binh.id] * 3

    async def test_by_weight(self, database: Database, firm: Firm) -> None:
        """F68: who weighs three times as much has three times as much."""
        await database.write(set_team, firm.sales, gives_by="weight")
        await database.write(set_agent, firm.binh.id, weight=3)
        numbers = await come(database, firm, 12)
        counted = Counter(await owners(database, numbers))
        assert counted == {firm.an.id: 3, firm.binh.id: 9}
        assert (await why(database, numbers[0])).data["reason"] == "weight"

    @pytest.mark.parametrize("gives_by", ["round_robin", "weight", "least_open"])
    async def test_caps_hold_in_each(
        self, database: Database, firm: Firm, gives_by: str
    ) -> None:
        """F68, F69: eight at once; whoever is at the cap is passed over."""
        await database.write(set_team, firm.sales, gives_by=gives_by)
        await database.write(set_agent, firm.an.id, open_cap=2)
        await database.write(set_agent, firm.binh.id, open_cap=4)

        async def one(n: int) -> None:
            message = make_message(from_address=f"n{n}@khach.example")
            await database.write(arrive, firm, message)

        await asyncio.gather(*(one(n) for n in range(8)))

        rows: list[Conversation] = await database.read(lambda s: everything(s, Conversation))
        assert Counter(row.owner_id for row in rows) == {
            firm.an.id: 2,
            firm.binh.id: 4,
            None: 2,
        }

    async def test_one_cap_over_several_teams(self, database: Database, firm: Firm) -> None:
        """F69: who is in two teams is not given twice as much by two arrivals at once."""

        def only_chi(session: Session) -> None:
            session.add(TeamMember(team_id=firm.sales, agent_id=firm.chi.id))
            set_agent(session, firm.an.id, firm.binh.id, on_duty=False)
            set_agent(session, firm.chi.id, open_cap=3)

        await database.write(only_chi)

        async def one(n: int) -> None:
            kind = "complaint" if n % 2 else "product_advice"
            message = make_message(from_address=f"n{n}@khach.example")
            await database.write(arrive, firm, message, prediction(kind))

        await asyncio.gather(*(one(n) for n in range(8)))

        rows: list[Conversation] = await database.read(lambda s: everything(s, Conversation))
        assert Counter(row.owner_id for row in rows) == {firm.chi.id: 3, None: 5}


class TestSkills:
    async def test_languages(self, database: Database, firm: Firm) -> None:
        """F68: who speaks English only gets no Vietnamese; no skills means all of it."""
        await database.write(set_agent, firm.an.id, skills=["en"])
        vietnamese = await come(database, firm, 3, "vi")
        assert await owners(database, vietnamese) == [firm.binh.id] * 3
        english = await come(database, firm, 2, "en")
        assert await owners(database, english) == [firm.an.id] * 2  # has least open

    async def test_request_types(self, database: Database, firm: Firm) -> None:
        """F68: one kind of skill leaves the others open."""
        await database.write(set_agent, firm.an.id, skills=["order_delivery", "vi", "en"])
        numbers = await come(database, firm, 2)  # product advice
        assert await owners(database, numbers) == [firm.binh.id] * 2
        orders = await come(database, firm, 2, said=prediction("order_delivery"))
        assert await owners(database, orders) == [firm.an.id] * 2

    async def test_with_nobody_skilled_somebody_gets_it(
        self, database: Database, firm: Firm
    ) -> None:
        """No request waits for a skill that nobody at work has."""
        await database.write(set_agent, firm.an.id, firm.binh.id, skills=["en"])
        (number,) = await come(database, firm, 1, "vi")
        assert await owners(database, [number]) == [firm.an.id]

    async def test_the_skilled_are_waited_for(self, database: Database, firm: Firm) -> None:
        """At the cap, they are there all the same."""
        await database.write(set_agent, firm.an.id, skills=["order_delivery"])
        await database.write(set_agent, firm.binh.id, skills=["product_advice"], open_cap=1)
        numbers = await come(database, firm, 2)
        assert await owners(database, numbers) == [firm.binh.id, None]
        assert (await why(database, numbers[1])).data["reason"] == "all_full"


class TestRules:
    async def test_a_rule_comes_before_the_type(self, database: Database, firm: Firm) -> None:
        """F68, F71: in their order, by language or way in or product group."""
        rules = [
            Rule(firm.tech, "English to technicians", language="en"),
            Rule(firm.sales, "Complaints by form", "complaint", inbox_id=firm.form),
        ]
        await database.write(routes.save_rules, rules)

        (english,) = await come(database, firm, 1, "en")
        (plain,) = await come(database, firm, 1)
        (complaint,) = await come(database, firm, 1, said=prediction("complaint"))

        assert await owners(database, [english, complaint]) == [firm.chi.id] * 2
        assert await owners(database, [plain]) == [firm.an.id]
        assert (await why(database, english)).data["rule"] == "English to technicians"
        assert "rule" not in (await why(database, complaint)).data

    async def test_the_department_that_it_came_to(self, database: Database, firm: Firm) -> None:
        """F68: that of the team to which the way in belongs, in any case of letters."""
        await database.write(set_team, firm.sales, department="Kinh doanh")
        rules = [
            Rule(firm.sales, "Others", "complaint", department="Kế toán"),
            Rule(firm.tech, "Ours", "product_advice", department="kinh doanh"),
        ]
        await database.write(routes.save_rules, rules)

        (advice,) = await come(database, firm, 1)
        (complaint,) = await come(database, firm, 1, said=prediction("complaint"))

        assert await owners(database, [advice, complaint]) == [firm.chi.id] * 2
        assert (await why(database, advice)).data["rule"] == "Ours"
        assert "rule" not in (await why(database, complaint)).data

    async def test_a_product_group_on_arrival(self, database: Database, firm: Firm) -> None:
        """F68: as a script files it."""
        rule = Rule(firm.tech, "Filters", product_group="Lọc nước")
        await database.write(routes.save_rules, [rule])
        about = {"product_group": "Lọc nước"}
        number = await database.write(arrive, firm, meta=about)
        assert await owners(database, [number]) == [firm.chi.id]

    async def test_a_closed_team_is_passed_over(self, database: Database, firm: Firm) -> None:
        await database.write(routes.save_rules, [Rule(firm.tech, "x")])
        await database.write(set_team, firm.tech, is_active=False)
        (number,) = await come(database, firm, 1)
        assert (await database.read(conversation, number)).team_id == firm.sales


class TestNobodyThere:
    async def test_the_first_who_comes_gets_what_waited(
        self, database: Database, firm: Firm
    ) -> None:
        """F70: what is due first first, under the cap, and it says so."""
        await database.write(set_agent, firm.an.id, firm.binh.id, on_duty=False)
        numbers = await come(database, firm, 3)
        urgent = await database.write(
            arrive, firm, None, prediction(urgency="urgent"), at=NOW + HOUR / 6
        )
        assert await owners(database, numbers) == [None] * 3
        assert await give_out(database) == 0

        await database.write(set_agent, firm.an.id, on_duty=True, open_cap=3)
        assert await give_out(database, NOW + HOUR) == 3

        assert await owners(database, [urgent, *numbers]) == [*[firm.an.id] * 3, None]
        event = await why(database, urgent)
        assert (event.data["reason"], event.data["later"]) == ("least_open", True)
        assert event.data["to"] == {"owner": firm.an.id}

    async def test_when_the_shift_begins(self, database: Database, firm: Firm) -> None:
        """F70: at the moment at which own hours open, not before."""

        def shifts(session: Session) -> None:
            own = Calendar(name="Ca chiều", spec=EVENING)
            session.add(own)
            session.flush()
            set_agent(session, firm.an.id, firm.binh.id, calendar_id=own.id)

        await database.write(shifts)
        numbers = await come(database, firm, 2)
        assert await owners(database, numbers) == [None] * 2
        opens = NOW.replace(hour=4, minute=0)
        assert await give_out(database, opens - timedelta(seconds=1)) == 0
        assert await give_out(database, opens) == 2
        assert await owners(database, numbers) == [firm.an.id, firm.binh.id]

    async def test_room_again(self, database: Database, firm: Firm) -> None:
        """F70: also what found everybody at the cap."""
        await database.write(set_agent, firm.an.id, firm.binh.id, open_cap=1)
        numbers = await come(database, firm, 3)
        assert await give_out(database) == 0
        done = update(Conversation).where(conversations.id == numbers[0])
        await database.write(lambda s: s.execute(done.values(status=Status.RESOLVED)))
        assert await give_out(database) == 1
        assert (await owners(database, numbers))[2] == firm.an.id

    async def test_what_was_left_on_purpose_stays(self, database: Database, firm: Firm) -> None:
        """A person gave it back to the team: no machine gives it out again."""
        (number,) = await come(database, firm, 1)

        def give_back(session: Session) -> None:
            row = conversation(session, number)
            service.assign(session, row, None, by=firm.an, now=NOW)

        await database.write(give_back)
        assert await give_out(database) == 0
        assert await owners(database, [number]) == [None]

    async def test_who_was_silent_does_not_get_it_again(
        self, database: Database, firm: Firm
    ) -> None:
        """F52: with nobody left it waited for the team; another of it gets it."""
        (number,) = await come(database, firm, 1)
        values = {"owner_id": None, "covered_for_id": firm.an.id}
        lose = update(Conversation).where(conversations.id == number).values(**values)
        await database.write(lambda session: session.execute(lose))
        assert await give_out(database) == 1
        assert await owners(database, [number]) == [firm.binh.id]
        (told,) = await database.read(notices_of, number)
        assert (told.agent_id, told.kind) == (firm.binh.id, Alert.HANDED_OVER)

    async def test_with_nobody_else_it_is_theirs_again(
        self, database: Database, firm: Firm
    ) -> None:
        """F117: whoever leads has heard of it; a request without anybody is worse."""
        await database.write(set_agent, firm.binh.id, on_duty=False)
        (number,) = await come(database, firm, 1)
        values = {"owner_id": None, "covered_for_id": firm.an.id}
        lose = update(Conversation).where(conversations.id == number).values(**values)
        await database.write(lambda session: session.execute(lose))
        assert await give_out(database) == 1
        row = await database.read(conversation, number)
        assert (row.owner_id, row.covered_for_id) == (firm.an.id, None)
        assert await database.read(notices_of, number) == []

    async def test_by_many_workers_at_once(self, database: Database, firm: Firm) -> None:
        """F69, F70: each is given once, and no cap is passed."""
        await database.write(set_agent, firm.an.id, firm.binh.id, on_duty=False)
        numbers = await come(database, firm, 12)
        await database.write(set_agent, firm.an.id, firm.binh.id, on_duty=True, open_cap=5)

        given = await asyncio.gather(*(give_out(database) for _ in range(8)))

        assert sum(given) == 10
        counted = Counter(await owners(database, numbers))
        assert counted == {firm.an.id: 5, firm.binh.id: 5, None: 2}
        for number in numbers:
            events = await database.read(events_of, number)
            assigned = [one for one in events if one.data.get("later")]
            assert len(assigned) <= 1

    async def test_the_absent_ones_backup_stands_in(
        self, database: Database, firm: Firm
    ) -> None:
        """F49: with nobody of the team there, new work goes to the absent one's backup."""

        def leave(session: Session) -> None:
            set_agent(session, firm.binh.id, on_duty=False)
            session.add(
                Absence(
                    agent_id=firm.an.id,
                    starts_at=NOW - HOUR,
                    ends_at=NOW + 9 * HOUR,
                    created_at=NOW,
                )
            )
            set_agent(session, firm.chi.id, open_cap=2)

        await database.write(leave)
        numbers = await come(database, firm, 3)
        assert await owners(database, numbers) == [firm.chi.id, firm.chi.id, None]
        event = await why(database, numbers[0])
        assert (event.data["reason"], event.data["first"]) == ("backup", firm.an.id)


async def test_candidates_are_those_at_work(database: Database, firm: Firm) -> None:
    """F49, F68: least open first; neither the absent nor leaders are any."""
    await come(database, firm, 1)
    found = await database.write(list_candidates, firm.sales, NOW)
    assert [(one.id, one.open_count) for one in found] == [(firm.binh.id, 0), (firm.an.id, 1)]
