"""The values that go into and come out of triage, and the choice of the cheapest urgency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

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
    Only messages that are the company's own (``is_own``) calibrate and measure a model, as
    soon as there are some.
    """

    text: str
    request_type: str
    subject: str = ""
    urgency: str | None = None
    language: str = ""
    group: str = ""
    weight: float = 1.0
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the customer when a message comes in; it can only raise the urgency.

    ``tier`` is the customer's ("standard" or another); ``open_matters`` counts the other
    conversations that are still open; ``asked_before`` the customer's earlier messages, on
    any channel, that nobody has answered yet; ``promise_missed`` says that an answer was
    promised for an instant that is past.
    """

    tier: str = "standard"
    open_matters: int = 0
    asked_before: int = 0
    promise_missed: bool = False


NO_FACTS = Facts()


class Zone(StrEnum):
    """How far a prediction may be trusted: alone, as a proposal, or not at all."""

    AUTO = "auto"
    SUGGEST = "suggest"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Term:
    """Words of the message as written, and how much they weighed for the chosen type."""

    term: str
    weight: float


NO_GROUP = ""  # what a product group's head says of messages about none


@dataclass(frozen=True, slots=True)
class Guess:
    """Which product group a message is about, by learned words; a guess."""

    group: str
    confidence: float
    why: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What triage proposes for one message.

    Confidences are probabilities. ``candidates`` holds every possible type, the likeliest
    first. ``urgency_reason`` names the written rule that set the urgency, or is None when
    the model or the default did. ``needs_review`` says that a person should look: in every
    zone but AUTO. ``clock_candidates`` are the types whose targets apply: the strictest of
    them rules. ``against`` are words that spoke against the type, with negative weights;
    ``levels`` the probability of each urgency in the order of LEVELS; ``known_share`` how
    many of the words the model knows.
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
    zone: Zone = Zone.SUGGEST
    against: tuple[Term, ...] = ()
    levels: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0)
    known_share: float = 1.0

    @property
    def margin(self) -> float:
        """How far the first type is ahead of the second, in [0, 1]."""
        shares = [share for _, share in self.candidates[:2]]
        return shares[0] - shares[1] if len(shares) > 1 else 1.0


@dataclass(frozen=True, slots=True)
class UrgencyCosts:
    """What it costs to rate a message one, two or three levels too low, or too high."""

    too_low: tuple[float, float, float] = (3.0, 10.0, 30.0)
    too_high: tuple[float, float, float] = (1.0, 2.0, 4.0)

    @classmethod
    def of_plain(cls, kept: Mapping[str, Sequence[float]]) -> "UrgencyCosts":
        """Return the costs that ``plain`` described."""
        (low, lower, lowest), (high, higher, highest) = kept["too_low"], kept["too_high"]
        return cls((low, lower, lowest), (high, higher, highest))

    def plain(self) -> dict[str, list[float]]:
        """Return the costs as values that JSON can carry."""
        return {"too_low": list(self.too_low), "too_high": list(self.too_high)}

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

    ``auto_from`` is the confidence from which types in ``auto_types`` (those with enough
    examples for the measure to hold) were right often enough taken together, or None while
    nothing is measured: then everything needs review. ``by_type`` holds the types with a
    bound of their own; it counts in place of ``auto_from``. A message whose ``known_share``
    of words is below ``known_from`` never stands alone: it is about something else.
    """

    auto_from: float | None = None
    auto_types: frozenset[str] = field(default_factory=frozenset)
    by_type: Mapping[str, float] = field(default_factory=dict)
    ask_below: float = UNSURE_BELOW
    known_from: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Return them as JSON can carry them."""
        return {
            "auto_from": self.auto_from,
            "auto_types": sorted(self.auto_types),
            "by_type": dict(self.by_type),
            "ask_below": self.ask_below,
            "known_from": self.known_from,
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what ``plain`` made values of."""
        return cls(**{**plain, "auto_types": frozenset(plain["auto_types"])})

    def zone(self, request_type: str, confidence: float, known_share: float = 1.0) -> Zone:
        """Return how far this type may be trusted."""
        own = self.by_type.get(request_type)
        start = self.auto_from if own is None else own
        known = known_share >= self.known_from
        measured = known and start is not None and request_type in self.auto_types
        if measured and start is not None and confidence >= start:
            return Zone.AUTO
        return Zone.SUGGEST if known and confidence >= self.ask_below else Zone.ASK

    def needs_review(self, request_type: str, confidence: float) -> bool:
        """Whether a person should confirm this type."""
        return self.zone(request_type, confidence) is not Zone.AUTO

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
