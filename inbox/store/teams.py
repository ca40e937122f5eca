"""Teams: which there are, who is in them, and what hangs on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session

from inbox.errors import NotFound
from inbox.store.kept import kept
from inbox.store.staff import WORK
from models import Agent, Conversation, Inbox, RequestType, Team, TeamMember
from models.base import columns, core

agents = columns(Agent)
teams = columns(Team)
members = columns(TeamMember)
conversations = columns(Conversation)
inboxes = columns(Inbox)
types = columns(RequestType)

_ACTIVE = select(teams.id, teams.name).where(teams.is_active.is_(True)).order_by(teams.id)


@kept
def active_team_names(session: Session) -> Mapping[int, str]:
    """Return the names of the teams that get work, by id, the oldest first."""
    return MappingProxyType({row.id: row.name for row in session.execute(_ACTIVE)})


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team of the list."""

    id: int
    name: str
    is_active: bool
    member_count: int
    leads: tuple[str, ...]
    work_count: int


def list_teams(session: Session) -> list[TeamRow]:
    """Return all teams in two queries, those that get work first."""
    leads: dict[int, list[str]] = {}
    counts: dict[int, int] = {}
    for row in session.execute(
        select(members.team_id, members.leads, agents.name)
        .join(core(Agent), agents.id == members.agent_id)
        .where(agents.is_active.is_(True))
        .order_by(agents.name)
    ):
        counts[row.team_id] = counts.get(row.team_id, 0) + 1
        if row.leads:
            leads.setdefault(row.team_id, []).append(row.name)
    work = (
        select(func.count())
        .select_from(core(Conversation))
        .where(conversations.team_id == teams.id, conversations.status.in_(WORK))
        .correlate(Team)
        .scalar_subquery()
    )
    rows = session.execute(
        select(teams.id, teams.name, teams.is_active, work.label("work_count")).order_by(
            teams.is_active.desc(), teams.name
        )
    )
    return [
        TeamRow(
            row.id,
            row.name,
            row.is_active,
            counts.get(row.id, 0),
            tuple(leads.get(row.id, ())),
            row.work_count,
        )
        for row in rows
    ]


def get_team(session: Session, team_id: int, *, to_change: bool = False) -> Team:
    """Return a team.

    Raises
    ------
    NotFound
        If there is none.
    """
    found = session.get(
        Team, team_id, populate_existing=to_change, with_for_update=to_change or None
    )
    if found is None:
        raise NotFound("There is no such team.")
    return found


def find_team_named(session: Session, name: str) -> Team | None:
    """Return the team of this name; capitals make no other."""
    folded = name.strip().casefold()
    every = session.execute(select(Team)).scalars()
    return next((team for team in every if team.name.casefold() == folded), None)


def list_members(session: Session, team_id: int) -> dict[int, bool]:
    """Return who is in a team, and whether they lead it."""
    rows = session.execute(
        select(members.agent_id, members.leads).where(members.team_id == team_id)
    )
    return {row.agent_id: row.leads for row in rows}


def set_members(session: Session, team_id: int, leads: dict[int, bool]) -> None:
    """Replace a team's members; the value says whether they lead.

    Who stays keeps their turn.
    """
    before = list_members(session, team_id)
    wished = {(team_id, who): lead for who, lead in leads.items()}
    _replace(session, {(team_id, who): lead for who, lead in before.items()}, wished)


def _replace(
    session: Session,
    before: dict[tuple[int, int], bool],
    wished: dict[tuple[int, int], bool],
) -> None:
    """Write what differs of memberships: team and person, and whether they lead."""
    for (team_id, who), lead in before.items():
        own = (members.team_id == team_id, members.agent_id == who)
        if (team_id, who) not in wished:
            session.execute(delete(TeamMember).where(*own))
        elif wished[team_id, who] != lead:
            session.execute(update(TeamMember).where(*own).values(leads=not lead))
    rows = [
        {"team_id": team_id, "agent_id": who, "leads": lead}
        for (team_id, who), lead in wished.items()
        if (team_id, who) not in before
    ]
    if rows:
        session.execute(insert(core(TeamMember)), rows)


def set_teams_of(session: Session, agent_id: int, leads: dict[int, bool]) -> None:
    """Replace a person's teams; the value says whether they lead."""
    rows = session.execute(
        select(members.team_id, members.leads).where(members.agent_id == agent_id)
    )
    before = {(row.team_id, agent_id): row.leads for row in rows}
    _replace(session, before, {(team, agent_id): lead for team, lead in leads.items()})


@dataclass(frozen=True, slots=True)
class Depending:
    """What sends its work to a team."""

    inboxes: tuple[str, ...]
    request_types: tuple[tuple[str, str], ...]  # Vietnamese and English name


def list_depending(session: Session, team_id: int) -> Depending:
    """Return the inboxes and request types, open or not, that refer to a team."""
    doors = session.execute(
        select(inboxes.handle).where(inboxes.team_id == team_id).order_by(inboxes.handle)
    ).scalars()
    kinds = session.execute(
        select(types.name_vi, types.name_en)
        .where(types.team_id == team_id)
        .order_by(types.position)
    )
    return Depending(tuple(doors), tuple((row.name_vi, row.name_en) for row in kinds))
