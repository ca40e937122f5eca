"""The ladder: what is done at which moment of a promise, before and after it is due."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.history import REPLIES, TARGETED, Kind
from inbox.sla.instants import Pause

DUE = 100  # per cent of a target
MOST_REPEATS = 10


class Action(StrEnum):
    """What a step does. Whom that concerns is looked up when the step fires."""

    OWNER = "owner"
    BACKUP = "backup"
    SUPERVISOR = "supervisor"  # who leads the team
    TEAM = "team"  # everyone of the team at work
    HAND_OVER = "hand_over"  # a silent owner loses it to the backup
    RAISE = "raise"  # its urgency, by one


PERSON = "person:"  # with an id: tell this one
GROUP = "group:"  # with a team's id: tell everyone of it at work, whosever request it is
LOUD = "loud"  # in a planned step's words: quiet hours do not apply
CHANGING = frozenset({Action.HAND_OVER, Action.RAISE})
"""What changes the conversation: done once for a clock, whatever becomes of its due time."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A share of the target's working time, and minutes from there on.

    100 per cent is due; ``minutes`` before it are negative. They are working time of the
    clock's calendar, or ``plain`` ones.
    """

    percent: int = DUE
    minutes: int = 0
    plain: bool = False

    @property
    def is_before_due(self) -> bool:
        """Whether it warns; a share under 100 does, with whatever comes on top."""
        return self.percent < DUE or (self.percent == DUE and self.minutes < 0)

    @property
    def key(self) -> str:
        """The step's name in rows and events, from which ``read_key`` reads the moment."""
        share = _NAMES.get(self.percent, f"p{self.percent}")
        more = f"{self.minutes:+d}" if self.minutes else ""
        return share + more + ("plain" if more and self.plain else "")

    def instant(
        self,
        calendar: WorkingCalendar,
        start: datetime,
        length_s: float,
        pauses: Sequence[Pause] = (),
    ) -> datetime | None:
        """Return when it comes for a clock; None: never, or before the clock has begun."""
        if self.minutes and self.plain:
            share = calendar.due_at(start, length_s * self.percent / DUE, pauses)
            at = share + timedelta(minutes=self.minutes) if share is not None else None
        else:
            seconds = length_s * self.percent / DUE + self.minutes * 60
            at = calendar.due_at(start, seconds, pauses) if seconds >= 0 else None
        begun = at is not None and (at > start or not self.minutes)
        return at if begun else None


_NAMES = {50: "half_used", 80: "nearly_due", DUE: "due", 125: "overdue"}
_SHARES = {name: percent for percent, name in _NAMES.items()}
_KEY = re.compile(r"(?:p([0-9]{1,4})|([a-z_]+))([+-][0-9]{1,6})?(plain)?")


def read_key(key: str) -> Moment | None:
    """Return the moment that a step's key names; None if it names none."""
    found = _KEY.fullmatch(key)
    if found is None or not (found[1] or found[2] in _SHARES):
        return None
    percent = int(found[1]) if found[1] else _SHARES[found[2]]
    return Moment(percent, int(found[3] or 0), bool(found[4]))


def is_before_due(key: str) -> bool:
    """Tell whether the step of this key warns of a due time to come."""
    moment = read_key(key)
    return moment is not None and moment.is_before_due


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: its moment and what it does in order, by ``Action``, ``PERSON`` or ``GROUP``.

    ``every`` and ``times`` repeat a ladder's last step, so many minutes after each other;
    what it changes is not repeated, only telling is.
    """

    moment: Moment
    actions: tuple[str, ...]
    kinds: frozenset[Kind] = frozenset(TARGETED)
    loud: bool = False
    every: int = 0
    times: int = 0

    @property
    def key(self) -> str:
        """Its moment's name; unique among the steps of a clock."""
        return self.moment.key


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its instant (UTC); late if that had passed when the plan was made."""

    step: Step
    at: datetime
    late: bool = False

    @property
    def words(self) -> str:
        """What the step does, as its row keeps it."""
        return ",".join((*self.step.actions, *((LOUD,) if self.step.loud else ())))


DEFAULT_STEPS = (
    Step(Moment(50), (Action.OWNER,), REPLIES),
    Step(Moment(80), (Action.OWNER,), REPLIES),
    Step(Moment(DUE), (Action.OWNER, Action.SUPERVISOR), REPLIES),
    Step(Moment(125), (Action.BACKUP, Action.HAND_OVER), REPLIES),
)
"""Out of the box: the owner twice, who leads at due, the backup has it a quarter later."""


def steps_for(steps: Iterable[Step], kind: Kind) -> list[Step]:
    """Return the steps that a clock of this kind has, the last one as often as it repeats.

    Our word has those of a next reply.
    """
    kind = Kind.NEXT_RESPONSE if kind is Kind.WORD else kind
    found = [step for step in steps if kind in step.kinds]
    if found and found[-1].times:
        last = found[-1]
        found += [_repeated(last, number) for number in range(1, last.times + 1)]
    return [step for step in found if step.actions]


def _repeated(last: Step, number: int) -> Step:
    """Return a repetition: it tells whom the step told, and who has it by now."""
    told = ["owner" if one == Action.HAND_OVER else one for one in last.actions]
    moment = replace(last.moment, minutes=last.moment.minutes + number * last.every)
    return replace(
        last,
        moment=moment,
        actions=tuple(dict.fromkeys(one for one in told if one != Action.RAISE)),
        every=0,
        times=0,
    )


def step_times(
    calendar: WorkingCalendar,
    start: datetime,
    length_s: float,
    steps: Iterable[Step] = DEFAULT_STEPS,
    pauses: Sequence[Pause] = (),
) -> list[tuple[Step, datetime]]:
    """Compute when each step falls, in order of time; 100 % falls exactly on the due time.

    Left out is a step that five years do not reach, or that lies before the clock's start.
    Where a due time was held at an earlier promise, give that clock's own length:
    ``calendar.working_seconds(start, due_at, pauses)``.

    Raises
    ------
    ValueError
        As `WorkingCalendar.due_at` does.
    """
    found = ((step, step.moment.instant(calendar, start, length_s, pauses)) for step in steps)
    times = [(step, at) for step, at in found if at is not None]
    return sorted(times, key=lambda timed: timed[1])


def collapse_past(times: Iterable[tuple[Step, datetime]], now: datetime) -> list[PlannedStep]:
    """Make one late step of all that are past at take-in, and plan the others.

    The one keeps the last past step's key and instant and does everything that one of them
    would have done, so that an owner does not miss a deadline that only the backup hears of.
    A step at ``now`` exactly is past with them, but late only if it is not alone.
    """
    ordered = sorted(times, key=lambda timed: timed[1])
    past = [timed for timed in ordered if timed[1] <= now]
    plan = [PlannedStep(step, at) for step, at in ordered[len(past) :]]
    if not past:
        return plan
    step, at = past[-1]
    done = tuple(dict.fromkeys(action for other, _ in past for action in other.actions))
    loud = any(other.loud for other, _ in past)
    late = past[0][1] < now
    return [PlannedStep(replace(step, actions=done, loud=loud), at, late), *plan]


def without(step: Step, actions: Collection[str]) -> Step:
    """Return the step without some of its actions."""
    return replace(step, actions=tuple(one for one in step.actions if one not in actions))
