"""Absences as they are entered: from when to when, and who stands in.

What they do to work is carried out by the worker (``inbox.company.covering``).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session

from inbox.company.shift_words import Said, say_all
from inbox.errors import Conflict, Forbidden, Invalid, NotFound
from inbox.store import staff
from inbox.store.audit import add_entry
from inbox.store.people import Person
from inbox.templating import N_
from models import (
    Absence,
    AuditAction,
    AuditThing,
    AwayKind,
    Conversation,
    Swap,
    SwapState,
)
from models.base import columns

absences = columns(Absence)
conversations = columns(Conversation)
swaps = columns(Swap)

LONGEST = timedelta(days=366)
LONGEST_SHIFT = timedelta(hours=24)  # of taking over, and of a shift
MOST_NOTE = 500
TOO_LONG = N_("This note is too long.")
WRONG_TIME = N_("An absence ends after it begins, from now on, within a year.")
OVERLAPS = N_("There is an absence at this time already. Change that one.")
CIRCLE = N_("This is a circle: nobody of them would be there. Choose somebody else.")
NO_BACKUP = N_("The backup is a colleague who works here.")
NOBODY_NAMED = N_("Say who takes over.")
TOO_LONG_A_SHIFT = N_("A colleague takes over for a day at most. For longer, enter an absence.")
NOT_THERE = N_("They are away then. Choose somebody else.")


@dataclass(frozen=True, slots=True)
class Plan:
    """An absence as entered. ``backup_id`` None: whoever is the person's backup then.

    In any other kind the person is there, and the backup takes over; it has to be named.
    """

    starts_at: datetime
    ends_at: datetime
    backup_id: int | None = None
    gives_back: bool = True
    note: str = ""
    kind: AwayKind = AwayKind.ABSENCE


def enter(session: Session, agent_id: int, plan: Plan, *, by: Person, now: datetime) -> int:
    """Enter an absence and return its id; one that has begun is carried out within seconds.

    Raises
    ------
    Forbidden
        If it is a colleague's and ``by`` leads nobody.
    Invalid
        If the times are none, there is one at that time already, or the backups are a circle.
    """
    _allow(by, agent_id)
    staff.get_agent(session, agent_id, to_change=True)  # one entry at a time
    absence = put(session, agent_id, plan, by=by, now=now)
    _say(session, absence, by, now)
    return absence.id


def put(session: Session, agent_id: int, plan: Plan, *, by: Person, now: datetime) -> Absence:
    """Enter an absence without asking who may; the person's row is locked to be changed.

    Raises
    ------
    Invalid
        As ``enter`` does.
    """
    _check(session, agent_id, plan, now)
    absence = Absence(
        agent_id=agent_id,
        kind=plan.kind,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        backup_id=plan.backup_id,
        gives_back=plan.gives_back,
        note=plan.note.strip(),
        created_by_id=by.id,
        created_at=now,
    )
    session.add(absence)
    session.flush()
    _note(session, absence, AuditAction.CREATED, now, by=by, after=facts_of(absence))
    return absence


def change(session: Session, absence_id: int, plan: Plan, *, by: Person, now: datetime) -> None:
    """Extend, shorten or otherwise change one that is not over.

    What has begun keeps its beginning. What was handed over stays with whom it went to.

    Raises
    ------
    Forbidden, Invalid
        As ``enter`` does.
    Conflict
        If it is over.
    """
    absence = _load(session, absence_id, by, now)
    starts_at = plan.starts_at if absence.starts_at > now else absence.starts_at
    plan = replace(plan, starts_at=starts_at, kind=absence.kind)
    if absence.kind is AwayKind.SWAP and plan.backup_id != absence.backup_id:
        raise Invalid(NO_BACKUP, {"backup_id": NO_BACKUP})  # who agreed is who works
    _check(session, absence.agent_id, plan, now, own_id=absence.id)
    before, was_with = facts_of(absence), absence.backup_id
    over = _over(absence)
    absence.starts_at, absence.ends_at = plan.starts_at, plan.ends_at
    absence.backup_id, absence.gives_back = plan.backup_id, plan.gives_back
    absence.note = plan.note.strip()
    session.add(absence)
    session.flush()
    after = facts_of(absence)
    if after != before:
        _note(session, absence, AuditAction.CHANGED, now, by=by, before=before, after=after)
        if absence.backup_id != was_with:
            say_all(session, [one for one in over if one.to == was_with], now)
        _say(session, absence, by, now)


def end(session: Session, absence_id: int, *, by: Person, now: datetime) -> bool:
    """End one now, or take back one that has not begun; True if it had begun.

    What was handed over goes back as it says, within seconds.

    Raises
    ------
    Forbidden
        If it is a colleague's and ``by`` leads nobody.
    Conflict
        If it is over.
    """
    absence = _load(session, absence_id, by, now)
    before, over = facts_of(absence), _over(absence)
    had_begun = absence.starts_at <= now
    if had_begun:
        absence.ends_at = now
    else:
        absence.over_at = now
    session.add(absence)
    session.flush()
    if had_begun:
        after = facts_of(absence)
        _note(session, absence, AuditAction.CHANGED, now, by=by, before=before, after=after)
    else:
        _note(session, absence, AuditAction.REMOVED, now, by=by, before=before)
    say_all(session, [one for one in over if one.to != by.id], now)
    return had_begun


def refuse_circle(session: Session, agent_id: int, backup_id: int | None) -> None:
    """Make sure that somebody's standing backups do not lead back to them.

    Raises
    ------
    Invalid
        If they do.
    """
    backups = {**staff.list_backups(session), agent_id: backup_id}
    seen, one = {agent_id}, backup_id
    while one is not None:
        if one == agent_id:
            raise Invalid(CIRCLE, {"backup_id": CIRCLE})
        if one in seen:  # a circle of others, entered long ago
            return
        seen.add(one)
        one = backups.get(one)


def facts_of(absence: Absence) -> dict[str, Any]:
    """Return what the audit trail says of an absence."""
    kind = {} if absence.kind is AwayKind.ABSENCE else {"kind": absence.kind.value}
    return kind | {
        "agent_id": absence.agent_id,
        "starts_at": absence.starts_at.isoformat(),
        "ends_at": absence.ends_at.isoformat(),
        "backup_id": absence.backup_id,
        "gives_back": absence.gives_back,
    }


def _said(absence: Absence, to_backup: str, to_person: str) -> list[Said]:
    """Return what both are told of somebody who takes over; of an absence nothing."""
    if absence.kind is AwayKind.ABSENCE or absence.backup_id is None:
        return []
    who, backup = absence.agent_id, absence.backup_id
    span = (absence.starts_at, absence.ends_at)
    # Changed times are told again, the same ones are not.
    mark = f"{absence.id}-{int(span[0].timestamp())}-{int(span[1].timestamp())}"
    return [
        Said(to_backup, backup, who, span, mark),
        Said(to_person, who, backup, span, mark),
    ]


def _say(session: Session, absence: Absence, by: Person, now: datetime) -> None:
    said = _said(absence, "takes_over", "taken_over")
    say_all(session, [one for one in said if one.to != by.id], now)


def _over(absence: Absence) -> list[Said]:
    return _said(absence, "no_longer", "yours_again")


def _note(
    session: Session,
    absence: Absence,
    action: AuditAction,
    now: datetime,
    *,
    by: Person,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    add_entry(
        session,
        AuditThing.ABSENCE,
        absence.id,
        action,
        now,
        by=by.id,
        before=before,
        after=after,
    )


def may_enter(by: Person, agent_id: int) -> bool:
    """Tell whether somebody may say when a person is absent."""
    return by.sees_all or by.id == agent_id


def _allow(by: Person, agent_id: int) -> None:
    if not may_enter(by, agent_id):
        raise Forbidden("Only they themselves and supervisors may do this.")


def _load(session: Session, absence_id: int, by: Person, now: datetime) -> Absence:
    found = session.get(Absence, absence_id, populate_existing=True, with_for_update=True)
    if found is None:
        raise NotFound("There is no such absence.")
    _allow(by, found.agent_id)
    if found.over_at is not None or found.ends_at <= now:
        raise Conflict("This absence is over.")
    return found


def _check(
    session: Session, agent_id: int, plan: Plan, now: datetime, own_id: int | None = None
) -> None:
    if not plan.starts_at < plan.ends_at or not now < plan.ends_at <= now + LONGEST:
        raise Invalid(WRONG_TIME, {"ends_at": WRONG_TIME})
    if now - plan.starts_at > LONGEST:
        raise Invalid(WRONG_TIME, {"starts_at": WRONG_TIME})
    if len(plan.note.strip()) > MOST_NOTE:
        raise Invalid(TOO_LONG, {"note": TOO_LONG})
    if plan.backup_id is not None and not _may_back(session, agent_id, plan.backup_id):
        raise Invalid(NO_BACKUP, {"backup_id": NO_BACKUP})
    if plan.kind is not AwayKind.ABSENCE:
        _check_shift(plan)
    at_that_time = {
        one.agent_id: one.backup_id
        for one in session.execute(
            select(Absence)
            .where(
                absences.over_at.is_(None),
                absences.starts_at < plan.ends_at,
                absences.ends_at > plan.starts_at,
                absences.id != (own_id or 0),
            )
            .order_by(absences.id)
        ).scalars()
    }
    if agent_id in at_that_time:
        raise Invalid(OVERLAPS, {"starts_at": OVERLAPS})
    if plan.kind is not AwayKind.ABSENCE and plan.backup_id in at_that_time:
        raise Invalid(NOT_THERE, {"backup_id": NOT_THERE})
    _refuse_circle_of_absent(session, agent_id, plan.backup_id, at_that_time)


def _check_shift(plan: Plan) -> None:
    if plan.backup_id is None:
        raise Invalid(NOBODY_NAMED, {"backup_id": NOBODY_NAMED})
    if plan.ends_at - plan.starts_at > LONGEST_SHIFT:
        raise Invalid(TOO_LONG_A_SHIFT, {"ends_at": TOO_LONG_A_SHIFT})


def _may_back(session: Session, agent_id: int, backup_id: int) -> bool:
    known = staff.list_backups(session)
    return (
        backup_id != agent_id
        and backup_id in known
        and staff.get_agent(session, backup_id).is_active
    )


def _refuse_circle_of_absent(
    session: Session, agent_id: int, backup_id: int | None, away: dict[int, int | None]
) -> None:
    """Refuse a chain of people who are all absent at that time and that comes back."""
    standing = staff.list_backups(session)
    seen, one = {agent_id}, backup_id or standing.get(agent_id)
    while one is not None and (one == agent_id or one in away):
        if one in seen:
            raise Invalid(CIRCLE, {"backup_id": CIRCLE})
        seen.add(one)
        one = away[one] or standing.get(one)


def forget(session: Session, agent_id: int, now: datetime) -> None:
    """End what somebody who leaves has planned or offered; what others cover is theirs."""
    session.execute(
        update(Absence)
        .where(absences.agent_id == agent_id, absences.over_at.is_(None))
        .values(over_at=now)
    )
    session.execute(
        update(Conversation)
        .where(conversations.covered_for_id == agent_id)
        .values(covered_for_id=None)
    )
    theirs = or_(swaps.from_id == agent_id, swaps.to_id == agent_id)
    session.execute(
        update(Swap)
        .where(swaps.state == SwapState.OFFERED, theirs)
        .values(state=SwapState.WITHDRAWN, answered_at=now)
    )
