"""Contacts who may be one person: who was proposed, joined, parted or said to be two."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from inbox.errors import NotFound
from models import Account, Contact, ContactIdentity, ContactJoin
from models.base import columns, core

joins = columns(ContactJoin)
contacts = columns(Contact)
identities = columns(ContactIdentity)
accounts = columns(Account)

MOST_SHOWN = 100


class JoinState(StrEnum):
    """How far a join has come."""

    PROPOSED = "proposed"
    JOINED = "joined"
    PARTED = "parted"
    REFUSED = "refused"  # they are two


class Why(StrEnum):
    """What two contacts have in common, or how it is known that they are one."""

    CLAIMED = "claimed"  # in a chat or form, one gave the other's address or number
    NAME = "name"  # the same name at the same account
    NUMBER = "number"  # the same number, written otherwise
    VERIFIED = "verified"  # the same address or number, verified of both
    SAID = "said"  # a person of ours says so


def propose(
    session: Session, kept_id: int, joined_id: int, why: Why, now: datetime
) -> int | None:
    """Propose that two are one person; None if that was ever said of them, either way."""
    if kept_id == joined_id or find_pair(session, kept_id, joined_id) is not None:
        return None
    row = ContactJoin(
        kept_id=kept_id, joined_id=joined_id, reason=why.value, moved={}, proposed_at=now
    )
    session.add(row)
    session.flush()
    return row.id


def find_pair(session: Session, one_id: int, other_id: int) -> int | None:
    """Return the newest join of two contacts, whichever is kept."""
    query = select(joins.id).where(
        or_(
            and_(joins.kept_id == one_id, joins.joined_id == other_id),
            and_(joins.kept_id == other_id, joins.joined_id == one_id),
        )
    )
    newest = query.order_by(joins.id.desc()).limit(1)
    return session.execute(newest).scalar_one_or_none()


def get_join(session: Session, join_id: int, *, to_change: bool = False) -> ContactJoin:
    """Return a join.

    Raises
    ------
    NotFound
        If there is none.
    """
    found: ContactJoin | None = session.get(
        ContactJoin, join_id, populate_existing=True, with_for_update=to_change or None
    )
    if found is None:
        raise NotFound("There is no such pair.")
    return found


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: who, at which account, and an address or number of theirs."""

    id: int
    name: str
    account: str
    address: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contacts of a join."""

    id: int
    state: str
    reason: str
    at: datetime  # proposed, or decided
    kept: Side
    joined: Side


_KEPT, _JOINED = core(Contact).alias("kept"), core(Contact).alias("joined")
_FIRST, _SECOND = core(Account).alias("first"), core(Account).alias("second")
_OF: ColumnElement[int] = bindparam("contact_id")
_PAIRS = (
    select(
        *(joins.id, joins.state, joins.reason),
        func.coalesce(joins.decided_at, joins.proposed_at, type_=joins.proposed_at.type),
        *(_KEPT.c.id, _KEPT.c.name, func.coalesce(_FIRST.c.name, "")),
        *(_JOINED.c.id, _JOINED.c.name, func.coalesce(_SECOND.c.name, "")),
    )
    .join(_KEPT, _KEPT.c.id == joins.kept_id)
    .join(_JOINED, _JOINED.c.id == joins.joined_id)
    .outerjoin(_FIRST, _FIRST.c.id == _KEPT.c.account_id)
    .outerjoin(_SECOND, _SECOND.c.id == _JOINED.c.account_id)
    .where(joins.state.in_(bindparam("states", expanding=True)))
    .order_by(joins.id.desc())
    .limit(bindparam("most"))
)
_PAIRS_OF_ONE = _PAIRS.where(or_(joins.kept_id == _OF, joins.joined_id == _OF))
_ADDRESSES = (
    select(identities.contact_id, func.min(identities.value))
    .where(
        identities.contact_id.in_(bindparam("ids", expanding=True)),
        identities.kind.in_(["email", "phone"]),
    )
    .group_by(identities.contact_id)
)


def list_pairs(
    session: Session,
    states: Sequence[JoinState] = (JoinState.PROPOSED,),
    *,
    contact_id: int | None = None,
    limit: int = MOST_SHOWN,
) -> list[Pair]:
    """Return joins in some states, the newest first; of one contact, or of all."""
    given = {"states": [one.value for one in states], "contact_id": contact_id, "most": limit}
    query = _PAIRS if contact_id is None else _PAIRS_OF_ONE
    found = session.execute(query, given).all()
    known = _addresses(session, {one for row in found for one in (row[4], row[7])})
    return [
        Pair(
            row[0],
            row[1],
            row[2],
            row[3],
            Side(row[4], row[5], row[6], known.get(row[4], "")),
            Side(row[7], row[8], row[9], known.get(row[7], "")),
        )
        for row in found
    ]


def _addresses(session: Session, contact_ids: set[int]) -> dict[int, str]:
    if not contact_ids:
        return {}
    rows = session.execute(_ADDRESSES, {"ids": sorted(contact_ids)})
    return {number: value for number, value in rows}


def list_namesakes(session: Session, contact_id: int) -> list[int]:
    """Return the contacts of the same name at the same account, the oldest first."""
    other = aliased(Contact)
    query = (
        select(col(other.id))
        .join(
            core(Contact),
            and_(
                contacts.id == contact_id,
                contacts.account_id == col(other.account_id),
                func.lower(contacts.name) == func.lower(col(other.name)),
            ),
        )
        .where(
            col(other.id) != contact_id,
            contacts.name != "",
            col(other.joined_into_id).is_(None),
        )
        .order_by(col(other.id))
        .limit(5)
    )
    return list(session.execute(query).scalars())
