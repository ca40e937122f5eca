"""How sure is a head? From its scores to probabilities that hold, by what it had not seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

OPEN_FROM = 13  # labels; of fewer, broad ones, "general" takes what fits no other
_DOUBT = 1.5

Floats = NDArray[np.float64]


def doubt(known_share: Any) -> Any:
    """Return the factor on scores: 1 where all words are known, 0 where none is."""
    return known_share**_DOUBT


def softmax(scores: Floats) -> Floats:
    """Turn scores into probabilities along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def shares_of(scores: Floats, calm: Any, sharpness: float, ease: float | None) -> Floats:
    """Return the probability of each label, along the last axis; they sum to 1.

    ``calm`` in [0, 1] makes the labels more alike: one number, or one a message. Where
    ``ease`` is given a message may be about none of the labels: an answer competes with them
    that scores 0, as what lies on a label's plane does, and more the less is known. What
    falls to it is spread evenly, and the first label's probability p becomes ``p ** ease``,
    so that it is right as often as it says.
    """
    calm = np.asarray(calm, dtype=np.float64)[..., None]
    heights = scores * calm
    if ease is None:
        return softmax(heights * sharpness)
    none = np.broadcast_to(1 - calm, (*heights.shape[:-1], 1))
    every = softmax(np.concatenate([heights, none], axis=-1) * sharpness)
    return _eased(every[..., :-1] + every[..., -1:] / heights.shape[-1], ease)


def _eased(shares: Floats, ease: float) -> Floats:
    """Raise each message's first share to a power; the others divide what is left."""
    first = shares.argmax(axis=-1)[..., None]
    before = np.take_along_axis(shares, first, axis=-1)
    after = before**ease
    rest = shares * ((1 - after) / np.maximum(1 - before, 1e-12))
    np.put_along_axis(rest, first, after, axis=-1)
    return rest
