"""Warnings that would fall into a meeting come before it (F132).

A warning is of use to somebody who can still do something. So shortly before its owner's
meeting begins, every step that would only tell them during it is told now. What comes when
the time is up, what tells others and what hands over stays where the ladder has it.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.escalating.due import RUNS, STEP_WAITS
from inbox.sla.ladder import LOUD, Action, is_before_due
from inbox.store.busy import list_busy
from models import Conversation, EscalationStep
from models.base import columns

steps = columns(EscalationStep)
conversations = columns(Conversation)

BEFORE = timedelta(minutes=15)
EVERY = timedelta(seconds=20)


class Forewarn:
    """The worker's part; any number of workers may."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next = datetime.min.replace(tzinfo=UTC)

    async def once(self) -> bool:
        """Look at the meetings that begin soon; never at once again."""
        now = utcnow()
        if now >= self._next:
            self._next = now + EVERY
            found = await self._database.read(find_steps, now)
            if found:
                await self._database.write(bring_forward, found, now)
        return False


def find_steps(session: Session, now: datetime) -> list[int]:
    """Return the steps that fall into a meeting of their owner which begins soon."""
    soon = {
        agent_id: [span for span in spans if span[0] > now]
        for agent_id, spans in list_busy(session, now, now + BEFORE).items()
    }
    spans = [span for some in soon.values() for span in some]
    if not spans:
        return []
    query = (
        select(
            *(steps.id, steps.step, steps.audience, steps.at),
            conversations.owner_id,
        )
        .join(Conversation, conversations.id == steps.conversation_id)
        .where(
            *STEP_WAITS,
            RUNS,
            steps.at >= min(begin for begin, _ in spans),
            steps.at < max(end for _, end in spans),
            conversations.owner_id.in_([one for one, some in soon.items() if some]),
        )
    )
    return [
        row.id
        for row in session.execute(query)
        if is_before_due(row.step)
        and set(row.audience.split(",")) <= {Action.OWNER.value, LOUD}
        and any(begin <= row.at < end for begin, end in soon[row.owner_id])
    ]


def bring_forward(session: Session, found: list[int], now: datetime) -> int:
    """Let steps be due now, unless they were fired or fell silent meanwhile."""
    done = session.execute(
        update(EscalationStep).where(steps.id.in_(found), *STEP_WAITS).values(at=now)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
