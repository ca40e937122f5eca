"""Lists besides the one: likely spam, what only thanked, and one product group's."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, func, select
from sqlmodel import Session

from inbox.store.conversations import LIST_COLUMNS, Listed
from inbox.store.counts import visible_to
from inbox.store.people import Person
from models import Contact, Conversation, Status
from models.base import columns, core

conversations = columns(Conversation)
contacts = columns(Contact)

PAGE = 50


def list_spam(session: Session, who: Person, before: int = 0) -> list[Listed]:
    """Return a page of what is set apart as spam, newest first, after so many ``before``."""
    query = (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(conversations.spam_at.is_not(None), conversations.status == Status.SPAM)
        .where(visible_to(who))
        .order_by(conversations.spam_at.desc(), conversations.id.desc())
        .offset(before)
        .limit(PAGE)
    )
    return [Listed(*row) for row in session.execute(query)]


def list_thanks(session: Session, who: Person, before: int = 0) -> list[Listed]:
    """Return a page of those whose last message only thanked, newest first."""
    query = (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(conversations.thanked_at.is_not(None), visible_to(who))
        .order_by(conversations.thanked_at.desc(), conversations.id.desc())
        .offset(before)
        .limit(PAGE)
    )
    return [Listed(*row) for row in session.execute(query)]


def list_product(session: Session, who: Person, group: str, before: int = 0) -> list[Listed]:
    """Return a page of a product group's open conversations, nearest deadline first."""
    query = (
        select(*LIST_COLUMNS)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(conversations.product_group == group, conversations.status == Status.OPEN)
        .where(visible_to(who))
        .order_by(conversations.order_at, conversations.urgency_rank, conversations.id)
        .offset(before)
        .limit(PAGE)
    )
    return [Listed(*row) for row in session.execute(query)]


def count_days(session: Session, starts: Sequence[datetime]) -> list[tuple[int, int]]:
    """Return, for each day, how many were set apart and how many of them brought back.

    ``starts`` are the days' first moments, ascending, and the end of the last.
    """
    day = case(
        *((conversations.spam_at < end, number) for number, end in enumerate(starts[1:])),
        else_=len(starts) - 1,
    ).label("day")
    back = func.sum(case((conversations.status != Status.SPAM, 1), else_=0))
    rows = session.execute(
        select(day, func.count(), back)
        .where(conversations.spam_at >= starts[0], conversations.spam_at < starts[-1])
        .group_by(day)
    )
    found = {number: (count, int(restored)) for number, count, restored in rows}
    return [found.get(number, (0, 0)) for number in range(len(starts) - 1)]
