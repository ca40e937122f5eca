"""Warnings of milestones, and reminders, that would fall into a meeting come before it (F132).

As with the warnings of requests (``inbox.escalating.meetings``): only what would tell nobody
but whoever sits in that meeting. A reminder that asks whether an answer has come by then is
looked at when it said.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session

from inbox.dates import reminders
from inbox.escalating.meetings import begin_soon, falls_into, tells_owner_only
from inbox.store.busy import Span
from models import Account, Conversation, Milestone, MilestoneState, MilestoneStep, Reminder
from models.base import columns, core

steps = columns(MilestoneStep)
milestones = columns(Milestone)
accounts = columns(Account)
conversations = columns(Conversation)
waiting = columns(Reminder)


@dataclass(frozen=True, slots=True)
class Early:
    """What is to come before a meeting: steps of milestones, and reminders."""

    steps: tuple[int, ...]
    reminders: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.steps or self.reminders)


def find(session: Session, now: datetime) -> Early:
    """Return what falls into a meeting of whoever it is for which begins soon."""
    soon = begin_soon(session, now)
    if not soon:
        return Early((), ())
    first = min(begin for spans in soon.values() for begin, _ in spans)
    last = max(end for spans in soon.values() for _, end in spans)
    return Early(
        _steps(session, soon, first, last),
        _reminders(session, soon, first, last),
    )


def _steps(
    session: Session, soon: dict[int, list[Span]], first: datetime, last: datetime
) -> tuple[int, ...]:
    told = func.coalesce(milestones.owner_id, accounts.owner_id, conversations.owner_id)
    query = (
        select(*(steps.id, steps.step, steps.audience, steps.at), told.label("agent_id"))
        .join(core(Milestone), milestones.id == steps.milestone_id)
        .outerjoin(core(Account), accounts.id == milestones.account_id)
        .outerjoin(core(Conversation), conversations.id == milestones.conversation_id)
        .where(
            steps.fired_at.is_(None),
            milestones.state == MilestoneState.PLANNED.value,
            milestones.generation == steps.generation,
            *(steps.at >= first, steps.at < last, told.in_(list(soon))),
        )
    )
    return tuple(
        row.id
        for row in session.execute(query)
        if tells_owner_only(row.step, row.audience) and falls_into(row.at, soon[row.agent_id])
    )


def _reminders(
    session: Session, soon: dict[int, list[Span]], first: datetime, last: datetime
) -> tuple[int, ...]:
    query = select(waiting.id, waiting.agent_id, waiting.due_at).where(
        *(waiting.fired_at.is_(None), waiting.ended_at.is_(None)),
        waiting.if_silent.is_(False),
        *(waiting.due_at >= first, waiting.due_at < last, waiting.agent_id.in_(list(soon))),
    )
    return tuple(
        row.id for row in session.execute(query) if falls_into(row.due_at, soon[row.agent_id])
    )


def bring_forward(session: Session, found: Early, now: datetime) -> int:
    """Let steps be due now, and tell the reminders; return how many that are."""
    done = session.execute(
        update(MilestoneStep)
        .where(steps.id.in_(found.steps), steps.fired_at.is_(None))
        .values(at=now)
    )
    told = reminders.fire_due(session, now, early=found.reminders)
    return int(done.rowcount) + told  # type: ignore[attr-defined]
