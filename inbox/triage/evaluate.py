"""Measure predictions against what people decided: accuracy, calibration, cost of urgency."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbox.triage.model import TriageModel
from inbox.triage.prediction import (
    DEFAULT_COSTS,
    LEVELS,
    UNSURE_BELOW,
    Example,
    Thresholds,
    UrgencyCosts,
    Zone,
)

N_BINS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """One message: what was said with which confidence, and what is true.

    Levels are None where nobody said what the urgency is.
    """

    true_type: str
    said_type: str
    confidence: float
    true_level: str | None = None
    said_level: str | None = None
    zone: Zone | None = None


def evaluate_model(
    model: TriageModel, examples: Iterable[Example], costs: UrgencyCosts = DEFAULT_COSTS
) -> dict[str, Any]:
    """Predict every example and return the figures of ``evaluate``."""
    outcomes = []
    for example in examples:
        said = model.predict(example.subject, example.text, costs=costs)
        outcomes.append(
            Outcome(
                true_type=example.request_type,
                said_type=said.request_type,
                confidence=said.request_type_confidence,
                true_level=example.urgency,
                said_level=said.urgency,
                zone=said.zone,
            )
        )
    threshold = model.zones.auto_from
    return evaluate(outcomes, UNSURE_BELOW if threshold is None else threshold, costs)


def evaluate(
    outcomes: Sequence[Outcome],
    threshold: float,
    costs: UrgencyCosts = DEFAULT_COSTS,
    zones: Thresholds | None = None,
) -> dict[str, Any]:
    """Return the figures as plain values that JSON can carry.

    ``threshold`` is the confidence from which a prediction counts as covered. Where zones
    are known, by the outcomes or from ``zones``, covered is what stands alone instead;
    ``zones`` of the result then counts the messages of each. All shares are in [0, 1];
    ``urgency`` is None when no message has a true level.
    """
    correct = np.array([o.said_type == o.true_type for o in outcomes], dtype=np.bool_)
    confidence = np.array([o.confidence for o in outcomes], dtype=np.float64)
    covered = confidence >= threshold
    placed = [_zone(outcome, zones) for outcome in outcomes]
    if Zone.AUTO in placed:
        covered = np.array([zone is Zone.AUTO for zone in placed], dtype=np.bool_)
    by_type = by_label([(o.true_type, o.said_type) for o in outcomes])
    with_support = [scores["f1"] for scores in by_type.values() if scores["support"]]
    return {
        "messages": len(outcomes),
        "accuracy": _mean(correct),
        "macro_f1": _mean(np.array(with_support)),
        "calibration_error": round(expected_calibration_error(confidence, correct), 4),
        "calibration": _reliability(confidence, correct),
        "threshold": threshold,
        "coverage": _mean(covered),
        "precision_when_covered": _mean(correct[covered]),
        "zones": {zone.value: placed.count(zone) for zone in Zone if zone in placed},
        "by_type": by_type,
        "urgency": _urgency(outcomes, costs),
    }


def _zone(outcome: Outcome, zones: Thresholds | None) -> Zone | None:
    if outcome.zone is not None or zones is None:
        return outcome.zone
    return zones.zone(outcome.said_type, outcome.confidence)


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], n_bins: int = N_BINS
) -> float:
    """Measure how far stated confidence is from observed accuracy.

    Predictions are grouped into equal-width bins of confidence; the result is the
    mean gap between confidence and accuracy, weighted by bin size.

    Parameters
    ----------
    confidence : ndarray of shape (n_messages,), dtype float64
        Probability of the predicted type, each in [0, 1].
    correct : ndarray of shape (n_messages,), dtype bool
        Whether that type is right.
    n_bins : int, default=10
        Number of bins over [0, 1].

    Returns
    -------
    error : float
        In [0, 1]; 0 is perfectly calibrated. 0.0 when there are no messages.

    Raises
    ------
    ValueError
        If the shapes differ or a confidence is outside [0, 1].

    References
    ----------
    .. [1] Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3.

    Examples
    --------
    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    if confidence.shape != correct.shape:
        raise ValueError(f"shapes differ: {confidence.shape} and {correct.shape}")
    if confidence.size and (confidence.min() < 0 or confidence.max() > 1):
        raise ValueError("confidence must lie in [0, 1]")
    bins = _bins(confidence, n_bins)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=n_bins)
    return float(np.abs(gaps).sum() / max(confidence.size, 1))


def weighted_kappa(true: Sequence[int], said: Sequence[int], n_levels: int) -> float:
    """Return the agreement of ordered levels with quadratic weights.

    1 is full agreement, 0 what chance gives, below 0 worse. 1.0 when there is nothing to
    disagree about (no messages, or one level only on both sides).

    References
    ----------
    .. [1] Cohen, "Weighted kappa", Psychological Bulletin 70(4), 1968.
    """
    observed = np.zeros((n_levels, n_levels))
    np.add.at(observed, (np.array(true, dtype=int), np.array(said, dtype=int)), 1)
    steps = np.subtract.outer(np.arange(n_levels), np.arange(n_levels)) ** 2
    chance = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / max(observed.sum(), 1)
    expected = float((steps * chance).sum())
    return 1 - float((steps * observed).sum()) / expected if expected else 1.0


def _bins(confidence: NDArray[np.float64], n_bins: int) -> NDArray[np.intp]:
    return np.minimum((confidence * n_bins).astype(np.intp), n_bins - 1)


def _reliability(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Return the bars of the calibration chart: only bins that hold messages."""
    bins = _bins(confidence, N_BINS)
    return [
        {
            "from": number / N_BINS,
            "to": (number + 1) / N_BINS,
            "messages": int((bins == number).sum()),
            "confidence": _mean(confidence[bins == number]),
            "accuracy": _mean(correct[bins == number]),
        }
        for number in sorted(set(bins.tolist()))
    ]


def by_label(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return precision, recall, f1 (0 to 1) and support by label, of pairs (true, said)."""
    true, said = Counter(t for t, _ in pairs), Counter(s for _, s in pairs)
    right = Counter(t for t, s in pairs if t == s)
    figures = {}
    for label in sorted(true.keys() | said.keys()):
        precision = right[label] / said[label] if said[label] else 0.0
        recall = right[label] / true[label] if true[label] else 0.0
        f1 = 2 * right[label] / (true[label] + said[label])
        figures[label] = {
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "f1": round(f1, 4),
            "support": true[label],
        }
    return figures


def _urgency(outcomes: Sequence[Outcome], costs: UrgencyCosts) -> dict[str, Any] | None:
    pairs = [
        (LEVELS.index(o.true_level), LEVELS.index(o.said_level))
        for o in outcomes
        if o.true_level is not None and o.said_level is not None
    ]
    if not pairs:
        return None
    true, said = [t for t, _ in pairs], [s for _, s in pairs]
    top = max(true)  # the highest level that occurs: not every company uses all four
    return {
        "messages": len(pairs),
        "accuracy": _mean(np.array(true) == np.array(said)),
        "weighted_kappa": round(weighted_kappa(true, said, len(LEVELS)), 4),
        "mean_cost": _mean(np.array([costs.of(s, t) for t, s in pairs])),
        "top_level": LEVELS[top],
        "top_recall": _mean(np.array([s >= top for t, s in pairs if t == top])),
        "top_flagged": _mean(np.array([s >= top for s in said])),
        "by_level": by_label([(LEVELS[t], LEVELS[s]) for t, s in pairs]),
    }


def _mean(values: NDArray[Any]) -> float | None:
    """Return the mean to four places; None where there is nothing to average."""
    return round(float(values.mean()), 4) if values.size else None
