"""Milestones: planned, warned by the ladder, handed over, reached, and again (F126)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session

from inbox.accounts.keeping import Draft, create_account
from inbox.dates import milestones, templates
from inbox.dates.firing import fire_due
from inbox.dates.milestones import Said
from inbox.dates.templates import Template
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.escalating.acting import Scene
from inbox.store import dates as rows
from inbox.store.dates import Place
from models import (
    AccountKind,
    AuditEntry,
    Milestone,
    MilestoneState,
    MilestoneStep,
    MilestoneTemplate,
    Notice,
)
from tests.factories import NOW, ZONE, Firm, arrive, conversation, everything

DAY = timedelta(days=1)
DUE = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)  # Wednesday, 16:00 in Vietnam


def account(session: Session, firm: Firm, **values: Any) -> int:
    """Make An's account."""
    said = {"name": "Công ty Sao Mai", "owner_id": firm.an.id, **values}
    return create_account(session, Draft(**said), by=firm.dung.id, now=NOW)


def plan(session: Session, firm: Firm, account_id: int, **values: Any) -> Milestone:
    """Plan a milestone of An's."""
    said: dict[str, Any] = {
        "title": "Gia hạn hợp đồng",
        "due_at": DUE,
        "owner_id": firm.an.id,
        "warn_days": 10,
    }
    place = Place(account_id)
    return milestones.plan(session, place, Said(**{**said, **values}), by=firm.an.id, now=NOW)


def waiting(session: Session) -> list[MilestoneStep]:
    """Return the steps that have not fired, in order."""
    found = [one for one in everything(session, MilestoneStep) if one.fired_at is None]
    return sorted(found, key=lambda one: one.at)


def fire(session: Session, firm: Firm, now: datetime) -> int:
    """Do what the worker does at a moment."""
    return fire_due(session, Scene(session, firm.house, now))


def told(session: Session) -> list[Notice]:
    """Return what was told of milestones, in order."""
    found = [one for one in everything(session, Notice) if one.kind == "milestone"]
    return sorted(found, key=lambda one: one.id)


async def test_it_is_warned_and_late_by_the_ladder_of_messages(
    database: Database, firm: Firm
) -> None:
    """F126: the owner twice, then who leads too, then the backup has it."""

    def work(session: Session) -> None:
        made = plan(session, firm, account(session, firm))
        steps = waiting(session)
        assert [one.step for one in steps] == ["half_used", "nearly_due", "due", "overdue"]
        assert steps[0].at > DUE - 10 * DAY
        assert steps[2].at == DUE
        assert fire(session, firm, steps[0].at - DAY) == 0
        assert fire(session, firm, steps[0].at) == 1
        assert fire(session, firm, steps[0].at) == 0
        (first,) = told(session)
        assert (first.agent_id, first.data["link"]) == (
            firm.an.id,
            f"/accounts/{made.account_id}",
        )
        assert first.data["reason"].startswith("Công ty Sao Mai: “Gia hạn hợp đồng”")
        fire(session, firm, DUE)
        assert {one.agent_id for one in told(session)} == {firm.an.id, firm.dung.id}
        fire(session, firm, steps[3].at)
        session.expire_all()
        (row,) = everything(session, Milestone)
        assert row.owner_id == firm.chi.id, "An's backup"
        assert {one.agent_id for one in told(session) if one.step.endswith("overdue")} == {
            *(firm.an.id, firm.chi.id)
        }

    await database.write(work)


async def test_six_workers_tell_it_once(database: Database, firm: Firm) -> None:
    def begin(session: Session) -> None:
        plan(session, firm, account(session, firm))

    await database.write(begin)
    looks = [database.write(fire, firm, DUE - DAY) for _ in range(6)]
    assert sum(await asyncio.gather(*looks)) == 2  # the two that have come by then
    assert len(await database.read(told)) == 2


async def test_who_has_it_keeps_it_and_else_the_accounts_backup_gets_it(
    database: Database, firm: Firm
) -> None:
    """F126, F41: "I have it" is heard; the account's backup comes before the person's."""

    def work(session: Session) -> None:
        has, silent = (
            plan(session, firm, account(session, firm, backup_id=firm.binh.id))
            for _ in range(2)
        )
        last = max(one.at for one in waiting(session))
        fire(session, firm, DUE)
        for one in told(session):
            if one.step.startswith(f"milestone:{has.id}:"):
                one.taken_at = DUE
                session.add(one)
        fire(session, firm, last)
        session.expire_all()
        owners = {one.id: one.owner_id for one in everything(session, Milestone)}
        assert owners == {has.id: firm.an.id, silent.id: firm.binh.id}

    await database.write(work)


