"""Whom a conversation can be given to by hand."""

from dataclasses import dataclass

from sqlalchemy import bindparam, func, or_, select
from sqlmodel import Session

from inbox.store.counts import MOST, shown
from models import Agent, Conversation, Status, Team, TeamMember
from models.base import columns, core

agents = columns(Agent)
conversations = columns(Conversation)
members = columns(TeamMember)
teams = columns(Team)


@dataclass(frozen=True, slots=True)
class Assignable:
    """A colleague, whether at work, and how many open conversations they own: 99+ at most."""

    id: int
    name: str
    on_duty: bool
    open_count: str


_SOME_OPEN = (  # nobody reads further than 99+, and counting thousands takes a while
    select(conversations.id)
    .where(conversations.owner_id == agents.id, conversations.status == Status.OPEN)
    .correlate(core(Agent))
    .limit(MOST + 1)
    .subquery()
)
_OPEN = select(func.count()).select_from(_SOME_OPEN).scalar_subquery().label("open_count")
_EVERYBODY = (
    select(agents.id, agents.name, agents.on_duty, _OPEN)
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
        found = session.execute(_EVERYBODY)
    else:
        values = {"team_id": team_id, "owner_id": owner_id}
        found = session.execute(_TEAM_AND_OWNER, values)
    return [Assignable(row.id, row.name, row.on_duty, shown(row.open_count)) for row in found]


def is_active(session: Session, agent_id: int) -> bool:
    """Tell whether somebody works here."""
    found = session.execute(
        select(agents.id).where(agents.id == agent_id, agents.is_active.is_(True))
    ).first()
    return found is not None
