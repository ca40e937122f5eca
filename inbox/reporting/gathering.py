"""What counts and is not written down yet: clocks that were decided, and what happened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, or_, select
from sqlmodel import Session

from inbox.reporting.days import Days, Stamps, decide
from inbox.reporting.histories import Histories
from inbox.sla.calendar import Pause
from inbox.sla.stages import Happening, Miss, is_cover
from models import (
    ClockKind,
    Contact,
    Conversation,
    Counted,
    Event,
    EventKind,
    Outcome,
    ReportFact,
    SLAClock,
)
from models.base import columns, core

clocks = columns(SLAClock)
talks = columns(Conversation)
contacts = columns(Contact)
events = columns(Event)
facts = columns(ReportFact)

# kind of event -> what it counts as; RECEIVED and RESOLVED count once a conversation
COUNTS = {
    EventKind.RECEIVED: Counted.RECEIVED,
    EventKind.RESOLVED: Counted.SOLVED,
    EventKind.REOPENED: Counted.REOPENED,
    EventKind.ASKED: Counted.ASKED_AGAIN,
    EventKind.PASSED_ON: Counted.PASSED_ON,
    EventKind.COVERED: Counted.COVERED,
}
STANDS_STILL = datetime(9000, 1, 1, tzinfo=UTC)  # the due time of a clock that is paused
ONCE = (Counted.RECEIVED, Counted.SOLVED)
PLACE = (
    *(talks.request_type, talks.team_id, talks.owner_id, talks.channel),
    contacts.tier.label("tier"),
)


@dataclass(frozen=True, slots=True)
class Window:
    """What to look at: what is stamped in [since, until), and events after ``after_event``."""

    days: Days
    since: datetime
    until: datetime
    after_event: int


def gather(session: Session, window: Window) -> list[ReportFact]:
    """Return everything that is decided or happened before the window's end and is not booked.

    Rows are new ones, with no id. Each thing comes once; see ``ReportFact``.
    """
    histories = Histories(session)
    decided = list(_clocks(session, window))
    happened = list(_happenings(session, window))
    histories.load({row.conversation_id for row in (*decided, *happened)})
    found: dict[tuple[Counted, int], ReportFact] = {}
    made = (
        *(one for row in decided for one in _of_clock(row, window, histories)),
        *(_of_event(row, window, histories) for row in happened),
    )
    for fact in made:
        found.setdefault((fact.what, fact.source_id), fact)
    return list(found.values())


def _booked(what: ColumnElement[Any] | str, source: ColumnElement[int]) -> ColumnElement[bool]:
    return (
        exists()
        .where(facts.what == what, facts.source_id == source)
        .correlate_except(ReportFact)
    )


def _clocks(session: Session, window: Window) -> Iterator[Row[Any]]:
    """Yield the clocks that may have been decided or met, each once."""
    since, until = window.since, window.until
    no_more = and_(clocks.met_at.is_(None), clocks.cancelled_at.is_(None))
    # Hidden from the planner: an index on it would be read from its very beginning.
    past = func.coalesce(clocks.due_at, clocks.due_at) < until
    of_interest = (
        and_(clocks.met_at >= since, clocks.met_at < until),
        and_(clocks.cancelled_at >= since, clocks.cancelled_at < until),
        and_(clocks.due_at >= since, clocks.due_at < until),
        and_(no_more, or_(past, clocks.breached_at.is_not(None))),
    )
    query = _clock_query()
    seen: set[int] = set()
    for condition in of_interest:
        for row in session.execute(query.where(condition)):
            if row.id not in seen:
                seen.add(row.id)
                yield row


def _clock_query() -> Select[Any]:
    first = clocks.kind == ClockKind.FIRST_RESPONSE
    return (
        select(
            *(clocks.id, clocks.conversation_id, clocks.kind, clocks.calendar_id),
            *(clocks.started_at, clocks.due_at, clocks.met_at, clocks.cancelled_at),
            *(clocks.paused_at, clocks.breached_at, clocks.pauses, clocks.met_by_id),
            *(talks.promised_at, talks.first_responded_at, *PLACE),
            _booked(clocks.kind, clocks.id).label("is_decided"),
            and_(first, _booked(Counted.PROMISE, clocks.conversation_id)).label("is_promise"),
            and_(first, _booked(Counted.ANSWERED, clocks.conversation_id)).label("is_answered"),
        )
        .join(core(Conversation), talks.id == clocks.conversation_id)
        .join(core(Contact), contacts.id == talks.contact_id)
    )


def _of_clock(row: Row[Any], window: Window, histories: Histories) -> Iterator[ReportFact]:
    """Yield what a clock counts as: decided, met, and the promise of a first reply."""
    if not row.is_decided:
        yield from _decision(row, window, histories)
    if row.kind is not ClockKind.FIRST_RESPONSE:
        return
    if not row.is_promise and row.promised_at is not None:
        yield from _promise(row, window)
    if not row.is_answered and row.met_at is not None and row.met_at < window.until:
        yield _fact(
            row,
            window,
            Counted.ANSWERED,
            row.conversation_id,
            row.met_at,
            agent_id=row.met_by_id or row.owner_id,
            worked_s=_worked(row, row.met_at, histories),
            started_at=row.started_at,
            due_at=row.due_at,
        )


def _decision(row: Row[Any], window: Window, histories: Histories) -> Iterator[ReportFact]:
    stamps = Stamps(row.due_at, row.met_at, row.cancelled_at, row.paused_at, row.breached_at)
    decided = decide(stamps, window.until)
    if decided is None:
        return
    outcome, at = decided
    due_at = row.breached_at or row.due_at
    if due_at >= STANDS_STILL:  # it ended in a pause, when nothing was due
        due_at = at
    fact = _fact(
        row,
        window,
        Counted(row.kind.value),
        row.id,
        at,
        outcome=outcome,
        agent_id=row.met_by_id or row.owner_id,
        slot=window.days.slot_of(due_at),
        started_at=row.started_at,
        due_at=due_at,
    )
    if outcome is Outcome.MISSED:
        ended = row.met_at or row.cancelled_at
        ended = ended if ended is not None and ended < window.until else None
        miss = Miss(row.started_at, at, ended, histories.away)
        fact.cause, fact.cause_at = histories.cause(miss, row.conversation_id, row.calendar_id)
    yield fact


def _promise(row: Row[Any], window: Window) -> Iterator[ReportFact]:
    answered = row.first_responded_at or row.met_at
    stamps = Stamps(row.promised_at, answered, None if answered else row.cancelled_at)
    decided = decide(stamps, window.until)
    if decided is not None:
        yield _fact(
            row,
            window,
            Counted.PROMISE,
            row.conversation_id,
            decided[1],
            outcome=decided[0],
            agent_id=row.met_by_id or row.owner_id,
            slot=window.days.slot_of(row.promised_at),
            started_at=row.started_at,
            due_at=row.promised_at,
        )


def _worked(row: Row[Any], end: datetime, histories: Histories) -> int:
    calendar = histories.calendar(row.calendar_id)
    return round(calendar.working_seconds(row.started_at, end, read_pauses(row.pauses)))


def read_pauses(pauses: Sequence[Any]) -> list[Pause]:
    """Return a clock's pauses as instants."""
    return [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in pauses]


