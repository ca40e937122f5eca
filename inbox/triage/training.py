"""Fit, calibrate and measure a classifier; the only module that imports scikit-learn.

It runs in the training process and in ``kip triage train``, never in web or worker.
"""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import betaincinv
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from inbox.errors import Invalid
from inbox.triage.evaluate import Outcome, evaluate
from inbox.triage.features import Features
from inbox.triage.model import Head, TriageModel, UrgencyPolicy, softmax
from inbox.triage.prediction import (
    DEFAULT_COSTS,
    LEVELS,
    UNSURE_BELOW,
    Example,
    Thresholds,
    UrgencyCosts,
    cheapest_level,
)
from inbox.triage.text import Document, prepare

N_FOLDS = 5
ONE_FOLD_FROM = 20_000  # messages; above it one fifth is held out once, to bound the time
AUTO_PRECISION = 0.95
AUTO_MIN_MESSAGES = 200
AUTO_MIN_PER_TYPE = 30
RULES_UNTIL = 200  # labelled urgencies; below, written rules stay the floor
_USUAL_SHARPNESS = 2.0

Matrix = sparse.csr_matrix
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Fit = Callable[[Matrix, Ints, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and its figures on messages it had not seen (each fold by the others)."""

    model: TriageModel
    evaluation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Scores of the rows that a fold's model had not seen, and which rows those are."""

    rows: Ints
    scores: Floats


def train(
    examples: Sequence[Example],
    *,
    urgency: UrgencyPolicy | None = None,
    measured: bool = True,
    looseness: float = 0.5,
    costs: UrgencyCosts = DEFAULT_COSTS,
    info: dict[str, Any] | None = None,
) -> Trained:
    """Train on labelled messages; any set of types, also types with a single message.

    The same examples in the same order give the same model. ``measured=False`` says that
    the examples are not this company's own, so nothing may pass without a person.
    ``looseness`` is the C of the linear SVM: smaller for examples that differ from the
    messages to come. ``urgency`` decides how rules and model meet; by default rules stay
    the floor until 200 messages have a level. ``info`` is kept with the model.

    Raises
    ------
    Invalid
        If there are no examples, or a level is not one of the four.
    """
    if not examples:
        raise Invalid("There is nothing to train on: no labelled messages.")
    documents = [prepare(example.subject, example.text) for example in examples]
    features = Features.fit(documents)
    matrix = _matrix(features, documents)
    weights = np.array([example.weight for example in examples])
    groups = _groups(examples, documents)
    types, unseen = _head(
        [example.request_type for example in examples],
        None,
        matrix,
        weights,
        groups,
        _svc(looseness),
    )
    levels, unseen_levels = _levels_head(examples, matrix, weights, groups)
    outcomes = _outcomes(examples, (types, unseen), (levels, unseen_levels), costs)
    thresholds = _thresholds(outcomes) if measured else Thresholds()
    threshold = thresholds.auto_from
    model = TriageModel(
        features=features,
        types=types,
        levels=levels,
        urgency=urgency or _policy(examples),
        thresholds=thresholds,
        info={**_provenance(examples), **(info or {})},
    )
    return Trained(
        model, evaluate(outcomes, UNSURE_BELOW if threshold is None else threshold, costs)
    )


def corpus_hash(examples: Sequence[Example]) -> str:
    """Return a sha256 over everything that training reads, in order."""
    whole = hashlib.sha256()
    for e in examples:
        line = [e.subject, e.text, e.request_type, e.urgency, e.group, e.weight]
        whole.update(json.dumps(line).encode() + b"\n")
    return whole.hexdigest()


def auto_threshold(
    confidence: Floats, correct: NDArray[np.bool_], precision: float = AUTO_PRECISION
) -> float | None:
    """Return the lowest confidence from which ``precision`` holds, or None.

    It holds if the one-sided 95 % lower bound of the share of right predictions at or
    above that confidence reaches it (Clopper and Pearson, Biometrika 26, 1934).
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


def _matrix(features: Features, documents: Sequence[Document]) -> Matrix:
    rows = [features.row(document) for document in documents]
    starts = np.concatenate([[0], np.cumsum([row.indices.size for row in rows])])
    indices = np.concatenate([row.indices for row in rows])
    values = np.concatenate([row.values for row in rows]).astype(np.float64)
    return sparse.csr_matrix((values, indices, starts), shape=(len(rows), len(features)))


def _groups(examples: Sequence[Example], documents: Sequence[Document]) -> list[str]:
    """Name the examples that must stay together: equal texts count as one group."""
    return [
        example.group or " ".join(token.form for token in document.tokens)
        for example, document in zip(examples, documents, strict=True)
    ]


def _folds(labels: Sequence[str], groups: Sequence[str]) -> Ints:
    """Deal the groups of each label out to the folds, the same way every time."""
    random = np.random.default_rng(0)
    label_of: dict[str, str] = {}
    for label, group in zip(labels, groups, strict=True):
        label_of.setdefault(group, label)
    fold_of: dict[str, int] = {}
    for label in sorted(set(label_of.values())):
        members = [group for group, of in label_of.items() if of == label]
        start = int(random.integers(N_FOLDS))
        for place, member in enumerate(random.permutation(len(members)).tolist()):
            fold_of[members[member]] = (start + place) % N_FOLDS
    return np.array([fold_of[group] for group in groups], dtype=np.intp)


def _head(
    labels: Sequence[str],
    order: Sequence[str] | None,
    matrix: Matrix,
    weights: Floats,
    groups: Sequence[str],
    fit: Fit,
) -> tuple[Head, _Unseen]:
    names = list(order or sorted(set(labels)))
    number = {name: place for place, name in enumerate(names)}
    targets = np.array([number[label] for label in labels], dtype=np.intp)
    folds = _folds(labels, groups)
    n_used = N_FOLDS if len(labels) < ONE_FOLD_FROM else 1
    rows, scores = [], []
    for fold in range(n_used):
        seen, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        held = held[np.isin(targets[held], targets[seen])]
        if held.size:
            coef, intercept = _fit_all(
                fit, matrix[seen], targets[seen], weights[seen], len(names)
            )
            rows.append(held)
            scores.append(np.asarray(matrix[held] @ coef) + intercept)
    unseen = _Unseen(
        np.concatenate([np.empty(0, dtype=np.intp), *rows]),
        np.concatenate([np.empty((0, len(names))), *scores]),
    )
    sharpness = _sharpness(unseen.scores, targets[unseen.rows])
    coef, intercept = _fit_all(fit, matrix, targets, weights, len(names))
    head = Head(tuple(names), coef.astype(np.float32), intercept.astype(np.float32), sharpness)
    return head, unseen


def _fit_all(
    fit: Fit, matrix: Matrix, targets: Ints, weights: Floats, n_labels: int
) -> tuple[Floats, Floats]:
    """Fit the labels that occur; the others score -1, as one that is surely wrong does."""
    present = np.unique(targets)
    coef = np.zeros((matrix.shape[1], n_labels))
    intercept = np.full(n_labels, -1.0)
    if present.size == 1 or matrix.shape[1] == 0:  # nothing to tell them apart by
        intercept[present] = 1.0
        return coef, intercept
    found, bias = fit(matrix, targets, weights)
    if len(found) == 1:  # two labels: one plane, seen from both sides
        found, bias = np.vstack([-found, found]), np.concatenate([-bias, bias])
    coef[:, present] = found.T
    intercept[present] = bias
    return coef, intercept


def _svc(looseness: float) -> Fit:
    def fit(matrix: Matrix, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
        svc = LinearSVC(C=looseness, random_state=0, tol=1e-3, max_iter=3000)
        svc.fit(matrix, targets, sample_weight=weights)
        return svc.coef_, svc.intercept_

    return fit


def _fit_logistic(matrix: Matrix, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
    logistic = LogisticRegression(C=5.0, tol=1e-3, max_iter=1000)
    logistic.fit(matrix, targets, sample_weight=weights)
    return logistic.coef_, logistic.intercept_


def _sharpness(scores: Floats, targets: Ints) -> float:
    """Return the factor on the scores that makes unseen messages likeliest.

    A weak pull to the usual value keeps a handful of messages from claiming certainty.
    """

    def surprise(log_sharpness: float) -> float:
        shares = softmax(scores * np.exp(log_sharpness))
        right = shares[np.arange(len(targets)), targets]
        pull = (log_sharpness - np.log(_USUAL_SHARPNESS)) ** 2
        return float(2 * pull - np.log(np.maximum(right, 1e-12)).sum())

    best = minimize_scalar(surprise, bounds=(-2.5, 2.5), method="bounded")
    return float(np.exp(best.x))


def _levels_head(
    examples: Sequence[Example], matrix: Matrix, weights: Floats, groups: Sequence[str]
) -> tuple[Head | None, _Unseen]:
    rated = [place for place, example in enumerate(examples) if example.urgency is not None]
    said = [str(examples[place].urgency) for place in rated]
    unknown = sorted(set(said) - set(LEVELS))
    if unknown:
        raise Invalid(f"Unknown urgency {unknown[0]!r}: it must be one of {', '.join(LEVELS)}.")
    if not rated:
        return None, _Unseen(np.empty(0, dtype=np.intp), np.empty((0, 0)))
    order = [level for level in LEVELS if level in said]
    head, unseen = _head(
        said, order, matrix[rated], weights[rated], [groups[i] for i in rated], _fit_logistic
    )
    return head, _Unseen(np.array(rated, dtype=np.intp)[unseen.rows], unseen.scores)


def _policy(examples: Sequence[Example]) -> UrgencyPolicy:
    n_rated = sum(example.urgency is not None for example in examples)
    return UrgencyPolicy(rules_are_floor=n_rated < RULES_UNTIL)


def _outcomes(
    examples: Sequence[Example],
    types: tuple[Head, _Unseen],
    levels: tuple[Head | None, _Unseen],
    costs: UrgencyCosts,
) -> list[Outcome]:
    head, unseen = types
    shares = softmax(unseen.scores * head.sharpness)
    level_of = _said_levels(*levels, costs)
    return [
        Outcome(
            true_type=examples[row].request_type,
            said_type=head.labels[int(share.argmax())],
            confidence=float(share.max()),
            true_level=examples[row].urgency,
            said_level=level_of.get(row),
        )
        for row, share in zip(unseen.rows.tolist(), shares, strict=True)
    ]


def _said_levels(head: Head | None, unseen: _Unseen, costs: UrgencyCosts) -> dict[int, str]:
    if head is None:
        return {}
    places = [LEVELS.index(label) for label in head.labels]
    said = {}
    for row, share in zip(
        unseen.rows.tolist(), softmax(unseen.scores * head.sharpness), strict=True
    ):
        full = [0.0] * len(LEVELS)
        for place, value in zip(places, share.tolist(), strict=True):
            full[place] = value
        said[row] = LEVELS[cheapest_level(full, costs)]
    return said


def _thresholds(outcomes: Sequence[Outcome]) -> Thresholds:
    if len(outcomes) < AUTO_MIN_MESSAGES:
        return Thresholds()
    support = Counter(outcome.true_type for outcome in outcomes)
    auto_types = {key for key, count in support.items() if count >= AUTO_MIN_PER_TYPE}
    confidence = np.array([outcome.confidence for outcome in outcomes])
    correct = np.array([outcome.said_type == outcome.true_type for outcome in outcomes])
    return Thresholds(auto_threshold(confidence, correct), frozenset(auto_types))


def _provenance(examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "corpus_sha256": corpus_hash(examples),
        "messages": len(examples),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
