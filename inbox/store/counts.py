"""The numbers on the rail. They stop at 99+, because counting a million rows takes a while."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlmodel import Session

from inbox.store.people import Person
from models import Conversation, Notice, Status, Triage
from models.base import columns

conversations = columns(Conversation)
notices = columns(Notice)
MOST = 99


@dataclass(frozen=True, slots=True)
class NavCounts:
    """Counts as shown: "8" or "99+"."""

    inbox: str = "0"
    review: str = "0"
    notices: str = "0"


EMPTY = NavCounts()


def shown(count: int) -> str:
    """Return a count as shown."""
    return str(count) if count <= MOST else f"{MOST}+"


def visible_to(who: Person) -> ColumnElement[bool]:
    """Return the condition for the conversations a person may see."""
    if who.sees_all:
        return true()
    return or_(
        conversations.team_id.in_(who.team_ids),
        conversations.owner_id == who.id,
        conversations.owner_id.is_(None),
    )


def count_up_to(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Count conversations, but not beyond what is shown."""
    some = select(conversations.id).where(*conditions).limit(MOST + 1).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one())


def navigation(session: Session, who: Person) -> NavCounts:
    """Return what the rail shows a person."""
    mine = count_up_to(
        session,
        conversations.status == Status.OPEN,
        conversations.owner_id == who.id,
        conversations.next_due_at.is_not(None),
    )
    review = 0
    if who.sees_all:
        review = count_up_to(
            session,
            conversations.status == Status.OPEN,
            conversations.triage == Triage.NEEDS_REVIEW,
        )
    some = (
        select(notices.id)
        .where(notices.agent_id == who.id, notices.read_at.is_(None))
        .limit(MOST + 1)
        .subquery()
    )
    unread = session.execute(select(func.count()).select_from(some)).scalar_one()
    return NavCounts(shown(mine), shown(review), shown(unread))


def scopes(session: Session, who: Person) -> tuple[str, str]:
    """Return how many open conversations are the person's, and how many the team's."""
    is_open = conversations.status == Status.OPEN
    mine = count_up_to(session, is_open, conversations.owner_id == who.id)
    team = count_up_to(session, is_open, visible_to(who))
    return shown(mine), shown(team)
