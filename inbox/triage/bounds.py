"""From which confidence on may a type stand without a person? Bounds, not averages.

A threshold is chosen on messages that the model had not seen, so that the lower 95 % bound of
the share of right answers reaches the target (Clopper and Pearson, Biometrika 26, 1934).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from inbox.triage.evaluate import Outcome
from inbox.triage.prediction import Thresholds

AUTO_PRECISION = 0.95
TYPE_PRECISION = 0.90  # of every single type; all together reach AUTO_PRECISION
AUTO_MIN_MESSAGES = 200
AUTO_MIN_PER_TYPE = 30
OWN_BOUND_FROM = 200  # answers; of a rarer type a bound would say how few there were
_FOREIGN = 0.003  # share of own messages that may count as foreign by their words alone

Floats = NDArray[np.float64]


def thresholds_of(outcomes: Sequence[Outcome], known: Floats) -> Thresholds:
    """Return the zones that these outcomes of unseen messages earn.

    A type that was said 200 times must be right often enough above some confidence of its
    own; above that, all types together must reach the target, and types said 30 to 199
    times are measured only so. ``known`` is the share of known words of each message.
    """
    if len(outcomes) < AUTO_MIN_MESSAGES:
        return Thresholds()
    sure = np.array([outcome.confidence for outcome in outcomes])
    right = np.array([outcome.said_type == outcome.true_type for outcome in outcomes])
    said = np.array([outcome.said_type for outcome in outcomes])
    support = Counter(outcome.true_type for outcome in outcomes)
    starts: dict[str, float] = {}
    for key in sorted(set(said.tolist())):
        mine = said == key
        if min(support[key], int(mine.sum())) >= AUTO_MIN_PER_TYPE:
            start: float | None = 0.0
            if mine.sum() >= OWN_BOUND_FROM:
                start = auto_threshold(sure[mine], right[mine], TYPE_PRECISION)
            if start is not None:
                starts[key] = start
    allowed = sure >= np.array([starts.get(key, 2.0) for key in said.tolist()])
    together = auto_threshold(sure[allowed], right[allowed])
    if together is None:
        return Thresholds()
    return Thresholds(
        auto_from=together,
        auto_types=frozenset(starts),
        by_type={key: max(start, together) for key, start in starts.items()},
        known_from=round(float(np.quantile(known, _FOREIGN)), 4),
    )


def auto_threshold(
    confidence: Floats, correct: NDArray[np.bool_], precision: float = AUTO_PRECISION
) -> float | None:
    """Return the lowest confidence from which ``precision`` holds, or None.

    It holds if the one-sided 95 % lower bound of the share of right predictions at or
    above that confidence reaches it.
    """
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum(correct[order])
    asked = np.arange(1, len(order) + 1)
    bound = betaincinv(np.maximum(right, 1), asked - right + 1, 0.05)
    holds = (bound >= precision) & (right > 0)
    # Equal confidences stand or fall together.
    ends = np.append(np.diff(confidence[order]) != 0, True) if len(order) else holds
    good = np.flatnonzero(holds & ends)
    return float(confidence[order][good[-1]]) if good.size else None
