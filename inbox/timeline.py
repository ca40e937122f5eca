"""A conversation's events as facts, from which its clocks follow (``inbox.sla.history``).

Events name a calendar by its version, so that the same events say the same however often the
working hours change afterwards.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.history import (
    Answered,
    Asked,
    Begun,
    Carried,
    Clock,
    Excused,
    Fact,
    GaveWord,
    Kind,
    Merged,
    Nudged,
    Parted,
    Paused,
    Promised,
    Reopened,
    Rescheduled,
    Resolved,
    Restored,
    Resumed,
    Rule,
    Ruled,
    Split,
    TakenBack,
    Undone,
    Voided,
    Wait,
)
from inbox.sla.policy import Targets
from inbox.store.kept import kept
from models import CalendarVersion, Event, EventKind
from models.base import columns

events = columns(Event)
versions = columns(CalendarVersion)

KINDS = (
    *(EventKind.RECEIVED, EventKind.RULED, EventKind.ASKED, EventKind.REPLIED),
    *(EventKind.REPLY_FAILED, EventKind.WAITED, EventKind.RESUMED, EventKind.EXCUSED),
    *(EventKind.RESOLVED, EventKind.REOPENED, EventKind.PROMISED_AGAIN),
    *(EventKind.RESCHEDULED, EventKind.MARKED_SPAM, EventKind.RESTORED),
    *(EventKind.MERGED, EventKind.UNMERGED, EventKind.GAVE_WORD, EventKind.REPLY_UNDONE),
    *(EventKind.UNDONE, EventKind.SPLIT, EventKind.BEGUN),
)
"""The kinds of event that clocks follow from."""

Calendars = Mapping[int, WorkingCalendar]  # by version


class Happened(NamedTuple):
    """An event as far as clocks care, written or about to be."""

    kind: EventKind
    at: datetime
    data: dict[str, Any]
    actor_id: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule as events keep it. ``version`` is of the calendar, ``targets`` by kind."""

    policy: str
    calendar: int
    version: int
    targets: tuple[int | None, int | None, int | None]
    resumes: bool = True
    ladder: int | None = None
    rules: tuple[int, ...] = field(default=(), compare=False)  # their ids, where known

    def data(self) -> dict[str, Any]:
        """Return it as an event's data."""
        return {**asdict(self), "targets": list(self.targets), "rules": list(self.rules)}

    def rule(self, calendars: Calendars) -> Rule:
        """Return it as clocks use it."""
        return Rule(
            self.policy,
            calendars[self.version],
            Targets(*self.targets),
            self.resumes,
            self.calendar,
            self.ladder,
        )


def terms_of(data: Mapping[str, Any]) -> Terms:
    """Read a rule from an event's data."""
    first, following, resolution = data["targets"]
    return Terms(
        data["policy"],
        data["calendar"],
        data["version"],
        (first, following, resolution),
        data.get("resumes", True),
        data.get("ladder"),
        tuple(data.get("rules", ())),
    )


_HAPPENED = (
    select(events.conversation_id, events.kind, events.at, events.data, events.actor_id)
    .where(
        events.conversation_id.in_(bindparam("numbers", expanding=True)),
        events.kind.in_(KINDS),
    )
    .order_by(events.conversation_id, events.id)
)


def load_happened(session: Session, numbers: Iterable[int]) -> dict[int, list[Happened]]:
    """Return what clocks follow from, of several conversations, in the order it was written."""
    found: dict[int, list[Happened]] = {number: [] for number in numbers}
    rows = session.execute(_HAPPENED, {"numbers": list(found)})
    for number, *what in rows:
        found[number].append(Happened(*what))
    return found


def happened_of(rows: Iterable[Event]) -> list[Happened]:
    """Return what clocks follow from, of events that were loaded already."""
    return [
        Happened(row.kind, row.at, row.data, row.actor_id) for row in rows if row.kind in KINDS
    ]


_VERSIONS = select(versions.id, versions.spec).where(
    versions.id.in_(bindparam("version_ids", expanding=True))
)


@kept
def _read_before(_session: Session) -> dict[int, WorkingCalendar]:
    """Return where versions are put that were read; one never says anything else again."""
    return {}


