"""The linear machines that a head is fitted with; the only module that imports scikit-learn.

Each takes a matrix of messages (single precision will do), the number of each one's label and
its weight, and returns the planes, of shape (n_labels, n_features), and their offsets; for two
labels one plane.
"""

from collections.abc import Callable, Sequence

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import fmin_l_bfgs_b
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from inbox.triage.model import Head

LEVELS_FROM = 30_000  # rated messages that the urgency learns from; more teach it little
WARM_STEPS = 15
FEW_LABELS = 12
APART = 2.5  # of the rarest of an own message's second features; 2 to 4 are alike
ALONE_LOOSENESS = 0.5
MOST_ALONE, HALF_ALONE = 0.6, 60  # share of what own messages teach alone; of 60 half of it
LEAST_STRETCH = 0.3
LIBRARY = f"scikit-learn {sklearn.__version__}"

Matrix = sparse.csr_matrix
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Fit = Callable[[Matrix, Ints, Floats], tuple[Floats, Floats]]


def separating(looseness: float, *, stretched: bool = False, joint: bool = True) -> Fit:
    """Return a linear SVM of one plane a label against the rest; ``looseness`` is its C.

    ``joint``: for more than 12 labels it is the mean of two, one of which sets all labels
    against each other at once (Crammer and Singer, JMLR 2001). ``stretched``: so it is for
    up to 12, one of which reads features stretched by how much each tells a label from the
    rest (Wang and Manning, ACL 2012). For messages like those to come; sentences written for
    training tell too much.
    """

    def fit(matrix: Matrix, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
        svc = _svm(looseness).fit(_double(matrix), targets, sample_weight=weights)
        coef, intercept = svc.coef_, svc.intercept_
        labels = np.unique(targets)
        if joint and len(labels) > FEW_LABELS:
            one = _joint_svm(looseness).fit(_double(matrix), targets, sample_weight=weights)
            return (coef + one.coef_) / 2, (intercept + one.intercept_) / 2
        if not stretched or len(labels) > FEW_LABELS:
            return coef, intercept
        of_planes = labels[1:] if len(labels) == 2 else labels
        stretches = _telling(matrix, targets, weights)[-len(of_planes) :]
        for place, (label, stretch) in enumerate(zip(of_planes, stretches, strict=True)):
            values = stretch[matrix.indices]
            values *= matrix.data
            given = _holding(matrix, values)
            one = _svm(looseness).fit(given, targets == label, sample_weight=weights)
            coef[place] = (coef[place] + one.coef_[0] * stretch) / 2
            intercept[place] = (intercept[place] + one.intercept_[0]) / 2
        return coef, intercept

    return fit


def apartness(idf: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by how much each feature's second copy is stretched, of shape (n_features,).

    By the root of its rarity: words that are in every message say less of what they mean
    here than of which messages people were asked about.
    """
    return np.asarray(APART * np.sqrt(idf / idf.max(initial=1.0)), np.float32)


def apart(matrix: Matrix, is_own: NDArray[np.bool_], stretch: NDArray[np.float32]) -> Matrix:
    """Return the matrix with every feature once more, which only own messages have.

    So the planes of the starter and those of a company are learned together, each from
    what it is about (Daumé, "Frustratingly easy domain adaptation", ACL 2007).
    """
    own = sparse.diags_array(is_own.astype(matrix.dtype))
    second = (own @ matrix @ sparse.diags_array(stretch)).tocsr()
    second.eliminate_zeros()
    return sparse.csr_matrix(sparse.hstack([matrix, second], format="csr"))


def rejoined(coef: NDArray[np.float32], stretch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the planes, of shape (n_features, n_labels), by which own messages score."""
    half = len(stretch)
    return coef[:half] + stretch[:, None] * coef[half:]


def with_alone(fit: Fit, stretch: NDArray[np.float32]) -> Fit:
    """Return a fit that adds some of what own messages teach alone, of a matrix ``apart``.

    The more of them there are, the more of it, ``MOST_ALONE`` at most; but not how many have
    which label: those that people were asked about are not drawn at random. So the planes
    lie about the mean of own messages; a label that none has gets the mean of the others'.
    """

    def both(matrix: Matrix, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
        planes, offsets = fit(matrix, targets, weights)
        half = len(stretch)
        own = np.flatnonzero(np.diff(matrix[:, half:].indptr))
        labels = np.unique(targets)
        met = np.isin(labels, targets[own])
        if met.sum() < min(len(labels), 3):  # nothing to tell apart by
            return planes, offsets
        given = _double(matrix[own][:, :half])
        svm = _svm(ALONE_LOOSENESS).fit(given, targets[own])
        share = MOST_ALONE * len(own) / (len(own) + HALF_ALONE)
        alone = svm.coef_
        if len(labels) > 2:
            alone = np.tile(svm.coef_.mean(axis=0), (len(labels), 1))
            alone[met] = svm.coef_
        planes[:, half:] += share * alone / stretch
        return planes, offsets - share * (given @ alone.T).mean(axis=0)

    return both


def some_of(rows: Ints, most: int) -> Ints:
    """Return at most so many of the rows, in their order, the same ones every time."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).permutation(rows)[:most])


def _holding(matrix: Matrix, values: Floats) -> Matrix:
    """Return a matrix with other values at the same places, which both then share."""
    return sparse.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def _double(matrix: Matrix) -> Matrix:
    """Return the matrix in double precision, which the machines want; kept by nobody."""
    return _holding(matrix, matrix.data.astype(np.float64))


def _svm(looseness: float) -> LinearSVC:
    # Of more messages than features scikit-learn would take the primal: four times as long.
    return LinearSVC(C=looseness, dual=True, random_state=0, tol=1e-3, max_iter=3000)


def _joint_svm(looseness: float) -> LinearSVC:
    return LinearSVC(
        C=looseness, multi_class="crammer_singer", random_state=0, tol=1e-2, max_iter=1000
    )


def _telling(matrix: Matrix, targets: Ints, weights: Floats) -> Floats:
    """Return factors of shape (n_labels, n_features), for the labels that occur in order.

    A factor is the larger, the more the feature's share differs by the label.
    """
    _, places = np.unique(targets, return_inverse=True)
    rows = np.arange(len(places))
    of_labels = sparse.csr_matrix((weights, (places, rows)))
    inside = (of_labels @ _holding(matrix, np.ones(len(matrix.data)))).toarray()
    outside = inside.sum(axis=0) - inside + 1
    inside += 1
    odds = np.log(inside / inside.sum(axis=1, keepdims=True))
    odds -= np.log(outside / outside.sum(axis=1, keepdims=True))
    return np.asarray(np.sqrt(np.abs(odds)) + LEAST_STRETCH)


def going_on(head: Head, labels: Sequence[str], looseness: float) -> Fit:
    """Fit the same squared hinge as the SVM, beginning with the weights of another head.

    Far fewer steps lead there where most messages are the same.
    """
    names = sorted(set(labels))
    columns = [head.labels.index(name) for name in names]
    begin = np.vstack([head.coef[:, columns], head.intercept[columns]]).astype(np.float64)

    def fit(matrix: Matrix, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
        signs = np.where(targets[:, None] == np.arange(len(names)), 1.0, -1.0)
        costs = looseness * weights[:, None]
        matrix = _double(matrix)

        def loss(flat: Floats) -> tuple[float, Floats]:
            weight = flat.reshape(begin.shape)
            short = np.maximum(1 - signs * (matrix @ weight[:-1] + weight[-1]), 0.0)
            slope = -2 * costs * signs * short
            gradient = weight.copy()
            gradient[:-1] += matrix.T @ slope
            gradient[-1] += slope.sum(axis=0)
            return float((weight**2).sum() / 2 + (costs * short**2).sum()), gradient.ravel()

        found, _, _ = fmin_l_bfgs_b(loss, begin.ravel(), m=5, maxiter=WARM_STEPS)
        weight = found.reshape(begin.shape)
        return weight[:-1].T, weight[-1]

    return fit


def fit_logistic(matrix: Matrix, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Fit a multinomial logistic regression, on 30,000 of the messages where there are more."""
    if len(targets) > LEVELS_FROM:
        some = some_of(np.arange(len(targets)), LEVELS_FROM)
        matrix, targets, weights = matrix[some], targets[some], weights[some]
    # As good as scikit-learn's usual solver, in a fifth of the time with so many features.
    logistic = LogisticRegression(C=5.0, tol=1e-3, max_iter=1000, solver="newton-cg")
    logistic.fit(_double(matrix), targets, sample_weight=weights)
    return logistic.coef_, logistic.intercept_
