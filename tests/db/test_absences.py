"""Somebody is away from one time to another: their work goes to the backup and comes back."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox import conversations as service
from inbox.alerting.gathering import send_alerts
from inbox.company import absences, covering, handover
from inbox.company.absences import Plan
from inbox.company.cover_words import WORDS
from inbox.db import Database
from inbox.errors import Conflict, Forbidden, Invalid
from models import (
    Absence,
    Agent,
    AuditAction,
    AuditEntry,
    AuditThing,
    Conversation,
    EventKind,
    Notice,
    Outbox,
    Status,
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
)

agents = columns(Agent)
members = columns(TeamMember)
conversations = columns(Conversation)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAR = NOW + timedelta(days=30)


def set_agent(session: Session, agent_id: int, **values: Any) -> None:
    session.execute(update(Agent).where(agents.id == agent_id).values(**values))


def set_conversation(session: Session, number: int, **values: Any) -> None:
    session.execute(update(Conversation).where(conversations.id == number).values(**values))


async def work_of(
    database: Database, firm: Firm, owner: int | None, count: int = 1, **values: Any
) -> list[int]:
    """Let messages come in and give them to somebody; due within hours unless told."""
    made = []
    for n in range(count):
        message = make_message(from_address=f"nguoi{n}@khach.example")
        number = await database.write(arrive, firm, message, at=NOW - timedelta(minutes=n))
        await database.write(set_conversation, number, owner_id=owner, **values)
        made.append(number)
    return made


async def enter(
    database: Database,
    firm: Firm,
    agent_id: int,
    starts: timedelta = -HOUR,
    ends: timedelta = DAY,
    now: datetime = NOW,
    **values: Any,
) -> int:
    plan = Plan(NOW + starts, NOW + ends, **values)
    return await database.write(absences.enter, agent_id, plan, by=firm.dung, now=now)


async def sweep(database: Database, firm: Firm, now: datetime = NOW) -> None:
    """Do what a worker does until there is nothing left to do."""
    while await database.read(covering.is_due, now):
        await database.write(covering.go_on, firm.house, now)


async def places(database: Database, numbers: list[int]) -> list[tuple[Any, Any]]:
    rows = [await database.read(conversation, one) for one in numbers]
    return [(row.owner_id, row.covered_for_id) for row in rows]


async def notices(database: Database) -> dict[str, list[tuple[int, int]]]:
    rows: list[Notice] = await database.read(lambda session: everything(session, Notice))
    found: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        what = row.step.partition("-")[0]
        if what in WORDS:
            found.setdefault(what, []).append((row.agent_id, row.data["count"]))
    return found


class TestTheBeginning:
    async def test_what_falls_due_inside_goes_to_the_backup(
        self, database: Database, firm: Firm
    ) -> None:
        """F49: with a note, and a notice to both; the rest stays."""
        due = await work_of(database, firm, firm.an.id, 3)
        (later,) = await work_of(
            database,
            firm,
            firm.an.id,
            next_due_at=FAR,
            first_response_due_at=FAR,
            resolution_due_at=FAR,
        )
        (reminder,) = await work_of(
            database,
            firm,
            firm.an.id,
            status=Status.WAITING,
            next_due_at=None,
            resolution_due_at=None,
            waiting_until=NOW + 2 * HOUR,
        )
        (done,) = await work_of(database, firm, firm.an.id, status=Status.RESOLVED)
        await enter(database, firm, firm.an.id, note="Gọi khách trước.")

        await sweep(database, firm)

        assert await places(database, due) == [(firm.chi.id, firm.an.id)] * 3
        assert await places(database, [reminder]) == [(firm.chi.id, firm.an.id)]
        assert await places(database, [later, done]) == [(firm.an.id, None)] * 2
        moved, noted = (await database.read(events_of, due[0]))[-2:]
        assert (moved.kind, moved.data["reason"]) == (EventKind.COVERED, "absent")
        assert noted.kind is EventKind.NOTED
        assert noted.data["text"] == "Gọi khách trước."
        assert noted.data["until"] == (NOW + DAY).isoformat()
        assert await notices(database) == {
            "covered": [(firm.chi.id, 4)],
            "away": [(firm.an.id, 4)],
        }
        await database.write(send_alerts, firm.house, NOW)
        mails: list[Outbox] = await database.read(lambda s: everything(s, Outbox))
        to = {one.to_address for one in mails if one.to_address.endswith("congty.example")}
        assert to == {firm.chi.email}  # who is away hears of it when they are back

    async def test_it_begins_at_its_time(self, database: Database, firm: Firm) -> None:
        """F49: neither before nor twice."""
        numbers = await work_of(database, firm, firm.an.id, 2, next_due_at=NOW + 3 * HOUR)
        await enter(database, firm, firm.an.id, HOUR)

        assert not await database.read(covering.is_due, NOW)
        await sweep(database, firm, NOW + HOUR - timedelta(seconds=1))
        assert await places(database, numbers) == [(firm.an.id, None)] * 2
        await sweep(database, firm, NOW + HOUR)
        assert await places(database, numbers) == [(firm.chi.id, firm.an.id)] * 2
        told = await notices(database)
        assert not await database.read(covering.is_due, NOW + HOUR)
        await database.write(covering.go_on, firm.house, NOW + HOUR)
        assert await notices(database) == told

    async def test_absence_of_the_past_is_carried_out_at_once(
        self, database: Database, firm: Firm
    ) -> None:
        (number,) = await work_of(database, firm, firm.an.id)
        await enter(database, firm, firm.an.id, -3 * DAY, DAY)
        await sweep(database, firm)
        assert await places(database, [number]) == [(firm.chi.id, firm.an.id)]

    async def test_new_work_goes_past_who_is_away(self, database: Database, firm: Firm) -> None:
        """F49: an absent person gets no new items."""
        await enter(database, firm, firm.an.id)
        numbers = [await database.write(arrive, firm) for _ in range(3)]
        assert [one for one, _ in await places(database, numbers)] == [firm.binh.id] * 3

    async def test_many_in_batches_by_many_workers(
        self, database: Database, firm: Firm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """F49, F69: eight workers at once hand over each one once, and tell once."""
        monkeypatch.setattr(covering, "BATCH", 3)
        numbers = await work_of(database, firm, firm.an.id, 10)
        await enter(database, firm, firm.an.id)

        await asyncio.gather(*(sweep(database, firm) for _ in range(8)))

        assert await places(database, numbers) == [(firm.chi.id, firm.an.id)] * 10
        for number in numbers:
            kinds = [one.kind for one in await database.read(events_of, number)]
            assert kinds.count(EventKind.COVERED) == 1
        assert await notices(database) == {
            "covered": [(firm.chi.id, 10)],
            "away": [(firm.an.id, 10)],
        }


class TestChains:
    async def test_the_backups_backup(self, database: Database, firm: Firm) -> None:
        """F50: Bình's backup An is away too, so that An's backup Chi has it."""
        numbers = await work_of(database, firm, firm.binh.id, 2)
        await enter(database, firm, firm.an.id)
        await enter(database, firm, firm.binh.id)
        await sweep(database, firm)
        assert await places(database, numbers) == [(firm.chi.id, firm.binh.id)] * 2

    async def test_the_backup_leaves_later(self, database: Database, firm: Firm) -> None:
        """F50: what An covers for Bình goes on to Chi, and still is Bình's."""
        numbers = await work_of(database, firm, firm.binh.id, 2)
        await enter(database, firm, firm.binh.id)
        await sweep(database, firm)
        assert await places(database, numbers) == [(firm.an.id, firm.binh.id)] * 2
        await enter(database, firm, firm.an.id)
        await sweep(database, firm)
        assert await places(database, numbers) == [(firm.chi.id, firm.binh.id)] * 2

    async def test_nobody_left(self, database: Database, firm: Firm) -> None:
        """F50: the team's queue, and who leads the team is told."""
        numbers = await work_of(database, firm, firm.an.id, 2)
        await enter(database, firm, firm.chi.id)
        await enter(database, firm, firm.an.id)
        await sweep(database, firm)
        assert await places(database, numbers) == [(None, firm.an.id)] * 2
        assert await notices(database) == {"alone": [(firm.dung.id, 2)]}
        row = await database.read(conversation, numbers[0])
        assert row.team_id == firm.sales

    @pytest.mark.parametrize("named", [True, False])
    async def test_a_circle_of_absent_people_is_refused(
        self, database: Database, firm: Firm, named: bool
    ) -> None:
        """F50: Bình's backup An is away and would be backed by Bình."""
        await enter(database, firm, firm.binh.id)
        if not named:
            await database.write(set_agent, firm.an.id, backup_id=firm.binh.id)
        backup = firm.binh.id if named else None
        with pytest.raises(Invalid) as refused:
            await enter(database, firm, firm.an.id, backup_id=backup)
        assert "circle" in refused.value.message
        # At another time it is none.
        await enter(database, firm, firm.an.id, DAY, 2 * DAY, backup_id=backup)

    async def test_a_longer_circle_of_standing_backups(
        self, database: Database, firm: Firm
    ) -> None:
        """F50: Bình to An to Chi, and Chi to Bình would close it."""
        with pytest.raises(Invalid, match="circle"):
            await database.read(absences.refuse_circle, firm.chi.id, firm.binh.id)
        await database.read(absences.refuse_circle, firm.chi.id, firm.dung.id)
        await database.read(absences.refuse_circle, firm.chi.id, None)


