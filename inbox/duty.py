"""Who is at work now, and who stands in for whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause
from inbox.sla.rota import Member, uncovered
from inbox.store import candidates
from inbox.store import duty as rows
from inbox.store.candidates import Candidate
from inbox.store.kept import kept
from models import Absence, Agent, AwayKind, TeamMember
from models.base import columns, core

agents = columns(Agent)
members = columns(TeamMember)


@kept
def _own_hours(session: Session) -> Mapping[int, WorkingCalendar]:
    """Return the calendars that are somebody's own hours."""
    found = rows.list_own_hours(session)
    return MappingProxyType({key: WorkingCalendar.from_spec(spec) for key, spec in found})


def open_calendars(session: Session, now: datetime) -> list[int]:
    """Return which of the calendars that are somebody's own hours are open now."""
    return [key for key, hours in _own_hours(session).items() if hours.is_open(now)]


_ON_DUTY = select(agents.id).where(rows.AT_WORK).order_by(agents.id)
_TEAM_ON_DUTY = _ON_DUTY.join(core(TeamMember), members.agent_id == agents.id).where(
    members.team_id == bindparam("team_id")
)


def list_team_on_duty(session: Session, team_id: int | None, now: datetime) -> list[int]:
    """Return the ids of everyone of a team at work; of everyone, when there is no team."""
    values: dict[str, Any] = {"now": now, "open_ids": open_calendars(session, now)}
    if team_id is None:
        return list(session.execute(_ON_DUTY, values).scalars())
    return list(session.execute(_TEAM_ON_DUTY, values | {"team_id": team_id}).scalars())


def list_candidates(session: Session, team_id: int, now: datetime) -> list[Candidate]:
    """Return who of a team is at work, least open work first; leaders get none.

    Nobody of the team is given anything by another process until this unit of work ends.
    """
    return candidates.list_of_team(session, team_id, now, open_calendars(session, now))


@dataclass(frozen=True, slots=True)
class Shift:
    """One person, as far as standing in for each other goes."""

    id: int
    backup_id: int | None  # the running absence's, else the standing one
    is_active: bool
    is_absent: bool
    at_work: bool


@dataclass(frozen=True, slots=True)
class Duty:
    """Everybody, at one moment."""

    people: Mapping[int, Shift] = field(default_factory=dict)

    @property
    def at_work(self) -> set[int]:
        """Who is there."""
        return {key for key, one in self.people.items() if one.at_work}

    def backup_of(self, agent_id: int, *, planned: bool = False) -> int | None:
        """Return the first of somebody's backups, and their backups, who can take over.

        That is who is at work; ``planned``: who works here and is not absent, for what is
        handed over ahead of time must not depend on who has come in already. None: nobody.
        """
        seen = {agent_id}
        one = self.people.get(agent_id)
        while one is not None and one.backup_id is not None and one.backup_id not in seen:
            seen.add(one.backup_id)
            one = self.people.get(one.backup_id)
            if one is None:
                return None
            if one.is_active and not one.is_absent and (planned or one.at_work):
                return one.id
        return None


def load_duty(session: Session, now: datetime) -> Duty:
    """Load who is at work and who backs whom, in three queries."""
    open_ids = open_calendars(session, now)
    running = rows.list_away(session, now)
    replacing = {one.backup_id for one in running if one.kind is not AwayKind.ABSENCE}
    away = {one.agent_id: one for one in running}
    people = {}
    for row in rows.list_standing(session):
        absence = away.get(row.id)
        inside = row.calendar_id is None or row.calendar_id in open_ids or row.id in replacing
        named = absence.backup_id if absence is not None else None
        people[row.id] = Shift(
            row.id,
            named or row.backup_id,
            row.is_active,
            absence is not None,
            row.is_active and row.on_duty and inside and absence is None,
        )
    return Duty(people)


def list_uncovered(
    session: Session,
    hours: WorkingCalendar,
    away: Iterable[Absence],
    first: date,
    days: int,
) -> list[tuple[date, int]]:
    """Return the days ahead, with the team, on which nobody is there to take its work.

    ``hours`` are the company's; ``away`` is what is running or planned. Who works in somebody's
    place is there then, whatever their own hours say.
    """
    absences: dict[int, list[Pause]] = {}
    replacing: dict[int, list[Pause]] = {}
    for one in away:
        absences.setdefault(one.agent_id, []).append((one.starts_at, one.ends_at))
        if one.kind is not AwayKind.ABSENCE and one.backup_id is not None:
            replacing.setdefault(one.backup_id, []).append((one.starts_at, one.ends_at))
    own = _own_hours(session)
    teams: dict[int, list[Member]] = {}
    for row in rows.list_takers(session):
        who = row.agent_id
        more = replacing.get(who, ())
        member = Member(own.get(row.calendar_id), absences.get(who, ()), more)
        teams.setdefault(row.team_id, []).append(member)
    return uncovered(hours, teams, first, days)
