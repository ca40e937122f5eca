"""The record: what happens to a conversation is written down, and its clocks follow.

``keep`` writes events, replays all that is known (``inbox.sla.history``) and changes the rows
that say something else now. Rows are never changed on their own, so that recomputing them
from the events gives the same at any time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlmodel import Session

from inbox import clocks, timeline
from inbox.clocks import Course
from inbox.rulebook import Promise
from inbox.sla.calendar import always_open
from inbox.sla.history import TARGETED, Clock, Fact, Kind, Rule, replay
from inbox.sla.policy import Targets
from inbox.store.changes import add_happened, moved
from inbox.timeline import Happened, Terms
from models import CalendarVersion, ClockKind, Conversation, EventKind, SLAClock
from models.base import columns, core

rows_ = columns(SLAClock)
versions = columns(CalendarVersion)
conversations = columns(Conversation)

_SHOWN = (
    *("first_response_due_at", "next_response_due_at", "resolution_due_at"),
    *("next_due_at", "sla_state"),
)
_SHOW = (
    update(core(Conversation))
    .where(conversations.id == bindparam("number"))
    .values(
        version=conversations.version + 1,
        order_at=func.coalesce(
            bindparam("next_due_at"), conversations.waiting_until, bindparam("order_at")
        ),
        **{name: bindparam(name) for name in _SHOWN},
    )
)


@dataclass
class Told:
    """One conversation's history as far as it is known, with what is to be written of it."""

    number: int
    happened: list[Happened]
    rows: list[SLAClock]
    new: list[Happened] = field(default_factory=list)

    def tell(self, *what: Happened) -> None:
        """Add what happened now."""
        self.happened += what
        self.new += what


def keep(
    session: Session,
    conversation_id: int,
    *what: Happened,
    now: datetime,
    promise: Promise | None = None,
    kinds: Iterable[ClockKind] | None = None,
    only_earlier: bool = False,
    since: datetime | None = None,
) -> dict[str, Any]:
    """Write down what happened, let the clocks follow, and return the columns that follow.

    ``promise`` is what the policies say now, where that matters to what happened: it holds
    for running clocks of ``kinds`` (all unless given; with ``only_earlier`` those of them
    that become due earlier by it), and for every clock that is started from now on.
    ``since``: a message that came then made it so, and it is counted from there.
    """
    (told,) = load(session, [conversation_id], now)
    if promise is not None:
        earlier = only_earlier
        rule(session, told, promise, now, kinds=kinds, only_earlier=earlier, since=since)
    told.tell(*what)
    settle(session, [told], now)
    (values,) = clocks.summaries(session, [told.rows])
    return values


def owes_answer(session: Session, conversation_id: int) -> bool:
    """Tell whether a clock of an answer is live, also one that stands still."""
    return bool(clocks.list_live(session, conversation_id, clocks.REPLY_KINDS))


def has_live(session: Session, conversation_id: int) -> bool:
    """Tell whether any clock is live."""
    return bool(clocks.list_live(session, conversation_id, ClockKind))


def was_met(session: Session, conversation_id: int, at: datetime) -> bool:
    """Tell whether taking back the answer of a moment makes a clock run on."""
    found = (
        session.execute(
            select(SLAClock).where(
                rows_.conversation_id == conversation_id, rows_.kind.in_(clocks.REPLY_KINDS)
            )
        )
        .scalars()
        .all()
    )
    live = {clock.kind for clock in found if clocks.is_live(clock)}
    return any(clock.met_at == at and clock.kind not in live for clock in found)


_CLOCKS = (
    select(SLAClock)
    .where(rows_.conversation_id.in_(bindparam("numbers", expanding=True)))
    .order_by(rows_.id)
    .execution_options(populate_existing=True)
)


def load(session: Session, numbers: Sequence[int], now: datetime) -> list[Told]:
    """Load several conversations' histories and clocks, to be changed."""
    happened = timeline.load_happened(session, numbers)
    rows: dict[int, list[SLAClock]] = {number: [] for number in numbers}
    session.flush()
    found = session.execute(_CLOCKS, {"numbers": list(numbers)})
    for clock in found.scalars():
        rows[clock.conversation_id].append(clock)
    told = [Told(number, happened[number], rows[number]) for number in numbers]
    for one in told:
        if not timeline.is_recorded(one.happened) and one.rows:
            _begin_record(session, one, now)
    return told


