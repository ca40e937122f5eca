"""Words that stand in one message: known wherever they stand, bounded, and shared out."""

import numpy as np
import pytest

from inbox.triage.features import MOST_WORDS, Features, _different, stems_of
from inbox.triage.text import prepare

SAID = (
    "my card was lost on the train",
    "i lost a bag and my card",
    "the train was late",
    "where is my bag",
)


def forms(text: str) -> tuple[str, ...]:
    return prepare("", text).forms


@pytest.fixture(scope="module")
def features() -> Features:
    return Features.fit([forms(text) for text in SAID])


def names(features: Features, text: str) -> set[str]:
    return {features.vocabulary[at] for at in features.row(forms(text)).indices}


def test_two_words_count_wherever_they_stand(features: Features) -> None:
    """F54: neighbours or not, in whatever order; what only one message held is not learned."""
    for text in ("card lost", "lost at noon, i fear, the card"):
        assert "card + lost" in names(features, text)
    assert "late + train" not in names(features, "train late")
    plain = Features.fit([forms(text) for text in SAID], together=False)
    assert "card + lost" not in names(plain, "card lost")


def test_words_of_one_stem_are_one() -> None:
    said = [forms(text) for text in ("transfer declined", "declining transfers")]
    features = Features.fit(said)
    assert "decli + trans" in names(features, "they decline to be transferred")


def test_a_model_of_whole_words_reads_whole_words() -> None:
    earlier = Features(["declined & transfer"], np.ones(1, np.float32))
    assert names(earlier, "transfer was declined")
    assert not names(earlier, "transfers declined")


def test_each_block_has_its_length_and_goes_back_to_the_words(features: Features) -> None:
    row = features.row(forms("lost my card"))
    pairs = [" + " in features.vocabulary[at] for at in row.indices]
    assert np.linalg.norm(row.values[pairs]) == pytest.approx(0.8, abs=1e-5)
    weights = np.arange(len(row.indices), dtype=np.float64)
    shares = row.shares(weights)
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(weights.sum())


def test_a_long_message_is_paired_to_a_limit() -> None:
    long = forms(" ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(400)))
    assert len(stems_of(long)) == MOST_WORDS
    features = Features.fit([long, long])
    most = MOST_WORDS * (MOST_WORDS - 1) // 2
    assert sum(" + " in name for name in features.vocabulary) == most


@pytest.mark.parametrize("n", [0, 1, 2, 300])
def test_different_numbers_are_those_of_numpy(n: int) -> None:
    numbers = np.random.default_rng(n).integers(-1, 40, size=n).astype(np.intp)
    found, inverse, counts = _different(numbers)
    true = np.unique(numbers, return_inverse=True, return_counts=True)
    assert np.array_equal(found, true[0])
    assert np.array_equal(inverse, true[1])
    assert np.array_equal(counts, true[2])
