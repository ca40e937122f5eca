"""Milestones: planned, changed, reached or dropped by people; their warnings follow.

Whoever changes one loads it to change first; its steps are planned anew whenever the time or
the days before it move, and the old ones are gone.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert
from sqlmodel import Session

from inbox.db import after_commit
from inbox.errors import Conflict, Invalid, NotFound
from inbox.ladders import load_ladders
from inbox.queue import CLOCKS, conversation_name
from inbox.rulebook import load_rulebook
from inbox.sla.history import Kind
from inbox.sla.ladder import Action, PlannedStep, collapse_past, step_times, steps_for, without
from inbox.store import accounts, conversations, owners
from inbox.store.accounts import mark_stale
from inbox.store.audit import add_entry
from inbox.store.company import find_company
from inbox.store.dates import Place
from inbox.store.people import Person
from inbox.templating import N_
from models import (
    Account,
    AccountStatus,
    AuditAction,
    AuditThing,
    Milestone,
    MilestoneState,
    MilestoneStep,
    MilestoneTemplate,
)
from models.base import columns, core

steps = columns(MilestoneStep)

WARN_DAYS = 7
MOST_WARN_DAYS = 180
LONGEST = timedelta(days=5 * 366)
MAX_TITLE = 200
NO_TITLE = N_("Say what has to be reached.")
LONG_TITLE = N_("This is too long for a title.")
WRONG_TIME = N_("Choose a time from now on, within five years.")
WRONG_DAYS = N_("Between 0 and 180 days before.")
NO_OWNER = N_("Choose somebody who works here.")
OVER = N_("It is reached or dropped already. Load the page again.")
NOT_OVER = N_("It is planned already.")
GONE = N_("There is no such milestone, or it is of somebody else's customer.")


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of a milestone."""

    title: str
    due_at: datetime
    owner_id: int | None
    warn_days: int = WARN_DAYS
    is_public: bool = False
    template_id: int | None = None


def plan(
    session: Session, place: Place, said: Said, *, by: int | None, now: datetime
) -> Milestone:
    """Plan a milestone, with its warnings.

    Raises
    ------
    Invalid
        If there is no title, the time is past or far away, or the owner does not work here.
    """
    made = Milestone(
        account_id=place.account_id,
        conversation_id=place.conversation_id,
        template_id=said.template_id,
        made_by_id=by,
        created_at=now,
        **_checked(session, said, now),
    )
    session.add(made)
    session.flush()
    _note(session, made, AuditAction.CREATED, {}, by, now)
    plan_steps(session, made, now)
    _show(session, made, now)
    return made


def change(session: Session, row: Milestone, said: Said, *, by: int, now: datetime) -> None:
    """Change what is planned; another time is warned of anew.

    Raises
    ------
    Invalid
        As ``plan`` does.
    Conflict
        If it is over.
    """
    if row.state is not MilestoneState.PLANNED:
        raise Conflict(OVER)
    before, stood = facts_of(row), (row.due_at, row.warn_days)
    same_time = said.due_at == row.due_at  # one that is late may get another title
    for name, value in _checked(session, said, now, same_time=same_time).items():
        setattr(row, name, value)
    if before == facts_of(row):
        return
    if stood != (row.due_at, row.warn_days):
        row.generation += 1
        plan_steps(session, row, now)
    _note(session, row, AuditAction.CHANGED, before, by, now)
    _show(session, row, now)


def end(
    session: Session, row: Milestone, state: MilestoneState, *, by: int, now: datetime
) -> Milestone | None:
    """Say that it is reached, or dropped; return the next one, where it comes again.

    Raises
    ------
    Conflict
        If it is over.
    """
    if row.state is not MilestoneState.PLANNED:
        raise Conflict(OVER)
    before = facts_of(row)
    row.state, row.ended_at, row.ended_by_id = state, now, by
    forget_steps(session, row.id)
    _note(session, row, AuditAction.CHANGED, before, by, now)
    _show(session, row, now)
    return _next(session, row, by, now) if state is MilestoneState.REACHED else None


def take_back(session: Session, row: Milestone, *, by: int, now: datetime) -> None:
    """Plan again what was said to be over by mistake.

    Raises
    ------
    Conflict
        If it is planned.
    """
    if row.state is MilestoneState.PLANNED:
        raise Conflict(NOT_OVER)
    before = facts_of(row)
    row.state, row.ended_at, row.ended_by_id = MilestoneState.PLANNED, None, None
    row.generation += 1
    plan_steps(session, row, now)
    _note(session, row, AuditAction.CHANGED, before, by, now)
    _show(session, row, now)


def get_to_change(session: Session, milestone_id: int, who: Person) -> Milestone:
    """Return a milestone that this person may change, locked.

    That is whoever has or made it, may change its account, or may work on its conversation.

    Raises
    ------
    NotFound
        If there is none, or it is not theirs to change.
    """
    found = session.get(Milestone, milestone_id, populate_existing=True, with_for_update=True)
    if found is None:
        raise NotFound(GONE)
    if who.sees_all or who.id in (found.owner_id, found.made_by_id):
        return found
    try:
        if found.conversation_id is not None:
            conversations.get_for_agent(session, found.conversation_id, who)
        else:
            account = accounts.get_account(session, found.account_id or 0)
            if not accounts.may_change(who, account):
                raise NotFound(GONE)
    except NotFound as error:
        raise NotFound(GONE) from error
    return found


