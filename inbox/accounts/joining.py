"""Two contacts become one person, and two again.

Joining moves what is the second's to the first and writes down what, so that it can be undone:
addresses, conversations and messages. The second stays as a row that says who they are now.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlmodel import Session

from inbox.db import after_commit
from inbox.errors import Conflict, NotFound
from inbox.queue import conversation_name
from inbox.ruling import STANDARD, follow_tier
from inbox.store import accounts as rows
from inbox.store import joins
from inbox.store.audit import add_entry
from inbox.store.joins import JoinState, Why
from inbox.templating import N_
from models import (
    AuditAction,
    AuditThing,
    Contact,
    ContactIdentity,
    ContactJoin,
    Conversation,
    Direction,
    Message,
    Milestone,
    Reminder,
)
from models.base import columns

identities = columns(ContactIdentity)
conversations = columns(Conversation)
messages = columns(Message)

OWN = ("name", "language", "tier", "account_id", "position")
NOT_THERE = N_("There is no such customer.")
ONE_ALREADY = N_("They are one already.")
NOT_ONE = N_("They are not joined.")
LATER_FIRST = N_("They were joined to somebody else since: part those first.")
DECIDED = N_("Somebody has decided that already.")
KEPT_AS_IT_IS = N_("This customer’s data is kept as it is: nothing may be done with it.")


def get_contact(session: Session, contact_id: int, *, to_change: bool = False) -> Contact:
    """Return a contact.

    Raises
    ------
    NotFound
        If there is none.
    """
    found: Contact | None = session.get(
        Contact, contact_id, populate_existing=True, with_for_update=to_change or None
    )
    if found is None:
        raise NotFound(NOT_THERE)
    return found


def join(
    session: Session,
    kept_id: int,
    joined_id: int,
    *,
    why: Why = Why.SAID,
    by: int | None,
    now: datetime,
) -> int:
    """Make two contacts one person: the first has all that is the second's; return the join.

    The first keeps name, tier and account where it has them. Open requests of the second
    follow the tier of the first.

    Raises
    ------
    NotFound
        If there is no such contact.
    Conflict
        If one of them was joined into another already, or its data is restricted or erased.
    """
    if kept_id == joined_id:
        raise Conflict(ONE_ALREADY)
    both = {
        number: get_contact(session, number, to_change=True)
        for number in sorted((kept_id, joined_id))
    }
    kept, joined = both[kept_id], both[joined_id]
    for one in (kept, joined):
        if one.joined_into_id is not None:
            raise Conflict(ONE_ALREADY)
        if one.restricted_at is not None or one.erased_at is not None:
            raise Conflict(KEPT_AS_IT_IS)
    row = _row_of(session, kept_id, joined_id, why, now)
    tiers = {one.id: one.tier for one in (kept, joined)}
    theirs = _numbers_of(session, conversations.contact_id == joined_id)
    own = _numbers_of(session, conversations.contact_id == kept_id)
    row.moved = {
        "identities": _give_addresses(session, joined_id, kept_id),
        "conversations": theirs,
        "kept": _own(kept),
        "joined": _own(joined),
    }
    row.kept_id, row.joined_id = kept_id, joined_id
    row.state, row.decided_at, row.decided_by_id = JoinState.JOINED.value, now, by
    _fill(kept, joined)
    row.moved["made"] = _own(kept)
    joined.joined_into_id = kept_id
    session.add_all([row, kept, joined])
    session.flush()
    _give_work(session, theirs, joined_id, kept)
    if row.moved["made"]["account_id"] != row.moved["kept"]["account_id"]:
        _give_work(session, own, kept_id, kept)
    for number, some in ((kept_id, own), (joined_id, theirs)):
        follow_tier(session, some, tiers[number], kept.tier, by=by, now=now)
    rows.mark_stale(session, (kept.account_id, joined.account_id), now)
    _note(session, row, AuditAction.JOINED, by, now)
    return row.id


def _row_of(
    session: Session, kept_id: int, joined_id: int, why: Why, now: datetime
) -> ContactJoin:
    """Return the row in which the two were proposed, or a new one."""
    known = joins.find_pair(session, kept_id, joined_id)
    if known is not None:
        row = joins.get_join(session, known, to_change=True)
        if row.state == JoinState.PROPOSED:
            return row
    return ContactJoin(
        kept_id=kept_id, joined_id=joined_id, reason=why.value, moved={}, proposed_at=now
    )


def _own(contact: Contact) -> dict[str, Any]:
    return {name: getattr(contact, name) for name in OWN}


def _fill(kept: Contact, joined: Contact) -> None:
    """Let the first have what only the second has."""
    kept.name = kept.name or joined.name
    kept.language = kept.language or joined.language
    kept.position = kept.position or joined.position
    if kept.account_id is None:
        kept.account_id = joined.account_id
    if kept.tier == STANDARD:
        kept.tier = joined.tier


def _give_addresses(session: Session, from_id: int, to_id: int) -> list[int]:
    """Give all addresses of one contact to another; return which."""
    query = select(identities.id).where(identities.contact_id == from_id)
    ids = list(session.execute(query.order_by(identities.id)).scalars())
    given = update(ContactIdentity).where(identities.id.in_(ids)).values(contact_id=to_id)
    session.execute(given)
    return ids


def _numbers_of(session: Session, whose: ColumnElement[bool]) -> list[int]:
    query = select(conversations.id).where(whose).order_by(conversations.id)
    return list(session.execute(query.with_for_update()).scalars())


def _give_work(session: Session, numbers: Sequence[int], from_id: int, to: Contact) -> None:
    """Let conversations be somebody's, with what the other said in them."""
    session.execute(
        update(Conversation)
        .where(conversations.id.in_(numbers))
        .values(contact_id=to.id, account_id=to.account_id, version=conversations.version + 1)
    )
    session.execute(
        update(Message)
        .where(messages.conversation_id.in_(numbers), messages.contact_id == from_id)
        .values(contact_id=to.id)
    )
    dates_follow(session, conversations.id.in_(list(numbers)), to.account_id)
    after_commit(session, "list", *map(conversation_name, numbers))


