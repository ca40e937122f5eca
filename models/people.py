"""Who is inside (teams, agents, their sessions and tokens) and who is outside (contacts)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.base import Table, json_column, stored_as_value
from models.inbox import MESSENGERS


class Role(StrEnum):
    """What a person may do; each role may do what those before it may."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Scope(StrEnum):
    """What an API token may do; each scope includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Team(Table, table=True):
    """Agents who share work."""

    __tablename__ = "teams"

    name: str = Field(unique=True)
    is_active: bool = True
    department: str = ""
    gives_by: str = "least_open"  # or round_robin, weight


class Agent(Table, table=True):
    """A person inside. ``epoch`` grows when password or role changes, ending older sessions.

    ``password_hash`` is empty until an invitation is accepted; nothing matches an empty one,
    and until then ``is_active`` is false: nobody can be given work before they have come.
    """

    __tablename__ = "agents"

    email: str = Field(unique=True)
    name: str
    role: Role = Field(default=Role.AGENT, sa_type=stored_as_value(Role))
    password_hash: str
    epoch: int = 0
    is_active: bool = True
    on_duty: bool = True
    open_cap: int = 50
    language: str = "vi"
    theme: str = ""
    time_zone: str = ""  # for the pages they look at; empty: the company's
    density: str = ""  # of lists; or compact
    single_keys: bool = True  # whether a letter alone does something
    backup_id: int | None = Field(default=None, foreign_key="agents.id")
    calendar_id: int | None = Field(default=None, foreign_key="calendars.id")  # own hours
    weight: int = 1
    skills: list[str] = Field(default=[], sa_column=json_column())
    alerts: dict[str, Any] = Field(default={}, sa_column=json_column())
    alerted_at: datetime | None = None  # when alerts last went out: the next ones gather
    day_mail_on: str = ""  # the date of the last mail of what a day holds, ISO
    signature: str = ""  # under their answers; else the inbox's
    deactivated_at: datetime | None = None
    last_seen_at: datetime | None = None  # to five minutes
    created_at: datetime


class TeamMember(SQLModel, table=True):
    """An agent in a team; ``leads`` marks the supervisor who is told when a promise breaks."""

    __tablename__ = "team_members"

    team_id: int = Field(foreign_key="teams.id", primary_key=True)
    agent_id: int = Field(foreign_key="agents.id", primary_key=True, index=True)
    leads: bool = False
    last_given_at: datetime | None = None


class LoginSession(SQLModel, table=True):
    """A signed-in browser; ``id`` is the cookie's SHA-256, so a read row signs nobody in."""

    __tablename__ = "login_sessions"

    id: str = Field(primary_key=True)
    agent_id: int = Field(foreign_key="agents.id", index=True)
    epoch: int
    created_at: datetime
    touched_at: datetime
    expires_at: datetime = Field(index=True)


class ApiToken(Table, table=True):
    """A bearer token; what it does counts as its person's doing."""

    __tablename__ = "api_tokens"

    name: str
    token_hash: str = Field(unique=True)
    agent_id: int = Field(foreign_key="agents.id")
    scope: Scope = Field(sa_type=stored_as_value(Scope))
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None  # to an hour


class IdempotencyKey(SQLModel, table=True):
    """A POST that a script may send again: the same one gets its first answer again.

    ``status`` is None between taking a request in and answering it, which others only see
    while a filed conversation waits for the worker.
    """

    __tablename__ = "idempotency_keys"

    agent_id: int = Field(foreign_key="agents.id", primary_key=True)
    path: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str  # SHA-256 of the body that came first
    status: int | None = None
    body: str = ""
    location: str = ""
    created_at: datetime = Field(index=True)


class OneTimeToken(SQLModel, table=True):
    """A link that works once: the first visit, an invitation, a new password."""

    __tablename__ = "one_time_tokens"

    token_hash: str = Field(primary_key=True)
    purpose: str
    agent_id: int | None = Field(default=None, foreign_key="agents.id")
    expires_at: datetime
    used_at: datetime | None = None


class Contact(Table, table=True):
    """A person outside, as far as we know them.

    ``joined_into_id``: they were found to be that other contact, who has their identities
    and conversations until the two are parted again.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        Index(
            "ix_contacts_account",
            "account_id",
            sqlite_where=text("account_id IS NOT NULL"),
            postgresql_where=text("account_id IS NOT NULL"),
        ),
        Index(
            "ix_contacts_joined_into",
            "joined_into_id",
            sqlite_where=text("joined_into_id IS NOT NULL"),
            postgresql_where=text("joined_into_id IS NOT NULL"),
        ),
        Index(
            "ix_contacts_restricted",
            "id",
            sqlite_where=text("restricted_at IS NOT NULL"),
            postgresql_where=text("restricted_at IS NOT NULL"),
        ),
    )

    name: str = ""
    language: str = ""
    tier: str = "standard"
    account_id: int | None = Field(default=None, foreign_key="accounts.id")
    position: str = ""  # what they do at the account: "buyer", "giám đốc"
    joined_into_id: int | None = Field(default=None, foreign_key="contacts.id")
    restricted_at: datetime | None = None  # kept, and nothing else is done with it
    erased_at: datetime | None = None
    created_at: datetime


# Kinds of identity that no person types or would be called by: numbers of a machine.
UNSPOKEN = ("raw", "chat", *sorted(kind.value for kind in MESSENGERS))


class ContactIdentity(Table, table=True):
    """One address of a contact on one kind of channel: ``email``, ``phone``, ``api``, ``chat``.

    A chat identity's value is ``<inbox id>:<visitor id>``; ``seen_at`` is when its widget was
    last connected.
    """

    __tablename__ = "contact_identities"
    __table_args__ = (UniqueConstraint("kind", "value"),)

    contact_id: int = Field(foreign_key="contacts.id", index=True)
    kind: str
    value: str
    seen_at: datetime | None = None
    verified_at: datetime | None = None  # it has answered us, or a person vouched for it
    created_at: datetime