def rule(  # noqa: PLR0913
    session: Session,
    told: Told,
    promise: Promise,
    now: datetime,
    *,
    kinds: Iterable[ClockKind] | None = None,
    only_earlier: bool = False,
    by: int | None = None,
    why: str = "",
    since: datetime | None = None,
) -> None:
    """Add that another rule holds, unless it does already; ``keep`` says for what.

    ``why`` is ``rules`` where nothing changed but the rules themselves.
    """
    terms = clocks.terms_of(promise)
    data = terms.data()
    if kinds is not None:
        data["kinds"] = [kind.value for kind in kinds]
    if since is not None:
        data["since"] = since.isoformat()
    if only_earlier:
        held = terms.rule({promise.version: promise.calendar})
        live = [one for one in clocks_of(session, told) if one.is_live]
        sooner = [one.kind for one in live if _sooner(one, held, since)]
        data["kinds"] = [kind.value for kind in sooner]
        if not sooner:
            return
    last = timeline.last_rule(told.happened)
    holds = last is not None and timeline.terms_of(last.data) == terms
    follows = last is not None and "kinds" not in last.data.keys() | data.keys()
    if holds and (data.get("kinds") == [] or follows):
        return
    if last is not None:
        data |= moved(_shown(last.data), _shown(data)) | ({"why": why} if why else {})
    told.tell(Happened(EventKind.RULED, now, data, by))


def _shown(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("policy", "calendar", "targets")}


def _sooner(clock: Clock, rule: Rule, since: datetime | None) -> bool:
    target_s = rule.target_s(clock.kind)
    if target_s is None or clock.due_at is None:
        return False
    start = max(clock.started_at, since) if since is not None else clock.started_at
    due_at = rule.calendar.due_at(start, target_s, clock.pauses)
    return due_at is not None and due_at < clock.due_at


def clocks_of(session: Session, told: Told) -> list[Clock]:
    """Return the clocks that follow from what is known."""
    known = timeline.load_calendars(session, told.happened)
    return replay(timeline.facts_of(told.happened, known))


def show(session: Session, told: Sequence[Told]) -> None:
    """Let conversations say what their clocks do; a waiting one keeps its place."""
    values = clocks.summaries(session, [one.rows for one in told])
    found = [{"number": one.number, **said} for one, said in zip(told, values, strict=True)]
    if found:
        session.execute(_SHOW, found)


def settle(session: Session, told: Sequence[Told], now: datetime) -> None:
    """Write what is new of these histories, and change the clocks that differ from them.

    Steps of an old due time fall silent, those of the new one are planned; what was told is
    not told again.
    """
    add_happened(session, [(one.number, *what) for one in told for what in one.new])
    known = timeline.load_calendars(session, (what for one in told for what in one.happened))
    moved: list[Course] = []
    again: list[Course] = []
    silent: list[int] = []
    new: list[SLAClock] = []
    for one in told:
        one.new = []
        for row, clock in _paired(one, timeline.facts_of(one.happened, known)):
            stood = row.generation, clocks.is_live(row), row.ladder_id
            _show(row, clock, one)
            is_new = row not in session
            if is_new:
                new.append(row)
            elif stood == (row.generation, clocks.is_live(row), row.ladder_id):
                continue
            elif stood[:2] != (row.generation, clocks.is_live(row)):
                silent.append(row.id)
            if clocks.is_live(row) and row.due_at != clocks.NEVER:
                stays = not is_new and stood[0] == row.generation
                course = Course(row, clock.hours, clock.pauses)
                (again if stays else moved).append(course)
    session.flush()  # what ended, before another of its kind begins
    session.add_all(new)
    session.flush()
    clocks.silence(session, silent, now)
    clocks.plan_steps(session, moved, now)
    clocks.plan_again(session, again, now)


def climb_again(session: Session, told: Sequence[Told], now: datetime) -> None:
    """Let the ladders of running clocks be what they are now; nothing else changes."""
    known = timeline.load_calendars(session, (what for one in told for what in one.happened))
    courses = [
        Course(row, clock.hours, clock.pauses)
        for one in told
        for row, clock in _paired(one, timeline.facts_of(one.happened, known))
        if row in session and clocks.is_live(row) and row.due_at != clocks.NEVER
    ]
    clocks.plan_again(session, courses, now)


