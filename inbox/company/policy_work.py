"""What a changed rule does to open work: a preview, and following it.

Clocks that run keep their times when a rule is changed, until somebody applies the rules to
them, after seeing what would move. Then they are counted again from their arrival, with their
pauses: a shorter time may make late what is open, a longer one takes no breach back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlmodel import Session

from inbox import clocks, ruling
from inbox.rulebook import BETWEEN, Promise, load_rulebook
from inbox.store.audit import add_entry
from inbox.timeline import Terms, pauses_of, terms_of
from models import (
    AuditAction,
    AuditThing,
    ClockKind,
    Conversation,
    Event,
    EventKind,
    SLAClock,
    SLAPolicy,
)
from models.base import columns

live = columns(SLAClock)
conversations = columns(Conversation)
events = columns(Event)

MOST_LOOKED_AT = 5000  # open conversations that a preview looks at
AT_ONCE = 500  # of them in one question
BATCH = 100  # conversations in one transaction


@dataclass(frozen=True, slots=True)
class Effect:
    """What following the rules does to one running clock; one that stands still has no time."""

    number: int
    kind: str
    due_at: datetime | None
    new_due_at: datetime | None
    policy: str  # the rules that would hold
    ends: bool  # they have no such clock


@dataclass(frozen=True, slots=True)
class Effects:
    """What would change; ``is_whole`` is false where more is open than was looked at."""

    found: list[Effect]
    is_whole: bool

    @property
    def numbers(self) -> set[int]:
        """Return which conversations would change."""
        return {one.number for one in self.found}


RUNS = live.met_at.is_(None), live.cancelled_at.is_(None)


def open_effects(session: Session, policy_id: int) -> Effects:
    """Return what following the rules as they are now would change, by the rule's doing.

    That is: of conversations that run by this rule, or would. Looks at 5,000 open ones at
    most, the oldest first; applying reaches all.
    """
    rule = session.get(SLAPolicy, policy_id)
    name = rule.name if rule is not None else ""
    effects: list[Effect] = []
    after, seen = 0, 0
    while seen < MOST_LOOKED_AT:
        found = _next_open(session, after, AT_ONCE)
        if not found:
            return Effects(effects, True)
        after, seen = found[-1].id, seen + len(found)
        effects += _effects(session, policy_id, name, found)
    return Effects(effects, not _next_open(session, after, 1))


def _next_open(
    session: Session, after: int, most: int, *, to_change: bool = False
) -> list[Conversation]:
    """Return the next conversations by number that have a live clock."""
    numbers = (
        select(live.conversation_id)
        .where(*RUNS, live.conversation_id > after)
        .distinct()
        .order_by(live.conversation_id)
        .limit(most)
    )
    # Numbers first: a lock and DISTINCT do not go together.
    found = session.execute(numbers).scalars().all()
    query = (
        select(Conversation)
        .where(conversations.id.in_(found))
        .order_by(conversations.id)
        .execution_options(populate_existing=True)
    )
    if to_change:
        query = query.with_for_update()
    return list(session.execute(query).scalars()) if found else []


def _effects(
    session: Session, policy_id: int, name: str, found: Sequence[Conversation]
) -> list[Effect]:
    book = load_rulebook(session)
    changing = _changing(session, found, ruling.promises_of(session, book, found))
    held = _held(session, list(changing))
    effects = []
    promised = {one.id: one.promised_at for one in found}
    for number, (promise, running_clocks) in changing.items():
        if not _concerned(policy_id, name, held.get(number), promise):
            continue
        effects += [
            _effect(clock, promise, promised[number])
            for clock in running_clocks
            if _differs(clock, promise)
        ]
    return effects


def _effect(clock: SLAClock, promise: Promise, promised_at: datetime | None) -> Effect:
    still = clocks.stands_still(clock)
    return Effect(
        clock.conversation_id,
        clock.kind.value,
        None if still else clock.due_at,
        None if still else _due(clock, promise, promised_at),
        promise.policy,
        clocks.target_of(promise, clock.kind) is None,
    )


def _changing(
    session: Session, found: Sequence[Conversation], promises: Mapping[int, Promise]
) -> dict[int, tuple[Promise, list[SLAClock]]]:
    """Return those whose running clocks say something else than the rules do now."""
    rows: dict[int, list[SLAClock]] = {one.id: [] for one in found}
    query = select(SLAClock).where(*RUNS, live.conversation_id.in_(rows))
    query = query.where(live.kind != ClockKind.WORD)  # no rule moves what was said
    for clock in session.execute(query.order_by(live.id)).scalars():
        rows[clock.conversation_id].append(clock)
    changing = {}
    for one in found:
        first = next(
            (clock for clock in rows[one.id] if clock.kind is ClockKind.FIRST_RESPONSE), None
        )
        promise = ruling.hastened(one, promises[one.id], first.target_s if first else None)
        if any(_differs(clock, promise) for clock in rows[one.id]):
            changing[one.id] = promise, rows[one.id]
    return changing


def _differs(clock: SLAClock, promise: Promise) -> bool:
    says = clocks.target_of(promise, clock.kind), promise.calendar_id, promise.policy
    return (clock.target_s, clock.calendar_id, clock.policy) != says


def _due(clock: SLAClock, promise: Promise, promised_at: datetime | None) -> datetime | None:
    target_s = clocks.target_of(promise, clock.kind)
    if target_s is None:
        return None
    due_at = promise.calendar.due_at(clock.started_at, target_s, pauses_of(clock.pauses))
    if promised_at is not None and clock.kind is ClockKind.FIRST_RESPONSE:
        due_at = promised_at if due_at is None else min(due_at, promised_at)
    return due_at


def _held(session: Session, numbers: Sequence[int]) -> dict[int, Terms]:
    """Return the rule that holds for each."""
    query = (
        select(events.conversation_id, events.data)
        .where(events.conversation_id.in_(numbers), events.kind == EventKind.RULED)
        .order_by(events.id)
    )
    if not numbers:
        return {}
    return {row.conversation_id: terms_of(row.data) for row in session.execute(query)}


def _concerned(policy_id: int, name: str, held: Terms | None, promise: Promise) -> bool:
    """Tell whether a rule has something to do with what held, or with what the rules say."""
    if policy_id in promise.rules or held is None:
        return policy_id in promise.rules
    # What an older Kịp took in knows its rules by their names only.
    return policy_id in held.rules if held.rules else name in held.policy.split(BETWEEN)


def apply_batch(
    session: Session, policy_id: int, after: int, *, by: int, now: datetime
) -> tuple[int, int | None]:
    """Let the next open conversations after number ``after`` follow the rules.

    Returns
    -------
    moved, last
        How many changed, and the number to go on after; None when all are done.
    """
    found = _next_open(session, after, BATCH, to_change=True)
    if not found:
        return 0, None
    rule = session.get(SLAPolicy, policy_id)
    book = load_rulebook(session)
    changing = _changing(session, found, ruling.promises_of(session, book, found))
    moved = ruling.follow(
        session,
        [one for one in found if one.id in changing],
        book,
        now,
        by=by,
        concerns=partial(_concerned, policy_id, rule.name if rule is not None else ""),
    )
    return moved, found[-1].id


def note_applied(
    session: Session, policy_id: int, moved: int, *, by: int, now: datetime
) -> None:
    """Write down that open conversations follow the rules now."""
    add_entry(
        session,
        AuditThing.POLICY,
        policy_id,
        AuditAction.CHANGED,
        now,
        by=by,
        after={"applied_to_open": moved},
    )
