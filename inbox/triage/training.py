"""Fit, calibrate and measure a classifier.

It runs in the training process and in ``kip triage train``, never in web or worker: it
reaches scikit-learn.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy
from scipy import sparse

from inbox.errors import Invalid
from inbox.triage.bounds import thresholds_of
from inbox.triage.calibrating import calibrate
from inbox.triage.evaluate import Outcome, evaluate
from inbox.triage.features import Features, Forms
from inbox.triage.folding import CALIBRATED_ON, MIN_OWN, N_FOLDS, folds_of
from inbox.triage.machines import (
    LIBRARY,
    Fit,
    Floats,
    Ints,
    Matrix,
    apart,
    apartness,
    fit_logistic,
    going_on,
    rejoined,
    separating,
    some_of,
    with_alone,
)
from inbox.triage.model import Head, TriageModel, UrgencyPolicy
from inbox.triage.prediction import (
    DEFAULT_COSTS,
    LEVELS,
    UNSURE_BELOW,
    Example,
    Thresholds,
    UrgencyCosts,
    cheapest_level,
)
from inbox.triage.ratings import contradicted
from inbox.triage.shares import doubt
from inbox.triage.text import prepare

FEW_FOLDS_FROM = 5_000  # messages held out; above it three folds do, above CALIBRATED_ON two
ONE_FOLD_FROM = 30_000
SEEN_AT_MOST = 75_000  # messages that what is measured learns from; the model itself reads all
RATED_AT_MOST = 40_000  # messages that the urgency is learned from and measured on
RULES_UNTIL = 200  # labelled urgencies; below, only written rules lower the urgency
TOGETHER = range(3_000, 30_001)  # own messages; fewer hold too few pairs, more need none
APART_UNTIL = 3_000  # own messages beside the starter's; more outweigh these anyway
JOINT_UNTIL = 30_000  # messages; of more, a second machine costs more than it tells
MANY_A_TYPE = 400  # messages; from there a softer machine does better


@dataclass(frozen=True, slots=True)
class Data:
    """The examples as the machines read them.

    ``folds`` are -1 for what is never held out, ``known`` the share of words that are known.
    """

    matrix: Matrix
    weights: Floats
    folds: Ints
    known: Floats

    def part(self, rows: Ints) -> "Data":
        return Data(self.matrix[rows], self.weights[rows], self.folds[rows], self.known[rows])


@dataclass(frozen=True, slots=True)
class Machine:
    """How a head is fitted, how it is fitted to be measured, and how sure it usually is."""

    fit: Fit
    unseen_fit: Fit
    usual_sharpness: float


@dataclass(frozen=True, slots=True)
class Unseen:
    """Scores of the rows that a fold's model had not seen, and which rows those are.

    ``calm`` are the factors on each row's scores that prediction will apply.
    """

    rows: Ints
    scores: Floats
    calm: Floats


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and its figures on messages it had not seen (each fold by the others).

    ``unseen`` are the scores of types on those, ``said_levels`` the levels, by number of the
    example; ``folds`` and ``known`` are as ``Data`` has them, of every example.
    """

    model: TriageModel
    evaluation: dict[str, Any]
    unseen: Unseen
    said_levels: dict[int, str]
    folds: Ints
    known: Floats


