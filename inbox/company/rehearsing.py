"""What the last days would have been under other rules: facts in, figures out, no database.

Both sides are replayed from the same events by the same code (``inbox.sla.history``). Where
the draft gives a request nothing else than the rules do now, it is what it was.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from inbox.errors import Invalid
from inbox.rulebook import About, Promise, Rulebook
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.chat import chat_targets, is_hastened
from inbox.sla.history import TARGETED, Clock, Kind, replay
from inbox.sla.promise import promised_at
from inbox.timeline import Calendars, Happened, facts_of
from models import EventKind, SLAPolicy

MOST_LISTED = 500  # of those that would end otherwise
OUTCOMES = ("met", "missed", "excused", "open")
SORTING = (EventKind.SORTED, EventKind.CORRECTED)
TIMES = ("first_response_s", "next_response_s", "resolution_s")


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation as far as a rehearsal needs it; ``may_be`` is more than one if unsure."""

    number: int
    request_type: str
    urgency: str
    about: About
    team_id: int | None
    happened: list[Happened]
    may_be: tuple[str, ...] = ()


@dataclass(slots=True)
class Play:
    """The rules as they are and as they would be, ready to be asked many times."""

    book: Rulebook
    draft: Rulebook
    zone: ZoneInfo
    now: datetime
    teams: Mapping[str, int] = field(default_factory=dict)  # of types that others get instead
    known: dict[Any, tuple[Promise, Promise] | None] = field(default_factory=dict)

    def promises(
        self, kinds: tuple[str, ...], urgency: str, about: About
    ) -> tuple[Promise, Promise] | None:
        """Return what the rules say and what the draft does; None if that is the same."""
        key = kinds, urgency, about
        if key not in self.known:
            self.known[key] = self._ask(kinds, urgency, about)
        return self.known[key]

    def _ask(
        self, kinds: tuple[str, ...], urgency: str, about: About
    ) -> tuple[Promise, Promise] | None:
        try:
            said = self.book.promise(kinds, urgency, about)
            drafted = self.draft.promise(kinds, urgency, about)
        except Invalid:  # a type that has no rule any more is left as it was
            return None
        same = (said.targets, said.version) == (drafted.targets, drafted.version)
        return None if same else (said, drafted)


def drafted_book(book: Rulebook, draft: Mapping[str, Any]) -> Rulebook:
    """Return the rules with a draft in place: times and hours of rules, one for another.

    ``rules`` maps a rule's id to what it has instead (``*_s``, ``calendar_id``), ``calendars``
    a calendar's id to the id of the one whose hours hold instead.
    """
    instead = {int(key): values for key, values in draft.get("rules", {}).items()}
    rules = [
        SLAPolicy(**{**rule.model_dump(), **instead.get(rule.id, {})}) for rule in book.rules
    ]
    swaps = {int(old): int(new) for old, new in draft.get("calendars", {}).items()}
    calendars: dict[int, WorkingCalendar] = {
        key: book.calendars[swaps.get(key, key)] for key in book.calendars
    }
    versions = {key: book.versions[swaps.get(key, key)] for key in book.versions}
    return replace(book, calendars=calendars, versions=versions).with_rules(rules)


def played_again(talk: Talk, play: Play) -> tuple[list[Happened], Calendars] | None:
    """Return a conversation's events as the draft would have had them; None if the same."""
    calendars: dict[int, WorkingCalendar] = {}
    events: list[Happened] = []
    kinds, urgency = talk.may_be or (talk.request_type,), talk.urgency
    is_other = False
    for what in talk.happened:
        if what.kind in SORTING:
            kinds, urgency = _sorted(what, kinds, urgency, talk)
            continue
        if is_other and what.kind in (EventKind.PROMISED_AGAIN, EventKind.RESCHEDULED):
            continue  # followed from the times that were
        found = None
        if what.kind is EventKind.RULED and "clocks" not in what.data:
            found = play.promises(kinds, urgency, talk.about)
        if found is None:
            events.append(what)
        else:
            is_other = True
            events.append(_ruled(what, *found, talk.about, calendars))
    return (events, calendars) if is_other else None


def _sorted(
    what: Happened, kinds: tuple[str, ...], urgency: str, talk: Talk
) -> tuple[tuple[str, ...], str]:
    """Return type and urgency after somebody, or the machine, has said them."""
    data = what.data
    if what.kind is EventKind.SORTED:
        said = data.get("to", {})
        kind = str(said.get("request_type", kinds[0]))
        may_be = talk.may_be if kind in talk.may_be[:1] else (kind,)
        return may_be, str(said.get("urgency", urgency))
    if data.get("field") == "urgency":
        return kinds, str(data["new"])
    return (str(data["new"]),), urgency


