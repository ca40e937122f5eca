"""Which messages a person should look at first: what a wrong answer would cost, thinned."""

from collections.abc import Sequence
from dataclasses import dataclass

from inbox.triage.prediction import DEFAULT_COSTS, LEVELS, Prediction, UrgencyCosts
from inbox.triage.text import prepare

ALIKE_FROM = 0.6  # share of words in common; from here two messages teach the same
_NEVER_ZERO = 0.05  # a sure urgency must not hide a type that is wide open


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that could be confirmed: what it is worth, and its words for thinning."""

    message: int
    worth: float
    text: str


def worth_of(said: Prediction, costs: UrgencyCosts = DEFAULT_COSTS) -> float:
    """Return how much it helps to ask a person about this prediction, from 0 up.

    It is the expected cost of the urgency that was said, if the model's own probabilities
    of the four levels hold, times how close the second type came to the first.
    """
    level = LEVELS.index(said.urgency)
    at_stake = sum(share * costs.of(level, true) for true, share in enumerate(said.levels))
    return (at_stake + _NEVER_ZERO) * (1 - said.margin)


def most_worth(
    waiting: Sequence[Waiting], n: int, alike_from: float = ALIKE_FROM
) -> list[Waiting]:
    """Return up to ``n`` messages, the most valuable first, without near-copies.

    A message that shares ``alike_from`` of its words (Jaccard) with one already chosen
    comes after all that do not, still in order of worth. Give a few hundred at most: time
    is proportional to ``n * len(waiting)``.
    """
    ordered = sorted(waiting, key=lambda one: (-one.worth, one.message))
    chosen: list[tuple[Waiting, frozenset[str]]] = []
    copies: list[Waiting] = []
    for one in ordered:
        if len(chosen) == n:
            break
        words = frozenset(token.form for token in prepare("", one.text).tokens)
        if any(_jaccard(words, other) >= alike_from for _, other in chosen):
            copies.append(one)
        else:
            chosen.append((one, words))
    return [one for one, _ in chosen] + copies[: n - len(chosen)]


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    either = len(one | other)
    return len(one & other) / either if either else 1.0
