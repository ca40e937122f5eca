"""Agents, teams, sessions, tokens and contacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, delete, func, insert, or_, select, update
from sqlmodel import Session

from inbox.db import insert_into
from models import (
    Agent,
    ApiToken,
    Contact,
    ContactIdentity,
    Conversation,
    Counter,
    LoginSession,
    OneTimeToken,
    Role,
    Scope,
    Status,
    Team,
    TeamMember,
)
from models.base import columns

agents = columns(Agent)
tokens = columns(ApiToken)
contacts = columns(Contact)
identities = columns(ContactIdentity)
conversations = columns(Conversation)
counters = columns(Counter)
sessions = columns(LoginSession)
one_time = columns(OneTimeToken)
teams = columns(Team)
members = columns(TeamMember)
SESSION_LIFE = timedelta(days=14)
TOUCH_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is acting: a signed-in agent, or the agent behind a token."""

    id: int
    name: str
    email: str
    role: Role
    language: str
    theme: str
    on_duty: bool
    team_ids: frozenset[int]
    session_id: str = ""
    touch: bool = False  # the session was not used for a while and is to be kept alive
    scope: Scope = Scope.ADMIN

    @property
    def sees_all(self) -> bool:
        """Whether this person sees conversations of every team."""
        return self.role is not Role.AGENT


# Every request asks these; making a statement costs more than running it.
_TEAMS = select(members.team_id).where(members.agent_id == bindparam("agent_id"))
_SESSION = (
    select(Agent, sessions.touched_at)
    .join(LoginSession, sessions.agent_id == agents.id)
    .where(
        sessions.id == bindparam("session_id"),
        sessions.expires_at > bindparam("now"),
        sessions.epoch == agents.epoch,
        agents.is_active.is_(True),
    )
)


def _person(
    session: Session, agent: Agent, session_id: str, scope: Scope, *, touch: bool = False
) -> Person:
    teams = session.execute(_TEAMS, {"agent_id": agent.id}).scalars()
    return Person(
        agent.id,
        agent.name,
        agent.email,
        agent.role,
        agent.language,
        agent.theme,
        agent.on_duty,
        frozenset(teams),
        session_id,
        touch,
        scope,
    )


def find_session_person(session: Session, session_id: str, now: datetime) -> Person | None:
    """Return who a session belongs to, unless it ended, or the account changed since."""
    row = session.execute(_SESSION, {"session_id": session_id, "now": now}).one_or_none()
    if row is None:
        return None
    touch = row.touched_at < now - TOUCH_EVERY
    return _person(session, row[0], session_id, Scope.ADMIN, touch=touch)


def is_session_live(session: Session, session_id: str, now: datetime) -> bool:
    """Tell whether a session still signs somebody in."""
    return find_session_person(session, session_id, now) is not None


def find_token_person(session: Session, token_hash: str) -> Person | None:
    """Return who a bearer token acts for."""
    row = session.execute(
        select(Agent, tokens.scope)
        .join(ApiToken, tokens.agent_id == agents.id)
        .where(
            tokens.token_hash == token_hash,
            tokens.revoked_at.is_(None),
            agents.is_active.is_(True),
        )
    ).one_or_none()
    return None if row is None else _person(session, row[0], "", row[1])


def find_agent_by_email(session: Session, email: str) -> Agent | None:
    """Return the active agent who signs in with this address."""
    return session.execute(
        select(Agent).where(agents.email == email.strip().lower(), agents.is_active.is_(True))
    ).scalar_one_or_none()


def open_session(
    session: Session, session_id: str, agent_id: int, *, epoch: int, now: datetime
) -> None:
    """Record a new signed-in browser, and forget those that ended."""
    session.execute(delete(LoginSession).where(sessions.expires_at <= now))
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
    session.execute(
        update(LoginSession)
        .where(
            sessions.id == session_id,
            sessions.touched_at < now - TOUCH_EVERY,
        )
        .values(touched_at=now, expires_at=now + SESSION_LIFE)
    )


def close_session(session: Session, session_id: str) -> None:
    """End one signed-in browser."""
    session.execute(delete(LoginSession).where(sessions.id == session_id))


def take_turn(
    session: Session, key: str, most: int, *, expires_at: datetime, now: datetime
) -> bool:
    """Count one more under ``key``, unless that would be more than ``most``; False if so.

    One statement, so that any number of processes together stay below. The count starts
    again when nothing was counted until ``expires_at``.
    """
    fresh = counters.expires_at <= now
    statement = insert_into(session, Counter).values(key=key, count=1, expires_at=expires_at)
    counted = session.execute(
        statement.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((fresh, 1), else_=counters.count + 1),
                "expires_at": expires_at,
            },
            where=or_(fresh, counters.count < most),
        ).returning(counters.count)
    )
    return counted.scalar_one_or_none() is not None


def forget_count(session: Session, key: str) -> None:
    """Start a counter anew."""
    session.execute(delete(Counter).where(counters.key == key))


