"""Which message is asked about first, when messages drift, and which are alike."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from inbox.errors import Invalid
from inbox.triage import drift, files
from inbox.triage.drift import Alarm, Seen
from inbox.triage.features import Features
from inbox.triage.prediction import Prediction, UrgencyCosts
from inbox.triage.similar import Index, code_of, cosine, rank
from inbox.triage.text import prepare
from inbox.triage.worth import Waiting, most_worth, worth_of


def said(
    first: float, second: float, levels: tuple[float, ...] = (0, 1, 0, 0), level: str = "normal"
) -> Prediction:
    return Prediction(
        request_type="a",
        request_type_confidence=first,
        urgency=level,
        urgency_confidence=0.5,
        needs_review=True,
        candidates=(("a", first), ("b", second)),
        levels=levels,
    )


def test_the_closer_two_types_the_more_an_answer_teaches() -> None:
    assert worth_of(said(0.5, 0.45)) > worth_of(said(0.9, 0.05)) > 0


def test_what_may_be_urgent_comes_before_what_may_be_dull() -> None:
    calm, risky = said(0.5, 0.4), said(0.5, 0.4, (0, 0.9, 0, 0.1))
    assert worth_of(risky) > 5 * worth_of(calm)
    dear = UrgencyCosts(too_low=(3, 100, 300))
    assert worth_of(risky, dear) > worth_of(risky)


def test_a_type_alone_is_worth_nothing() -> None:
    assert worth_of(said(1.0, 0.0)) == 0
    assert Prediction("a", 1.0, "normal", 1.0, False, candidates=(("a", 1.0),)).margin == 1


def test_near_copies_wait_behind_what_is_new() -> None:
    waiting = [
        Waiting(1, 5.0, "đơn hàng của em khi nào giao tới vậy shop"),
        Waiting(2, 4.9, "don hang cua em khi nao giao toi vay shop oi"),
        Waiting(3, 1.0, "quên mật khẩu không đăng nhập được"),
        Waiting(4, 0.9, "QUÊN MẬT KHẨU không đăng nhập được!"),
    ]
    assert [one.message for one in most_worth(waiting, 2)] == [1, 3]
    assert [one.message for one in most_worth(waiting, 4)] == [1, 3, 2, 4]
    assert most_worth([], 3) == []


def test_a_few_hundred_are_thinned_quickly() -> None:
    waiting = [Waiting(n, float(n % 7), f"word{n} text{n % 50} same") for n in range(500)]
    start = time.process_time()
    assert len(most_worth(waiting, 60)) == 60
    assert time.process_time() - start < 1


def seen(n: int, *, sure: float = 0.9, known: float = 0.95, seed: int = 0) -> list[Seen]:
    random = np.random.default_rng(seed)
    kinds = random.choice(["a", "b", "c"], size=n, p=[0.5, 0.3, 0.2]).tolist()
    return [
        Seen(kind, min(sure + float(random.normal(0, 0.05)), 1.0), known - random.random() / 10)
        for kind in kinds
    ]


def test_the_same_traffic_raises_no_alarm() -> None:
    for seed in range(20):
        found = drift.compare(seen(1000), seen(300, seed=seed + 1))
        assert len(found.alarms) <= 1
    assert drift.compare(seen(1000), seen(300, seed=99)).alarms == ()


def test_a_tenth_of_foreign_messages_is_noticed() -> None:
    """F67: unknown words and confidence, against this company's own earlier messages."""
    recent = seen(90, seed=5) + seen(10, sure=0.3, known=0.4, seed=6)
    found = drift.compare(seen(1000), recent)
    assert {Alarm.UNKNOWN_WORDS, Alarm.CONFIDENCE} <= set(found.alarms)
    assert found.figures["unknown"] > found.figures["unknown_before"]
    json.dumps(found.figures)


def test_another_mix_of_types_is_noticed() -> None:
    recent = [Seen("c", one.confidence, one.known_share) for one in seen(100, seed=3)]
    found = drift.compare(seen(1000), recent + seen(200, seed=4))
    assert Alarm.CLASS_MIX in found.alarms
    assert found.figures["psi"] > 0.1


