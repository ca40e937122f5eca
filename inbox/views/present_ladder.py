"""Steps of a ladder in words: when they fall, what they do, and what they did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inbox.clocks import is_live
from inbox.sla.ladder import DUE, GROUP, LOUD, PERSON, Action, Moment, Step, read_key
from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.views.words import Speaker
from models import ClockKind, EscalationStep, Event, EventKind, SLAClock

FIRED = (EventKind.WARNED, EventKind.ESCALATED)
ACTIONS = {
    Action.OWNER: N_("tell the owner"),
    Action.BACKUP: N_("tell the backup"),
    Action.SUPERVISOR: N_("tell who leads the team"),
    Action.TEAM: N_("tell everyone of the team at work"),
    Action.HAND_OVER: N_("hand it to the backup if the owner did nothing"),
    Action.RAISE: N_("raise its priority by one"),
}
TELL_ONE = N_("tell %(name)s")
TELL_GROUP = N_("tell everyone of %(name)s at work")
TEAM_GONE = N_("a team that is closed")
SOMEBODY_GONE = N_("somebody who has left")
AT_SHARE = N_("when %(share)s%% of the time is used")
AT_DUE = N_("at the deadline")
BEFORE = N_("%(time)s before the deadline")
AFTER = N_("%(time)s after the deadline")
PAST_SHARE = N_("at %(share)s%% of the time")
BEFORE_WORKING = N_("%(time)s of working time before the deadline")
AFTER_WORKING = N_("%(time)s of working time after the deadline")
REPEATED = N_("again every %(time)s, %(times)s times")
LOUD_TOO = N_("also outside working hours")
CLOCKS = {
    ClockKind.FIRST_RESPONSE: N_("First reply"),
    ClockKind.NEXT_RESPONSE: N_("Next reply"),
    ClockKind.RESOLUTION: N_("Solved"),
    ClockKind.WORD: N_("Our word"),
}
COMING = N_("%(time)s: %(does)s")
DID = {
    "half_used": N_("Half of the time is used."),
    "nearly_due": N_("Nearly due."),
    "due": N_("The deadline has passed."),
    "overdue": N_("Still no answer."),
}
SHARE_USED = N_("%(share)s%% of the time is used.")
STILL_OPEN = N_("Still not solved.")
TOLD = N_("Told %(names)s.")
TOLD_NOBODY = N_("Told nobody, for nobody is there.")
GRACE = N_("%(names)s said “I have it” and is left alone this once.")
KEPT = N_("%(names)s has been at work on it and keeps it.")
CAME_LATE = N_("This came late.")


def moment_text(moment: Moment, speak: Speaker) -> str:
    """Return when a step falls: "30 min of working time before the deadline"."""
    say = speak.say
    if not moment.minutes:
        if moment.percent == DUE:
            return say(AT_DUE)
        template = AT_SHARE if moment.percent < DUE else PAST_SHARE
        return say(template) % {"share": moment.percent}
    is_before = moment.minutes < 0
    if moment.plain:
        template = BEFORE if is_before else AFTER
    else:
        template = BEFORE_WORKING if is_before else AFTER_WORKING
    return say(template) % {"time": speak.span(abs(moment.minutes) * 60)}


@dataclass(frozen=True, slots=True)
class Names:
    """What those are called whom a step tells: people, and teams, by id."""

    colleagues: Mapping[int, Colleague]
    teams: Mapping[int, str]


def actions_text(actions: Sequence[str], names: Names, speak: Speaker) -> str:
    """Return what a step does, in order; words of a row do as well."""
    found = [_action(one, names, speak) for one in actions if one != LOUD]
    return ", ".join(found)


def _action(action: str, names: Names, speak: Speaker) -> str:
    if action.startswith(GROUP):
        team = names.teams.get(int(action.removeprefix(GROUP))) or speak.say(TEAM_GONE)
        return speak.say(TELL_GROUP) % {"name": team}
    if action.startswith(PERSON):
        person = names.colleagues.get(int(action.removeprefix(PERSON)))
        name = person.name if person is not None else speak.say(SOMEBODY_GONE)
        return speak.say(TELL_ONE) % {"name": name}
    return speak.say(ACTIONS[Action(action)])


def does_text(step: Step, names: Names, speak: Speaker) -> str:
    """Return what a step does, with what is unusual about it."""
    parts = [actions_text(step.actions, names, speak)]
    if step.times:
        repeat = {"time": speak.span(step.every * 60), "times": step.times}
        parts.append(speak.say(REPEATED) % repeat)
    if step.loud:
        parts.append(speak.say(LOUD_TOO))
    return ", ".join(parts)


def step_text(step: Step, names: Names, speak: Speaker) -> str:
    """Return a step as a line of a ladder: when it falls, and what it does."""
    when = moment_text(step.moment, speak)
    return f"{when[:1].upper()}{when[1:]}: {does_text(step, names, speak)}"


def fired_text(
    data: Mapping[str, Any], speak: Speaker, colleagues: Mapping[int, Colleague]
) -> str:
    """Return what a step that fired did, and to whom."""
    say = speak.say
    parts = [_what(data, speak)]
    told, grace = data.get("told", []), data.get("grace", [])
    if told:
        parts.append(say(TOLD) % {"names": ", ".join(told)})
    elif not grace:
        parts.append(say(TOLD_NOBODY))
    if grace:
        parts.append(say(GRACE) % {"names": _names(grace, colleagues)})
    if data.get("kept"):
        parts.append(say(KEPT) % {"names": _names([data["kept"]], colleagues)})
    return " ".join(parts)


def _what(data: Mapping[str, Any], speak: Speaker) -> str:
    key = str(data["step"])
    is_solving = data.get("of") == ClockKind.RESOLUTION
    if key in DID and not (is_solving and key == "overdue"):
        return speak.say(DID[key])
    moment = read_key(key)
    if moment is not None and moment.is_before_due:
        if moment.minutes:
            return speak.say(DID["nearly_due"])
        return speak.say(SHARE_USED) % {"share": moment.percent}
    return speak.say(STILL_OPEN if is_solving else DID["overdue"])


def _names(ids: Sequence[int], colleagues: Mapping[int, Colleague]) -> str:
    return ", ".join(colleagues[one].name for one in ids if one in colleagues)


def coming_lines(
    clock: SLAClock,
    steps: Sequence[EscalationStep],
    speak: Speaker,
    names: Names,
) -> list[str]:
    """Return what the ladder will still do for a clock: when, and what."""
    if not is_live(clock):
        return []
    ahead = [
        step
        for step in steps
        if step.clock_id == clock.id and step.generation == clock.generation
    ]
    return [
        speak.say(COMING)
        % {
            "time": speak.clock(step.at),
            "does": actions_text(step.audience.split(","), names, speak),
        }
        for step in sorted(ahead, key=lambda step: step.at)
    ]


def fired_lines(
    clock: SLAClock,
    events: Sequence[Event],
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
) -> list[str]:
    """Return what the ladder did for a clock: when, whom it told, whether that was late."""
    lines = []
    for event in events:
        if event.kind in FIRED and event.data.get("clock") == clock.id:
            said = fired_text(event.data, speak, colleagues)
            if event.data.get("late"):
                fell = datetime.fromisoformat(event.data["at"])
                late = speak.say(CAME_LATE)
                said = f"{said} {late} ({speak.clock(fell)})"
            lines.append(speak.say(COMING) % {"time": speak.clock(event.at), "does": said})
    return lines
