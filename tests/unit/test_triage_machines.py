"""Machines: what they may read, how much of it, and that it comes out the same."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from inbox.triage import machines, training
from inbox.triage.machines import (
    APART,
    Floats,
    Ints,
    Matrix,
    apart,
    apartness,
    rejoined,
    separating,
    some_of,
    with_alone,
)
from inbox.triage.prediction import Example


def drawn(n: int, n_features: int, n_labels: int) -> tuple[Matrix, Ints, Floats]:
    """Messages whose first features tell their label, mixed with features that do not."""
    random = np.random.default_rng(5)
    targets = np.arange(n, dtype=np.intp) % n_labels
    dense = random.random((n, n_features)) * (random.random((n, n_features)) < 0.2)
    dense[np.arange(n), targets] += 1
    return sparse.csr_matrix(dense.astype(np.float32)), targets, np.ones(n)


@pytest.mark.parametrize("n_features", [20, 400])  # fewer than the messages, and more
@pytest.mark.parametrize("n_labels", [2, 4, 13])
def test_single_and_double_precision_give_the_same_planes(
    n_features: int, n_labels: int
) -> None:
    matrix, targets, weights = drawn(130, n_features, n_labels)
    fit = separating(0.5, stretched=True)
    planes, offsets = fit(matrix, targets, weights)
    again, same = fit(matrix.astype(np.float64), targets, weights)
    assert np.array_equal(planes, again)
    assert np.array_equal(offsets, same)
    assert planes.shape == (1 if n_labels == 2 else n_labels, n_features)


def test_a_feature_stretches_by_how_much_it_tells() -> None:
    matrix = sparse.csr_matrix(np.array([[1.0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 1]]))
    stretches = machines._telling(matrix, np.array([3, 3, 7, 7]), np.ones(4))
    assert stretches.shape == (2, 3)
    assert np.allclose(stretches[0], stretches[1])  # of two labels both are told by the same
    assert stretches[0, 0] == pytest.approx(stretches[0, 1])
    assert stretches[0, 2] < stretches[0, 0]


def test_own_messages_have_planes_of_their_own() -> None:
    """The starter says x for a feature, the company's messages y: both keep their say."""
    matrix = sparse.csr_matrix(np.array([[1.0, 0], [0, 1], [0, 1], [1, 0]]))
    is_own = np.array([False, False, True, True])
    stretch = np.array([APART, 1], np.float32)
    double = apart(matrix, is_own, stretch)
    assert double.shape == (4, 4)
    assert not double[:2, 2:].nnz
    assert np.array_equal(double[2:, 2:].toarray(), stretch * matrix[2:].toarray())
    targets = np.array([0, 1, 0, 1])
    planes, _ = separating(5.0)(double, targets, np.ones(4))
    of_starter, of_own = planes[0, :2], rejoined(planes.T.astype(np.float32), stretch)[:, 0]
    assert of_starter[0] < of_starter[1]  # the plane is that of the second label
    assert of_own[0] > of_own[1]


def test_rare_features_of_own_messages_stretch_most() -> None:
    stretch = apartness(np.array([1, 4, 9], np.float32))
    assert np.allclose(stretch, [APART / 3, APART * 2 / 3, APART])
    assert apartness(np.empty(0, np.float32)).size == 0


STRETCH = np.linspace(0.5, 2, 30, dtype=np.float32)


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("n_own", [0, 1, 8, 60])
def test_what_own_messages_teach_alone_is_added(n_labels: int, n_own: int) -> None:
    matrix, targets, weights = drawn(100, 30, n_labels)
    is_own = np.arange(100) < n_own
    double = apart(matrix, is_own, STRETCH)
    before, at = separating(0.5)(double, targets, weights)
    planes, offsets = with_alone(separating(0.5), STRETCH)(double, targets, weights)
    assert planes.shape == before.shape
    added = double[is_own] @ (planes - before).T + offsets - at
    assert np.allclose(added.sum(axis=0), 0, atol=1e-5)  # none is said more often
    assert np.array_equal(planes[:, :30], before[:, :30])  # the starter's stay
    assert np.array_equal(planes[:, 30:], before[:, 30:]) == (n_own < 2)


def test_a_label_that_no_own_message_has_gets_the_mean_of_the_others() -> None:
    matrix, targets, weights = drawn(100, 30, 4)
    is_own = (np.arange(100) < 40) & (targets != 2)
    double = apart(matrix, is_own, STRETCH)
    fit = separating(0.5)
    both, _ = with_alone(fit, STRETCH)(double, targets, weights)
    added = both - fit(double, targets, weights)[0]
    assert np.allclose(added[2], added[[0, 1, 3]].mean(axis=0))


def test_some_rows_are_the_same_ones_in_order() -> None:
    rows = np.arange(10, 60)
    few = some_of(rows, 20)
    assert len(few) == len(set(few.tolist())) == 20
    assert all(one < other for one, other in pairwise(few.tolist()))
    assert np.array_equal(few, some_of(rows, 20))
    assert some_of(rows, 50) is rows


def test_of_very_many_messages_some_teach_what_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []
    svm = machines._svm

    class Noting:
        def fit(self, matrix: Matrix, targets: Ints, **rest: Floats) -> object:
            read.append(matrix.shape[0])
            return svm(0.5).fit(matrix, targets, **rest)

    monkeypatch.setattr(machines, "_svm", lambda _looseness: Noting())
    monkeypatch.setattr(training, "SEEN_AT_MOST", 50)
    monkeypatch.setattr(training, "RATED_AT_MOST", 40)
    words = ("apple", "bridge", "castle")
    examples = [
        Example(text=f"{words[n % 3]} {n}x y{n}", request_type=words[n % 3], urgency="high")
        for n in range(90)
    ]
    trained = training.train(examples)
    assert set(read) == {50, 90}  # each fold's model, and the one that answers
    assert len(trained.said_levels) == 40
    assert trained.evaluation["messages"] == 90
