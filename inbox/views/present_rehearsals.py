"""A rehearsal as its page shows it: how it was beside how it would have been."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from inbox.company.policies import TIMES
from inbox.templating import N_
from inbox.views.present_deadlines import CLOCK_LABEL, RULED_LABEL
from inbox.views.present_policies import Choices, Say, time_text
from inbox.views.words import Speaker
from models import ClockKind

MOST_LINES = 100
ENDS = {
    "met": N_("in time"),
    "missed": N_("late"),
    "excused": N_("not owed"),
    "open": N_("open"),
    "": N_("no such clock"),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One figure both ways."""

    label: str
    now: str
    draft: str


@dataclass(frozen=True, slots=True)
class Compliance:
    """Kept of decided, and missed, of one kind of clock or one type, both ways."""

    label: str
    kept_now: str
    kept_draft: str
    missed_now: int
    missed_draft: int
    is_better: bool
    is_worse: bool


@dataclass(frozen=True, slots=True)
class OtherEnd:
    """A conversation that would have ended otherwise."""

    number: int
    clock: str
    was: str
    would: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that a rehearsal found."""

    clocks: list[Compliance]
    types: list[Compliance]
    hours: list[Side]
    days: list[Side]
    teams: list[Side]
    different: list[OtherEnd]
    moves: int
    ends_otherwise: int


def present_draft(
    draft: Mapping[str, Any],
    rules: Mapping[str, str],
    choices: Choices,
    teams: Mapping[int, str],
    say: Say,
) -> list[str]:
    """Return what a draft changes, a line each."""
    hours, types = dict(choices.calendars), dict(choices.types)
    lines = []
    for key, values in draft["rules"].items():
        parts = [
            f"{say(label).lower()} {time_text(values[name], say)}"
            for name, label in zip(TIMES, RULED_LABEL.values(), strict=True)
            if values.get(name) is not None
        ]
        if "calendar_id" in values:
            parts.append(hours.get(str(values["calendar_id"]), "–"))
        lines.append(f"{rules.get(key, '–')}: {', '.join(parts)}")
    for old, new in draft["calendars"].items():
        text = say(N_("hours of “%(new)s” in place of “%(old)s”"))
        lines.append(text % {"new": hours.get(str(new), "–"), "old": hours.get(old, "–")})
    for kind, team in draft.get("routes", {}).items():
        text = say(N_("%(type)s goes to %(team)s"))
        lines.append(text % {"type": types.get(kind, kind), "team": teams.get(team, "–")})
    return lines


def present_figures(
    figures: Mapping[str, Any], choices: Choices, teams: Mapping[int, str], speak: Speaker
) -> Figures:
    """Return the figures as words and numbers."""
    say = speak.say
    types = dict(choices.types)
    return Figures(
        clocks=[
            _compliance(
                say(label),
                *(
                    (figures[side][kind.value]["met"], figures[side][kind.value]["missed"])
                    for side in ("now", "draft")
                ),
            )
            for kind, label in RULED_LABEL.items()
        ],
        types=[
            _compliance(types.get(key, key), tuple(was), tuple(would))
            for key, (was, would) in sorted(figures["types"].items())
        ],
        hours=[
            Side(f"{hour:02}:00", str(was), str(would))
            for hour, (was, would) in enumerate(
                zip(figures["hours"]["now"], figures["hours"]["draft"], strict=True)
            )
            if was or would
        ],
        days=[
            Side(_day(key), str(was), str(would))
            for key, (was, would) in sorted(figures["days"].items())
        ],
        teams=[
            Side(teams.get(int(key), say("none")), str(was), str(would))
            for key, (was, would) in sorted(figures["teams"].items())
        ],
        different=[_other(line, speak) for line in figures["different"][:MOST_LINES]],
        moves=figures["moves"],
        ends_otherwise=figures["ends_otherwise"],
    )


def _compliance(label: str, was: tuple[int, int], would: tuple[int, int]) -> Compliance:
    return Compliance(
        label,
        _share(*was),
        _share(*would),
        was[1],
        would[1],
        would[1] < was[1],
        would[1] > was[1],
    )


def _share(met: int, missed: int) -> str:
    return f"{100 * met / (met + missed):.1f} %" if met + missed else "–"


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.day:02}/{day.month:02}"


def _other(line: list[Any], speak: Speaker) -> OtherEnd:
    number, kind, due_at, ended, new_due_at, would_end = line
    return OtherEnd(
        number,
        speak.say(CLOCK_LABEL[ClockKind(kind)]),
        _end(due_at, ended, speak),
        _end(new_due_at, would_end, speak),
    )


def _end(due_at: str | None, ended: str, speak: Speaker) -> str:
    said = speak.say(ENDS[ended])
    if due_at is None:
        return said
    at = speak.clock(datetime.fromisoformat(due_at))
    return speak.say(N_("%(how)s, due %(time)s")) % {"how": said, "time": at}
