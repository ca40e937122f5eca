"""A worker dies while milestones and reminders fall due: each is told once."""

from datetime import timedelta
from functools import partial

from sqlmodel import Session

from inbox.clock import utcnow
from models import Milestone, MilestoneStep, Reminder
from tests.factories import Firm
from tests.weather.ways import Trial, worker_does


def milestone(trial: Trial) -> None:
    """Let milestones fall due, one after the other: their owner is told once of each."""
    told = "SELECT count(*) FROM notices WHERE step LIKE 'milestone:%'"
    worker_does(trial, told, partial(_fall_due, trial.place.firm))


def _fall_due(firm: Firm, session: Session, number: int) -> None:
    now = utcnow()
    row = Milestone(
        conversation_id=number,
        title="Giao hàng",
        owner_id=firm.an.id,
        due_at=now,
        warn_days=1,
        created_at=now - timedelta(days=1),
    )
    session.add(row)
    session.flush()
    session.add(
        MilestoneStep(
            milestone_id=row.id,
            generation=row.generation,
            step="due",
            audience="owner",
            at=now,
        )
    )


def reminder(trial: Trial) -> None:
    """Let reminders fall due, one after the other: each is told once."""
    fired = "SELECT count(*) FROM reminders WHERE fired_at IS NOT NULL"
    worker_does(trial, fired, partial(_remind_now, trial.place.firm))


def _remind_now(firm: Firm, session: Session, number: int) -> None:
    now = utcnow()
    one = Reminder(
        agent_id=firm.an.id, conversation_id=number, text="Gọi lại", due_at=now, created_at=now
    )
    session.add(one)
