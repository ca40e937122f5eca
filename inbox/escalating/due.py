"""Steps whose moment has come: found, cut into turns, and claimed, each once."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, case, select, true, update
from sqlmodel import Session

from inbox.sla.ladder import CHANGING, LOUD, is_before_due
from models import ClockKind, Conversation, EscalationStep, SLAClock, SLAState
from models.base import columns, core

steps = columns(EscalationStep)
clocks = columns(SLAClock)
conversations = columns(Conversation)

STEP_WAITS = (steps.fired_at.is_(None), steps.cancelled_at.is_(None))
CLOCK_RUNS = (
    clocks.generation == steps.generation,
    clocks.met_at.is_(None),
    clocks.cancelled_at.is_(None),
)
WAITING = (*STEP_WAITS, *CLOCK_RUNS)
# Asked so, and not by a join, a database goes along the few steps that are next, never
# along all clocks.
RUNS = select(clocks.id).where(clocks.id == steps.clock_id, *CLOCK_RUNS).exists()
LATE_AFTER = timedelta(seconds=60)  # a step that fires later than this is marked late
MOST_CHANGES = 50  # conversations that one transaction hands over or makes more urgent


class Due(NamedTuple):
    """A step with its clock and conversation, as they are now."""

    id: int
    clock_id: int
    conversation_id: int
    generation: int
    step: str
    words: str
    at: datetime
    was_late: bool  # when it was planned
    kind: ClockKind
    started_at: datetime
    due_at: datetime
    owner_id: int | None
    team_id: int | None
    sla_state: SLAState

    @property
    def actions(self) -> list[str]:
        """What is done, in order."""
        return [word for word in self.words.split(",") if word != LOUD]

    @property
    def is_loud(self) -> bool:
        """Whether quiet hours do not apply."""
        return LOUD in self.words.split(",")

    @property
    def changes(self) -> bool:
        """Whether it changes the conversation."""
        return any(action in self.words for action in CHANGING)

    @property
    def warns(self) -> bool:
        """Whether it comes before its clock is due."""
        return is_before_due(self.step) and self.at < self.due_at

    def is_late(self, now: datetime) -> bool:
        """Tell whether it was late when planned, or is now (nobody was at work to fire it)."""
        return self.was_late or now - self.at > LATE_AFTER


_NEXT = select(steps.at).where(*STEP_WAITS, RUNS).order_by(steps.at).limit(1)
_FIRST = (
    select(steps.id)
    .where(*STEP_WAITS, RUNS, steps.at <= bindparam("now"))
    .order_by(steps.at, steps.id)
    .limit(bindparam("most"))
)
_DUE = (
    select(
        *(steps.id, steps.clock_id, steps.conversation_id, steps.generation, steps.step),
        *(steps.audience, steps.at, steps.is_late),
        *(clocks.kind, clocks.started_at, clocks.due_at),
        *(conversations.owner_id, conversations.team_id, conversations.sla_state),
    )
    .join(core(SLAClock), clocks.id == steps.clock_id)
    .join(core(Conversation), conversations.id == steps.conversation_id)
    .where(steps.id.in_(_FIRST), *WAITING)
    .order_by(steps.at, steps.id)
    # One that is just being answered is looked at again at the next tick.
    .with_for_update(of=Conversation, skip_locked=True)
)


def next_moment(session: Session) -> datetime | None:
    """Return when the next step falls, or None."""
    found: datetime | None = session.execute(_NEXT).scalar_one_or_none()
    return found


def load_due(session: Session, now: datetime, most: int) -> list[Due]:
    """Return the next steps to fire, in the order of their moments; lock what they are of."""
    session.flush()
    return in_turn(Due(*row) for row in session.execute(_DUE, {"now": now, "most": most}))


def in_turn(due: Iterable[Due]) -> list[Due]:
    """Return the first of them, up to one whose conversation an earlier one changes."""
    found: list[Due] = []
    changed: set[int] = set()
    for one in due:
        if one.conversation_id in changed:
            break
        if one.changes:
            if len(changed) == MOST_CHANGES:
                break
            changed.add(one.conversation_id)
        found.append(one)
    return found


def claim(session: Session, due: Sequence[Due], now: datetime) -> list[Due]:
    """Mark steps as fired; return those that nobody else had, and that nothing silenced."""
    late = case((steps.at < now - LATE_AFTER, true()), else_=steps.is_late)
    claimed = session.execute(
        update(core(EscalationStep))
        .where(
            steps.id.in_([one.id for one in due]),
            steps.fired_at.is_(None),
            steps.cancelled_at.is_(None),
        )
        .values(fired_at=now, is_late=late)
        .returning(steps.id)
    )
    ours = set(claimed.scalars())
    return [one for one in due if one.id in ours]
