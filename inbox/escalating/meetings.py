"""Warnings that would fall into a meeting come before it (F132).

A warning is of use to somebody who can still do something. So shortly before its owner's
meeting begins, every step that would only tell them during it is told now. What comes when
the time is up, what tells others and what hands over stays where the ladder has it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.escalating.due import RUNS, STEP_WAITS
from inbox.sla.ladder import LOUD, Action, is_before_due
from inbox.store.busy import Span, list_busy
from models import Conversation, EscalationStep
from models.base import columns, core

steps = columns(EscalationStep)
conversations = columns(Conversation)

BEFORE = timedelta(minutes=15)
EVERY = timedelta(seconds=20)


Look = tuple[Callable[[Session, datetime], Any], Callable[[Session, Any, datetime], int]]


class Forewarn:
    """The worker's part; any number of workers may.

    ``also`` finds and brings forward what else is told at a moment.
    """

    def __init__(self, database: Database, *also: Look) -> None:
        self._database = database
        self._looks: tuple[Look, ...] = ((find_steps, bring_forward), *also)
        self._next = datetime.min.replace(tzinfo=UTC)

    async def once(self) -> bool:
        """Look at the meetings that begin soon; never at once again."""
        now = utcnow()
        if now >= self._next:
            self._next = now + EVERY
            for find, bring in self._looks:
                found = await self._database.read(find, now)
                if found:
                    await self._database.write(bring, found, now)
        return False


def begin_soon(session: Session, now: datetime) -> dict[int, list[Span]]:
    """Return the meetings that begin soon, of everybody who has one."""
    found = list_busy(session, now, now + BEFORE).items()
    soon = {who: [span for span in spans if span[0] > now] for who, spans in found}
    return {who: spans for who, spans in soon.items() if spans}


def falls_into(at: datetime, spans: list[Span]) -> bool:
    """Tell whether a moment is in one of these meetings."""
    return any(begin <= at < end for begin, end in spans)


def tells_owner_only(step: str, words: str) -> bool:
    """Tell whether a step is a warning for its owner alone; ``words`` are its audience."""
    return is_before_due(step) and set(words.split(",")) <= {Action.OWNER.value, LOUD}


def find_steps(session: Session, now: datetime) -> list[int]:
    """Return the steps that fall into a meeting of their owner which begins soon."""
    soon = begin_soon(session, now)
    spans = [span for some in soon.values() for span in some]
    if not spans:
        return []
    query = (
        select(
            *(steps.id, steps.step, steps.audience, steps.at),
            conversations.owner_id,
        )
        .join(core(Conversation), conversations.id == steps.conversation_id)
        .where(
            *STEP_WAITS,
            RUNS,
            steps.at >= min(begin for begin, _ in spans),
            steps.at < max(end for _, end in spans),
            conversations.owner_id.in_(list(soon)),
        )
    )
    return [
        row.id
        for row in session.execute(query)
        if tells_owner_only(row.step, row.audience) and falls_into(row.at, soon[row.owner_id])
    ]


def bring_forward(session: Session, found: list[int], now: datetime) -> int:
    """Let steps be due now, unless they were fired or fell silent meanwhile."""
    done = session.execute(
        update(EscalationStep).where(steps.id.in_(found), *STEP_WAITS).values(at=now)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