async def test_another_time_is_warned_of_anew_and_what_is_over_not_at_all(
    database: Database, firm: Firm
) -> None:
    def work(session: Session) -> None:
        made = plan(session, firm, account(session, firm))
        fire(session, firm, DUE)
        said = Said("Gia hạn hợp đồng", DUE + 30 * DAY, firm.an.id, 10)
        milestones.change(session, made, said, by=firm.an.id, now=DUE)
        assert {one.generation for one in waiting(session)} == {2}
        assert len(waiting(session)) == 4
        milestones.end(session, made, MilestoneState.REACHED, by=firm.an.id, now=DUE + DAY)
        assert not waiting(session)
        with pytest.raises(Conflict):
            milestones.end(session, made, MilestoneState.DROPPED, by=firm.an.id, now=DUE)
        milestones.take_back(session, made, by=firm.an.id, now=DUE + DAY)
        assert len(waiting(session)) == 4
        entries = [one for one in everything(session, AuditEntry) if one.thing == "milestone"]
        assert [one.after.get("state") for one in entries] == [
            *("planned", None, "reached", "planned")
        ]

    await database.write(work)


async def test_what_comes_again_is_planned_when_it_is_reached(
    database: Database, firm: Firm
) -> None:
    """F126: a monthly report of the 31st is due at the end of a shorter month."""

    def work(session: Session) -> None:
        usual = templates.save(
            session, None, Template("Báo cáo tháng", 30, 1, 5), by=firm.dung.id, now=NOW
        )
        zone = ZoneInfo(ZONE)
        due = datetime(2026, 3, 31, 17, tzinfo=zone)
        made = plan(session, firm, account(session, firm), due_at=due, template_id=usual.id)
        again = milestones.end(
            session, made, MilestoneState.REACHED, by=firm.an.id, now=due - DAY
        )
        assert again is not None
        assert again.due_at.astimezone(zone) == datetime(2026, 4, 30, 17, tzinfo=zone)
        usual.every_months = 0
        late = datetime(2026, 7, 1, tzinfo=UTC)
        assert (
            milestones.end(session, again, MilestoneState.REACHED, by=firm.an.id, now=late)
            is None
        )

    await database.write(work)


async def test_the_usual_templates_are_added_once_and_only_with_sense(
    database: Database, firm: Firm
) -> None:
    def work(session: Session) -> None:
        assert templates.add_usual(session, "vi", by=firm.dung.id, now=NOW) == 4
        assert templates.add_usual(session, "vi", by=firm.dung.id, now=NOW) == 0
        for wrong in (
            Template("", 1),
            Template("Giao hàng", 0),
            Template("Giao hàng", 1, 61),
            Template("Giao hàng", 1, 0, 181),
        ):
            with pytest.raises(Invalid):
                templates.save(session, None, wrong, by=firm.dung.id, now=NOW)
        (first, *_) = everything(session, MilestoneTemplate)
        only = Template(first.title, 7, account_kind=AccountKind.PERSON)
        templates.save(session, first.id, only, by=firm.dung.id, now=NOW)
        due = templates.due_of(first, ZoneInfo(ZONE), NOW)
        assert due == datetime(2026, 3, 9, 10, 0, tzinfo=UTC)

    await database.write(work)


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "  "},
        {"title": "x" * 201},
        {"due_at": NOW},
        {"due_at": NOW + 3000 * DAY},
        {"warn_days": -1},
        {"owner_id": 4711},
    ],
)
async def test_what_makes_no_sense_is_refused(
    database: Database, firm: Firm, wrong: dict[str, Any]
) -> None:
    def work(session: Session) -> None:
        with pytest.raises(Invalid):
            plan(session, firm, account(session, firm), **wrong)

    await database.write(work)


async def test_lists_and_who_may_change_it(database: Database, firm: Firm) -> None:
    """F126: in the owner's list; on the conversation, the account, the customer's page."""
    number = await database.write(arrive, firm)

    def work(session: Session) -> None:
        row = conversation(session, number)
        row.account_id = account(session, firm)
        session.flush()
        of_account = plan(session, firm, row.account_id, is_public=True)
        said = Said("Giao hàng", DUE - DAY, firm.an.id, is_public=True)
        inside = milestones.plan(session, Place.of(row), said, by=firm.an.id, now=NOW)
        hidden = plan(session, firm, row.account_id, title="Đòi nợ")
        mine = [one.id for one in rows.list_milestones_of(session, firm.an.id)]
        assert mine == [inside.id, of_account.id, hidden.id]
        at = rows.list_milestones_at(session, Place(row.account_id))
        assert [one.id for one in at] == mine
        assert [one.id for one in rows.list_milestones_at(session, Place.of(row))] == mine[:1]
        public = [one.id for one in rows.list_public(session, row)]
        assert public == [inside.id, of_account.id]
        assert milestones.get_to_change(session, hidden.id, firm.dung).id == hidden.id
        with pytest.raises(NotFound):
            milestones.get_to_change(session, hidden.id, firm.binh)

    await database.write(work)
