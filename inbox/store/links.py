"""Links that work once: the first visit, an invitation, a new password.

Only a link's hash is kept. What is empty or too short to be one of ours matches nothing.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update
from sqlmodel import Session

from models import OneTimeToken
from models.base import columns

one_time = columns(OneTimeToken)


def _works(token_hash: str, purpose: str, now: datetime) -> ColumnElement[bool]:
    return and_(
        one_time.token_hash == token_hash,
        one_time.purpose == purpose,
        one_time.used_at.is_(None),
        one_time.expires_at > now,
    )


def add_one_time_token(
    session: Session,
    token_hash: str,
    purpose: str,
    expires_at: datetime,
    agent_id: int | None = None,
) -> None:
    """Let a link work once, until it expires."""
    session.add(
        OneTimeToken(
            token_hash=token_hash, purpose=purpose, agent_id=agent_id, expires_at=expires_at
        )
    )
    session.flush()


def use_one_time_token(session: Session, token_hash: str, purpose: str, now: datetime) -> bool:
    """Use up a link; False if it is unknown, used or expired."""
    used = session.execute(
        update(OneTimeToken).where(_works(token_hash, purpose, now)).values(used_at=now)
    )
    return used.rowcount == 1  # type: ignore[attr-defined,no-any-return]


def use_link_of(session: Session, token_hash: str, purpose: str, now: datetime) -> int | None:
    """Use up somebody's link and return whose it was; None if it does not work (any more)."""
    return session.execute(
        update(OneTimeToken)
        .where(_works(token_hash, purpose, now), one_time.agent_id.is_not(None))
        .values(used_at=now)
        .returning(one_time.agent_id)
    ).scalar_one_or_none()


def has_one_time_token(session: Session, token_hash: str, purpose: str, now: datetime) -> bool:
    """Tell whether a link still works."""
    found = session.execute(
        select(one_time.token_hash).where(_works(token_hash, purpose, now))
    ).first()
    return found is not None


def find_link_of(session: Session, token_hash: str, purpose: str, now: datetime) -> int | None:
    """Return whose link it is, without using it up."""
    return session.execute(
        select(one_time.agent_id).where(_works(token_hash, purpose, now))
    ).scalar_one_or_none()


def void_links_of(session: Session, agent_id: int, now: datetime) -> None:
    """Let none of a person's links work any more."""
    session.execute(
        update(OneTimeToken)
        .where(one_time.agent_id == agent_id, one_time.used_at.is_(None))
        .values(used_at=now)
    )
