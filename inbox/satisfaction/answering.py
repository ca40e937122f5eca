"""What a customer says of how we did, and that the matter is done."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session

from inbox.closing import finish
from inbox.errors import Conflict, Invalid
from inbox.record import owes_answer
from inbox.store import accounts
from inbox.store import satisfaction as rows
from inbox.store.changes import add_event, changed
from inbox.templating import N_
from inbox.timeline import Happened
from models import Conversation, EventKind, Satisfaction, Score, Status
from models.base import columns

asked = columns(Satisfaction)

MOST_COMMENT = 2000  # characters
CHOOSE = N_("Please choose one.")
TOO_LONG = N_("This is too long.")
NOT_DONE = N_("This request is not done yet. Tell us afterwards.")


def rate(
    session: Session, conversation: Conversation, score: str, comment: str, now: datetime
) -> None:
    """Keep what a customer says; said again, the last time counts.

    Raises
    ------
    Invalid
        If it is none of the scores, or the comment is too long.
    Conflict
        If nobody has asked and the request is not done.
    """
    if score not in list(Score):
        raise Invalid(CHOOSE, {"score": CHOOSE})
    if len(comment) > MOST_COMMENT:
        raise Invalid(TOO_LONG, {"comment": TOO_LONG})
    known = rows.find(session, conversation.id)
    if known is None:
        if conversation.status is not Status.RESOLVED:
            raise Conflict(NOT_DONE)
        rows.begin(session, conversation, now)
    elif known.score == score and known.comment == comment:
        return  # the same form sent twice
    session.execute(
        update(Satisfaction)
        .where(asked.conversation_id == conversation.id)
        .values(score=Score(score), comment=comment, answered_at=now)
    )
    add_event(session, conversation.id, EventKind.RATED, now, {"score": score})
    accounts.mark_stale(session, [conversation.account_id], now)
    changed(session, conversation.id)


def close_by_customer(session: Session, conversation: Conversation, now: datetime) -> None:
    """End a conversation because its customer says that it is solved; twice is once."""
    if conversation.status not in (Status.OPEN, Status.WAITING, Status.SNOOZED):
        return
    before = []
    if owes_answer(session, conversation.id):
        excuse = {"reason": "no_answer_needed", "customer": True}
        before.append(Happened(EventKind.EXCUSED, now, excuse, None))
    finish(session, conversation, now, *before, why="customer")
