"""The numbers on the rail. They stop at 99+, because counting a million rows takes a while."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    union,
)
from sqlmodel import Session

from inbox.store.people import Person
from models import (
    Account,
    Ask,
    Contact,
    Conversation,
    Notice,
    RawMessage,
    RawState,
    Role,
    Status,
    Triage,
)
from models.base import columns

accounts = columns(Account)
asks = columns(Ask)
contacts = columns(Contact)
conversations = columns(Conversation)
notices = columns(Notice)
raws = columns(RawMessage)
MOST = 99
_ME: ColumnElement[int] = bindparam("looker_id")
TEAMS: ColumnElement[int] = bindparam("looker_teams", expanding=True)
"""The teams of who looks, as ``looker`` gives them."""


@dataclass(frozen=True, slots=True)
class NavCounts:
    """Counts as shown: "8" or "99+"."""

    inbox: str = "0"
    review: str = "0"
    notices: str = "0"
    settings: str = "0"  # what is held in quarantine


EMPTY = NavCounts()


def shown(count: int) -> str:
    """Return a count as shown."""
    return str(count) if count <= MOST else f"{MOST}+"


_IS_RESTRICTED = contacts.restricted_at.is_not(None)
NOT_RESTRICTED: ColumnElement[bool] = or_(
    conversations.contact_id.not_in(select(contacts.id).where(_IS_RESTRICTED).correlate(None)),
    func.coalesce(conversations.last_inbound_at, conversations.created_at)
    > select(contacts.restricted_at)
    .where(contacts.id == conversations.contact_id)
    .correlate(Conversation)
    .scalar_subquery(),
)
"""Nobody works on what is kept of somebody whose data is restricted, until they write again."""


def visible_to(who: Person) -> ColumnElement[bool]:
    """Return the condition for the conversations a person may see."""
    return _seen(who.sees_all, who.team_ids, who.id)


def seen_by(sees_all: bool) -> ColumnElement[bool]:
    """Return that condition with parameters for ``looker``, for statements written once."""
    return _seen(sees_all, TEAMS, _ME)


def _seen(sees_all: bool, team_ids: Any, agent_id: Any) -> ColumnElement[bool]:
    if sees_all:
        return NOT_RESTRICTED
    return and_(or_(*_ways(team_ids, agent_id)), NOT_RESTRICTED)


def _ways(team_ids: Any, agent_id: Any) -> list[ColumnElement[bool]]:
    """Return why an agent may see a conversation, one reason each: each has its index."""
    return [
        conversations.team_id.in_(team_ids),
        conversations.owner_id == agent_id,
        conversations.owner_id.is_(None),
    ]


def _kept_by(agent_id: Any) -> Select[int]:
    """Return the accounts that a person looks after, as owner or as backup."""
    theirs = or_(accounts.owner_id == agent_id, accounts.backup_id == agent_id)
    return select(accounts.id).where(theirs)


def may_open(who: Person) -> ColumnElement[bool]:
    """Return the condition for the conversations a person may read and work on.

    Those of ``visible_to``, which lists show, and all of the accounts that they look after.
    """
    return _opened(who.role, who.team_ids, who.id)


def opened_by(role: Role) -> ColumnElement[bool]:
    """Return that condition with parameters for ``looker``, for statements written once."""
    return _opened(role, TEAMS, _ME)


def _opened(role: Role, team_ids: Any, agent_id: Any) -> ColumnElement[bool]:
    if role is Role.ADMIN:
        return true()  # who answers for what is restricted
    if role is not Role.AGENT:
        return NOT_RESTRICTED
    ways = _ways(team_ids, agent_id)
    return and_(or_(*ways, conversations.account_id.in_(_kept_by(agent_id))), NOT_RESTRICTED)


def sees(session: Session, who: Person, conversation: Conversation) -> bool:
    """Tell whether a person may open a conversation at hand."""
    is_theirs = conversation.team_id in who.team_ids or conversation.owner_id == who.id
    if who.sees_all or is_theirs or conversation.owner_id is None:
        return True
    kept = _kept_by(who.id).where(accounts.id == conversation.account_id)
    return conversation.account_id is not None and session.execute(kept).first() is not None


def looker(who: Person) -> dict[str, Any]:
    """Return the parameters that say who looks."""
    return {"looker_id": who.id, "looker_teams": sorted(who.team_ids)}


def _up_to_most(
    column: Column[Any], *conditions: ColumnElement[bool], order: Sequence[Any] = ()
) -> ColumnElement[int]:
    """Count rows, but not beyond what is shown; ``order`` says which index has only those."""
    some = select(column).where(*conditions).order_by(*order).limit(MOST + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


_IS_OPEN = conversations.status == Status.OPEN
_OWED = _up_to_most(
    conversations.id,
    _IS_OPEN,
    conversations.owner_id == _ME,
    conversations.next_due_at.is_not(None),
)
_UNREAD = _up_to_most(notices.id, notices.agent_id == _ME, notices.read_at.is_(None))
_REVIEW = _up_to_most(
    conversations.id,
    _IS_OPEN,
    conversations.triage == Triage.NEEDS_REVIEW,
    order=(conversations.review_worth.desc(), conversations.id.desc()),
)
_HELD = _up_to_most(raws.id, raws.state == RawState.QUARANTINED)
_MINE = _up_to_most(conversations.id, _IS_OPEN, conversations.owner_id == _ME)
_AWAITED = (asks.answered_at.is_(None), asks.withdrawn_at.is_(None))
_ASKED = _up_to_most(asks.id, *_AWAITED, asks.team_id.in_(TEAMS))
_ASKED_ANYBODY = _up_to_most(asks.id, *_AWAITED)


@cache
def _scopes(sees_all: bool) -> Select[int, int, int]:
    if sees_all:
        return select(_MINE, _up_to_most(conversations.id, _IS_OPEN), _ASKED_ANYBODY)
    # An agent who sees little must not make us look through everything for the hundredth.
    each = [
        select(conversations.id).where(_IS_OPEN, way).limit(MOST + 1).subquery()
        for way in _ways(TEAMS, _ME)
    ]
    either = union(*(select(some.c.id) for some in each)).subquery()
    seen = select(func.count()).select_from(either).scalar_subquery()
    return select(_MINE, seen, _ASKED)


_RAIL = select(_OWED, _UNREAD)
_WHOLE_RAIL = select(_OWED, _UNREAD, _REVIEW, _HELD)


@cache
def _scopes_and_rail(sees_all: bool) -> Select[Any]:
    rail = (_OWED, _UNREAD, _REVIEW, _HELD) if sees_all else (_OWED, _UNREAD)
    return _scopes(sees_all).add_columns(*rail)


def navigation(session: Session, who: Person) -> NavCounts:
    """Return what the rail shows a person."""
    query = _WHOLE_RAIL if who.sees_all else _RAIL
    return _rail(*session.execute(query, looker(who)).one())


def _rail(owed: int, unread: int, review: int = 0, held: int = 0) -> NavCounts:
    return NavCounts(shown(owed), shown(review), shown(unread), shown(held))


def scopes_and_rail(session: Session, who: Person) -> tuple[tuple[str, str, str], NavCounts]:
    """Return the numbers above the list, and those of the rail.

    The first are how many open conversations are the person's, how many the team's, and how
    many questions of other teams wait for the person's teams.
    """
    query = _scopes_and_rail(who.sees_all)
    mine, team, asked, *rail = session.execute(query, looker(who)).one()
    return (shown(mine), shown(team), shown(asked)), _rail(*rail)
