"""Whom a conversation can be given to by hand."""

from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select
from sqlmodel import Session

from inbox.store.people import OPEN_COUNT
from models import Agent, Team, TeamMember
from models.base import columns

agents = columns(Agent)
members = columns(TeamMember)
teams = columns(Team)


@dataclass(frozen=True, slots=True)
class Assignable:
    """A colleague, whether at work, and how many open conversations they own."""

    id: int
    name: str
    on_duty: bool
    open_count: int


_EVERYBODY = (
    select(agents.id, agents.name, agents.on_duty, OPEN_COUNT)
    .where(agents.is_active.is_(True))
    .order_by(agents.on_duty.desc(), "open_count", agents.name)
)
_OF_TEAM = select(members.agent_id).where(members.team_id == bindparam("team_id"))
_IS_CLOSED = (
    select(teams.id)
    .where(teams.id == bindparam("team_id"), teams.is_active.is_(False))
    .correlate(None)
    .exists()
)
_TEAM_AND_OWNER = _EVERYBODY.where(
    or_(agents.id.in_(_OF_TEAM), agents.id == bindparam("owner_id"), _IS_CLOSED)
)


def list_assignable(
    session: Session, team_id: int | None, owner_id: int | None
) -> list[Assignable]:
    """Return a team's people and the owner, who may be of another; everybody without a team.

    Of a team that is closed, everybody may be chosen.

    Those on duty come first, least open work first.
    """
    if team_id is None:
        return [Assignable(*row) for row in session.execute(_EVERYBODY)]
    values = {"team_id": team_id, "owner_id": owner_id}
    return [Assignable(*row) for row in session.execute(_TEAM_AND_OWNER, values)]


def is_active(session: Session, agent_id: int) -> bool:
    """Tell whether somebody works here."""
    found = session.execute(
        select(agents.id).where(agents.id == agent_id, agents.is_active.is_(True))
    ).first()
    return found is not None
