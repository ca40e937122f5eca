"""Who follows what: only those who still work here and may open it are told."""

from sqlalchemy import bindparam, or_, select
from sqlmodel import Session

from models import Agent, Conversation, Follower, Role, TeamMember
from models.base import columns, core

followers = columns(Follower)
agents = columns(Agent)
members = columns(TeamMember)
conversations = columns(Conversation)

_MAY = or_(
    agents.role != Role.AGENT,
    conversations.owner_id.is_(None),
    conversations.owner_id == agents.id,
    select(members.agent_id)
    .where(members.agent_id == agents.id, members.team_id == conversations.team_id)
    .exists(),
)
_OF = (
    select(followers.agent_id)
    .join(core(Agent), agents.id == followers.agent_id)
    .join(core(Conversation), conversations.id == followers.conversation_id)
    .where(followers.conversation_id == bindparam("number"), agents.is_active.is_(True), _MAY)
)


def followers_of(session: Session, number: int) -> list[int]:
    """Return who follows a conversation and may open it."""
    return list(session.execute(_OF, {"number": number}).scalars())
