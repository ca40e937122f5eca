"""Ladders as a company sets them up, and what open conversations make of a change.

Clocks keep the steps that were planned for them until their due time moves; open ones follow
a changed ladder at once only when somebody says so, a batch at a time.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, distinct, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox import record
from inbox.clock import utcnow
from inbox.company.installation import MOST_NAME
from inbox.company.staff import FILL_IN, LOOK_AGAIN
from inbox.db import Database, after_commit
from inbox.errors import Conflict, Invalid, NotFound
from inbox.ladders import forget_ladders
from inbox.queue import CLOCKS, conversation_name
from inbox.sla import rungs
from inbox.sla.ladder import DEFAULT_STEPS, Step
from inbox.sla.rungs import (
    LadderError,
    check_steps,
    groups_of,
    people_of,
    read_steps,
    write_steps,
)
from inbox.store.audit import add_entry
from inbox.store.teams import active_team_names
from inbox.templating import N_
from models import Agent, AuditAction, AuditThing, Conversation, Ladder, SLAClock, SLAPolicy
from models.base import columns, core

ladders = columns(Ladder)
policies = columns(SLAPolicy)
live = columns(SLAClock)
agents = columns(Agent)
conversations = columns(Conversation)

log = logging.getLogger(__name__)

BATCH = 100  # conversations in one transaction
AT_ONCE = 500  # no more than this while the browser waits

TAKEN = N_("There is a ladder of this name.")
WRONG = {
    rungs.NO_STEP: N_("A ladder has at least one step."),
    rungs.TOO_MANY: N_("A ladder has at most 20 steps."),
    rungs.WRONG_SHARE: N_("The share is a number from 1 to 1000."),
    rungs.WRONG_MINUTES: N_("The minutes are a number from 1 to 43200."),
    rungs.NO_ACTION: N_("Say what this step does."),
    rungs.WRONG_ACTION: N_("A step does up to six different things."),
    rungs.TWICE: N_("Another step falls at the same moment."),
    rungs.NO_CLOCK: N_("Say which deadlines this step is for."),
    rungs.WRONG_REPEAT: N_("Repeat the last step up to 10 times, some minutes apart."),
}
GONE_PERSON = N_("This person does not work here.")
GONE_TEAM = N_("There is no such team.")
USED = N_("Policies or open conversations use this ladder. Give them another one first.")
USUAL = N_("This is the usual ladder. Make another one the usual one first.")


@dataclass(frozen=True, slots=True)
class Listed:
    """A ladder of the list; ``used_by`` counts the policies that name it.

    Id 0 is the one out of the box.
    """

    id: int
    name: str
    is_default: bool
    used_by: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Entered:
    """A ladder as entered."""

    name: str
    steps: tuple[Step, ...]


def list_ladders(session: Session) -> list[Listed]:
    """Return the ladders, the usual one first; the one out of the box while none is chosen."""
    used = (
        select(func.count())
        .select_from(core(SLAPolicy))
        .where(policies.ladder_id == ladders.id)
        .scalar_subquery()
        .label("used_by")
    )
    rows = session.execute(
        select(ladders.id, ladders.name, ladders.is_default, used, ladders.steps).order_by(
            ladders.is_default.desc(), ladders.name
        )
    ).all()
    found = [
        Listed(row.id, row.name, row.is_default, row.used_by, _steps(row.steps)) for row in rows
    ]
    if not any(one.is_default for one in found):
        found.insert(0, Listed(0, "", True, 0, DEFAULT_STEPS))
    return found


def _steps(rows: list[Any]) -> tuple[Step, ...]:
    """Return what a row says; of one that cannot be read, what is used in its place."""
    try:
        return read_steps(rows)
    except LadderError:
        return DEFAULT_STEPS


def get_ladder(session: Session, ladder_id: int, *, to_change: bool = False) -> Ladder:
    """Return a ladder; 0 is the one out of the box, which has no row yet.

    Raises
    ------
    NotFound
        If there is none.
    """
    if ladder_id == 0:
        return Ladder(id=0, name="", steps=write_steps(DEFAULT_STEPS), is_default=True)
    found = session.get(Ladder, ladder_id, populate_existing=True, with_for_update=to_change)
    if found is None:
        raise NotFound("There is no such ladder.")
    return found


def steps_of(ladder: Ladder) -> tuple[Step, ...]:
    """Return a row's steps."""
    return _steps(ladder.steps)