def _paired(told: Told, facts: list[Fact]) -> list[tuple[SLAClock, Clock]]:
    """Return each clock of the history with its row, which may be new."""
    known: dict[Kind, list[SLAClock]] = {kind: [] for kind in Kind}
    for row in told.rows:
        known[Kind(row.kind.value)].append(row)
    pairs = []
    for clock in replay(facts):
        if known[clock.kind]:
            row = known[clock.kind].pop(0)
        else:
            row = SLAClock(
                conversation_id=told.number,
                kind=ClockKind(clock.kind.value),
                policy="",
                calendar_id=0,
                target_s=0,
                started_at=clock.started_at,
                due_at=clocks.NEVER,
            )
            told.rows.append(row)
        pairs.append((row, clock))
    return pairs


def _show(row: SLAClock, clock: Clock, told: Told) -> None:
    """Make a row say what the history says."""
    if clock.met_at is None:
        met_by = None
    else:
        met_by = row.met_by_id if row.met_at == clock.met_at else _actor(told, clock.met_at)
    pauses = [[begin.isoformat(), end.isoformat()] for begin, end in clock.pauses]
    values: dict[str, Any] = {
        "policy": clock.rule.policy,
        "calendar_id": clock.rule.calendar_id,
        "ladder_id": clock.rule.ladder_id,
        "target_s": clock.length_s(),
        "started_at": clock.started_at,  # another's, if they became one
        "due_at": clock.due_at or clocks.NEVER,
        "generation": clock.generation,
        "pauses": pauses,
        "paused_at": clock.paused_at,
        "breached_at": clock.breached_at,
        "met_at": clock.met_at,
        "met_by_id": met_by,
        "cancelled_at": clock.excused_at,
        "excuse": clock.excuse,
    }
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)


def _actor(told: Told, at: datetime) -> int | None:
    """Return who did what happened last at a moment."""
    who = [what.actor_id for what in told.happened if what.at == at]
    return next((one for one in reversed(who) if one is not None), None)


def _begin_record(session: Session, told: Told, now: datetime) -> None:
    """Begin the record of a conversation that an older version took in: clocks as they are."""
    newest: dict[int, int] = {
        row.calendar_id: row.version
        for row in session.execute(
            select(versions.calendar_id, func.max(versions.id).label("version")).group_by(
                versions.calendar_id
            )
        )
    }
    stood = []
    last: dict[ClockKind, SLAClock] = {}
    for row in told.rows:
        last[row.kind] = row
        stood.append(_standing(row, newest))
    latest = told.rows[-1]
    first, following, resolution = (
        last[kind].target_s if kind in last else None for kind in map(ClockKind, TARGETED)
    )
    terms = Terms(
        latest.policy,
        latest.calendar_id,
        newest[latest.calendar_id],
        (first, following or first, resolution),
    )
    promised = session.execute(
        select(conversations.promised_at).where(conversations.id == told.number)
    ).scalar_one()
    data = {**terms.data(), "clocks": stood}
    if promised is not None:
        data["promised_at"] = promised.isoformat()
    told.tell(Happened(EventKind.RULED, now, data))


def _standing(row: SLAClock, newest: Mapping[int, int]) -> dict[str, Any]:
    first, following, resolution = (
        row.target_s if kind is row.kind else None for kind in map(ClockKind, TARGETED)
    )
    targets = (first, following, resolution)
    terms = Terms(row.policy, row.calendar_id, newest[row.calendar_id], targets)
    clock = Clock(
        Kind(row.kind.value),
        Rule(row.policy, always_open("UTC"), Targets(*targets)),  # its terms name the real one
        row.started_at,
        due_at=None if row.due_at == clocks.NEVER else row.due_at,
        pauses=timeline.pauses_of(row.pauses),
        paused_at=row.paused_at,
        met_at=row.met_at,
        excused_at=row.cancelled_at,
        excuse=row.excuse,
        breached_at=row.breached_at,
        generation=row.generation,
    )
    return timeline.clock_data(clock, terms)
