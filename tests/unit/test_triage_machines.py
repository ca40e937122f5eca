"""Machines: what they may read, how much of it, and that it comes out the same."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from inbox.triage import machines, training
from inbox.triage.machines import Floats, Ints, Matrix, separating, some_of
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