def check(session: Session, entered: Entered) -> None:
    """Raise ``Invalid`` with a sentence for each field; a step's is its number, "step-0"."""
    wrong = {}
    if not entered.name.strip():
        wrong["name"] = FILL_IN
    elif len(entered.name.strip()) > MOST_NAME:
        wrong["name"] = N_("This is too long.")
    try:
        check_steps(entered.steps)
    except LadderError as error:
        is_of_one = error.number < len(entered.steps) and error.what != rungs.TOO_MANY
        wrong[f"step-{error.number}" if is_of_one else ""] = WRONG[error.what]
    here = set(
        session.execute(
            select(agents.id).where(
                agents.id.in_(people_of(entered.steps)), agents.is_active.is_(True)
            )
        ).scalars()
    )
    open_teams = active_team_names(session).keys() if groups_of(entered.steps) else set()
    for number, step in enumerate(entered.steps):
        if people_of([step]) - here:
            wrong.setdefault(f"step-{number}", GONE_PERSON)
        if groups_of([step]) - open_teams:
            wrong.setdefault(f"step-{number}", GONE_TEAM)
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)


def save(
    session: Session, ladder_id: int | None, entered: Entered, *, by: int, now: datetime
) -> int:
    """Make a ladder (None), or change one, and return its id; 0 becomes the usual one's row.

    Raises
    ------
    Invalid
        If ``check`` finds a mistake, or the name is another one's.
    NotFound
        If there is no such ladder.
    """
    check(session, entered)
    if ladder_id:
        ladder = get_ladder(session, ladder_id, to_change=True)
        before: dict[str, Any] = {"name": ladder.name, "steps": ladder.steps}
    else:
        ladder = Ladder(name="", is_default=ladder_id == 0 and not _has_usual(session))
        before = {}
    ladder.name = entered.name.strip()
    ladder.steps = write_steps(entered.steps)
    try:
        with session.begin_nested():
            session.add(ladder)
    except IntegrityError as error:
        raise Invalid(TAKEN, {"name": TAKEN}) from error
    forget_ladders(session)
    after = {"name": ladder.name, "steps": ladder.steps}
    action = AuditAction.CHANGED if before else AuditAction.CREATED
    if before != after:
        _note(session, ladder.id, action, now, by, before=before, after=after)
    return ladder.id


def _has_usual(session: Session) -> bool:
    found = session.execute(select(ladders.id).where(ladders.is_default.is_(True)).limit(1))
    return found.first() is not None


def _note(
    session: Session,
    ladder_id: int,
    action: AuditAction,
    now: datetime,
    by: int,
    **what: dict[str, Any],
) -> None:
    add_entry(session, AuditThing.LADDER, ladder_id, action, now, by=by, **what)


def make_usual(session: Session, ladder_id: int, *, by: int, now: datetime) -> None:
    """Let this be the ladder of every policy that names none."""
    ladder = get_ladder(session, ladder_id, to_change=True)
    if ladder.is_default:
        return
    session.execute(update(Ladder).where(ladders.is_default.is_(True)).values(is_default=False))
    session.execute(update(Ladder).where(ladders.id == ladder_id).values(is_default=True))
    forget_ladders(session)
    change = {"before": {"is_default": False}, "after": {"is_default": True}}
    _note(session, ladder_id, AuditAction.CHANGED, now, by, **change)


