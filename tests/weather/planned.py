"""A worker dies while planned answers leave: each leaves once."""

from datetime import timedelta
from functools import partial

from sqlmodel import Session

from inbox.clock import utcnow
from models import Conversation, PlannedAnswer
from tests.factories import Firm
from tests.weather.ways import Trial, worker_does


def planned(trial: Trial) -> None:
    """Let planned answers fall due, one after the other: each is one reply."""
    replies = "SELECT count(*) FROM outbox WHERE kind = 'reply'"
    worker_does(trial, replies, partial(_plan_now, trial.place.firm))


def _plan_now(firm: Firm, session: Session, number: int) -> None:
    now = utcnow()
    session.add(
        PlannedAnswer(
            agent_id=firm.an.id,
            conversation_id=number,
            text="Dạ, mai giao ạ.",
            seen=session.get_one(Conversation, number).last_message_id or 0,
            send_at=now,
            created_at=now - timedelta(minutes=5),
        )
    )
