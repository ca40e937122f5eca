"""Zones by measured bounds, doubt by unknown words, urgency by rules, facts and ratings."""

from pathlib import Path

import numpy as np
import pytest

from inbox.triage.bounds import thresholds_of
from inbox.triage.candidates import Kind, make_candidates
from inbox.triage.evaluate import Outcome, evaluate
from inbox.triage.letter import evidence
from inbox.triage.model import TriageModel, UrgencyPolicy
from inbox.triage.prediction import (
    DEFAULT_COSTS,
    Example,
    Facts,
    Prediction,
    Thresholds,
    UrgencyCosts,
    Zone,
)
from inbox.triage.ratings import contradicted
from inbox.triage.rules import predict_by_rules
from inbox.triage.text import fold, prepare
from inbox.triage.training import train

WORDS = {
    "order": "đơn hàng giao vận chuyển kiện bưu tá nhận ship".split(),
    "billing": "tiền hoá đơn thanh toán thẻ trừ phí chuyển khoản".split(),
    "account": "mật khẩu đăng nhập tài khoản otp khoá email mã".split(),
}
HIGH = Facts(asked_before=2)


def shop(n: int, seed: int = 0, *, urgent: str = "") -> list[Example]:
    random = np.random.default_rng(seed)
    made = []
    for number in range(n):
        kind = sorted(WORDS)[number % 3]
        said = random.choice(WORDS[kind], size=4).tolist()
        said += random.choice("em shop ơi cho hỏi với ạ giúp".split(), size=3).tolist()
        level = "normal"
        if urgent and number % 4 == 0:
            said.append(urgent)
            level = "high"
        made.append(Example(text=" ".join(said), request_type=kind, urgency=level))
    return made


def outcomes(n: int, right: float, sure: float, kind: str, seed: int = 0) -> list[Outcome]:
    random = np.random.default_rng(seed)
    return [
        Outcome(kind if random.random() < right else "x", kind, sure + random.random() / 50)
        for _ in range(n)
    ]


def test_a_type_that_is_often_wrong_never_stands_alone() -> None:
    good, bad = outcomes(900, 0.995, 0.9, "good"), outcomes(200, 0.6, 0.95, "bad", 1)
    zones = thresholds_of(good + bad, np.ones(1100))
    assert zones.auto_types == {"good"}
    assert zones.zone("good", 0.95) is Zone.AUTO
    assert zones.zone("bad", 0.99) is Zone.SUGGEST
    assert zones.zone("good", 0.3) is Zone.ASK


def test_a_type_with_few_messages_waits() -> None:
    few = outcomes(29, 1.0, 0.9, "few")
    zones = thresholds_of(outcomes(400, 1.0, 0.9, "good") + few, np.ones(429))
    assert "few" not in zones.auto_types
    assert thresholds_of(few, np.ones(29)).auto_from is None


def test_words_nobody_knows_never_stand_alone() -> None:
    zones = Thresholds(0.8, frozenset("a"), known_from=0.5)
    assert zones.zone("a", 0.99, 0.6) is Zone.AUTO
    assert zones.zone("a", 0.99, 0.4) is Zone.ASK


def test_unknown_words_lower_the_confidence() -> None:
    model = train(shop(600)).model
    known = model.predict("", "mật khẩu tài khoản đăng nhập")
    strange = model.predict("", "mật khẩu xylophone quartz zeppelin fjord")
    assert strange.known_share < known.known_share == 1
    assert strange.request_type_confidence < known.request_type_confidence
    assert known.zone is Zone.AUTO
    assert strange.zone is not Zone.AUTO
    assert strange.needs_review


def test_auto_is_right_as_often_as_it_promised() -> None:
    trained = train(shop(900))
    assert trained.evaluation["zones"]["auto"] > 800
    assert trained.evaluation["precision_when_covered"] >= 0.94


def test_figures_count_the_zones() -> None:
    said = [Outcome("a", "a", 0.9, zone=Zone.AUTO), Outcome("a", "b", 0.5, zone=Zone.ASK)]
    figures = evaluate(said, 0.6)
    assert figures["zones"] == {"auto": 1, "ask": 1}
    assert figures["coverage"] == 0.5
    assert evaluate([Outcome("a", "a", 0.9)], 0.6)["zones"] == {}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (Facts(asked_before=2), "third_contact"),
        (Facts(promise_missed=True), "promise_missed"),
        (Facts(tier="gold", open_matters=2), "valued_customer"),
    ],
)
def test_what_is_known_of_the_customer_raises(facts: Facts, reason: str) -> None:
    """F120: the third message without an answer raises the urgency, and says why."""
    model = train(shop(60)).model
    calm = "no rush, đơn hàng giao khi nào cũng được"
    for said in (model.predict("", calm, facts=facts), _by_rules(calm, facts)):
        assert (said.urgency, said.urgency_reason) == ("high", reason)
    worse = model.predict("", "tài khoản bị hack", facts=facts)
    assert (worse.urgency, worse.urgency_reason) == ("urgent", "account_taken_over")


def _by_rules(text: str, facts: Facts) -> Prediction:
    return predict_by_rules("", text, facts=facts)


def test_ordinary_facts_change_nothing() -> None:
    model = train(shop(60)).model
    facts = Facts(tier="gold", open_matters=1, asked_before=1)
    assert model.predict("", "đơn hàng", facts=facts) == model.predict("", "đơn hàng")