def _fact(
    row: Row[Any], window: Window, what: Counted, source: int, at: datetime, **more: Any
) -> ReportFact:
    about: dict[str, Any] = {
        "what": what,
        "source_id": source,
        "conversation_id": row.conversation_id,
        "day": window.days.day_of(at),
        "at": at,
        "request_type": row.request_type,
        "team_id": row.team_id,
        "agent_id": row.owner_id,
        "channel": row.channel.value,
        "tier": row.tier,
    }
    return ReportFact(**{**about, **more})


def _happenings(session: Session, window: Window) -> Iterator[Row[Any]]:
    """Yield the events that count and are not booked, each once."""
    kinds = events.kind.in_(list(COUNTS))
    once = events.kind.in_([kind for kind, what in COUNTS.items() if what in ONCE])
    query = (
        select(
            *(events.id, events.conversation_id, events.kind, events.at, events.data),
            *(events.actor_id, talks.created_at, *PLACE),
        )
        .join(core(Conversation), talks.id == events.conversation_id)
        .join(core(Contact), contacts.id == talks.contact_id)
        .where(kinds, events.at < window.until, or_(events.kind != EventKind.ASKED, _owed()))
        .where(~or_(_is_booked(once, True), _is_booked(once, False)))
    )
    seen: set[int] = set()
    # `at` of what was received is its arrival, perhaps long before we could fetch it.
    for condition in (events.at >= window.since, events.id > window.after_event):
        for row in session.execute(query.where(condition).order_by(events.id)):
            if row.id not in seen and _counts(row):
                seen.add(row.id)
                yield row


def _is_booked(once: ColumnElement[bool], is_once: bool) -> ColumnElement[bool]:
    """Tell whether an event is booked: by its conversation's id or by its own."""
    whats = {kind: what for kind, what in COUNTS.items() if (what in ONCE) is is_once}
    source = events.conversation_id if is_once else events.id
    return or_(
        *(and_(events.kind == kind, _booked(what, source)) for kind, what in whats.items())
    )


def _owed() -> ColumnElement[bool]:
    """Tell whether an answer was owed already when the customer wrote."""
    return (
        exists()
        .where(
            clocks.conversation_id == events.conversation_id,
            clocks.kind != ClockKind.RESOLUTION,
            clocks.started_at < events.at,
            or_(clocks.met_at.is_(None), clocks.met_at > events.at),
            or_(clocks.cancelled_at.is_(None), clocks.cancelled_at > events.at),
        )
        .correlate_except(SLAClock)
    )


def _counts(row: Row[Any]) -> bool:
    """Tell whether a cover is one: giving back is none."""
    if row.kind is not EventKind.COVERED:
        return True
    return is_cover(Happening(row.kind.value, row.at, row.data))


def _left(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the team that something was taken from, if the event says it."""
    before = data.get("from") or {}
    return {"team_id": before["team"]} if "team" in before else {}


def _of_event(row: Row[Any], window: Window, histories: Histories) -> ReportFact:
    what = COUNTS[row.kind]
    source = row.conversation_id if what in ONCE else row.id
    more: dict[str, Any] = {}
    if what is Counted.SOLVED:
        more = histories.solved(row.conversation_id, row.at)
        more["agent_id"] = row.actor_id or row.owner_id
    if what is Counted.PASSED_ON:  # counts for whoever sent it away
        more = {"agent_id": row.actor_id, **_left(row.data)}
    return _fact(row, window, what, source, row.at, **more)