def use_one_time_token(session: Session, token_hash: str, purpose: str, now: datetime) -> bool:
    """Use up a link; False if it is unknown, used or expired."""
    used = session.execute(
        update(OneTimeToken)
        .where(
            one_time.token_hash == token_hash,
            one_time.purpose == purpose,
            one_time.used_at.is_(None),
            one_time.expires_at > now,
        )
        .values(used_at=now)
    )
    return used.rowcount == 1  # type: ignore[attr-defined,no-any-return]


def has_one_time_token(session: Session, token_hash: str, purpose: str, now: datetime) -> bool:
    """Tell whether a link still works."""
    found = session.execute(
        select(one_time.token_hash).where(
            one_time.token_hash == token_hash,
            one_time.purpose == purpose,
            one_time.used_at.is_(None),
            one_time.expires_at > now,
        )
    ).first()
    return found is not None


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person as shown beside a conversation."""

    id: int
    name: str
    email: str
    on_duty: bool
    backup_id: int | None
    language: str


_COLLEAGUES = select(*(agents[name] for name in Colleague.__dataclass_fields__))


def list_colleagues(session: Session) -> dict[int, Colleague]:
    """Return everybody inside by id, also those no longer active: old rows name them."""
    return {row.id: Colleague(*row) for row in session.execute(_COLLEAGUES)}


def team_names(session: Session) -> dict[int, str]:
    """Return the teams' names by id."""
    return {row.id: row.name for row in session.execute(select(teams.id, teams.name))}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could own a conversation."""

    id: int
    name: str
    open_count: int
    cap: int


OPEN_COUNT = (
    select(func.count())
    .select_from(Conversation)
    .where(conversations.owner_id == agents.id, conversations.status == Status.OPEN)
    .correlate(Agent)
    .scalar_subquery()
    .label("open_count")
)
_CANDIDATES = (
    select(agents.id, agents.name, OPEN_COUNT, agents.open_cap)
    .join(TeamMember, members.agent_id == agents.id)
    .where(
        members.team_id == bindparam("team_id"),
        members.leads.is_(False),
        agents.is_active.is_(True),
        agents.on_duty.is_(True),
    )
    .order_by("open_count", agents.id)
)


def list_candidates(session: Session, team_id: int) -> list[Candidate]:
    """Return who of a team is on duty, least open work first.

    The team's row is locked on PostgreSQL, so that two arrivals never both take the last
    place under a cap (on SQLite writers take turns anyway).
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(teams.id).where(teams.id == team_id).with_for_update())
    return [Candidate(*row) for row in session.execute(_CANDIDATES, {"team_id": team_id})]


def list_team_on_duty(session: Session, team_id: int | None) -> list[int]:
    """Return the ids of everyone of a team on duty; of everyone, when there is no team."""
    query = select(agents.id).where(agents.is_active.is_(True), agents.on_duty.is_(True))
    if team_id is not None:
        query = query.join(TeamMember, members.agent_id == agents.id).where(
            members.team_id == team_id
        )
    return list(session.execute(query.order_by(agents.id)).scalars())


def list_supervisors(session: Session, team_id: int | None) -> list[int]:
    """Return who leads a team; every supervisor, when nobody leads it."""
    leads = select(members.agent_id).join(
        Agent, and_(agents.id == members.agent_id, agents.is_active.is_(True))
    )
    found = list(
        session.execute(
            leads.where(members.team_id == team_id, members.leads.is_(True))
        ).scalars()
    )
    if found:
        return found
    anybody = select(agents.id).where(
        agents.is_active.is_(True),
        or_(agents.role == Role.SUPERVISOR, agents.role == Role.ADMIN),
    )
    return list(session.execute(anybody.order_by(agents.id)).scalars())


_CONTACT = (
    select(Contact)
    .join(ContactIdentity, identities.contact_id == contacts.id)
    .where(identities.kind == bindparam("kind"), identities.value == bindparam("value"))
)


def find_contact(session: Session, kind: str, value: str) -> Contact | None:
    """Return the contact with this address."""
    address = {"kind": kind, "value": value}
    return session.execute(_CONTACT, address).scalar_one_or_none()


def create_contact(
    session: Session, kind: str, value: str, *, name: str, language: str, now: datetime
) -> Contact:
    """Make a contact with an address that nobody has."""
    contact = Contact(name=name, language=language, created_at=now)
    session.add(contact)
    session.flush()
    session.execute(
        insert(ContactIdentity).values(
            contact_id=contact.id, kind=kind, value=value, created_at=now
        )
    )
    return contact


def list_identities(session: Session, contact_id: int) -> dict[str, Sequence[str]]:
    """Return a contact's addresses by kind."""
    rows = session.execute(
        select(identities.kind, identities.value)
        .where(identities.contact_id == contact_id)
        .order_by(identities.id)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.kind, []).append(row.value)
    return dict(found)


def set_on_duty(session: Session, agent_id: int, on_duty: bool) -> None:
    """Record that a person is at work or away."""
    session.execute(update(Agent).where(agents.id == agent_id).values(on_duty=on_duty))


def add_identity(
    session: Session, contact_id: int, kind: str, value: str, now: datetime
) -> None:
    """Give a contact one more address, unless somebody has it."""
    if find_contact(session, kind, value) is None:
        session.execute(
            insert(ContactIdentity).values(
                contact_id=contact_id, kind=kind, value=value, created_at=now
            )
        )
