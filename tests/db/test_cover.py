"""Somebody who does not answer, or is away, is covered for by their backup."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import cover
from inbox.db import Database
from inbox.errors import NotFound
from models import Absence, Agent, Calendar, Conversation, EventKind
from models.base import columns
from tests.factories import NOW, Firm, arrive, conversation, events_of

agents = columns(Agent)
conversations = columns(Conversation)


def set_agent(session: Session, agent_id: int, **values: Any) -> None:
    session.execute(update(Agent).where(agents.id == agent_id).values(**values))


def own(session: Session, number: int, owner: int | None) -> None:
    session.execute(
        update(Conversation).where(conversations.id == number).values(owner_id=owner)
    )


def add_absence(session: Session, agent_id: int, **values: Any) -> int:
    plain = {"starts_at": NOW - timedelta(hours=1), "ends_at": NOW + timedelta(days=1)}
    absence = Absence(agent_id=agent_id, created_at=NOW, **{**plain, **values})
    session.add(absence)
    session.flush()
    return absence.id


async def pass_on(database: Database, number: int) -> int | None:
    return await database.write(cover.pass_to_backup, number, NOW, why=cover.SILENT)


class TestSilentOwner:
    async def test_the_backup_gets_it_without_any_absence(
        self, database: Database, firm: Firm
    ) -> None:
        """F52: with the reason, and for whom it is covered."""
        number = await database.write(arrive, firm)
        await database.write(own, number, firm.an.id)
        before = await database.read(conversation, number)

        assert await pass_on(database, number) == firm.chi.id

        row = await database.read(conversation, number)
        assert (row.owner_id, row.covered_for_id) == (firm.chi.id, firm.an.id)
        assert row.team_id == before.team_id
        assert row.version == before.version + 1
        event = (await database.read(events_of, number))[-1]
        assert event.kind is EventKind.COVERED
        assert event.data["reason"] == "silent"
        assert event.data["from"] == {"owner": firm.an.id, "covered_for": None}
        assert event.data["to"] == {"owner": firm.chi.id, "covered_for": firm.an.id}

    async def test_the_chain_goes_on_past_who_is_not_at_work(
        self, database: Database, firm: Firm
    ) -> None:
        """F50: Bình's backup An is away, An's is Chi."""
        number = await database.write(arrive, firm)
        await database.write(own, number, firm.binh.id)
        await database.write(set_agent, firm.an.id, on_duty=False)
        assert await pass_on(database, number) == firm.chi.id

    @pytest.mark.parametrize("why", ["switch", "absence", "hours", "left"])
    async def test_who_is_not_at_work_is_passed_over(
        self, database: Database, firm: Firm, why: str
    ) -> None:
        """F52: of whatever kind; with nobody left it is the team's."""
        number = await database.write(arrive, firm)
        await database.write(own, number, firm.an.id)

        def leave(session: Session) -> None:
            if why == "switch":
                set_agent(session, firm.chi.id, on_duty=False)
            elif why == "left":
                set_agent(session, firm.chi.id, is_active=False)
            elif why == "absence":
                add_absence(session, firm.chi.id)
            else:
                spec = {"timezone": "UTC", "hours": {"mon": [["20:00", "24:00"]]}}
                night = Calendar(name="Đêm", spec=spec)
                session.add(night)
                session.flush()
                set_agent(session, firm.chi.id, calendar_id=night.id)

        await database.write(leave)
        assert await pass_on(database, number) is None
        row = await database.read(conversation, number)
        assert (row.owner_id, row.covered_for_id) == (None, firm.an.id)
        assert row.team_id == firm.sales

    async def test_an_absence_names_another_backup(
        self, database: Database, firm: Firm
    ) -> None:
        """F50: the running absence's backup counts before the standing one."""
        number = await database.write(arrive, firm)
        await database.write(own, number, firm.binh.id)
        await database.write(add_absence, firm.an.id, backup_id=firm.dung.id)
        assert await pass_on(database, number) == firm.dung.id

    async def test_a_circle_ends(self, database: Database, firm: Firm) -> None:
        """F50: Chi's backup is An again; nobody is asked twice."""
        number = await database.write(arrive, firm)
        await database.write(own, number, firm.an.id)
        await database.write(set_agent, firm.chi.id, backup_id=firm.an.id, on_duty=False)
        assert await pass_on(database, number) is None

    async def test_back_with_the_first_owner_nothing_is_covered(
        self, database: Database, firm: Firm
    ) -> None:
        """The backup is silent too, and their backup is whom they cover for."""
        number = await database.write(arrive, firm)
        await database.write(own, number, firm.an.id)
        await database.write(set_agent, firm.chi.id, backup_id=firm.an.id)
        assert await pass_on(database, number) == firm.chi.id
        assert await pass_on(database, number) == firm.an.id
        row = await database.read(conversation, number)
        assert (row.owner_id, row.covered_for_id) == (firm.an.id, None)

    async def test_without_owner_there_is_nothing_to_pass(
        self, database: Database, firm: Firm
    ) -> None:
        number = await database.write(arrive, firm)
        await database.write(own, number, None)
        before = await database.read(events_of, number)
        assert await pass_on(database, number) is None
        assert len(await database.read(events_of, number)) == len(before)
        with pytest.raises(NotFound):
            await pass_on(database, 999)
