"""The gate: what takes over, what does not, and which figures the sentence is made of."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from inbox.triage.candidates import judge_all
from inbox.triage.gate import Judged, Reason, judge
from inbox.triage.prediction import Example
from inbox.triage.training import train


def judged(
    right: Sequence[bool], kinds: Sequence[str] | None = None, urgent: int = 0, found: int = 0
) -> list[Judged]:
    """One judgement a flag; the first ``urgent`` are urgent, ``found`` of these noticed."""
    made = []
    for number, is_right in enumerate(right):
        kind = kinds[number] if kinds else "a"
        level = "urgent" if number < urgent else "normal"
        said = "urgent" if number < found else "normal"
        made.append(Judged(number, kind, kind if is_right else "wrong", level, said))
    return made


def first(n: int, of: int) -> list[bool]:
    return [number < n for number in range(of)]


def test_the_same_answers_may_take_over() -> None:
    """A challenger that differs nowhere loses nothing."""
    verdict = judge(judged(first(90, 100)), judged(first(90, 100)))
    assert verdict.accepted
    assert verdict.reason is Reason.NOT_WORSE
    assert (verdict.figures["gained"], verdict.figures["lost"]) == (0, 0)


def test_a_difference_that_may_be_chance_is_not_enough() -> None:
    """Equal shares, but 20 of 200 answers differ: it may be worse by more than a point."""
    champion = [number % 10 != 0 for number in range(200)]
    challenger = [number % 10 != 1 for number in range(200)]
    verdict = judge(judged(champion), judged(challenger))
    assert verdict.reason is Reason.WORSE
    assert verdict.figures["difference"] == 0
    assert verdict.figures["bound"] == pytest.approx(-1.645 * (0.2 / 200) ** 0.5, abs=1e-3)


def test_clearly_better_takes_over() -> None:
    verdict = judge(judged(first(160, 200)), judged(first(180, 200)))
    assert verdict.accepted
    assert verdict.figures["champion"] == 0.8
    assert verdict.figures["challenger"] == 0.9
    assert verdict.figures["bound"] > 0


@pytest.mark.parametrize(
    ("found", "reason"), [(9, Reason.NOT_WORSE), (8, Reason.URGENT_MISSED)]
)
def test_one_urgent_message_may_be_missed_not_two(found: int, reason: Reason) -> None:
    """F60: recall of urgent is protected."""
    champion = judged(first(190, 200), urgent=10, found=10)
    verdict = judge(champion, judged(first(195, 200), urgent=10, found=found))
    assert verdict.reason is reason
    assert verdict.figures["urgent_challenger"] == found


@pytest.mark.parametrize(("size", "reason"), [(19, Reason.NOT_WORSE), (20, Reason.CLASS_LOST)])
def test_no_type_may_pay_for_the_others(size: int, reason: Reason) -> None:
    """F60: a type with 20 messages that loses 3 of them stops a model that gains elsewhere."""
    kinds = ["small"] * size + ["large"] * 200
    champion = judged([True] * size + first(160, 200), kinds)
    challenger = judged(first(size - 3, size) + first(190, 200), kinds)
    verdict = judge(champion, challenger)
    assert verdict.reason is reason
    assert verdict.figures["worst_type"] == ("small" if size == 20 else "large")


def test_too_few_messages_prove_nothing() -> None:
    verdict = judge(judged(first(1, 19)), judged(first(19, 19)))
    assert verdict.reason is Reason.TOO_FEW
    assert judge(judged(first(1, 20)), judged(first(20, 20))).accepted


def test_no_messages_at_all_give_figures_too() -> None:
    verdict = judge([], [])
    assert verdict.reason is Reason.TOO_FEW
    assert verdict.figures["bound"] is None
    assert verdict.figures.keys() == judge(judged([True]), judged([True])).figures.keys()
    json.dumps(verdict.figures)


def test_both_must_judge_the_same_messages() -> None:
    with pytest.raises(ValueError, match="same messages"):
        judge(judged([True, True]), judged([True]))
    with pytest.raises(ValueError, match="did not judge"):
        judge([Judged(7, "a", "a")], [Judged(8, "a", "a")])


def shop(n: int, seed: int) -> list[Example]:
    """Messages of three topics, half of whose words are common to all."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        topic = ("order", "billing", "account")[int(random.integers(3))]
        words = [f"{topic}{random.integers(60)}" for _ in range(2)]
        words += [f"common{random.integers(40)}" for _ in range(4)]
        made.append(Example(text=" ".join(words), request_type=topic))
    return made


def mislabelled(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Give a share of the messages another type, as careless or hostile people would."""
    random = np.random.default_rng(seed)
    topics = ("order", "billing", "account")
    made = []
    for example in examples:
        key = example.request_type
        if random.random() < share:
            key = str(random.choice([topic for topic in topics if topic != key]))
        made.append(Example(text=example.text, request_type=key))
    return made


@pytest.mark.parametrize("seed", range(2))
def test_a_third_of_wrong_labels_never_takes_over(seed: int) -> None:
    """Trained on as many messages with 30 % of them labelled wrongly: always rejected."""
    given, holdout = shop(400, seed), list(enumerate(shop(200, seed + 100)))
    champion = judge_all(train(given).model, holdout)
    spoiled = judge_all(train(mislabelled(given, 0.3, seed)).model, holdout)
    verdict = judge(champion, spoiled)
    assert verdict.reason is Reason.WORSE
    assert judge(champion, champion).accepted