def load_calendars(session: Session, happened: Iterable[Happened]) -> Calendars:
    """Return every version of a calendar that these events name; loaded once a session."""
    known: dict[int, WorkingCalendar] | None = session.info.get("calendar_versions")
    if known is None:
        known = session.info["calendar_versions"] = _read_before(session)
    named = {number for what in happened for number in _versions(what.data)} - known.keys()
    if named:
        rows = session.execute(_VERSIONS, {"version_ids": sorted(named)})
        known |= {row.id: WorkingCalendar.from_spec(row.spec) for row in rows}
    return known


def _versions(data: Mapping[str, Any]) -> Iterable[int]:
    if "version" in data:
        yield data["version"]
    for clock in data.get("clocks", ()):
        if isinstance(clock, Mapping):
            yield clock["terms"]["version"]


def is_recorded(happened: Sequence[Happened]) -> bool:
    """Tell whether facts are kept; they are not for what an older Kịp took in, until now."""
    return any(what.kind is EventKind.RULED for what in happened)


def last_rule(happened: Sequence[Happened]) -> Happened | None:
    """Return the event that names the rule which holds now."""
    ruled = (what for what in reversed(happened) if what.kind is EventKind.RULED)
    return next(ruled, None)


def facts_of(happened: Iterable[Happened], calendars: Calendars) -> list[Fact]:
    """Return what happened as facts, in order; nothing before the first rule counts."""
    happened = list(happened)
    undone = {one.data["message"] for one in happened if one.kind is EventKind.REPLY_UNDONE}
    reader = _Reader(calendars, undone)
    for what in happened:
        reader.take(what)
    return reader.facts


@dataclass
class _Reader:
    calendars: Calendars
    undone: set[int]  # messages, with what came of the same click
    facts: list[Fact] = field(default_factory=list)
    early: list[Fact] = field(default_factory=list)  # came in before a rule was found for it
    answers: dict[Any, datetime] = field(default_factory=dict)  # message id -> when

    def take(self, what: Happened) -> None:
        """Add what an event says."""
        if what.kind is EventKind.RULED:
            self._ruled(what)
        elif what.kind in _AFTER_SENDING and what.data.get("message") in self.undone:
            self.facts.append(Nudged(what.at))
        else:
            make = MAKERS.get(what.kind)
            fact = make(self, what) if make is not None else None
            if fact is not None:
                (self.facts if self.facts else self.early).append(fact)

    def _ruled(self, what: Happened) -> None:
        data, terms = what.data, terms_of(what.data)
        rule = terms.rule(self.calendars)
        if "clocks" in data:
            clocks = tuple(_clock(one, self.calendars) for one in data["clocks"])
            self.facts = [Carried(what.at, clocks, rule, _moment(data.get("promised_at")))]
            self.early = []
            return
        since = _moment(data.get("since"))
        self.facts.append(Ruled(what.at, rule, _kinds(data), since))
        if data.get("promised_at"):
            self.facts.append(Promised(what.at, datetime.fromisoformat(data["promised_at"])))
        self.facts += self.early
        self.early = []

    def answered(self, what: Happened) -> Fact:
        """Remember when each answer was given: one may come back."""
        self.answers[what.data.get("message")] = what.at
        return Answered(what.at)

    def taken_back(self, what: Happened) -> Fact | None:
        """Name the answer that never left by its time."""
        at = _moment(what.data.get("answered_at"))
        at = at or self.answers.get(what.data.get("message"))
        return TakenBack(what.at, at) if at is not None else None

    def merged(self, what: Happened) -> Fact:
        """Of the one that goes on: which clocks came; of the other: that its own ended."""
        if "into" in what.data:
            return Voided(what.at, "merged")
        clocks = tuple(_clock(one, self.calendars) for one in what.data["clocks"])
        return Merged(what.at, what.data["number"], clocks)

    def rescheduled(self, what: Happened) -> Fact | None:
        """Other hours for running clocks."""
        if "version" not in what.data:
            return None
        calendar = self.calendars[what.data["version"]]
        return Rescheduled(what.at, calendar, _kinds(what.data))


def _promised(_reader: _Reader, what: Happened) -> Fact:
    return Promised(what.at, datetime.fromisoformat(what.data["promised_at"]))


def _gave_word(_reader: _Reader, what: Happened) -> Fact:
    return GaveWord(what.at, datetime.fromisoformat(what.data["until"]))


def _reopened(_reader: _Reader, what: Happened) -> Fact | None:
    """Where a customer's message opened it again, that message is the fact."""
    ours = what.actor_id is not None or what.data.get("owed")
    return Reopened(what.at) if ours else None


