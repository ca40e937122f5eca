"""What can happen to a conversation as far as its clocks care, and what a clock is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.instants import Pause
from inbox.sla.policy import Targets


class Kind(StrEnum):
    """What a clock waits for."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"
    WORD = "word"  # the time that an answer of ours named for the next one


REPLIES = frozenset({Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE})
ANSWERS = REPLIES | {Kind.WORD}
"""What an answer of ours meets."""
TARGETED = (Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE, Kind.RESOLUTION)
"""The kinds whose time a rule sets, and which may stand still."""


class Wait(StrEnum):
    """Why clocks stand still. What the customer writes ends the first two by itself."""

    CUSTOMER = "customer"
    SNOOZED = "snoozed"
    THIRD_PARTY = "third_party"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the policies say of the conversation from now on.

    ``resumes``: a reopened conversation goes on with its resolution clock, with the time in
    between left out; otherwise it has a new one. The ids are only handed on; ``ladder_id``
    None is the company's usual ladder.
    """

    policy: str
    calendar: WorkingCalendar
    targets: Targets
    resumes: bool = True
    calendar_id: int = 0
    ladder_id: int | None = None

    def target_s(self, kind: Kind) -> int | None:
        """Return a clock's target in working seconds; None: the rule sets none."""
        targets = {
            Kind.FIRST_RESPONSE: self.targets.first_response_s,
            Kind.NEXT_RESPONSE: self.targets.next_response_s,
            Kind.RESOLUTION: self.targets.resolution_s,
        }
        return targets.get(kind)


@dataclass(frozen=True, slots=True)
class Ruled:
    """Another rule holds: a first one, or type, urgency, tier or the policy itself changed.

    Running clocks of ``kinds`` follow it; the others keep theirs. Every later one has it.
    ``since``: a message that arrived then made it so. What is stricter is counted from then,
    and only where that is earlier than what was due.
    """

    at: datetime
    rule: Rule
    kinds: frozenset[Kind] = frozenset(Kind)
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """Another conversation (``number``) is one with this: with the clocks that ran there.

    Of a kind the oldest runs on, and nothing is due later than it was.
    """

    at: datetime
    number: int
    clocks: "tuple[Clock, ...]"


@dataclass(frozen=True, slots=True)
class Parted:
    """It was another matter after all: what came with it, as far as it still runs, is gone."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Split:
    """What was said ``since`` a moment is another matter: what it began or met goes with it.

    ``answered``: when each answer was given that went too.
    """

    at: datetime
    since: datetime
    answered: frozenset[datetime]


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """Running clocks of these kinds follow other hours; their targets stay."""

    at: datetime
    calendar: WorkingCalendar
    kinds: frozenset[Kind] = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Carried:
    """Clocks as they stood when the record began; nothing before this is known."""

    at: datetime
    clocks: "tuple[Clock, ...]"
    rule: Rule
    promise: datetime | None = None


@dataclass(frozen=True, slots=True)
class Promised:
    """The customer was told a time; a first response is never due later than that."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A person outside wrote; ``at`` is the arrival, not when we took it in."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """One of us wrote first: nobody waits for a first answer, and later ones are next ones."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """A person of ours answered in public, or a call was recorded."""

    at: datetime


@dataclass(frozen=True, slots=True)
class GaveWord:
    """The answer given at ``at`` said until when the customer has the next one."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The answer given at ``answered_at`` never left: what it met runs on from its start."""

    at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Nudged:
    """What stood here was undone, and is as if it had never been; ladders are planned anew."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Undone:
    """What somebody did ``of`` a moment before is taken back: clocks are as they were then.

    Nothing else happened meanwhile; whoever takes back has checked that.
    """

    at: datetime
    of: datetime


@dataclass(frozen=True, slots=True)
class Excused:
    """No answer is owed any more, for a stated reason."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Clocks of these kinds stand still."""

    at: datetime
    wait: Wait
    kinds: frozenset[Kind] = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Resumed:
    """They run again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """It is done; an answer still owed is excused by ``reason``.

    Not ``is_solved``: it ended without anybody having solved it, so that is excused as well.
    """

    at: datetime
    reason: str = "resolved"
    is_solved: bool = True


@dataclass(frozen=True, slots=True)
class Reopened:
    """It is open again by our own doing; an answer is owed from now."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Voided:
    """It was no request: nothing is owed, and nothing was solved."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Restored:
    """It was a request after all: what ``Voided`` ended has run on all the time."""

    at: datetime


_Ours = Ruled | Rescheduled | Carried | Promised | Answered | GaveWord | TakenBack | Excused
_Joined = Voided | Restored | Merged | Parted | Split | Nudged | Undone
Fact = _Ours | _Joined | Asked | Begun | Paused | Resumed | Resolved | Reopened


@dataclass(slots=True)
class Clock:
    """One target. ``due_at`` is None while it stands still and time is left.

    ``breached_at`` is the first due time that passed unmet and was moved afterwards: moving a
    due time never takes a breach back. ``generation`` counts the moves. ``counted_from`` is
    the message since which its rule holds, None if from its start; ``not_after`` what another
    conversation, one with this now, was due. ``until`` is the time that our word names: it is
    due then, whatever the rules say.
    """

    kind: Kind
    rule: Rule
    started_at: datetime
    due_at: datetime | None = None
    pauses: list[Pause] = field(default_factory=list)
    paused_at: datetime | None = None
    met_at: datetime | None = None
    excused_at: datetime | None = None
    excuse: str = ""
    breached_at: datetime | None = None
    generation: int = 1
    counted_from: datetime | None = None
    not_after: datetime | None = None
    until: datetime | None = None

    @property
    def hours(self) -> WorkingCalendar:
        """Return by what its ladder is counted: a word may name a time outside of all hours."""
        calendar = self.rule.calendar
        if self.kind is not Kind.WORD or self.due_at is None:
            return calendar
        return calendar.reaching(self.started_at, self.due_at)

    def length_s(self) -> int:
        """Return its target in working seconds; of a word what there is until then."""
        if self.until is None:
            return self.rule.target_s(self.kind) or 0
        return round(self.rule.calendar.working_seconds(self.started_at, self.until))

    @property
    def is_live(self) -> bool:
        """Whether it still waits for something."""
        return self.met_at is None and self.excused_at is None

    def late_since(self, now: datetime) -> datetime | None:
        """Return since when it is, or was, late as seen at ``now``; None if it is not.

        Due at 10:00:00 and met at 10:00:00 is in time. An excuse after the due time does not
        undo it.
        """
        if self.breached_at is not None:
            return self.breached_at
        end = self.met_at or self.excused_at or now
        return self.due_at if self.due_at is not None and end > self.due_at else None


def merged(kept: Sequence[Clock], other: Sequence[Clock]) -> list[Clock]:
    """Return the running clocks of two conversations that become one: of a kind the oldest."""
    oldest: dict[Kind, Clock] = {}
    for clock in (*kept, *other):
        if not clock.is_live:
            continue
        known = oldest.get(clock.kind)
        if known is None or clock.started_at < known.started_at:
            oldest[clock.kind] = clock
    return sorted(oldest.values(), key=lambda clock: clock.started_at)