def test_ratings_that_contradict_a_rule_switch_it_off() -> None:
    """The company says that "asap" is nothing special: 30 such messages are rated normal."""
    text = "please send the invoice asap"
    calm = [(Example(text, "billing", urgency="normal"), "normal")] * 30
    assert "stated_urgent" in contradicted(calm, DEFAULT_COSTS)
    pressing = [(Example(text, "billing", urgency="high"), "normal")] * 30
    assert "stated_urgent" not in contradicted(pressing, DEFAULT_COSTS)
    lenient = UrgencyCosts(too_low=(0.1, 0.2, 0.3))
    mixed = pressing[:10] + calm[:20]
    assert "stated_urgent" in contradicted(mixed, lenient)


def test_danger_stays_a_floor_until_ratings_say_otherwise() -> None:
    assert "safety" not in contradicted([], DEFAULT_COSTS)
    never = [(Example("pin bị nổ", "a", urgency="low"), "low")] * 10
    assert "safety" in contradicted(never, DEFAULT_COSTS)


def test_a_company_that_rated_enough_keeps_hard_rules() -> None:
    model = train(shop(400)).model
    assert not model.urgency.rules_are_floor
    assert model.predict("", "máy bị bốc cháy").urgency == "urgent"


def test_probabilities_of_levels_are_told() -> None:
    model = train(shop(400, urgent="hỏng")).model
    said = model.predict("", "đơn hàng hỏng hỏng")
    assert sum(said.levels) == pytest.approx(1)
    assert said.urgency == "high"
    without = train([Example("a b", "a"), Example("c d", "b")]).model.predict("", "a")
    assert without.levels == (0, 1, 0, 0)


def test_why_also_says_what_spoke_against() -> None:
    """F55: words for the type and words against it, as written."""
    said = train(shop(300)).model.predict("", "mật khẩu tài khoản đăng nhập, Giao hàng")
    assert said.request_type == "account"
    assert any("Giao" in term.term for term in said.against)
    assert all(term.weight < 0 for term in said.against)


def test_both_candidates_are_measured_on_own_messages() -> None:
    starter = [
        Example(text=text, request_type=kind)
        for kind, text in (("order", "where is my parcel"), ("billing", "wrong invoice"))
    ] * 5
    heard: list[tuple[str, float]] = []
    made = make_candidates(
        shop(120), starter=starter, progress=lambda step, share: heard.append((step, share))
    )
    assert [one.kind for one in made] == [Kind.TOGETHER, Kind.OWN]
    assert all(one.evaluation["messages"] == 120 for one in made)
    assert made[0].model.predict("", "my parcel").request_type == "order"
    assert heard == [("together", 0.0), ("own", 0.5), ("done", 1.0)]
    assert [one.kind for one in make_candidates(shop(60))] == [Kind.OWN]


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    live = train(shop(600)).model
    more = shop(600) + shop(60, seed=9)
    warm, cold = train(more, start=live).model, train(more).model
    assert warm.features is live.features
    fresh = shop(200, seed=5)
    answers = [
        (warm.predict("", one.text).request_type, cold.predict("", one.text).request_type)
        for one in fresh
    ]
    assert sum(one == other for one, other in answers) >= 198


MAIL = """Kính gửi quý công ty,

Tôi đặt máy ngày 3/4 mà chưa thấy giao.
Nhờ kiểm tra giúp.

Trân trọng,
Nguyễn Văn A
Phòng mua hàng - Mật khẩu wifi 12345678

Vào 12:30 Th 2, 3 thg 4, 2026 Cửa hàng <shop@example.vn> đã viết:
> Quý khách quên mật khẩu?
"""


def test_greeting_signature_and_quote_are_no_evidence() -> None:
    document = prepare("Đơn hàng", MAIL)
    assert document.forms[:2] == ("don", "hang")
    assert "mat" not in document.forms
    assert "nguyen" not in document.forms
    assert "kinh" not in document.forms
    said = " ".join(document.forms)
    assert "chua thay giao" in said
    assert document.forms == prepare("Don hang", fold(MAIL)).forms


@pytest.mark.parametrize(
    "text",
    [
        "Chào shop",
        "Hello,\n\nThanks",
        "Dear all,\nthanks\nregards",
        "> quoted only\n> and nothing else",
        "Thanks and regards for everything you do, my order is late",
    ],
)
def test_what_is_left_of_a_short_message_is_all_of_it(text: str) -> None:
    folded = fold(text)
    assert evidence(folded) == [(0, len(folded))]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Hi team,\nthe printer is broken again\nThanks,\nAnn", "the printer is broken again"),
        ("it works now\nthanks a lot", "it works now thanks a lot"),
        ("the printer is broken\n-- \nAnn\nSales", "the printer is broken"),
        ("it is still broken\nSent from my iPhone", "it is still broken"),
        (
            "it is still broken\n\n-----Original Message-----\nFrom: us\nold words",
            "it is still broken",
        ),
        ("still broken\n> old words\nreally, please help", "still broken really, please help"),
    ],
)
def test_only_what_is_asked_counts(text: str, kept: str) -> None:
    folded = fold(text)
    assert " ".join(folded[start:end] for start, end in evidence(folded)) == kept


def test_zones_and_policy_survive_being_saved(tmp_path: Path) -> None:
    policy = UrgencyPolicy(rules_are_floor=False, trust=0.7, without=("waiting",))
    model = train(shop(600), urgency=policy).model
    loaded = TriageModel.load(tmp_path, model.save(tmp_path))
    assert loaded.urgency == policy
    assert loaded.thresholds == model.thresholds
    assert loaded.thresholds.by_type
