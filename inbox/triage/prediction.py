"""The values that go into and come out of triage, and the choice of the cheapest urgency."""

from collections.abc import Sequence
from dataclasses import dataclass, field

GENERAL = "general"
LEVELS = ("low", "normal", "high", "urgent")  # in rising order
NORMAL = LEVELS.index("normal")
UNSURE_BELOW = 0.60
CLOCK_CANDIDATE_FROM = 0.20


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled message.

    ``urgency`` is one of LEVELS or None when nobody said. Examples of one ``group`` are
    variants of one text and never stand on both sides of a split; "" stands alone.
    ``weight`` says how much it counts in training (a correction more than a starter line).
    """

    text: str
    request_type: str
    subject: str = ""
    urgency: str | None = None
    language: str = ""
    group: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Term:
    """Words of the message as written, and how much they weighed for the chosen type."""

    term: str
    weight: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What triage proposes for one message.

    Confidences are probabilities. ``candidates`` holds every possible type, the likeliest
    first. ``urgency_reason`` names the written rule that set the urgency, or is None when
    the model or the default did. ``needs_review`` says that a person should look.
    ``clock_candidates`` are the types whose targets apply: the strictest of them rules.
    """

    request_type: str
    request_type_confidence: float
    urgency: str
    urgency_confidence: float
    needs_review: bool
    candidates: tuple[tuple[str, float], ...] = ()
    urgency_reason: str | None = None
    why: tuple[Term, ...] = ()
    clock_candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UrgencyCosts:
    """What it costs to rate a message one, two or three levels too low, or too high."""

    too_low: tuple[float, float, float] = (3.0, 10.0, 30.0)
    too_high: tuple[float, float, float] = (1.0, 2.0, 4.0)

    def of(self, said: int, true: int) -> float:
        """Return the cost of saying level ``said`` when ``true`` is right (indices)."""
        if said == true:
            return 0.0
        steps = self.too_low if said < true else self.too_high
        return steps[abs(said - true) - 1]


DEFAULT_COSTS = UrgencyCosts()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a prediction may stand without a person.

    ``auto_from`` is the confidence from which the type was measured to be right often
    enough, or None while nothing is measured: then everything needs review.
    ``auto_types`` are the types with enough examples for that measure to hold.
    """

    auto_from: float | None = None
    auto_types: frozenset[str] = field(default_factory=frozenset)

    def needs_review(self, request_type: str, confidence: float) -> bool:
        """Whether a person should confirm this type."""
        if self.auto_from is None or request_type not in self.auto_types:
            return True
        return confidence < self.auto_from

    def clocks(self, candidates: Sequence[tuple[str, float]]) -> tuple[str, ...]:
        """Return the types whose targets apply: several when the first is unsure."""
        first, confidence = candidates[0]
        unsure_below = UNSURE_BELOW if self.auto_from is None else self.auto_from
        if confidence >= unsure_below:
            return (first,)
        rest = (key for key, share in candidates[1:] if share >= CLOCK_CANDIDATE_FROM)
        return (first, *rest)


def cheapest_level(probabilities: Sequence[float], costs: UrgencyCosts = DEFAULT_COSTS) -> int:
    """Return the index of the level with the least expected cost.

    ``probabilities`` has one entry a level, in the order of LEVELS. Of equals the
    higher level wins.
    """

    def expected(said: int) -> float:
        return sum(share * costs.of(said, true) for true, share in enumerate(probabilities))

    return min(reversed(range(len(LEVELS))), key=expected)