def _ruled(
    what: Happened,
    said: Promise,
    drafted: Promise,
    about: About,
    calendars: dict[int, WorkingCalendar],
) -> Happened:
    """Return the event of a rule as the draft has it."""
    data = dict(what.data)
    targets = drafted.targets
    if about.channel == "chat" and is_hastened(data["targets"][0]):
        targets = chat_targets(targets, is_open=True, on_duty=True, there=True)
    data["targets"] = [
        targets.first_response_s,
        targets.next_response_s,
        targets.resolution_s,
    ]
    if drafted.version != said.version:
        calendars[drafted.version] = drafted.calendar
        data |= {"calendar": drafted.calendar_id, "version": drafted.version}
    if data.pop("promised_at", None) and targets.first_response_s is not None:
        hours = calendars.get(data["version"], said.calendar)
        due_at = hours.due_at(what.at, targets.first_response_s)
        if due_at is not None:
            data["promised_at"] = promised_at(due_at).isoformat()
    return what._replace(data=data)


# ---- figures -----------------------------------------------------------------------


def outcome_of(clock: Clock, now: datetime) -> str:
    """Return how a clock stands as seen at ``now``: one of OUTCOMES."""
    if clock.late_since(now) is not None:
        return "missed"
    if clock.excused_at is not None:
        return "excused"
    return "met" if clock.met_at is not None else "open"


def empty() -> dict[str, Any]:
    """Return the figures of nothing."""
    return {
        "after": 0,
        "now": {kind.value: dict.fromkeys(OUTCOMES, 0) for kind in TARGETED},
        "draft": {kind.value: dict.fromkeys(OUTCOMES, 0) for kind in TARGETED},
        "types": {},
        "hours": {"now": [0] * 24, "draft": [0] * 24},
        "days": {},
        "teams": {},
        "different": [],
        "ends_otherwise": 0,
        "moves": 0,
    }


def copied(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return figures that can be added to, whatever becomes of the others."""
    found: dict[str, Any] = json.loads(json.dumps(figures))
    return found


def add(
    figures: dict[str, Any], talks: Iterable[Talk], calendars: Calendars, play: Play
) -> None:
    """Add conversations to the figures."""
    for talk in talks:
        facts = [one for one in talk.happened if one.kind not in SORTING]
        was = replay(facts_of(facts, calendars))
        again = played_again(talk, play)
        would = was
        if again is not None:
            events, others = again
            would = replay(facts_of(events, {**calendars, **others}))
        _count(figures, "now", talk, was, play)
        _count(figures, "draft", talk, would, play)
        if again is not None:
            _compare(figures, talk, was, would, play.now)
        figures["after"] = max(figures["after"], talk.number)


def _count(
    figures: dict[str, Any], side: str, talk: Talk, clocks: Sequence[Clock], play: Play
) -> None:
    place = 0 if side == "now" else 1
    of_type = figures["types"].setdefault(talk.request_type, [[0, 0], [0, 0]])[place]
    for clock in clocks:
        if clock.kind not in TARGETED:  # our word is no rule's
            continue
        outcome = outcome_of(clock, play.now)
        figures[side][clock.kind.value][outcome] += 1
        if outcome in ("met", "missed"):
            of_type[outcome == "missed"] += 1
        if clock.due_at is not None and outcome != "excused":
            local = clock.due_at.astimezone(play.zone)
            figures["hours"][side][local.hour] += 1
            figures["days"].setdefault(local.date().isoformat(), [0, 0])[place] += 1
            other = play.teams.get(talk.request_type) if side == "draft" else None
            team = str(other or talk.team_id or 0)
            figures["teams"].setdefault(team, [0, 0])[place] += 1


def _compare(
    figures: dict[str, Any],
    talk: Talk,
    was: Sequence[Clock],
    would: Sequence[Clock],
    now: datetime,
) -> None:
    """Write down what differs of one conversation, by kind the first that does."""
    if _shown(was) == _shown(would):
        return
    figures["moves"] += 1
    others = {(clock.kind, clock.started_at): clock for clock in would}
    lines = []
    for clock in was:
        other = others.get((clock.kind, clock.started_at))
        ended = outcome_of(clock, now)
        would_end = outcome_of(other, now) if other is not None else ""
        if ended != would_end:
            due_at = other.due_at if other is not None else None
            lines.append(
                [
                    talk.number,
                    clock.kind.value,
                    _iso(clock.due_at),
                    ended,
                    _iso(due_at),
                    would_end,
                ]
            )
    figures["ends_otherwise"] += bool(lines)
    room = MOST_LISTED - len(figures["different"])
    figures["different"] += lines[:room]


def _shown(clocks: Sequence[Clock]) -> list[tuple[Kind, datetime | None]]:
    return [(clock.kind, clock.due_at) for clock in clocks]


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