class TestMeanwhile:
    async def test_what_falls_due_later_follows(self, database: Database, firm: Firm) -> None:
        """F49: the customer of an absent owner writes again, and the answer is due inside."""
        (number,) = await work_of(
            database, firm, firm.an.id, next_due_at=None, resolution_due_at=None
        )
        await enter(database, firm, firm.an.id)
        await sweep(database, firm)
        assert await places(database, [number]) == [(firm.an.id, None)]
        assert await notices(database) == {}

        await database.write(set_conversation, number, next_due_at=NOW + 2 * HOUR)
        await sweep(database, firm, NOW + HOUR)

        assert await places(database, [number]) == [(firm.chi.id, firm.an.id)]
        assert await notices(database) == {"covered": [(firm.chi.id, 1)]}

    async def test_extending_takes_what_falls_due_then(
        self, database: Database, firm: Firm
    ) -> None:
        """F49: and shortening leaves what has been handed over until the end."""
        (number,) = await work_of(
            database,
            firm,
            firm.an.id,
            next_due_at=NOW + 3 * DAY,
            resolution_due_at=FAR,
        )
        absence = await enter(database, firm, firm.an.id)
        await sweep(database, firm)
        assert await places(database, [number]) == [(firm.an.id, None)]

        longer = Plan(NOW, NOW + 4 * DAY)
        await database.write(absences.change, absence, longer, by=firm.an, now=NOW)
        await sweep(database, firm)
        assert await places(database, [number]) == [(firm.chi.id, firm.an.id)]

        shorter = Plan(NOW, NOW + 2 * HOUR)
        await database.write(absences.change, absence, shorter, by=firm.an, now=NOW)
        await sweep(database, firm)
        assert await places(database, [number]) == [(firm.chi.id, firm.an.id)]
        await sweep(database, firm, NOW + 2 * HOUR)
        assert await places(database, [number]) == [(firm.an.id, None)]