def test_few_messages_say_nothing() -> None:
    found = drift.compare(seen(199), seen(300))
    assert found.alarms == ()
    assert found.figures["psi"] is None
    assert drift.compare(seen(1000), seen(99)).alarms == ()


def test_only_the_last_thousand_are_the_usual() -> None:
    old = seen(3000, known=0.2)
    assert drift.compare(old + seen(1000), seen(100, seed=8)).alarms == ()


def test_agreement_is_of_the_last_two_hundred() -> None:
    """F67."""
    assert drift.disagrees([True] * 199) is None
    assert drift.disagrees([False] * 300 + [True] * 200) is None
    assert drift.disagrees([True] * 300 + [True] * 100 + [False] * 100) == 0.5
    assert drift.disagrees([True] * 180 + [False] * 20, below=0.95) == 0.9


def test_psi_of_known_counts() -> None:
    assert drift.psi({"a": 5, "b": 5}, {"a": 50, "b": 50}) == pytest.approx(0)
    assert drift.psi({"a": 9, "b": 1}, {"a": 1, "b": 9}) > 1
    assert drift.psi({"a": 10}, {"b": 10}) > 1


TEXTS = (
    "đơn hàng của em khi nào giao tới",
    "giao hàng chậm quá shop ơi",
    "em bị trừ tiền hai lần",
    "xuất hoá đơn cho công ty em",
    "quên mật khẩu không đăng nhập được",
    "where is my parcel, it has not arrived",
    "I was charged twice on my card",
    "I forgot my password and cannot log in",
)


@pytest.fixture(scope="module")
def features() -> Features:
    return Features.fit([prepare("", text).forms for text in TEXTS])


@pytest.fixture(scope="module")
def index(features: Features) -> Index:
    return Index.build(features, [(n + 10, "", text) for n, text in enumerate(TEXTS)])


def test_the_nearest_is_the_same_message_without_marks(
    features: Features, index: Index
) -> None:
    row = features.row(prepare("", "em bi tru tien hai lan roi").forms)
    found = index.nearest(code_of(row), 3)
    assert found[0] == 12
    texts = {n + 10: text for n, text in enumerate(TEXTS)}
    others = [(n, features.row(prepare("", texts[n]).forms)) for n in found]
    best, alike = rank(row, others, n=1)[0]
    assert best == 12
    assert 0.6 < alike <= 1
    assert rank(row, others, at_least=1.01) == []


def test_a_message_is_wholly_like_itself(features: Features) -> None:
    row = features.row(prepare("", TEXTS[0]).forms)
    empty = features.row(())
    assert cosine(row, row) == pytest.approx(1, abs=1e-5)
    assert cosine(row, empty) == cosine(empty, empty) == 0
    assert code_of(empty).tolist() == [0, 0, 0, 0]


def test_messages_are_added_replaced_and_taken_out(features: Features, index: Index) -> None:
    """F106: an erased person's messages leave the index."""
    more = Index.build(features, [(10, "", "hoàn toàn khác"), (99, "", "giao hàng chậm")])
    both = index.with_more(more)
    assert len(both) == len(index) + 1
    code = code_of(features.row(prepare("", "giao hàng chậm").forms))
    assert both.nearest(code, 1) == [99]
    assert 99 not in both.without([99, 10]).nearest(code, 50)


def test_an_index_is_kept_as_a_checked_file(index: Index, tmp_path: Path) -> None:
    sha256 = index.save(tmp_path)
    assert Index.load(tmp_path, sha256).ids.tolist() == index.ids.tolist()
    (tmp_path / files.ARRAYS).write_bytes(b"PK")
    with pytest.raises(Invalid, match="changed"):
        Index.load(tmp_path, sha256)


def test_nothing_indexed_finds_nothing(features: Features) -> None:
    empty = Index.build(features, [])
    assert empty.nearest(code_of(features.row(())), 5) == []
    with pytest.raises(ValueError, match="codes of shape"):
        Index(np.array([1]), np.empty((0, 4), np.uint64))


def test_two_hundred_thousand_are_searched_in_a_blink() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 2**63, size=(200_000, 4), dtype=np.uint64)
    large = Index(np.arange(200_000), codes)
    start = time.process_time()
    assert large.nearest(codes[77_777], 200)[0] == 77_777
    assert time.process_time() - start < 0.25