def train(
    examples: Sequence[Example],
    *,
    urgency: UrgencyPolicy | None = None,
    measured: bool = True,
    looseness: float | None = None,
    costs: UrgencyCosts = DEFAULT_COSTS,
    info: dict[str, Any] | None = None,
    start: TriageModel | None = None,
    features: Features | None = None,
) -> Trained:
    """Train on labelled messages; any set of types, also types with a single message.

    The same examples in the same order give the same model. ``measured=False`` says that
    the examples are not this company's own, so nothing may pass without a person.
    ``looseness`` is the C of the linear SVM: smaller for examples that differ from the
    messages to come; by default it follows from the number of messages a type.
    ``urgency`` decides how rules and model meet; by default only rules lower an urgency
    until 200 messages have a level. ``info`` is kept with the model. ``start`` is a model
    whose vocabulary is taken over and whose weights are gone on from: faster where there
    are very many messages. ``features`` is a vocabulary to be used as it is.

    Raises
    ------
    Invalid
        If there are no examples, or a level is not one of the four.
    """
    if not examples:
        raise Invalid("There is nothing to train on: no labelled messages.")
    forms = _forms(examples)
    is_own = np.array([example.is_own for example in examples])
    beside = start is None and 0 < is_own.sum() <= min(APART_UNTIL, len(examples) - 1)
    if features is None:
        together = measured and int(is_own.sum()) in TOGETHER
        # Of own messages beside the starter's each feature counts, so they are read twice.
        again = [forms[row] for row in np.flatnonzero(is_own)] if beside else []
        features = (
            start.features if start else Features.fit([*forms, *again], together=together)
        )
    data = _data(features, examples, forms)
    del forms  # not needed any more, and large
    kinds = [example.request_type for example in examples]
    softness = looseness or (0.35 if len(kinds) > MANY_A_TYPE * len(set(kinds)) else 0.5)
    # What is measured never starts from weights that have seen the messages held out.
    like_those_to_come = measured and all(one.is_own for one in examples)
    cold = separating(softness, stretched=like_those_to_come, joint=len(kinds) <= JOINT_UNTIL)
    fit = cold if start is None else going_on(start.types, kinds, softness)
    machine = Machine(fit, cold, 2.0)
    if beside:
        stretch = apartness(features.idf)
        given = replace(data, matrix=apart(data.matrix, is_own, stretch))
        machine = Machine(with_alone(fit, stretch), with_alone(cold, stretch), 2.0)
        counts = np.where(is_own, 1.0, MIN_OWN / (~is_own).sum())
        types, unseen = fit_head(
            kinds, None, given, machine, calm=doubt(data.known), counts=counts
        )
        types = replace(types, coef=rejoined(types.coef, stretch))
    else:
        types, unseen = fit_head(kinds, None, data, machine, calm=doubt(data.known))
    levels, unseen_levels = _levels_head(examples, data)
    said_levels = _said_levels(levels, unseen_levels, costs)
    shares = types.shares(unseen.scores, unseen.calm)
    outcomes = outcomes_of(examples, types.labels, unseen.rows, shares, said_levels)
    zones = thresholds_of(outcomes, data.known[unseen.rows]) if measured else Thresholds()
    model = TriageModel(
        features=features,
        types=types,
        levels=levels,
        urgency=urgency or _policy(examples, said_levels, costs),
        thresholds=zones,
        info={**_provenance(examples), **(info or {})},
    )
    start_at = UNSURE_BELOW if zones.auto_from is None else zones.auto_from
    figures = evaluate(outcomes, start_at, costs, zones)
    return Trained(model, figures, unseen, said_levels, data.folds, data.known)


def corpus_hash(examples: Sequence[Example]) -> str:
    """Return a sha256 over everything that training reads, in order."""
    whole = hashlib.sha256()
    for e in examples:
        line = [e.subject, e.text, e.request_type, e.urgency, e.group, e.weight, e.is_own]
        whole.update(json.dumps(line).encode() + b"\n")
    return whole.hexdigest()


def _forms(examples: Sequence[Example]) -> list[Forms]:
    """Read every message; equal words are one string, so that 100,000 fit in memory."""
    return [
        tuple(sys.intern(form) for form in prepare(example.subject, example.text).forms)
        for example in examples
    ]


def _data(features: Features, examples: Sequence[Example], forms: Sequence[Forms]) -> Data:
    made, known = features.rows(forms)
    shape = (len(forms), len(features))
    matrix = sparse.csr_matrix((made.values, made.indices, made.starts), shape=shape)
    weights = np.array([example.weight for example in examples])
    return Data(matrix, weights, folds_of(examples, forms), known)


def fit_head(
    labels: Sequence[str],
    order: Sequence[str] | None,
    data: Data,
    machine: Machine,
    *,
    calm: Floats | None = None,
    counts: Floats | None = None,
) -> tuple[Head, Unseen]:
    """Fit one head, after fitting it without each fold in turn to see how sure it may be.

    ``calm`` are factors on the scores of each message, as prediction will apply them,
    ``counts`` how much each that is held out says of how sure it may be, 1 by default.
    """
    names = list(order or sorted(set(labels)))
    number = {name: place for place, name in enumerate(names)}
    targets = np.array([number[label] for label in labels], dtype=np.intp)
    rows, scores = _score_unseen(targets, len(names), data, machine.unseen_fit)
    unseen = Unseen(rows, scores, np.ones(len(rows)) if calm is None else calm[rows])
    weighty = np.ones(len(rows)) if counts is None else counts[rows]
    usual = machine.usual_sharpness
    sharpness, ease = calibrate(scores, unseen.calm, targets[rows], usual, weighty)
    coef, intercept = _fit_all(machine.fit, data.matrix, targets, data.weights, len(names))
    head = Head(
        tuple(names), coef.astype(np.float32), intercept.astype(np.float32), sharpness, ease
    )
    return head, unseen


