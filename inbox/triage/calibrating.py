"""How sure may a head be? Chosen so that what it said of unseen messages holds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from inbox.triage.shares import OPEN_FROM, Floats, shares_of


def calibrate(
    scores: Floats, calm: Floats, targets: NDArray[np.intp], usual: float, counts: Floats
) -> tuple[float, float | None]:
    """Return the sharpness and the ease that make unseen messages likeliest.

    ``scores`` has shape (n_messages, n_labels), ``calm`` a factor in [0, 1] and ``targets``
    the number of the right label for each message, ``counts`` how often it counts, 1 as a
    rule; ``usual`` is the sharpness of most heads. Weak pulls to usual values keep a handful
    of messages from claiming certainty.
    """
    ease = 1.0 if scores.shape[1] >= OPEN_FROM else None
    at = np.arange(len(targets))

    def of_right(log_sharpness: float) -> float:
        shares = shares_of(scores, calm, np.exp(log_sharpness), ease)
        pull = (log_sharpness - np.log(usual)) ** 2
        right = np.log(np.maximum(shares[at, targets], 1e-12))
        return float(2 * pull - (counts * right).sum())

    sharpness = float(np.exp(_least(of_right, (-2.5, 2.5))))
    if ease is None:
        return sharpness, None
    shares = shares_of(scores, calm, sharpness, ease)
    right = shares.argmax(axis=1) == targets
    sure = np.log(shares.max(axis=1))

    def of_first(log_ease: float) -> float:
        raised = sure * np.exp(log_ease)
        wrong = np.log(np.maximum(-np.expm1(raised[~right]), 1e-12))
        likely = (counts[right] * raised[right]).sum() + (counts[~right] * wrong).sum()
        return float(2 * log_ease**2 - likely)

    return sharpness, float(np.exp(_least(of_first, (-2.5, 0.0))))


def _least(surprise: Callable[[float], float], bounds: tuple[float, float]) -> float:
    return float(minimize_scalar(surprise, bounds=bounds, method="bounded").x)
