"""Agents, teams and contacts, and counters of how often somebody did something."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, or_, select, update
from sqlmodel import Session

from inbox.db import insert_into
from inbox.store.audit import add_entry
from inbox.store.kept import kept
from models import (
    Agent,
    AuditAction,
    AuditThing,
    Contact,
    ContactIdentity,
    Conversation,
    Counter,
    Role,
    Scope,
    Status,
    Team,
    TeamMember,
)
from models.base import columns, core

agents = columns(Agent)
contacts = columns(Contact)
identities = columns(ContactIdentity)
conversations = columns(Conversation)
counters = columns(Counter)
teams = columns(Team)
members = columns(TeamMember)


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
    time_zone: str = ""  # for the pages they look at; empty: the company's
    density: str = ""
    single_keys: bool = True

    @property
    def sees_all(self) -> bool:
        """Whether this person sees conversations of every team."""
        return self.role is not Role.AGENT


def as_person(agent: Agent, team_ids: Iterable[int], **session: Any) -> Person:
    """Return somebody as who acts; ``session`` is what a session or a token adds."""
    return Person(
        agent.id,
        agent.name,
        agent.email,
        agent.role,
        agent.language,
        agent.theme,
        agent.on_duty,
        frozenset(team_ids),
        time_zone=agent.time_zone,
        density=agent.density,
        single_keys=agent.single_keys,
        **session,
    )


def find_agent_by_email(session: Session, email: str) -> Agent | None:
    """Return the active agent who signs in with this address."""
    return session.execute(
        select(Agent).where(agents.email == email.strip().lower(), agents.is_active.is_(True))
    ).scalar_one_or_none()


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


def count_one(session: Session, key: str, *, expires_at: datetime, now: datetime) -> int:
    """Count one more under ``key`` and return how many those are, as ``take_turn`` counts."""
    fresh = counters.expires_at <= now
    statement = insert_into(session, Counter).values(key=key, count=1, expires_at=expires_at)
    counted = session.execute(
        statement.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((fresh, 1), else_=counters.count + 1),
                "expires_at": expires_at,
            },
        ).returning(counters.count)
    )
    return int(counted.scalar_one())


def forget_count(session: Session, key: str) -> None:
    """Start a counter anew."""
    session.execute(delete(Counter).where(counters.key == key))


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person as shown beside a conversation."""

    id: int
    name: str
    email: str
    on_duty: bool
    backup_id: int | None
    language: str
    is_active: bool = True


_COLLEAGUES = select(*(agents[name] for name in Colleague.__dataclass_fields__))


@kept
def list_colleagues(session: Session) -> Mapping[int, Colleague]:
    """Return everybody inside by id, also those no longer active: old rows name them."""
    found = {row.id: Colleague(*row) for row in session.execute(_COLLEAGUES)}
    return MappingProxyType(found)


_TEAMS = select(teams.id, teams.name)


@kept
def team_names(session: Session) -> Mapping[int, str]:
    """Return the teams' names by id."""
    return MappingProxyType({row.id: row.name for row in session.execute(_TEAMS)})


OPEN_COUNT = (
    select(func.count())
    .select_from(core(Conversation))
    .where(conversations.owner_id == agents.id, conversations.status == Status.OPEN)
    .correlate(Agent)
    .scalar_subquery()
    .label("open_count")
)


def list_supervisors(session: Session, team_id: int | None) -> list[int]:
    """Return who leads a team; every supervisor, when nobody leads it."""
    leads = select(members.agent_id).join(
        core(Agent), and_(agents.id == members.agent_id, agents.is_active.is_(True))
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
    .join(core(ContactIdentity), identities.contact_id == contacts.id)
    .where(identities.kind == bindparam("kind"), identities.value == bindparam("value"))
)


def find_contact(session: Session, kind: str, value: str) -> Contact | None:
    """Return the contact with this address."""
    address = {"kind": kind, "value": value}
    return session.execute(_CONTACT, address).scalar_one_or_none()