def _score_unseen(targets: Ints, n_labels: int, data: Data, fit: Fit) -> tuple[Ints, Floats]:
    rows, scores = [], []
    for fold in _used_folds(data.folds):
        seen, held = np.flatnonzero(data.folds != fold), np.flatnonzero(data.folds == fold)
        seen = some_of(seen, SEEN_AT_MOST)
        held = held[np.isin(targets[held], targets[seen])]
        if held.size:
            given = data.part(seen)
            coef, intercept = _fit_all(
                fit, given.matrix, targets[seen], given.weights, n_labels
            )
            rows.append(held)
            scores.append(np.asarray(data.matrix[held] @ coef) + intercept)
    return (
        np.concatenate([np.empty(0, dtype=np.intp), *rows]),
        np.concatenate([np.empty((0, n_labels)), *scores]),
    )


def _used_folds(folds: Ints) -> range:
    """Return the folds that are worth their time: fewer where each is large."""
    held = int((folds >= 0).sum())
    if held > CALIBRATED_ON + CALIBRATED_ON // 10:
        return range(1 if held > ONE_FOLD_FROM else 2)
    return range(3) if held > FEW_FOLDS_FROM else range(N_FOLDS)


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


def _levels_head(examples: Sequence[Example], data: Data) -> tuple[Head | None, Unseen]:
    rated = [place for place, example in enumerate(examples) if example.urgency is not None]
    said = [str(examples[place].urgency) for place in rated]
    unknown = sorted(set(said) - set(LEVELS))
    if unknown:
        raise Invalid(f"Unknown urgency {unknown[0]!r}: it must be one of {', '.join(LEVELS)}.")
    if not rated:
        return None, Unseen(np.empty(0, dtype=np.intp), np.empty((0, 0)), np.empty(0))
    order = [level for level in LEVELS if level in said]
    rows = some_of(np.array(rated, dtype=np.intp), RATED_AT_MOST)
    said = [str(examples[row].urgency) for row in rows.tolist()]
    machine = Machine(fit_logistic, fit_logistic, 1.0)
    head, unseen = fit_head(said, order, data.part(rows), machine)
    return head, replace(unseen, rows=rows[unseen.rows])


def _policy(
    examples: Sequence[Example], said_levels: dict[int, str], costs: UrgencyCosts
) -> UrgencyPolicy:
    n_rated = sum(example.urgency is not None for example in examples)
    if n_rated < RULES_UNTIL:
        return UrgencyPolicy()
    seen = [(examples[row], level) for row, level in said_levels.items()]
    return UrgencyPolicy(rules_are_floor=False, without=contradicted(seen, costs))


def outcomes_of(
    examples: Sequence[Example],
    labels: Sequence[str],
    rows: Ints,
    shares: Floats,
    level_of: dict[int, str],
) -> list[Outcome]:
    """Return what was said of the examples in ``rows``, from each label's probability."""
    return [
        Outcome(
            true_type=examples[row].request_type,
            said_type=labels[int(share.argmax())],
            confidence=float(share.max()),
            true_level=examples[row].urgency,
            said_level=level_of.get(row),
        )
        for row, share in zip(rows.tolist(), shares, strict=True)
    ]


def _said_levels(head: Head | None, unseen: Unseen, costs: UrgencyCosts) -> dict[int, str]:
    if head is None:
        return {}
    places = [LEVELS.index(label) for label in head.labels]
    shares = np.zeros((len(unseen.rows), len(LEVELS)))
    shares[:, places] = head.shares(unseen.scores, unseen.calm)
    return {
        row: LEVELS[cheapest_level(share, costs)]
        for row, share in zip(unseen.rows.tolist(), shares.tolist(), strict=True)
    }


def _provenance(examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "corpus_sha256": corpus_hash(examples),
        "messages": len(examples),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "machines": LIBRARY,
        },
    }