class TestTheEnd:
    async def test_unfinished_work_goes_back_by_rule(
        self, database: Database, firm: Firm
    ) -> None:
        """F51: what the backup has finished stays with them, also when it is opened again."""
        left, done = await work_of(database, firm, firm.an.id, 2)
        await enter(database, firm, firm.an.id)
        await sweep(database, firm)
        await database.write(set_conversation, done, status=Status.RESOLVED)

        await sweep(database, firm, NOW + DAY)

        assert await places(database, [left, done]) == [
            (firm.an.id, None),
            (firm.chi.id, None),
        ]
        event = (await database.read(events_of, left))[-1]
        assert event.data["reason"] == "back"
        assert event.data["to"] == {"owner": firm.an.id, "covered_for": None}
        told = await notices(database)
        assert told["back"] == [(firm.an.id, 1)]
        assert told["returned"] == [(firm.chi.id, 1)]
        assert not await database.read(covering.is_due, NOW + DAY)

    async def test_or_by_one_click(self, database: Database, firm: Firm) -> None:
        """F51: with ``gives_back`` off it waits until they take it back themselves."""
        numbers = await work_of(database, firm, firm.an.id, 2)
        await enter(database, firm, firm.an.id, gives_back=False)
        await sweep(database, firm)
        with pytest.raises(Conflict):  # still away
            await database.write(covering.take_back_batch, firm.an.id, by=firm.an.id, now=NOW)

        await sweep(database, firm, NOW + DAY)

        assert await places(database, numbers) == [(firm.chi.id, firm.an.id)] * 2
        assert (await notices(database))["kept"] == [(firm.an.id, 2)]
        assert await database.read(covering.count_covered) == {firm.an.id: 2}
        assert await covering.take_back(database, firm.an.id, by=firm.an.id) == 2
        assert await places(database, numbers) == [(firm.an.id, None)] * 2
        last = (await database.read(events_of, numbers[0]))[-1]
        assert (last.data["reason"], last.actor_id) == ("taken_back", firm.an.id)

    async def test_ending_early(self, database: Database, firm: Firm) -> None:
        """F51: "I am back" ends it now."""
        (number,) = await work_of(database, firm, firm.an.id)
        absence = await enter(database, firm, firm.an.id)
        await sweep(database, firm)
        later = NOW + HOUR
        assert await database.write(absences.end, absence, by=firm.an, now=later)
        await sweep(database, firm, later)
        assert await places(database, [number]) == [(firm.an.id, None)]
        with pytest.raises(Conflict):
            await database.write(absences.end, absence, by=firm.an, now=later)

    async def test_one_that_never_began_is_taken_back(
        self, database: Database, firm: Firm
    ) -> None:
        (number,) = await work_of(database, firm, firm.an.id)
        absence = await enter(database, firm, firm.an.id, HOUR)
        assert not await database.write(absences.end, absence, by=firm.an, now=NOW)
        await sweep(database, firm, NOW + 2 * HOUR)
        assert await places(database, [number]) == [(firm.an.id, None)]
        assert await notices(database) == {}

    async def test_one_absence_follows_another(self, database: Database, firm: Firm) -> None:
        """F51: nothing goes back to somebody who is away again."""
        (number,) = await work_of(database, firm, firm.an.id)
        await enter(database, firm, firm.an.id)
        await enter(database, firm, firm.an.id, DAY, 2 * DAY)
        await sweep(database, firm)
        await sweep(database, firm, NOW + DAY)
        assert await places(database, [number]) == [(firm.chi.id, firm.an.id)]
        await sweep(database, firm, NOW + 2 * DAY)
        assert await places(database, [number]) == [(firm.an.id, None)]

    async def test_nobody_looked_while_it_ran(self, database: Database, firm: Firm) -> None:
        """F53: all workers were down from before its beginning to after its end."""
        (number,) = await work_of(database, firm, firm.an.id)
        await enter(database, firm, firm.an.id, HOUR)
        await sweep(database, firm, NOW + 2 * DAY)
        assert await places(database, [number]) == [(firm.an.id, None)]
        (absence,) = await database.read(lambda s: everything(s, Absence))
        assert absence.over_at == absence.begun_at == NOW + 2 * DAY

    async def test_the_clock_an_hour_back_and_forward(
        self, database: Database, firm: Firm
    ) -> None:
        """R26: an hour back does nothing twice, an hour forward only what is then due."""
        (number,) = await work_of(database, firm, firm.an.id)
        await enter(database, firm, firm.an.id, timedelta(), 3 * HOUR)
        await sweep(database, firm, NOW)
        events, told = len(await database.read(events_of, number)), await notices(database)

        for moment in (NOW - HOUR, NOW, NOW + HOUR):
            await sweep(database, firm, moment)
        assert len(await database.read(events_of, number)) == events
        assert await notices(database) == told

        await sweep(database, firm, NOW + 3 * HOUR)
        events = len(await database.read(events_of, number))
        await sweep(database, firm, NOW + 2 * HOUR)
        assert len(await database.read(events_of, number)) == events
        assert await places(database, [number]) == [(firm.an.id, None)]