def create_contact(
    session: Session, kind: str, value: str, *, name: str, language: str, now: datetime
) -> Contact:
    """Make a contact with an address that nobody has; whoever got it meanwhile, if so."""
    contact = Contact(name=name, language=language, created_at=now)
    session.add(contact)
    session.flush()
    made = session.execute(
        insert_into(session, ContactIdentity)
        .values(contact_id=contact.id, kind=kind, value=value, created_at=now)
        .on_conflict_do_nothing(index_elements=["kind", "value"])
        .returning(identities.id)
    ).scalar_one_or_none()
    if made is not None:
        return contact
    session.delete(contact)
    session.flush()
    theirs: Contact = session.execute(_CONTACT, {"kind": kind, "value": value}).scalar_one()
    return theirs


_RESTRICTED = select(contacts.restricted_at).where(contacts.id == bindparam("contact_id"))
_IDENTITIES = (
    select(identities.kind, identities.value, identities.verified_at)
    .where(identities.contact_id == bindparam("contact_id"))
    .order_by(identities.id)
)


def is_restricted(session: Session, contact_id: int) -> bool:
    """Tell whether nothing may be done with what is kept of a contact."""
    return session.execute(_RESTRICTED, {"contact_id": contact_id}).scalar() is not None


@dataclass(frozen=True, slots=True)
class Known:
    """An address of a contact; one is theirs for sure since ``verified_at``."""

    kind: str
    value: str
    verified_at: datetime | None


def list_known(session: Session, contact_id: int) -> list[Known]:
    """Return a contact's addresses, the oldest first."""
    return [Known(*row) for row in session.execute(_IDENTITIES, {"contact_id": contact_id})]


def by_kind(known: Iterable[Known]) -> dict[str, Sequence[str]]:
    """Return addresses by kind."""
    found: dict[str, list[str]] = {}
    for one in known:
        found.setdefault(one.kind, []).append(one.value)
    return dict(found)


def verified_of(known: Iterable[Known]) -> list[str]:
    """Return the e-mail addresses that a contact has answered from, or a person vouched for."""
    return [one.value for one in known if one.kind == "email" and one.verified_at is not None]


def list_identities(session: Session, contact_id: int) -> dict[str, Sequence[str]]:
    """Return a contact's addresses by kind."""
    return by_kind(list_known(session, contact_id))


def list_verified(session: Session, contact_id: int) -> list[str]:
    """Return the e-mail addresses of a contact that are theirs for sure."""
    return verified_of(list_known(session, contact_id))


def set_on_duty(session: Session, agent_id: int, on_duty: bool, now: datetime) -> None:
    """Record that a person is at work or away, as they say themselves."""
    done = session.execute(
        update(Agent)
        .where(agents.id == agent_id, agents.on_duty.is_(not on_duty))
        .values(on_duty=on_duty)
    )
    if done.rowcount:  # type: ignore[attr-defined]
        add_entry(
            session,
            AuditThing.PERSON,
            agent_id,
            AuditAction.CHANGED,
            now,
            by=agent_id,
            before={"on_duty": not on_duty},
            after={"on_duty": on_duty},
        )


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


def is_verified(session: Session, kind: str, value: str) -> bool:
    """Tell whether an address is known to be its contact's."""
    found = session.execute(
        select(identities.id).where(
            identities.kind == kind,
            identities.value == value,
            identities.verified_at.is_not(None),
        )
    ).first()
    return found is not None


_VERIFY = (
    update(core(ContactIdentity))
    .where(
        identities.kind == bindparam("its_kind"),
        identities.value == bindparam("its_value"),
        identities.verified_at.is_(None),
    )
    .values(verified_at=bindparam("at"))
)


def verify(session: Session, kind: str, value: str, now: datetime) -> None:
    """Note that an address is known to be its contact's, unless it is already."""
    session.execute(_VERIFY, {"its_kind": kind, "its_value": value, "at": now})
