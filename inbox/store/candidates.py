"""Who could be given a conversation, with how much they have already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, select, update
from sqlmodel import Session

from inbox.store.duty import AT_WORK, is_away
from inbox.store.people import OPEN_COUNT
from models import Absence, Agent, Team, TeamMember
from models.base import columns, core

agents = columns(Agent)
teams = columns(Team)
members = columns(TeamMember)
absences = columns(Absence)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could own a conversation."""

    id: int
    name: str
    open_count: int
    cap: int
    weight: int
    skills: tuple[str, ...]
    last_given_at: datetime | None = None  # in this team, by turn

    @property
    def has_room(self) -> bool:
        """Whether one more is below the cap."""
        return self.open_count < self.cap


_FACTS = (
    *(agents.id, agents.name, OPEN_COUNT, agents.open_cap),
    *(agents.weight, agents.skills),
)
_OF_TEAM = (
    select(*_FACTS, members.last_given_at)
    .join(core(TeamMember), members.agent_id == agents.id)
    .where(members.team_id == bindparam("team_id"), members.leads.is_(False), AT_WORK)
    .order_by("open_count", agents.id)
)
_SOME = select(*_FACTS).where(agents.id.in_(bindparam("ids", expanding=True)), AT_WORK)
_AWAY = (
    select(agents.id)
    .join(core(TeamMember), members.agent_id == agents.id)
    .where(
        members.team_id == bindparam("team_id"),
        members.leads.is_(False),
        agents.is_active.is_(True),
        is_away(bindparam("now", type_=absences.starts_at.type)),
    )
    .order_by(agents.id)
)
HAS_ROOM = and_(AT_WORK, OPEN_COUNT.element < agents.open_cap)
_WITH_ROOM = (
    select(members.team_id)
    .join(core(Agent), agents.id == members.agent_id)
    .where(members.leads.is_(False), HAS_ROOM)
    .distinct()
)
_GIVES_BY = select(teams.id, teams.gives_by)
_TAKE_TURN = (
    update(core(TeamMember))
    .where(members.team_id == bindparam("team"), members.agent_id == bindparam("agent"))
    .values(last_given_at=bindparam("at"))
)


def _candidate(row: Any) -> Candidate:
    known = (row.id, row.name, row.open_count, row.open_cap, max(row.weight, 1))
    return Candidate(*known, tuple(row.skills or ()), getattr(row, "last_given_at", None))


def list_of_team(
    session: Session, team_id: int, now: datetime, open_ids: Iterable[int]
) -> list[Candidate]:
    """Return who of a team is at work, least open work first; leaders get none.

    Nobody of the team is given anything by another process until this unit of work ends.
    """
    lock(session)
    values = {"team_id": team_id, "now": now, "open_ids": list(open_ids)}
    return [_candidate(row) for row in session.execute(_OF_TEAM, values)]


def list_some(
    session: Session, ids: Iterable[int], now: datetime, open_ids: Iterable[int]
) -> list[Candidate]:
    """Return those of these people who are at work."""
    values = {"ids": list(ids), "now": now, "open_ids": list(open_ids)}
    return [_candidate(row) for row in session.execute(_SOME, values)]


def list_away(session: Session, team_id: int, now: datetime) -> list[int]:
    """Return who of a team is absent."""
    return list(session.execute(_AWAY, {"team_id": team_id, "now": now}).scalars())


def teams_with_room(session: Session, now: datetime, open_ids: Iterable[int]) -> set[int]:
    """Return the teams in which somebody at work is below the cap."""
    values = {"now": now, "open_ids": list(open_ids)}
    return set(session.execute(_WITH_ROOM, values).scalars())


def gives_by(session: Session, team_id: int) -> str:
    """Return how a team's work is given out, as ``models.Team`` has it.

    Read once in a unit of work.
    """
    found: dict[int, str] | None = session.info.get("gives_by")
    if found is None:
        found = {row.id: row.gives_by for row in session.execute(_GIVES_BY)}
        session.info["gives_by"] = found
    return found[team_id]


def take_turns(session: Session, team_id: int, turns: Mapping[int, datetime]) -> None:
    """Remember when each of some people had their turn, with one statement."""
    if turns:
        values = [{"team": team_id, "agent": number, "at": at} for number, at in turns.items()]
        session.execute(_TAKE_TURN, values)


_LOCKED: ColumnElement[int] = agents.id
_LOCK = (
    select(_LOCKED)
    .where(agents.is_active.is_(True))
    .order_by(agents.id)
    .with_for_update(key_share=True)
)


def lock(session: Session) -> None:
    """Let one unit of work at a time give out work, once in a savepoint.

    Caps are counted, so whoever counts must be alone with it until what they gave is there to
    be counted; people are in several teams, so a lock on a team would not do. All are locked
    in one order, so that nobody waits for each other in a circle; whoever has much to do takes
    the lock last and commits at once. On SQLite writers take turns anyway; what is undone
    gives its locks back.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    inside = session.get_nested_transaction() or session.get_transaction()
    locked: set[object] = session.info.setdefault("locked_people", set())
    if locked.isdisjoint((inside, session.get_transaction())):
        session.execute(_LOCK)
        locked.add(inside)