class TestEntering:
    @pytest.mark.parametrize(
        ("starts", "ends"), [(DAY, DAY), (DAY, HOUR), (-2 * DAY, -DAY), (DAY, 400 * DAY)]
    )
    async def test_times_that_are_none(
        self, database: Database, firm: Firm, starts: timedelta, ends: timedelta
    ) -> None:
        with pytest.raises(Invalid) as refused:
            await enter(database, firm, firm.an.id, starts, ends)
        assert "ends_at" in refused.value.fields

    async def test_two_at_one_time(self, database: Database, firm: Firm) -> None:
        await enter(database, firm, firm.an.id)
        with pytest.raises(Invalid) as refused:
            await enter(database, firm, firm.an.id, HOUR, 2 * DAY)
        assert "starts_at" in refused.value.fields
        await enter(database, firm, firm.an.id, DAY, 2 * DAY)

    async def test_who_may(self, database: Database, firm: Firm) -> None:
        """F103: oneself and supervisors."""
        plan = Plan(NOW, NOW + DAY)
        with pytest.raises(Forbidden):
            await database.write(absences.enter, firm.an.id, plan, by=firm.binh, now=NOW)
        made = await database.write(absences.enter, firm.an.id, plan, by=firm.an, now=NOW)
        with pytest.raises(Forbidden):
            await database.write(absences.end, made, by=firm.binh, now=NOW)
        with pytest.raises(Forbidden):
            await database.write(absences.change, made, plan, by=firm.binh, now=NOW)

    async def test_the_backup_works_here(self, database: Database, firm: Firm) -> None:
        left = await database.write(
            lambda session: make_agent(session, "Xưa", is_active=False).id
        )
        for backup in (firm.an.id, left, 999):
            with pytest.raises(Invalid) as refused:
                await enter(database, firm, firm.an.id, backup_id=backup)
            assert "backup_id" in refused.value.fields

    async def test_each_change_is_written_down(self, database: Database, firm: Firm) -> None:
        """F105."""
        absence = await enter(database, firm, firm.an.id)
        longer = Plan(NOW, NOW + 2 * DAY)
        await database.write(absences.change, absence, longer, by=firm.an, now=NOW)
        await database.write(absences.change, absence, longer, by=firm.an, now=NOW)
        await database.write(absences.end, absence, by=firm.an, now=NOW + HOUR)
        planned = await enter(database, firm, firm.an.id, 3 * DAY, 4 * DAY)
        await database.write(absences.end, planned, by=firm.an, now=NOW)

        query = select(AuditEntry).where(columns(AuditEntry).thing == AuditThing.ABSENCE)
        rows = await database.read(lambda s: s.execute(query).scalars().all())
        assert [(row.thing_id, row.action, row.actor_id) for row in rows] == [
            (str(absence), AuditAction.CREATED, firm.dung.id),
            (str(absence), AuditAction.CHANGED, firm.an.id),
            (str(absence), AuditAction.CHANGED, firm.an.id),
            (str(planned), AuditAction.CREATED, firm.dung.id),
            (str(planned), AuditAction.REMOVED, firm.an.id),
        ]
        assert rows[1].after == {"ends_at": (NOW + 2 * DAY).isoformat()}


