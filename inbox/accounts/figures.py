"""What is counted of each account, so that no page counts it: how much care it needs, and why.

A change marks its account (``inbox.store.changes``), and time does: with each count goes the
moment at which it would come out otherwise with nothing having happened. A worker counts what
is due, a batch at a time; any number of workers may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlmodel import Session

from inbox.accounts.silence import load_days
from inbox.clock import utcnow
from inbox.clocks import NEVER, REPLY_KINDS
from inbox.db import Database
from inbox.store import accounts as rows
from models import (
    Account,
    AccountFigures,
    AccountStatus,
    Conversation,
    Direction,
    Message,
    Milestone,
    MilestoneState,
    Satisfaction,
    Score,
    SLAClock,
    Status,
)
from models.base import columns, core

accounts = columns(Account)
figures = columns(AccountFigures)
conversations = columns(Conversation)
messages = columns(Message)
clocks = columns(SLAClock)
milestones = columns(Milestone)
said = columns(Satisfaction)

BATCH = 100
KEPT_FOR = timedelta(days=90)  # promises that count
AT_LATEST = timedelta(days=1)  # everything is counted again at least this often
WEIGHTS = {"late": 5, "missed": 4, "silent": 4, "unhappy": 3, "again": 3, "waiting": 1}
"""What each reason adds to the need for care; each counts three times at most."""
MOST_TIMES = 3
BANDS = (1, 5, 10)  # from which need on: some, much, most


@dataclass
class Counted:
    """What was counted of one account."""

    open_count: int = 0
    late: int = 0
    waiting: int = 0
    again: int = 0
    oldest_waiting_at: datetime | None = None
    last_contact_at: datetime | None = None
    kept: int = 0
    missed_promises: int = 0
    unhappy: int = 0  # customers who said within KEPT_FOR that we did not help
    missed: int = 0  # milestones that are over and not reached
    next_milestone_at: datetime | None = None
    changes_at: list[datetime] = field(default_factory=list)


mark_stale = rows.mark_stale


class Recount:
    """The worker's sweep: counts what is due, a batch at a turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> bool:
        """Count one batch; True if there may be more."""
        if not await self._database.read(is_due, utcnow()):
            return False
        return await self._database.write(_count_now) >= BATCH


