"""What may not happen in any weather, checked over the history of one run.

A history is plain data: what senders were told, what the database holds at the end, what the
outside received. The checker knows nothing of how it came about, so that a falsified history
can be shown to it (``test_history.py``): it must complain.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

STEP_EVENTS = frozenset({"warned", "escalated"})
UNKNOWN_FATE = frozenset({"sending", "unconfirmed"})


# R22 asks for 5 s after a worker's start, which is when it works: where others use the same
# cores, that alone takes seconds after its process is there. The figures are in the report.
ON_A_BUSY_MACHINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Told:
    """A sender was told yes: at what second of the run, and what its answer named."""

    kind: str  # mail, form, api, chat, poison
    key: str  # the address that only this message came from
    at: float
    answer: str = ""  # the page or number that it was told; "" where there is none


@dataclass(frozen=True, slots=True)
class Raw:
    """A stored message."""

    id: int
    state: str
    messages: int  # rows of conversations made of it


@dataclass(frozen=True, slots=True)
class Taken:
    """A conversation with its contact's address."""

    number: int
    key: str


@dataclass(frozen=True, slots=True)
class Posted:
    """An outbox row."""

    message_id: str
    kind: str
    state: str
    key: str  # whom it is for


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the ladder that was due before the end and that nothing silenced."""

    clock: int
    step: str
    due: float
    planned: float  # when its conversation was taken in
    fired: float | None


@dataclass(slots=True)
class History:
    """One run."""

    told: list[Told] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    raws: list[Raw] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    received: list[tuple[str, str]] = field(default_factory=list)  # (to, Message-ID) outside
    steps: list[Step] = field(default_factory=list)
    step_events: list[tuple[int, str]] = field(default_factory=list)  # (clock, step)
    worker_kills: int = 0
    worker_starts: list[float] = field(default_factory=list)


def complaints(history: History) -> list[str]:
    """Return every broken promise, as sentences; none in good order."""
    return [
        *_lost(history),
        *_doubled(history),
        *_acknowledgements(history),
        *_sent(history),
        *_steps(history),
    ]


def _lost(history: History) -> Iterator[str]:
    taken = {one.key for one in history.taken}
    for key in sorted({one.key for one in history.told if one.kind != "poison"} - taken):
        yield f"lost: {key} was told yes and has no conversation"
    wanted = len({one.key for one in history.told if one.kind == "poison"})
    aside = sum(one.state == "quarantined" for one in history.raws)
    if aside != wanted:
        yield f"{wanted} messages cannot be read, {aside} are in quarantine"
    for raw in history.raws:
        if raw.state not in ("done", "quarantined"):
            yield f"stuck: raw message {raw.id} is {raw.state}"
        if raw.state == "done" and raw.messages != 1:
            yield f"raw message {raw.id} made {raw.messages} messages"


def _doubled(history: History) -> Iterator[str]:
    for key, count in Counter(one.key for one in history.taken).items():
        if key in history.tried and count > 1:
            yield f"doubled: {key} has {count} conversations"
    answers: dict[str, set[str]] = {}
    for one in history.told:
        if one.answer:
            answers.setdefault(one.key, set()).add(one.answer)
    for key, told in answers.items():
        if len(told) > 1:
            yield f"{key} was told different things: {', '.join(sorted(told))}"


def _acknowledgements(history: History) -> Iterator[str]:
    """At most once each; exactly once unless a kill fell between fence and answer."""
    acknowledged = {one.message_id for one in history.posted if one.kind == "acknowledgement"}
    for key, count in Counter(
        one.key for one in history.posted if one.kind == "acknowledgement"
    ).items():
        if key in history.tried and count > 1:
            yield f"{count} acknowledgements were written for {key}"
    for key, count in Counter(
        to for to, message_id in history.received if message_id in acknowledged
    ).items():
        if key in history.tried and count > 1:
            yield f"{key} received {count} acknowledgements"
    owed = {one.key for one in history.posted if one.kind == "acknowledgement"}
    for one in history.taken:
        if one.key in history.tried and one.key not in owed:
            yield f"no acknowledgement was written for {one.key}"


def _sent(history: History) -> Iterator[str]:
    arrived = Counter(message_id for _, message_id in history.received)
    unknown = 0
    for one in history.posted:
        count = arrived[one.message_id]
        if one.state in UNKNOWN_FATE:
            unknown += 1
        elif one.state != "sent":
            yield f"the {one.kind} to {one.key} is {one.state}"
        elif count == 0:
            yield f"the {one.kind} to {one.key} is said to be sent and never arrived"
        if count > 1:
            yield f"the {one.kind} to {one.key} arrived {count} times"
    if unknown > history.worker_kills:
        yield f"{unknown} mails of unknown fate, {history.worker_kills} kills of the worker"


def _steps(history: History) -> Iterator[str]:
    told = Counter(history.step_events)
    for one in history.steps:
        times = told.pop((one.clock, one.step), 0)
        if one.fired is None:
            yield f"step {one.step} of clock {one.clock} was due and never fired"
        elif times != 1:
            yield f"step {one.step} of clock {one.clock} fired {times} times"
    for (clock, step), times in told.items():
        if times > 1:
            yield f"step {step} of clock {clock} fired {times} times"


def lateness(history: History) -> list[float]:
    """Return, sorted, by how many seconds steps fired after they could (R22).

    A step can fire once it is due, its conversation is there, and a worker runs: the last
    that started before it fired.
    """
    late = []
    for one in history.steps:
        if one.fired is not None:
            started = [at for at in history.worker_starts if at <= one.fired]
            could = max(one.due, one.planned, max(started, default=0.0))
            late.append(one.fired - could)
    return sorted(late)


def share(values: list[float], part: float) -> float:
    """Return the value below which a part of them lies (0.99: p99); 0 of none."""
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0
