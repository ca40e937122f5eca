"""Tokens for the API: made by an administrator for a person, shown once, revoked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.auth import hash_token, random_token
from inbox.channels.addresses import normalise
from inbox.errors import Conflict, Invalid, NotFound
from inbox.store.audit import add_entry
from inbox.store.people import find_agent_by_email
from inbox.templating import N_
from models import Agent, ApiToken, AuditAction, AuditThing, Scope
from models.base import columns, core

tokens = columns(ApiToken)
agents = columns(Agent)
MOST_NAME = 120


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token of the list; never the secret."""

    id: int
    name: str
    person: str
    email: str
    scope: Scope
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def list_tokens(session: Session) -> list[TokenRow]:
    """Return all tokens, those that work first, the newest on top."""
    rows = session.execute(
        select(
            tokens.id,
            tokens.name,
            agents.name.label("person"),
            agents.email,
            tokens.scope,
            tokens.created_at,
            tokens.last_used_at,
            tokens.revoked_at,
        )
        .join(core(Agent), agents.id == tokens.agent_id)
        .order_by(tokens.revoked_at.is_not(None), tokens.id.desc())
    )
    return [TokenRow(*row) for row in rows]


def create_token(
    session: Session, name: str, email: str, scope: Scope, *, by: int | None, now: datetime
) -> str:
    """Make a token that acts as a person and return its secret, which is kept nowhere.

    Raises
    ------
    Invalid
        If it has no name.
    NotFound
        If nobody active has that address.
    """
    secret = f"kip_{random_token()}{random_token()}"
    store_token(session, name, email, scope, hash_token(secret), by=by, now=now)
    return secret


def store_token(
    session: Session,
    name: str,
    email: str,
    scope: Scope,
    token_hash: str,
    *,
    by: int | None,
    now: datetime,
) -> None:
    """Store a token's hash.

    Raises
    ------
    Invalid
        If it has no name.
    NotFound
        If nobody active has that address.
    """
    called = name.strip()
    if not 1 <= len(called) <= MOST_NAME:
        raise Invalid(
            "Give the token a name, such as what uses it.",
            {"name": N_("Give the token a name, such as what uses it.")},
        )
    person = find_agent_by_email(session, normalise(email))
    if person is None:
        raise NotFound(f"Nobody signs in as {email}. Add them with kip user add.")
    token = ApiToken(
        name=called,
        token_hash=token_hash,
        agent_id=person.id,
        scope=scope,
        created_at=now,
    )
    session.add(token)
    session.flush()
    add_entry(
        session,
        AuditThing.TOKEN,
        token.id,
        AuditAction.CREATED,
        now,
        by=by,
        after={"name": called, "agent_id": person.id, "scope": scope.value},
    )


def revoke_token(session: Session, token_id: int, *, by: int | None, now: datetime) -> None:
    """Let a token work no longer.

    Raises
    ------
    NotFound
        If there is none.
    Conflict
        If it was revoked already.
    """
    token = session.get(ApiToken, token_id, with_for_update=True)
    if token is None:
        raise NotFound("There is no such token.")
    if token.revoked_at is not None:
        raise Conflict("It was revoked already.")
    token.revoked_at = now
    session.add(token)
    _note_revoked(session, [(token.id, token.name)], by=by, now=now)


def revoke_tokens_of(session: Session, agent_id: int, *, by: int | None, now: datetime) -> None:
    """Let no token act as a person any longer."""
    revoked = session.execute(
        update(ApiToken)
        .where(tokens.agent_id == agent_id, tokens.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(tokens.id, tokens.name)
    )
    _note_revoked(session, [(row.id, row.name) for row in revoked], by=by, now=now)


def _note_revoked(
    session: Session, revoked: list[tuple[int, str]], *, by: int | None, now: datetime
) -> None:
    """Write into the audit trail that tokens no longer work."""
    for number, name in revoked:
        add_entry(
            session,
            AuditThing.TOKEN,
            number,
            AuditAction.REMOVED,
            now,
            by=by,
            before={"name": name},
        )
