"""Deadlines as shown: how they stand, and how each time was found, step by step."""

from collections.abc import Mapping
from dataclasses import replace

from inbox import clocks
from inbox.sla.explain import Stretch, explain
from inbox.sla.history import Clock, replay
from inbox.store.pages import Thread
from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.timeline import Calendars, facts_of, happened_of, is_recorded
from inbox.views import present_ladder
from inbox.views.models import Deadline, Sla
from inbox.views.words import Speaker
from models import ClockKind, EventKind, SLAClock

CLOCK_LABEL = {
    ClockKind.FIRST_RESPONSE: N_("First reply"),
    ClockKind.NEXT_RESPONSE: N_("Next reply"),
    ClockKind.RESOLUTION: N_("Solved"),
    ClockKind.WORD: N_("Our word"),
}
RULED_LABEL = {kind: text for kind, text in CLOCK_LABEL.items() if kind is not ClockKind.WORD}
"""The clocks that rules give: our word is none of them."""
OWED_LABEL = {**CLOCK_LABEL, ClockKind.RESOLUTION: N_("Solution")}
"""What a clock is called until it is met: "Solved: 2 days late" would read as done."""

MET_TEXT = {  # by: is it the resolution, was it late
    (False, False): N_("answered in %(time)s"),
    (False, True): N_("answered %(time)s late"),
    (True, False): N_("solved in %(time)s"),
    (True, True): N_("solved %(time)s late"),
}
MOST_STRETCHES = 12  # a target of weeks is explained by its first ones


def present_deadlines(
    thread: Thread,
    calendars: Calendars,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    teams: Mapping[int, str],
) -> list[Deadline]:
    """Return the last clock of each kind with its explanation and its ladder.

    ``calendars`` are those that the conversation's events name.
    """
    found = _history(thread, calendars)
    names = present_ladder.Names(colleagues, teams)
    return [
        replace(
            _deadline(clock, found.get(clock.id), thread, speak),
            coming=present_ladder.coming_lines(clock, thread.coming, speak, names),
            fired=present_ladder.fired_lines(clock, thread.events, speak, colleagues),
        )
        for clock in _shown_clocks(thread)
    ]


def _history(thread: Thread, calendars: Calendars) -> dict[int, Clock]:
    """Return what the events say of each clock, by the row's id; nothing of old ones."""
    happened = happened_of(thread.events)
    if not is_recorded(happened):
        return {}
    rows = {kind: [one for one in thread.clocks if one.kind is kind] for kind in ClockKind}
    pairs: dict[int, Clock] = {}
    for clock in replay(facts_of(happened, calendars)):
        kind = rows[ClockKind(clock.kind.value)]
        if kind:
            pairs[kind.pop(0).id] = clock
    return pairs


def _steps(clock: SLAClock, known: Clock | None, speak: Speaker) -> list[str]:
    """Say arrival, rule, every stretch that counted, every pause, and when that ends."""
    say = speak.say
    if clock.kind is ClockKind.WORD:
        word = {"said": speak.clock(clock.started_at), "time": speak.clock(clock.due_at)}
        return [say("Said to the customer %(said)s: an answer before %(time)s.") % word]
    arrived = say("Arrived %(time)s.") % {"time": speak.clock(clock.started_at)}
    target = speak.exactly(clock.target_s)
    rule = say("Rule: %(rule)s, %(target)s of working time.")
    steps = [arrived, rule % {"rule": clock.policy, "target": target}]
    if known is not None:
        told = explain(
            known.rule.calendar, known.started_at, clock.target_s, known.pauses, MOST_STRETCHES
        )
        for one in told.counted:
            steps += [*_closed(one, speak), _counted(one, speak)]
        steps += [
            say("Stood still from %(start)s to %(end)s.")
            % {"start": speak.clock(start), "end": speak.clock(end)}
            for start, end in told.pauses
        ]
        if told.due_at is not None and clock.due_at < told.due_at:
            steps.append(say("But it was promised earlier, and that holds."))
    if clock.paused_at is not None and clocks.stands_still(clock):
        still = say("It stands still since %(time)s.")
        return [*steps, still % {"time": speak.clock(clock.paused_at)}]
    if clock.due_at == clocks.NEVER:
        return steps
    ends = say("Only working hours count; that ends %(time)s.")
    return [*steps, ends % {"time": speak.clock(clock.due_at)}]


def _closed(stretch: Stretch, speak: Speaker) -> list[str]:
    """Say which holidays were passed over, or nobody understands the gap."""
    if not stretch.holidays:
        return []
    first, last = speak.day(stretch.holidays[0]), speak.day(stretch.holidays[-1])
    if first == last:
        return [speak.say("%(day)s: closed, a holiday.") % {"day": first}]
    return [speak.say("%(first)s to %(last)s: holidays.") % {"first": first, "last": last}]


def _counted(stretch: Stretch, speak: Speaker) -> str:
    said = {
        "start": speak.clock(stretch.start),
        "end": speak.clock(stretch.end),
        "time": speak.exactly(stretch.seconds),
        "left": speak.exactly(stretch.left_s),
    }
    if stretch.left_s <= 0:
        return speak.say("%(start)s to %(end)s: %(time)s, the last of it.") % said
    return speak.say("%(start)s to %(end)s: %(time)s, %(left)s left.") % said


def _shown_clocks(thread: Thread) -> list[SLAClock]:
    """Return the last clock of each kind, met or running."""
    last = {clock.kind: clock for clock in thread.clocks if clock.cancelled_at is None}
    order = {
        ClockKind.FIRST_RESPONSE: 0,
        ClockKind.NEXT_RESPONSE: 1,
        ClockKind.WORD: 2,
        ClockKind.RESOLUTION: 3,
    }
    return sorted(last.values(), key=lambda clock: order[clock.kind])


def _deadline(clock: SLAClock, known: Clock | None, thread: Thread, speak: Speaker) -> Deadline:
    say = speak.say
    label = say((OWED_LABEL if clock.met_at is None else CLOCK_LABEL)[clock.kind])
    steps = _steps(clock, known, speak)
    if clock.due_at == clocks.NEVER and clock.met_at is None:
        return Deadline(label, Sla("paused", say("stands still")), None, "", steps)
    if clock.met_at is not None:
        late = clock.met_at > clock.due_at
        since = clock.due_at if late else clock.started_at
        took = speak.span((clock.met_at - since).total_seconds())
        text = say(MET_TEXT[clock.kind is ClockKind.RESOLUTION, late]) % {"time": took}
        due = say("Was due %(time)s.") % {"time": speak.clock(clock.due_at)}
        state = "met-late" if late else "met"
        return Deadline(label, Sla(state, text, clock.met_at.isoformat()), None, due, steps)
    sla = speak.until(clock.due_at)
    whole = (clock.due_at - clock.started_at).total_seconds() or 1
    used = (speak.now - clock.started_at).total_seconds()
    if sla.state == "late":
        detail = say("Was due %(time)s.") % {"time": speak.clock(clock.due_at)}
        told = _told(thread, clock.id)
        if told:
            detail += " " + say("Told %(names)s.") % {"names": told}
    else:
        detail = say("Due %(time)s.") % {"time": speak.clock(clock.due_at)}
    return Deadline(label, sla, max(0, min(100, round(100 * used / whole))), detail, steps)


def _told(thread: Thread, clock_id: int) -> str:
    for event in reversed(thread.events):
        if event.kind == EventKind.ESCALATED and event.data.get("clock") == clock_id:
            return ", ".join(event.data.get("told", []))
    return ""