def facts_of(row: Milestone) -> dict[str, Any]:
    """Return a milestone as the audit trail keeps it."""
    return {
        "title": row.title,
        "owner_id": row.owner_id,
        "due_at": row.due_at.isoformat(),
        "warn_days": row.warn_days,
        "is_public": row.is_public,
        "state": row.state.value,
    }


# ---- its steps ----------------------------------------------------------------------------


def plan_steps(session: Session, row: Milestone, now: datetime) -> None:
    """Write the moments of its ladder: the usual one's for a next reply, up to the due time."""
    session.flush()
    forget_steps(session, row.id)
    found = [
        {
            "milestone_id": row.id,
            "generation": row.generation,
            "step": one.step.key,
            "audience": one.words,
            "at": one.at,
            "is_late": one.late,
            "fired_at": None,
        }
        for one in _planned(session, row, now)
    ]
    if found:
        session.execute(insert(core(MilestoneStep)), found)


def _planned(session: Session, row: Milestone, now: datetime) -> list[PlannedStep]:
    book = load_rulebook(session)
    start = max(row.due_at - timedelta(days=row.warn_days), row.created_at)
    start = start if start < row.due_at else row.due_at - timedelta(hours=1)
    calendar = book.calendars[book.default_calendar_id].reaching(start, row.due_at)
    length_s = calendar.working_seconds(start, row.due_at)
    rungs = steps_for(load_ladders(session).steps(None), Kind.NEXT_RESPONSE)
    times = step_times(calendar, start, length_s, rungs)
    planned = collapse_past(times, now)
    if planned and planned[0].at <= now < row.due_at:
        planned = planned[1:]  # whoever plans it for so soon knows that
    return [
        PlannedStep(step, one.at, one.late)
        for one in planned
        if (step := without(one.step, {Action.RAISE})).actions
    ]


def forget_steps(session: Session, milestone_id: int) -> None:
    """Let no step fire that has not fired."""
    session.execute(
        delete(MilestoneStep).where(
            steps.milestone_id == milestone_id, steps.fired_at.is_(None)
        )
    )


# ---- what comes again -----------------------------------------------------------------------


def _next(session: Session, row: Milestone, by: int, now: datetime) -> Milestone | None:
    template = session.get(MilestoneTemplate, row.template_id) if row.template_id else None
    if template is None or not template.is_active or not template.every_months:
        return None
    account = session.get(Account, row.account_id) if row.account_id else None
    if account is not None and account.status is AccountStatus.ENDED:
        return None
    company = find_company(session)
    zone = ZoneInfo(company.time_zone if company is not None else "UTC")
    due_at = row.due_at
    count = 0
    while due_at <= now:
        count += 1
        due_at = months_on(row.due_at, count * template.every_months, zone)
    if not count:  # reached early
        due_at = months_on(row.due_at, template.every_months, zone)
    said = Said(row.title, due_at, row.owner_id, row.warn_days, row.is_public, row.template_id)
    if said.owner_id is not None and not owners.is_active(session, said.owner_id):
        said = Said(row.title, due_at, None, row.warn_days, row.is_public, row.template_id)
    return plan(session, Place(row.account_id, row.conversation_id), said, by=by, now=now)


def months_on(at: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the same day and wall time so many months on, or the month's last day."""
    local = at.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


# ---- inside -------------------------------------------------------------------------------


def _checked(
    session: Session, said: Said, now: datetime, *, same_time: bool = False
) -> dict[str, Any]:
    title = " ".join(said.title.split())
    wrong: dict[str, str] = {}
    if not title:
        wrong["title"] = NO_TITLE
    elif len(title) > MAX_TITLE:
        wrong["title"] = LONG_TITLE
    if not (same_time or now < said.due_at <= now + LONGEST):
        wrong["due"] = WRONG_TIME
    if not 0 <= said.warn_days <= MOST_WARN_DAYS:
        wrong["warn"] = WRONG_DAYS
    if said.owner_id is not None and not owners.is_active(session, said.owner_id):
        wrong["owner"] = NO_OWNER
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    return {
        "title": title,
        "due_at": said.due_at,
        "owner_id": said.owner_id,
        "warn_days": said.warn_days,
        "is_public": said.is_public,
    }


def _note(
    session: Session,
    row: Milestone,
    action: AuditAction,
    before: dict[str, Any],
    by: int | None,
    now: datetime,
) -> None:
    after = facts_of(row)
    if action is AuditAction.CREATED:
        after |= {"account": row.account_id, "conversation": row.conversation_id}
    add_entry(
        session, AuditThing.MILESTONE, row.id, action, now, by=by, before=before, after=after
    )


def _show(session: Session, row: Milestone, now: datetime) -> None:
    session.add(row)
    session.flush()
    mark_stale(session, (row.account_id,), now)
    names = [conversation_name(row.conversation_id)] if row.conversation_id else []
    after_commit(session, CLOCKS, *names)