def _count_now(session: Session) -> int:
    return count_stale(session, utcnow())


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether anything is to be counted."""
    due = select(figures.account_id).where(figures.stale_at <= now).limit(1)
    return session.execute(due).first() is not None


def count_stale(session: Session, now: datetime, limit: int = BATCH) -> int:
    """Count a batch of what is due, the longest due first; return how many.

    What another worker has in hand is left to it.
    """
    found = session.execute(
        select(figures.account_id)
        .where(figures.stale_at <= now)
        .order_by(figures.stale_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(found.scalars())
    count(session, ids, now)
    return len(ids)


_WRITE = (
    update(core(AccountFigures))
    .where(figures.account_id == bindparam("number"))
    .values(
        counted_at=bindparam("now", type_=figures.counted_at.type),
        **{
            name: bindparam("new_" + name, type_=figures[name].type)
            for name in (
                *("need", "place", "reasons", "open_count", "late_count", "stale_at"),
                *("oldest_waiting_at", "last_contact_at", "next_milestone_at"),
                *("promises_kept", "promises_missed"),
            )
        },
    )
)


def count(session: Session, account_ids: Sequence[int], now: datetime) -> None:
    """Count some accounts now, in a few statements however many they are."""
    if not account_ids:
        return
    session.flush()
    query = select(
        *(accounts.id, accounts.value, accounts.status, accounts.since, accounts.created_at)
    ).where(accounts.id.in_(list(account_ids)))
    found = list(session.execute(query))
    counted = {row.id: Counted() for row in found}
    _count_work(session, counted, now)
    _find_waiting(session, counted)
    _count_contact(session, counted)
    _count_promises(session, counted, now)
    _count_milestones(session, counted, now)
    _count_unhappy(session, counted, now)
    silence = load_days(session)
    values = [_values(row, counted[row.id], silence[row.value], now) for row in found]
    if values:
        session.execute(_WRITE, values)


def _values(row: Any, one: Counted, days: int, now: datetime) -> dict[str, Any]:
    begun = row.created_at
    if row.since is not None:
        begun = max(begun, datetime.combine(row.since, time.min, UTC))
    last, allowed = one.last_contact_at or begun, timedelta(days=days)
    silent = (now - last).days if now - last >= allowed else 0
    reasons = {
        "late": one.late,
        "waiting": one.waiting,
        "again": one.again,
        "missed": one.missed,
        "unhappy": one.unhappy,
        "silent": silent,
    }
    reasons = {name: n for name, n in reasons.items() if n}
    is_over = row.status is AccountStatus.ENDED
    need = 0 if is_over else need_of(reasons)
    changes = [at for at in (*one.changes_at, last + allowed) if at > now]
    return {
        "number": row.id,
        "now": now,
        "new_need": need,
        "new_place": "" if is_over else f"{row.value.value}{band_of(need)}",
        "new_reasons": reasons,
        "new_open_count": one.open_count,
        "new_late_count": one.late,
        "new_oldest_waiting_at": one.oldest_waiting_at,
        "new_last_contact_at": one.last_contact_at,
        "new_next_milestone_at": one.next_milestone_at,
        "new_promises_kept": one.kept,
        "new_promises_missed": one.missed_promises,
        "new_stale_at": min([*changes, now + AT_LATEST]),
    }


def need_of(reasons: Mapping[str, int]) -> int:
    """Return how much care an account needs: 0 is none."""
    return sum(
        weight * (1 if name == "silent" else min(reasons.get(name, 0), MOST_TIMES))
        for name, weight in WEIGHTS.items()
        if reasons.get(name)
    )


def band_of(need: int) -> int:
    """Return the column of the matrix: 0 none, 1 some, 2 much, 3 most."""
    return sum(need >= least for least in BANDS)


def _count_work(session: Session, counted: Mapping[int, Counted], now: datetime) -> None:
    """Count what is open: late, owed an answer, asked again, and since when one waits."""
    row = conversations
    is_late = and_(row.next_due_at.is_not(None), row.next_due_at <= now)
    owes = or_(row.first_response_due_at.is_not(None), row.next_response_due_at.is_not(None))
    found = session.execute(
        select(
            row.account_id,
            func.count().label("open_count"),
            _sum(is_late).label("late"),
            _sum(owes).label("waiting"),
            _sum(row.asked_again > 0).label("again"),
            func.min(case((row.next_due_at > now, row.next_due_at))).label("next_due_at"),
        )
        .where(row.account_id.in_(list(counted)), row.status == Status.OPEN)
        .group_by(row.account_id)
    )
    for account_id, open_count, late, waiting, again, next_due in found:
        one = counted[account_id]
        one.open_count, one.late, one.waiting, one.again = open_count, late, waiting, again
        if next_due is not None:
            one.changes_at.append(next_due)


def _find_waiting(session: Session, counted: Mapping[int, Counted]) -> None:
    """Find since when the one waits that has waited longest for an answer of ours."""
    found = session.execute(
        select(conversations.account_id, func.min(clocks.started_at))
        .join(core(SLAClock), clocks.conversation_id == conversations.id)
        .where(
            conversations.account_id.in_(list(counted)),
            conversations.status == Status.OPEN,
            clocks.kind.in_(REPLY_KINDS),
            clocks.met_at.is_(None),
            clocks.cancelled_at.is_(None),
        )
        .group_by(conversations.account_id)
    )
    for account_id, at in found:
        counted[account_id].oldest_waiting_at = at


def _sum(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _count_contact(session: Session, counted: Mapping[int, Counted]) -> None:
    """Find out when either side last said something to the other."""
    found = session.execute(
        select(conversations.account_id, func.max(messages.created_at))
        .join(core(Message), messages.conversation_id == conversations.id)
        .where(
            conversations.account_id.in_(list(counted)),
            conversations.status != Status.SPAM,
            messages.direction.in_([Direction.INBOUND, Direction.OUTBOUND]),
            messages.is_machine.is_(False),
        )
        .group_by(conversations.account_id)
    )
    for account_id, at in found:
        counted[account_id].last_contact_at = at


def _count_unhappy(session: Session, counted: Mapping[int, Counted], now: datetime) -> None:
    """Count those who said that we did not help; one that gets old goes with the next day."""
    rows = session.execute(
        select(conversations.account_id, func.count())
        .join(core(Satisfaction), said.conversation_id == conversations.id)
        .where(
            conversations.account_id.in_(list(counted)),
            said.score == Score.BAD,
            said.asked_at > now - KEPT_FOR,
        )
        .group_by(conversations.account_id)
    )
    for account_id, n in rows:
        counted[account_id].unhappy = n


def _count_promises(session: Session, counted: Mapping[int, Counted], now: datetime) -> None:
    """Count the promises of the last days that were kept, and those that were not."""
    kept = and_(clocks.met_at <= clocks.due_at, clocks.breached_at.is_(None))
    decided = or_(clocks.met_at.is_not(None), clocks.due_at <= now)
    found = session.execute(
        select(conversations.account_id, _sum(kept), func.count())
        .join(core(SLAClock), clocks.conversation_id == conversations.id)
        .where(
            conversations.account_id.in_(list(counted)),
            clocks.cancelled_at.is_(None),
            clocks.due_at > now - KEPT_FOR,
            clocks.due_at < NEVER,
            decided,
        )
        .group_by(conversations.account_id)
    )
    for account_id, good, all_of_them in found:
        counted[account_id].kept = good
        counted[account_id].missed_promises = all_of_them - good


def _count_milestones(session: Session, counted: Mapping[int, Counted], now: datetime) -> None:
    """Find each account's next milestone, and count those that passed unreached."""
    ahead = milestones.due_at > now
    found = session.execute(
        select(
            milestones.account_id,
            func.min(case((ahead, milestones.due_at))),
            _sum(~ahead),
        )
        .where(
            milestones.account_id.in_(list(counted)),
            milestones.state == MilestoneState.PLANNED,
        )
        .group_by(milestones.account_id)
    )
    for account_id, next_at, missed in found:
        one = counted[account_id]
        one.missed, one.next_milestone_at = missed, next_at
        if next_at is not None:
            one.changes_at.append(next_at)