def remove(session: Session, ladder_id: int, *, by: int, now: datetime) -> None:
    """Delete a ladder that nothing uses.

    Raises
    ------
    Conflict
        If it is the usual one, or a policy or an open conversation uses it.
    """
    ladder = get_ladder(session, ladder_id, to_change=True)
    if ladder.is_default:
        raise Conflict(USUAL)
    named = session.execute(
        select(policies.id).where(policies.ladder_id == ladder_id).limit(1)
    ).first()
    running = session.execute(select(live.id).where(*_running(ladder)).limit(1)).first()
    if named is not None or running is not None:
        raise Conflict(USED)
    before = {"name": ladder.name, "steps": ladder.steps}
    session.delete(ladder)
    session.flush()
    forget_ladders(session)
    _note(session, ladder_id, AuditAction.REMOVED, now, by, before=before)


# ---- open conversations follow -------------------------------------------------------


def _running(ladder: Ladder) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for live clocks that have a ladder."""
    has_it: ColumnElement[bool] = live.ladder_id == ladder.id
    if ladder.is_default:
        has_it = or_(has_it, live.ladder_id.is_(None))
    return live.met_at.is_(None), live.cancelled_at.is_(None), has_it


def count_open(session: Session, ladder_id: int) -> int:
    """Return how many conversations have a running clock with this ladder."""
    ladder = get_ladder(session, ladder_id)
    found = select(func.count(distinct(live.conversation_id))).where(*_running(ladder))
    return int(session.execute(found).scalar_one())


def begin(session: Session, ladder_id: int, *, by: int, now: datetime) -> int:
    """Have open conversations follow the ladder as it is now, and return how many those are."""
    total = count_open(session, ladder_id)
    get_ladder(session, ladder_id, to_change=True)
    session.execute(
        update(Ladder)
        .where(ladders.id == ladder_id)
        .values(follow_after=0, follow_done=0, follow_total=total)
    )
    applied = {"applied_to_open": total}
    _note(session, ladder_id, AuditAction.CHANGED, now, by, after=applied)
    return total


def is_under_way(session: Session) -> bool:
    """Tell whether there is something to do, without taking the writers' turn."""
    found = select(ladders.id).where(ladders.follow_after.is_not(None)).limit(1)
    return session.execute(found).first() is not None


def go_on(session: Session, now: datetime) -> bool:
    """Do one batch and remember how far it went, in one transaction; True if there is more."""
    ladder = session.execute(
        select(Ladder)
        .where(ladders.follow_after.is_not(None))
        .order_by(ladders.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if ladder is None:
        return False
    numbers = _follow(session, ladder, now)
    if numbers:
        ladder.follow_after = numbers[-1]
        ladder.follow_done = min(ladder.follow_done + len(numbers), ladder.follow_total)
    else:
        log.info("open conversations follow the ladder %r", ladder.name)
        ladder.follow_after, ladder.follow_done = None, ladder.follow_total
    session.add(ladder)
    return True


def _follow(session: Session, ladder: Ladder, now: datetime) -> Sequence[int]:
    """Plan the next conversations' steps anew; return their numbers."""
    numbers = (
        session.execute(
            select(live.conversation_id)
            .where(*_running(ladder), live.conversation_id > (ladder.follow_after or 0))
            .distinct()
            .order_by(live.conversation_id)
            .limit(BATCH)
        )
        .scalars()
        .all()
    )
    locked = session.execute(
        select(conversations.id)
        .where(conversations.id.in_(numbers))
        .order_by(conversations.id)
        .with_for_update()
    )
    told = record.load(session, list(locked.scalars()), now)
    record.climb_again(session, told, now)
    after_commit(session, CLOCKS, *(conversation_name(number) for number in numbers))
    return numbers


class Climb:
    """Does what was begun, a batch at a turn, so that no answer waits behind it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> bool:
        """Do a batch; True if there is more."""
        if not await self._database.read(is_under_way):
            return False
        return await self._database.write(go_on, utcnow())
