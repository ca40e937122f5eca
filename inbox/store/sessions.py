"""Signed-in browsers and bearer tokens: whose they are, and until when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, or_, select, update
from sqlmodel import Session

from inbox.store.people import Person, as_person
from models import Agent, ApiToken, LoginSession, Scope, TeamMember
from models.base import columns, core

agents = columns(Agent)
tokens = columns(ApiToken)
sessions = columns(LoginSession)
members = columns(TeamMember)
SESSION_LIFE = timedelta(days=14)
TOUCH_EVERY = timedelta(minutes=5)
USED_EVERY = timedelta(hours=1)

# Every request asks these; making a statement costs more than running it.
_TEAMS = select(members.team_id).where(members.agent_id == bindparam("agent_id"))
_SESSION = (  # a row for each team of theirs
    select(Agent, sessions.touched_at, members.team_id)
    .join(core(LoginSession), sessions.agent_id == agents.id)
    .outerjoin(core(TeamMember), members.agent_id == agents.id)
    .where(
        sessions.id == bindparam("session_id"),
        sessions.expires_at > bindparam("now"),
        sessions.epoch == agents.epoch,
        agents.is_active.is_(True),
    )
)

_LIVE = (
    select(sessions.id)
    .join(core(Agent), sessions.agent_id == agents.id)
    .where(
        sessions.id.in_(bindparam("session_ids", expanding=True)),
        sessions.expires_at > bindparam("now"),
        sessions.epoch == agents.epoch,
        agents.is_active.is_(True),
    )
)
AT_ONCE = 500  # sessions asked for in one statement


def _person(
    session: Session, agent: Agent, session_id: str, scope: Scope, *, touch: bool = False
) -> Person:
    teams = session.execute(_TEAMS, {"agent_id": agent.id}).scalars()
    return as_person(agent, teams, session_id=session_id, touch=touch, scope=scope)


def find_person(session: Session, agent_id: int) -> Person | None:
    """Return an active person of ours, with every right of theirs."""
    agent = session.get(Agent, agent_id)
    if agent is None or not agent.is_active:
        return None
    return _person(session, agent, "", Scope.ADMIN)


def find_session_person(session: Session, session_id: str, now: datetime) -> Person | None:
    """Return who a session belongs to, unless it ended, or the account changed since."""
    found = session.execute(_SESSION, {"session_id": session_id, "now": now}).all()
    if not found:
        return None
    agent, touched_at, _ = found[0]
    teams = [team_id for _, _, team_id in found if team_id is not None]
    touch = touched_at < now - TOUCH_EVERY
    return as_person(agent, teams, session_id=session_id, touch=touch, scope=Scope.ADMIN)


def is_session_live(session: Session, session_id: str, now: datetime) -> bool:
    """Tell whether a session still signs somebody in."""
    return find_session_person(session, session_id, now) is not None


def live_among(session: Session, session_ids: Sequence[str], now: datetime) -> set[str]:
    """Return which of these sessions still sign somebody in."""
    found: set[str] = set()
    for begin in range(0, len(session_ids), AT_ONCE):
        some = list(session_ids[begin : begin + AT_ONCE])
        found |= set(session.execute(_LIVE, {"session_ids": some, "now": now}).scalars())
    return found


def find_token_person(
    session: Session, token_hash: str, now: datetime | None = None
) -> Person | None:
    """Return who a bearer token acts for; ``touch`` if its use ought to be noted by ``now``."""
    row = session.execute(
        select(Agent, tokens.scope, tokens.last_used_at)
        .join(core(ApiToken), tokens.agent_id == agents.id)
        .where(
            tokens.token_hash == token_hash,
            tokens.revoked_at.is_(None),
            agents.is_active.is_(True),
        )
    ).one_or_none()
    if row is None:
        return None
    used = row.last_used_at
    touch = now is not None and (used is None or used < now - USED_EVERY)
    return _person(session, row[0], "", row[1], touch=touch)


def touch_token(session: Session, token_hash: str, now: datetime) -> None:
    """Note that a token is used, at most once an hour."""
    session.execute(
        update(ApiToken)
        .where(
            tokens.token_hash == token_hash,
            or_(tokens.last_used_at.is_(None), tokens.last_used_at < now - USED_EVERY),
        )
        .values(last_used_at=now)
    )


def open_session(
    session: Session, session_id: str, agent_id: int, *, epoch: int, now: datetime
) -> None:
    """Record a new signed-in browser, and forget those that ended."""
    session.execute(delete(LoginSession).where(sessions.expires_at <= now))
    session.execute(update(Agent).where(agents.id == agent_id).values(last_seen_at=now))
    session.add(
        LoginSession(
            id=session_id,
            agent_id=agent_id,
            epoch=epoch,
            created_at=now,
            touched_at=now,
            expires_at=now + SESSION_LIFE,
        )
    )


def touch_session(session: Session, session_id: str, now: datetime) -> None:
    """Keep a used session alive."""
    touched = session.execute(
        update(LoginSession)
        .where(
            sessions.id == session_id,
            sessions.touched_at < now - TOUCH_EVERY,
        )
        .values(touched_at=now, expires_at=now + SESSION_LIFE)
        .returning(sessions.agent_id)
    ).scalar_one_or_none()
    if touched is not None:
        session.execute(update(Agent).where(agents.id == touched).values(last_seen_at=now))


def close_session(session: Session, session_id: str) -> None:
    """End one signed-in browser."""
    session.execute(delete(LoginSession).where(sessions.id == session_id))


def close_all_sessions(session: Session, agent_id: int) -> None:
    """End every signed-in browser of a person."""
    session.execute(delete(LoginSession).where(sessions.agent_id == agent_id))