async def test_given_by_hand_it_is_covered_for_nobody(database: Database, firm: Firm) -> None:
    """F51: what a colleague takes, or is given by hand, does not go back by itself."""
    taken, given = await work_of(database, firm, firm.an.id, 2)
    await enter(database, firm, firm.an.id)
    await sweep(database, firm)

    def by_hand(session: Session) -> None:
        row = conversation(session, taken)
        service.claim(session, row, by=firm.binh, now=NOW)
        row = conversation(session, given)
        service.assign(session, row, firm.binh.id, by=firm.dung, now=NOW)

    await database.write(by_hand)
    await sweep(database, firm, NOW + DAY)
    assert await places(database, [taken, given]) == [(firm.binh.id, None)] * 2


async def test_who_is_away_takes_nothing(database: Database, firm: Firm) -> None:
    """It would be handed over at once: they end the absence first."""
    (number,) = await work_of(database, firm, firm.binh.id)
    await enter(database, firm, firm.an.id)

    def take(session: Session) -> None:
        service.claim(session, conversation(session, number), by=firm.an, now=NOW)

    with pytest.raises(Conflict, match="away"):
        await database.write(take)


async def test_who_leaves_is_waited_for_no_more(database: Database, firm: Firm) -> None:
    """Their absence ends, and what colleagues cover is the colleagues'."""
    numbers = await work_of(database, firm, firm.an.id, 2)
    await enter(database, firm, firm.an.id)
    await sweep(database, firm)
    plan = handover.Plan(handover.Heir.TEAM)
    await database.write(handover.deactivate, firm.an.id, plan, by=firm.admin.id, now=NOW)
    await sweep(database, firm, NOW + 2 * DAY)
    assert await places(database, numbers) == [(firm.chi.id, None)] * 2
