"""Ladders as JSON: written, read back and checked, with a sentence for each mistake."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inbox.sla.history import TARGETED, Kind
from inbox.sla.ladder import DUE, GROUP, MOST_REPEATS, PERSON, Action, Moment, Step

MOST_STEPS = 20
MOST_ACTIONS = 6
MOST_PERCENT = 1000
MOST_MINUTES = 30 * 24 * 60

ACTIONS = frozenset(Action)


class LadderError(ValueError):
    """A ladder that cannot be used: the step's number from 0, and what is wrong there."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(what)
        self.number = number
        self.what = what  # one of the words below


NO_STEP = "no_step"
TOO_MANY = "too_many"
WRONG_SHARE = "wrong_share"
WRONG_MINUTES = "wrong_minutes"
NO_ACTION = "no_action"
WRONG_ACTION = "wrong_action"
TWICE = "twice"
NO_CLOCK = "no_clock"
WRONG_REPEAT = "wrong_repeat"


def write_steps(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return steps as JSON values; what is as usual is left out."""
    return [_written(step) for step in steps]


def _written(step: Step) -> dict[str, Any]:
    moment = step.moment
    at: dict[str, Any] = {"percent": moment.percent}
    if moment.minutes:
        at = {"minutes": moment.minutes} | ({"plain": True} if moment.plain else {})
    found: dict[str, Any] = {"at": at, "do": [str(action) for action in step.actions]}
    if step.kinds != frozenset(TARGETED):
        found["clocks"] = [kind.value for kind in TARGETED if kind in step.kinds]
    if step.loud:
        found["loud"] = True
    if step.times:
        found["repeat"] = {"every": step.every, "times": step.times}
    return found


def read_steps(rows: object) -> tuple[Step, ...]:
    """Read steps from their JSON form.

    Raises
    ------
    LadderError
        If it is none, or ``check_steps`` finds a mistake.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise LadderError(0, NO_STEP)
    steps = tuple(_read(number, row) for number, row in enumerate(rows))
    check_steps(steps)
    return steps


def _read(number: int, row: object) -> Step:
    if not isinstance(row, Mapping) or not row.keys() <= {*"at do clocks loud repeat".split()}:
        raise LadderError(number, NO_STEP)
    try:
        at, repeat = row["at"], row.get("repeat", {})
        moment = Moment(
            int(at.get("percent", DUE)), int(at.get("minutes", 0)), bool(at.get("plain", False))
        )
        return Step(
            moment,
            tuple(str(action) for action in row["do"]),
            frozenset(Kind(kind) for kind in row.get("clocks", TARGETED)),
            bool(row.get("loud", False)),
            int(repeat.get("every", 0)),
            int(repeat.get("times", 0)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LadderError(number, NO_STEP) from error


def check_steps(steps: Sequence[Step]) -> None:
    """Raise ``LadderError`` for the first step that cannot be used."""
    if not steps:
        raise LadderError(0, NO_STEP)
    if len(steps) > MOST_STEPS:
        raise LadderError(MOST_STEPS, TOO_MANY)
    for number, step in enumerate(steps):
        wrong = _mistake(step, is_last=number == len(steps) - 1)
        if wrong is None and any(
            other.key == step.key and other.kinds & step.kinds for other in steps[:number]
        ):
            wrong = TWICE
        if wrong is not None:
            raise LadderError(number, wrong)


def _mistake(step: Step, *, is_last: bool) -> str | None:
    moment = step.moment
    checks = (
        (WRONG_SHARE, 1 <= moment.percent <= MOST_PERCENT),
        (WRONG_MINUTES, abs(moment.minutes) <= MOST_MINUTES),
        (WRONG_MINUTES, moment.percent == DUE or not moment.minutes),
        (NO_ACTION, bool(step.actions)),
        (WRONG_ACTION, len(set(step.actions)) == len(step.actions) <= MOST_ACTIONS),
        (WRONG_ACTION, all(_is_action(action) for action in step.actions)),
        (NO_CLOCK, bool(step.kinds)),
        (WRONG_REPEAT, _repeats(step) if is_last else not step.times and not step.every),
    )
    return next((what for what, holds in checks if not holds), None)


def _repeats(step: Step) -> bool:
    if not step.times:
        return not step.every
    return 1 <= step.times <= MOST_REPEATS and 1 <= step.every <= MOST_MINUTES


def _is_action(action: str) -> bool:
    named, _, number = action.partition(":")
    is_one = f"{named}:" in (PERSON, GROUP) and number.isascii() and number.isdigit()
    return action in ACTIONS or is_one


def people_of(steps: Iterable[Step]) -> set[int]:
    """Return the ids of the persons whom steps name."""
    return _named(steps, PERSON)


def groups_of(steps: Iterable[Step]) -> set[int]:
    """Return the ids of the teams whom steps name."""
    return _named(steps, GROUP)


def _named(steps: Iterable[Step], what: str) -> set[int]:
    found = (action for step in steps for action in step.actions)
    return {int(one.removeprefix(what)) for one in found if one.startswith(what)}
