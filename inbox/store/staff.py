"""Everybody who works here or did, as administrators see them, and the work they own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlmodel import Session

from inbox.errors import NotFound
from models import Agent, Conversation, Role, Status, Team, TeamMember
from models.base import columns, core

agents = columns(Agent)
teams = columns(Team)
members = columns(TeamMember)
conversations = columns(Conversation)

WORK = (Status.OPEN, Status.WAITING, Status.SNOOZED)
"""What somebody has to go on with; the rest is history."""

# One look into an index for each person, inside one statement.
_WORK_COUNT = (
    select(func.count())
    .select_from(core(Conversation))
    .where(conversations.owner_id == agents.id, conversations.status.in_(WORK))
    .correlate(Agent)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Member:
    """One team of a person."""

    team_id: int
    name: str
    leads: bool


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A person of the list."""

    id: int
    name: str
    email: str
    role: Role
    on_duty: bool
    is_active: bool
    has_joined: bool
    work_count: int
    last_seen_at: datetime | None
    teams: tuple[Member, ...]

    @property
    def state(self) -> str:
        """``invited``, ``active`` or ``left``."""
        return "invited" if not self.has_joined else "active" if self.is_active else "left"


def list_staff(session: Session) -> list[StaffRow]:
    """Return everybody in two queries: those who work here first, by name."""
    of = list_memberships(session)
    gone = case((agents.deactivated_at.is_not(None), 1), else_=0)
    rows = session.execute(
        select(
            agents.id,
            agents.name,
            agents.email,
            agents.role,
            agents.on_duty,
            agents.is_active,
            (agents.password_hash != "").label("has_joined"),
            _WORK_COUNT.label("work_count"),
            agents.last_seen_at,
        ).order_by(gone, agents.name, agents.id)
    )
    shown: list[list[Any]] = [[*row, of.get(row.id, ())] for row in rows]
    return [StaffRow(*one) for one in shown]


def list_memberships(session: Session) -> dict[int, tuple[Member, ...]]:
    """Return everybody's teams, by person."""
    found: dict[int, list[Member]] = {}
    for row in session.execute(
        select(members.agent_id, members.team_id, teams.name, members.leads)
        .join(core(Team), teams.id == members.team_id)
        .order_by(teams.name)
    ):
        found.setdefault(row.agent_id, []).append(Member(row.team_id, row.name, row.leads))
    return {key: tuple(some) for key, some in found.items()}


def get_agent(session: Session, agent_id: int, *, to_change: bool = False) -> Agent:
    """Return a person.

    Raises
    ------
    NotFound
        If there is none.
    """
    found = session.get(
        Agent, agent_id, populate_existing=to_change, with_for_update=to_change or None
    )
    if found is None:
        raise NotFound("There is nobody here under this address.")
    return found


def find_by_address(session: Session, email: str) -> Agent | None:
    """Return whoever has this normalised address, also invited or gone."""
    return session.execute(select(Agent).where(agents.email == email)).scalar_one_or_none()


def lock_admins(session: Session) -> list[int]:
    """Return who may administer now; nobody else changes that until this unit ends."""
    return list(
        session.execute(
            select(agents.id)
            .where(agents.role == Role.ADMIN, agents.is_active.is_(True))
            .order_by(agents.id)
            .with_for_update()
        ).scalars()
    )


def list_backed_by(session: Session, agent_id: int) -> list[tuple[int, str]]:
    """Return id and name of those whose backup this person is."""
    rows = session.execute(
        select(agents.id, agents.name).where(agents.backup_id == agent_id).order_by(agents.name)
    )
    return [(row.id, row.name) for row in rows]


def load_agents(session: Session) -> dict[int, Agent]:
    """Return everybody by id, also those no longer active."""
    return {one.id: one for one in session.execute(select(Agent)).scalars()}


def list_backups(session: Session) -> dict[int, int | None]:
    """Return everybody's backup."""
    return {
        row.id: row.backup_id for row in session.execute(select(agents.id, agents.backup_id))
    }


@dataclass(frozen=True, slots=True)
class WorkCount:
    """How much of one team somebody owns, by state."""

    team: str  # "" for what belongs to no team
    open: int
    waiting: int
    snoozed: int

    @property
    def total(self) -> int:
        """Everything."""
        return self.open + self.waiting + self.snoozed


def count_work(
    session: Session, *, owner_id: int | None = None, team_id: int | None = None
) -> list[WorkCount]:
    """Count a person's or a team's unfinished conversations, by team."""
    query = select(teams.name, conversations.status, func.count().label("count")).join(
        core(Team), teams.id == conversations.team_id, isouter=True
    )
    if owner_id is not None:
        query = query.where(conversations.owner_id == owner_id)
    if team_id is not None:
        query = query.where(conversations.team_id == team_id)
    counted: dict[str, dict[Status, int]] = {}
    rows = session.execute(
        query.where(conversations.status.in_(WORK)).group_by(teams.name, conversations.status)
    )
    for name, status, count in rows:
        counted.setdefault(name or "", {})[status] = count
    return [
        WorkCount(name, *(by.get(status, 0) for status in WORK))
        for name, by in sorted(counted.items())
    ]
