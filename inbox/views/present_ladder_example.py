"""What a ladder's steps mean for one request, said with days and times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inbox.clocks import target_of
from inbox.rulebook import Promise
from inbox.sla.history import Kind
from inbox.sla.ladder import Step, step_times, steps_for
from inbox.sla.promise import spoken_moment
from inbox.templating import N_
from inbox.views.present_ladder import CLOCKS, Names, actions_text
from inbox.views.words import Speaker
from models import ClockKind

ARRIVES = N_("“%(type)s” that arrives at %(time)s")
LINE = N_("%(time)s: %(does)s")


@dataclass(frozen=True, slots=True)
class Part:
    """One clock of the example: its name, when it is due, and a line for each step."""

    label: str
    due: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Example:
    """A request and what the ladder does about it."""

    arrives: str
    parts: list[Part]


def example_lines(
    steps: Sequence[Step],
    promise: Promise,
    arrival: datetime,
    type_name: str,
    speak: Speaker,
    names: Names,
) -> Example:
    """Return what happens when, for each clock that a request has from its arrival on."""
    zone = promise.calendar.timezone
    arrives = {
        "type": type_name,
        "time": spoken_moment(arrival, zone, speak.now, speak.language),
    }
    parts = []
    for kind in (ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION):
        target_s = target_of(promise, kind)
        own = steps_for(steps, Kind(kind.value))
        due = promise.calendar.due_at(arrival, target_s) if target_s is not None else None
        if due is None or target_s is None or not own:
            continue
        times = step_times(promise.calendar, arrival, target_s, own)
        lines = [
            speak.say(LINE)
            % {
                "time": spoken_moment(at, zone, speak.now, speak.language),
                "does": actions_text(step.actions, names, speak),
            }
            for step, at in times
        ]
        spoken_due = spoken_moment(due, zone, speak.now, speak.language)
        parts.append(Part(speak.say(CLOCKS[kind]), spoken_due, lines))
    return Example(speak.say(ARRIVES) % arrives, parts)
