"""Teach a trained model its second half, from vectors of meaning; in the training process.

Each half is calibrated by itself, on messages it had not seen; together they say the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from inbox.triage.bounds import thresholds_of
from inbox.triage.evaluate import evaluate
from inbox.triage.machines import Floats, Ints, Matrix, fit_logistic
from inbox.triage.meaning import Encoder, Meaning, Vectors, readable
from inbox.triage.prediction import (
    DEFAULT_COSTS,
    UNSURE_BELOW,
    Example,
    Thresholds,
    UrgencyCosts,
)
from inbox.triage.shares import softmax
from inbox.triage.text import prepare
from inbox.triage.training import Data, Machine, Trained, Unseen, fit_head, outcomes_of

MOST_OWN = 3_000  # the newest: encoding one takes 22 ms and more
MOST_STARTER = 1_500  # more of the same patterns teach nothing new
STRETCH = 4.0  # vectors of meaning differ by little: the machine wants them further apart


def add_meaning(
    trained: Trained,
    examples: Sequence[Example],
    encoder: Encoder,
    *,
    costs: UrgencyCosts = DEFAULT_COSTS,
) -> Trained:
    """Return a model with its second half, and the figures of both together.

    ``examples`` are those that it was trained on, in their order. The urgency, the product
    groups and the words that say why stay those of the first half.
    """
    rows = _chosen(examples)
    said = [readable(prepare(examples[row].subject, examples[row].text)) for row in rows]
    matrix, centre, stretch = _spread(encoder.vectors(said))
    labels = trained.model.types.labels
    data = Data(
        matrix,
        np.array([examples[row].weight for row in rows]),
        trained.folds[rows],
        trained.known[rows],
    )
    machine = Machine(fit_logistic, fit_logistic, 1.0)
    kinds = [examples[row].request_type for row in rows]
    head, unseen = fit_head(kinds, labels, data, machine)
    both = _together(trained, _Second(rows, unseen, head.sharpness))
    outcomes = outcomes_of(examples, labels, *both, trained.said_levels)
    zones = thresholds_of(outcomes, trained.known[both[0]]) if outcomes else Thresholds()
    coef = head.coef * stretch
    meaning = Meaning(
        coef.astype(np.float32),
        (head.intercept - centre @ coef).astype(np.float32),
        head.sharpness,
        zones,
        encoder.name,
    )
    model = replace(trained.model, meaning=meaning).with_encoder(encoder)
    start_at = UNSURE_BELOW if zones.auto_from is None else zones.auto_from
    figures = evaluate(outcomes, start_at, costs, zones)
    return replace(trained, model=model, evaluation=figures)


def _chosen(examples: Sequence[Example]) -> Ints:
    """Return which examples are encoded: the newest own, and some of the starter's."""
    own = [row for row, example in enumerate(examples) if example.is_own][-MOST_OWN:]
    others = [row for row, example in enumerate(examples) if not example.is_own]
    some = np.random.default_rng(0).permutation(len(others))[:MOST_STARTER]
    return np.array(sorted([*own, *(others[place] for place in some)]), dtype=np.intp)


def _spread(vectors: Vectors) -> tuple[Matrix, Floats, float]:
    """Return the vectors moved to their middle and stretched, with both."""
    centre = vectors.mean(axis=0, dtype=np.float64)
    moved = vectors - centre
    size = float(np.linalg.norm(moved, axis=1).mean()) or 1.0
    stretch = STRETCH / size
    return sparse.csr_matrix(moved * stretch), centre, stretch


@dataclass(frozen=True, slots=True)
class _Second:
    """What the second half said of messages that it had not seen, by place in ``rows``."""

    rows: Ints
    unseen: Unseen
    sharpness: float


def _together(trained: Trained, second: _Second) -> tuple[Ints, Floats]:
    """Return the examples that neither half had seen, and what both say of them."""
    first_of = {row: place for place, row in enumerate(trained.unseen.rows.tolist())}
    numbers = second.rows[second.unseen.rows]
    places = [place for place, row in enumerate(numbers.tolist()) if row in first_of]
    seconds = np.array(places, dtype=np.intp)
    rows = numbers[seconds]
    firsts = np.array([first_of[row] for row in rows.tolist()], dtype=np.intp)
    unseen = trained.unseen
    shares = trained.model.types.shares(unseen.scores[firsts], unseen.calm[firsts])
    meant = softmax(second.unseen.scores[seconds] * second.sharpness)
    return rows, (shares + meant) / 2