def _spam(_reader: _Reader, what: Happened) -> Fact | None:
    """Only a person ends clocks by this; what is set apart on arrival has none."""
    return Voided(what.at, "spam") if what.actor_id is not None else None


def _unmerged(_reader: _Reader, what: Happened) -> Fact:
    if "into" in what.data:
        return Restored(what.at)
    return Parted(what.at, what.data["number"])


def _split(_reader: _Reader, what: Happened) -> Fact | None:
    """Of the one that messages left; the other's clocks came with its rule."""
    if "into" not in what.data:
        return None
    answered = map(datetime.fromisoformat, what.data["answered"])
    return Split(what.at, datetime.fromisoformat(what.data["since"]), frozenset(answered))


def _waited(_reader: _Reader, what: Happened) -> Fact:
    return Paused(what.at, Wait(what.data["reason"]), _kinds(what.data))


MAKERS: dict[EventKind, Callable[[_Reader, Happened], Fact | None]] = {
    EventKind.RECEIVED: lambda _, what: Asked(what.at),
    EventKind.ASKED: lambda _, what: Asked(what.at),
    EventKind.BEGUN: lambda _, what: Begun(what.at),
    EventKind.REPLIED: _Reader.answered,
    EventKind.REPLY_FAILED: _Reader.taken_back,
    EventKind.REPLY_UNDONE: _Reader.taken_back,
    EventKind.GAVE_WORD: _gave_word,
    EventKind.WAITED: _waited,
    EventKind.RESUMED: lambda _, what: Resumed(what.at),
    EventKind.UNDONE: lambda _, what: Undone(what.at, datetime.fromisoformat(what.data["of"])),
    EventKind.EXCUSED: lambda _, what: Excused(what.at, what.data["reason"]),
    EventKind.RESOLVED: lambda _, what: _resolved(what),
    EventKind.REOPENED: _reopened,
    EventKind.PROMISED_AGAIN: _promised,
    EventKind.RESCHEDULED: _Reader.rescheduled,
    EventKind.MARKED_SPAM: _spam,
    EventKind.RESTORED: lambda _, what: Restored(what.at),
    EventKind.MERGED: _Reader.merged,
    EventKind.UNMERGED: _unmerged,
    EventKind.SPLIT: _split,
}


ERASED = "erased"  # why a conversation was closed: whoever asked is nobody any more


def _resolved(what: Happened) -> Resolved:
    """Read that it is done; what was closed because its customer was erased is not solved."""
    if what.data.get("reason") == ERASED:
        return Resolved(what.at, ERASED, is_solved=False)
    return Resolved(what.at)


_AFTER_SENDING = (EventKind.WAITED, EventKind.RESOLVED)  # what "send and …" adds


def _kinds(data: Mapping[str, Any]) -> frozenset[Kind]:
    return frozenset(Kind(one) for one in data.get("kinds", Kind))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# ---- clocks that are carried over, as events keep them ------------------------------

MOMENTS = (
    *("started_at", "due_at", "paused_at", "met_at", "excused_at", "breached_at"),
    *("counted_from", "not_after", "until"),
)


def clock_data(clock: Clock, terms: Terms) -> dict[str, Any]:
    """Return a clock as an event's data."""
    moments = {
        name: value.isoformat()
        for name in MOMENTS
        if (value := getattr(clock, name)) is not None
    }
    return {
        "kind": clock.kind.value,
        "terms": terms.data(),
        "pauses": [[begin.isoformat(), end.isoformat()] for begin, end in clock.pauses],
        "excuse": clock.excuse,
        "generation": clock.generation,
        **moments,
    }


def _clock(data: Mapping[str, Any], calendars: Calendars) -> Clock:
    return Clock(
        Kind(data["kind"]),
        terms_of(data["terms"]).rule(calendars),
        datetime.fromisoformat(data["started_at"]),
        due_at=_moment(data.get("due_at")),
        pauses=pauses_of(data["pauses"]),
        paused_at=_moment(data.get("paused_at")),
        met_at=_moment(data.get("met_at")),
        excused_at=_moment(data.get("excused_at")),
        excuse=data["excuse"],
        breached_at=_moment(data.get("breached_at")),
        generation=data["generation"],
        counted_from=_moment(data.get("counted_from")),
        not_after=_moment(data.get("not_after")),
        until=_moment(data.get("until")),
    )


def pauses_of(kept: Iterable[Sequence[str]]) -> list[tuple[datetime, datetime]]:
    """Read pauses as rows and events keep them."""
    return [(datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in kept]
