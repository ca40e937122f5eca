"""Training: tiny classes, any labels, honest calibration, the same result every time."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inbox.errors import Invalid
from inbox.triage.bounds import AUTO_PRECISION, auto_threshold
from inbox.triage.evaluate import (
    Outcome,
    evaluate,
    evaluate_model,
    expected_calibration_error,
    weighted_kappa,
)
from inbox.triage.prediction import LEVELS, Example
from inbox.triage.text import fold
from inbox.triage.training import train

CORPORA = Path(__file__).parents[3] / "shared" / "corpora" / "triage"
TOPICS = ("apple", "bridge", "castle", "desert")


def made_up(n: int, seed: int = 3, strays: float = 0.0) -> list[Example]:
    """Messages of three topic words and three common ones; a stray is of another topic."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(n):
        topic = TOPICS[number % len(TOPICS)]
        said = [
            str(random.choice(TOPICS)) if random.random() < strays else topic for _ in "abc"
        ]
        words = [f"{stem}{random.integers(20)}" for stem in said]
        words += [f"common{random.integers(30)}" for _ in range(3)]
        level = LEVELS[TOPICS.index(topic)]
        found.append(Example(text=" ".join(words), request_type=topic, urgency=level))
    return found


def test_a_type_with_one_message_breaks_nothing() -> None:
    lonely = Example(text="hoàn toàn khác biệt", request_type="lonely")
    trained = train([*made_up(40), lonely])
    assert trained.model.predict("", lonely.text).request_type == "lonely"
    assert trained.model.predict("", "apple1 apple2").request_type == "apple"


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_handful_of_messages_is_enough(n: int) -> None:
    trained = train(made_up(n))
    said = trained.model.predict("", "apple1")
    assert said.request_type in TOPICS
    assert said.needs_review


def test_one_type_only_answers_that_type() -> None:
    examples = [Example(text=f"text {n}", request_type="only") for n in range(10)]
    assert train(examples).model.predict("", "anything").request_type == "only"


def test_two_types_are_told_apart() -> None:
    two = [example for example in made_up(80) if example.request_type in TOPICS[:2]]
    model = train(two).model
    assert model.predict("", "apple1 apple2").request_type == "apple"
    assert model.predict("", "bridge1 bridge2").request_type == "bridge"
    assert model.predict("", "bridge1 bridge2").why


def test_messages_without_any_word_can_be_trained_on() -> None:
    trained = train([Example(text="", request_type="a"), Example(text="😡", request_type="b")])
    assert trained.model.predict("", "").request_type in {"a", "b"}


def test_the_same_messages_give_the_same_model(tmp_path: Path) -> None:
    first = train(made_up(60)).model.save(tmp_path / "1")
    assert train(made_up(60)).model.save(tmp_path / "2") == first
    assert train(made_up(61)).model.save(tmp_path / "3") != first


def test_confidence_means_what_it_says() -> None:
    """F63: words that point at several types leave the stated confidence right."""
    trained = train(made_up(1200, strays=0.6))
    assert trained.evaluation["calibration_error"] < 0.05
    fresh = evaluate_model(trained.model, made_up(600, seed=4, strays=0.6))
    assert fresh["calibration_error"] < 0.07
    assert sum(bar["messages"] for bar in fresh["calibration"]) == 600


def test_variants_of_one_sentence_never_prove_each_other() -> None:
    """Random labels on copies: only a leak between folds could score above chance."""
    random = np.random.default_rng(1)
    examples = [
        Example(text=f"w{n} x{n} y{n}", request_type=str(label), group=f"g{n}")
        for n, label in enumerate(random.integers(4, size=60).tolist())
        for _ in range(4)
    ]
    assert train(examples).evaluation["accuracy"] < 0.5


def test_corrections_outweigh_the_rest() -> None:
    old = [Example(text="gói cước", request_type="old")] * 5
    new = [Example(text="gói cước", request_type="new", weight=20)]
    other = [Example(text="khác hẳn", request_type="third")]
    assert train(old + new + other).model.predict("", "gói cước").request_type == "new"


@pytest.mark.parametrize("n_own", [1, 12, 80])
def test_a_company_may_mean_something_else_than_the_starter(n_own: int) -> None:
    """Beside 400 sentences of others: its words for each topic, after few messages."""
    starter = [replace(one, is_own=False) for one in made_up(400)]
    moved = dict(zip(TOPICS, (*TOPICS[1:], TOPICS[0]), strict=True))
    own = [
        replace(one, request_type=moved[one.request_type], weight=20.0)
        for one in made_up(n_own, seed=8)
    ]
    trained = train([*starter, *own])
    assert trained.model.types.coef.shape[0] == len(trained.model.features)
    said = [trained.model.predict("", one.text).request_type for one in own]
    assert said == [one.request_type for one in own]
    again = train([*starter, *own])
    assert np.array_equal(again.model.types.coef, trained.model.types.coef)