def dates_follow(session: Session, whose: ColumnElement[bool], account_id: int | None) -> None:
    """Let milestones and reminders of conversations be the account's that those are now."""
    numbers = select(conversations.id).where(whose)
    for table in (Milestone, Reminder):
        conversation_id = columns(table).conversation_id
        session.execute(
            update(table)
            .where(conversation_id.in_(numbers))
            .values(account_id=account_id)
            .execution_options(synchronize_session=False)
        )


def _note(
    session: Session, row: ContactJoin, action: AuditAction, by: int | None, now: datetime
) -> None:
    """Write it down at the one who is kept; addresses are no words for the trail."""
    after = {"joined_id": row.joined_id, "why": row.reason, "state": row.state}
    add_entry(session, AuditThing.CONTACT, row.kept_id, action, now, by=by, after=after)


# ---- parted again ----------------------------------------------------------------------


def part(session: Session, join_id: int, *, by: int | None, now: datetime) -> None:
    """Make two of them again: each has what was theirs, and what came by their addresses since.

    What was filled in when they were joined goes back where nobody changed it meanwhile.

    Raises
    ------
    NotFound
        If there is no such join.
    Conflict
        If they are not joined, or the first was joined to another since, or the data of one
        of them is restricted or erased.
    """
    row = joins.get_join(session, join_id, to_change=True)
    if row.state != JoinState.JOINED or row.decided_at is None:
        raise Conflict(NOT_ONE)
    both = {
        number: get_contact(session, number, to_change=True)
        for number in sorted((row.kept_id, row.joined_id))
    }
    kept, joined = both[row.kept_id], both[row.joined_id]
    if any(one.restricted_at or one.erased_at for one in both.values()):
        raise Conflict(KEPT_AS_IT_IS)
    if kept.joined_into_id is not None:
        raise Conflict(LATER_FIRST)
    ids = row.moved["identities"]
    back = _still(session, row.moved["conversations"], kept.id)
    back += _came_since(session, kept.id, ids, row.decided_at)
    session.execute(
        update(ContactIdentity)
        .where(identities.id.in_(ids), identities.contact_id == kept.id)
        .values(contact_id=joined.id)
    )
    tier = kept.tier
    own = _numbers_of(session, conversations.contact_id == kept.id)
    for name in OWN:
        if getattr(kept, name) == row.moved["made"][name]:
            setattr(kept, name, row.moved["kept"][name])
    joined.joined_into_id = None
    row.state, row.decided_at, row.decided_by_id = JoinState.PARTED.value, now, by
    session.add_all([row, kept, joined])
    session.flush()
    stays = sorted(set(own) - set(back))
    _give_work(session, back, kept.id, joined)
    if kept.account_id != row.moved["made"]["account_id"]:
        _give_work(session, stays, kept.id, kept)
    for one, some in ((kept, stays), (joined, back)):
        follow_tier(session, some, tier, one.tier, by=by, now=now)
    rows.mark_stale(session, (kept.account_id, joined.account_id), now)
    rows.mark_stale(session, (row.moved["made"]["account_id"],), now)
    _note(session, row, AuditAction.REMOVED, by, now)


def _still(session: Session, numbers: Sequence[int], contact_id: int) -> list[int]:
    """Return which of these conversations are the contact's still."""
    whose = (conversations.id.in_(numbers), conversations.contact_id == contact_id)
    return list(session.execute(select(conversations.id).where(*whose)).scalars())


def _came_since(
    session: Session, contact_id: int, ids: Sequence[int], since: datetime
) -> list[int]:
    """Return the conversations that began since, at one of these addresses."""
    values = select(identities.value).where(identities.id.in_(ids))
    spoke = select(messages.id).where(
        messages.conversation_id == conversations.id,
        messages.direction == Direction.INBOUND,
        messages.sender_address.in_(values),
    )
    whose = (conversations.contact_id == contact_id, conversations.created_at > since)
    found = session.execute(
        select(conversations.id).where(*whose, spoke.correlate(Conversation).exists())
    )
    return list(found.scalars())


def refuse(session: Session, join_id: int, *, by: int | None, now: datetime) -> None:
    """Say that two who were proposed are two people; nobody proposes them again.

    Raises
    ------
    NotFound
        If there is no such pair.
    Conflict
        If that was decided already.
    """
    row = joins.get_join(session, join_id, to_change=True)
    if row.state != JoinState.PROPOSED:
        raise Conflict(DECIDED)
    row.state, row.decided_at, row.decided_by_id = JoinState.REFUSED.value, now, by
    session.add(row)
    session.flush()
    _note(session, row, AuditAction.CHANGED, by, now)
