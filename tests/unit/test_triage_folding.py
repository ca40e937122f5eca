"""Folds: what is held out together, and how evenly."""

import numpy as np
import pytest

from inbox.triage.folding import COPIES, N_FOLDS, folds_of, near_copies
from inbox.triage.prediction import Example


def test_near_copies_are_found_by_the_stems_they_share() -> None:
    said = ["my card is lost", "my cards is lost", "where is it", "?", "lost card is mine", "?"]
    firsts = near_copies([tuple(one.split()) for one in said], 9)
    assert firsts.tolist() == [0, 0, 2, 3, 0, 5]
    assert near_copies([], 1).size == 0


def test_a_copy_of_a_copy_is_not_a_copy_of_the_first() -> None:
    said = ["a b c d", "c d e f b", "e f g h i"]
    assert near_copies([tuple(one.split()) for one in said], 9).tolist() == [0, 0, 2]


def examples_of(texts: list[str]) -> list[Example]:
    return [Example(text=text, request_type="abc"[len(text) % 3]) for text in texts]


def test_copies_stand_in_one_fold_and_folds_are_even() -> None:
    random = np.random.default_rng(4)
    texts = [f"w{random.integers(60)} x{random.integers(60)} y{n // 3}" for n in range(300)]
    texts += texts[:40]
    examples = examples_of(texts)
    forms = [tuple(text.split()) for text in texts]
    folds = folds_of(examples, forms)
    assert np.array_equal(folds, folds_of(examples, forms))
    assert np.array_equal(folds[:40], folds[300:])
    kinds = np.array([example.request_type for example in examples[:300]])
    for kind in "abc":
        rows = np.flatnonzero(kinds == kind)
        firsts = near_copies([forms[row] for row in rows], 60)
        sizes = np.bincount(folds[rows], minlength=N_FOLDS)
        assert sizes.max() - sizes.min() <= np.bincount(firsts).max()


def test_no_first_one_has_more_copies_than_fit_in_a_fold() -> None:
    firsts = near_copies([("same", "words")] * 10, 4)
    assert np.bincount(firsts)[np.unique(firsts)].tolist() == [4, 4, 2]


@pytest.mark.parametrize("n", [COPIES[0] - 1, COPIES[-1] + 1])
def test_of_few_and_of_very_many_messages_only_equal_texts_are_copies(n: int) -> None:
    texts = [f"w{n} x y z" for n in range(n)]
    forms = [tuple(text.split()) for text in texts]
    folds = folds_of([Example(text=text, request_type="a") for text in texts], forms)
    assert np.ptp(np.bincount(folds)) <= 1