def test_a_word_of_one_own_message_beside_the_starter_is_known() -> None:
    starter = [replace(one, is_own=False) for one in made_up(600)]
    own = Example(text="zyxwv one", request_type=TOPICS[0])
    assert "zyxwv" in train([*starter, own]).model.features.vocabulary
    known = train([*starter, replace(own, is_own=False)]).model.features.vocabulary
    assert "zyxwv" not in known


def test_clean_data_earns_an_automatic_zone() -> None:
    trained = train(made_up(400))
    assert trained.model.thresholds.auto_from is not None
    assert not trained.model.predict("", "apple1 apple2 apple3").needs_review
    assert train(made_up(400), measured=False).model.predict("", "apple1").needs_review
    assert train(made_up(100)).model.thresholds.auto_from is None


def test_enough_rated_messages_put_the_model_before_the_rules() -> None:
    few, many = train(made_up(100)).model, train(made_up(400)).model
    assert few.predict("", "urgent apple1 apple2").urgency == "high"
    assert many.predict("", "urgent apple1 apple2 apple3").urgency == "low"


def test_without_levels_urgency_comes_from_the_rules() -> None:
    examples = [Example(text=e.text, request_type=e.request_type) for e in made_up(40)]
    model = train(examples).model
    assert model.predict("", "apple1").urgency == "normal"
    assert model.predict("", "apple1 asap").urgency == "high"


def test_what_cannot_be_trained_on_is_said() -> None:
    with pytest.raises(Invalid, match="nothing to train on"):
        train([])
    with pytest.raises(Invalid, match="Unknown urgency 'soon'"):
        train([Example(text="a", request_type="a", urgency="soon")])


def test_the_threshold_is_a_lower_bound() -> None:
    sure = np.linspace(1, 0.5, 400)
    assert auto_threshold(sure, np.ones(400, dtype=bool)) == pytest.approx(0.5)
    assert auto_threshold(sure[:50], np.ones(50, dtype=bool)) is None  # 50 of 50: 94.2 %
    half = np.arange(400) < 200
    found = auto_threshold(sure, half)
    assert found is not None
    assert 0.74 < found < sure[199]
    assert auto_threshold(np.empty(0), np.empty(0, dtype=bool)) is None


def test_figures_of_a_small_table() -> None:
    outcomes = [
        Outcome("a", "a", 0.9, "urgent", "urgent"),
        Outcome("a", "b", 0.6, "urgent", "normal"),
        Outcome("b", "b", 0.8, "low", "normal"),
        Outcome("b", "b", 0.7),
    ]
    figures = evaluate(outcomes, 0.65)
    assert (figures["accuracy"], figures["coverage"]) == (0.75, 0.75)
    assert figures["precision_when_covered"] == 1.0
    assert figures["by_type"]["b"]["precision"] == pytest.approx(0.6667)
    assert figures["urgency"]["mean_cost"] == pytest.approx((0 + 10 + 1) / 3, abs=1e-4)
    assert figures["urgency"]["top_recall"] == 0.5


def test_no_messages_give_figures_too() -> None:
    figures = evaluate([], 0.6)
    assert figures["accuracy"] is None
    assert figures["urgency"] is None


def test_calibration_error_of_a_known_case() -> None:
    said, right = np.array([0.9, 0.9]), np.array([True, False])
    assert expected_calibration_error(said, right) == pytest.approx(0.4)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        expected_calibration_error(np.array([1.1]), np.array([True]))


def test_kappa_of_known_cases() -> None:
    assert weighted_kappa([0, 1, 2], [0, 1, 2], 4) == 1
    assert weighted_kappa([0, 2], [2, 0], 4) == -1
    assert weighted_kappa([], [], 4) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("viocd", 0.92), ("banking77", 0.91)])
def test_public_sets_reach_their_figure(name: str, least: float) -> None:
    """F62, F63: accuracy, calibration, what stands alone, text without diacritics."""
    if not CORPORA.exists():
        pytest.skip("the public sets are not beside this checkout")
    model = train(_read(CORPORA / name / "train.tsv")).model
    test = _read(CORPORA / name / "test.tsv")
    figures = evaluate_model(model, test)
    assert figures["accuracy"] >= least
    assert figures["calibration_error"] <= 0.05
    assert figures["precision_when_covered"] >= AUTO_PRECISION - 0.01
    assert figures["coverage"] >= 0.8
    for one in test[:500]:
        bare = model.predict("", fold(one.text))
        assert bare.candidates == model.predict("", one.text).candidates


def _read(path: Path) -> list[Example]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Example(text=row["text"], request_type=row["label"]) for row in rows]
