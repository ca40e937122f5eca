"""From scores to probabilities: they sum to 1, and leave room for "none of these"."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inbox.triage import files
from inbox.triage.model import TriageModel
from inbox.triage.prediction import Example
from inbox.triage.shares import OPEN_FROM, shares_of
from inbox.triage.training import train

N_TYPES = OPEN_FROM + 3


@pytest.mark.parametrize("ease", [None, 1.0, 0.3])
@pytest.mark.parametrize("calm", [1.0, 0.4, 0.0])
def test_shares_sum_to_one_in_the_order_of_scores(ease: float | None, calm: float) -> None:
    scores = np.random.default_rng(0).normal(-0.8, 0.5, size=(50, 20))
    shares = shares_of(scores, np.full(50, calm), 5.0, ease)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (shares >= 0).all()
    if calm:
        assert (shares.argmax(axis=1) == scores.argmax(axis=1)).all()
    assert np.allclose(shares_of(scores[7], calm, 5.0, ease), shares[7])


def test_low_scores_are_less_sure_only_where_there_may_be_another_answer() -> None:
    high, low = np.array([0.8, -0.2, -0.2]), np.array([-0.2, -1.2, -1.2])
    assert np.allclose(shares_of(high, 1.0, 4.0, None), shares_of(low, 1.0, 4.0, None))
    assert shares_of(high, 1.0, 4.0, 0.5)[0] > shares_of(low, 1.0, 4.0, 0.5)[0] + 0.1


def test_a_single_label_is_certain() -> None:
    assert shares_of(np.array([0.1]), 1.0, 4.0, 0.5).tolist() == [1.0]


@pytest.fixture(scope="module")
def many() -> TriageModel:
    """Return a model of more types than a company's broad ones."""
    return train(_many()).model


def _many() -> list[Example]:
    random = np.random.default_rng(1)
    made = []
    for number in range(N_TYPES * 20):
        topic = number % N_TYPES
        own = " ".join(f"topic{topic}w{random.integers(6)}" for _ in range(2))
        common = " ".join(f"common{random.integers(30)}" for _ in range(3))
        made.append(Example(text=f"{own} {common}", request_type=f"t{topic:02}"))
    return made


def test_a_message_of_known_words_about_nothing_is_noticed(many: TriageModel) -> None:
    about = [many.predict("", one.text).request_type_confidence for one in _many()[:100]]
    foreign = many.predict("", "common1 common2 common3 common4").request_type_confidence
    assert foreign < np.quantile(about, 0.05)


def test_a_model_of_before_is_loaded_without_room_for_another_answer(
    many: TriageModel, tmp_path: Path
) -> None:
    assert many.types.ease is not None
    many.save(tmp_path)
    assert TriageModel.load(tmp_path).types.ease == many.types.ease
    described = json.loads((tmp_path / files.META).read_text("utf-8"))
    del described["types"]["ease"]
    (tmp_path / files.META).write_text(json.dumps(described), encoding="utf-8")
    before = replace(many, types=replace(many.types, ease=None))
    said = TriageModel.load(tmp_path).predict("", "topic3w1 common2")
    assert said == before.predict("", "topic3w1 common2")


def test_few_types_leave_no_room_for_another_answer() -> None:
    few = [one for one in _many() if one.request_type < f"t{OPEN_FROM - 1:02}"]
    assert train(few).model.types.ease is None
