"""The optional second half: learned from vectors, averaged with the words, never required."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inbox.errors import Invalid
from inbox.triage import meaning, semantic
from inbox.triage.candidates import Kind, make_candidates
from inbox.triage.meaning import (
    HEAD_CHARS,
    SIZE,
    TAIL_CHARS,
    Remembering,
    Vectors,
    load_encoder,
    readable,
)
from inbox.triage.model import TriageModel
from inbox.triage.prediction import Example
from inbox.triage.text import prepare

PARCELS = ("parcel", "shipment", "package", "consignment", "freight")
MONEY = ("refund", "invoice", "charge", "receipt", "payment")
STRANGE = ("gói bưu phẩm", "khoản tiền")  # what only the second half has heard of


class Topics:
    """Knows of each word of the two lists which list it is on, and nothing else."""

    name = "topics"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def vectors(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        found = np.full((len(texts), SIZE), 0.05, np.float32)
        for place, text in enumerate(texts):
            found[place, 0] += sum(word in text for word in (*PARCELS, STRANGE[0]))
            found[place, 1] += sum(word in text for word in (*MONEY, STRANGE[1]))
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def corrected(n: int) -> list[Example]:
    return [
        Example(f"where is number {at} of my {words[at % 5]} please", kind)
        for at in range(n)
        for words, kind in ((PARCELS, "order_delivery"), (MONEY, "billing_payment"))
    ]


@pytest.fixture(scope="module")
def model() -> TriageModel:
    own, starter = corrected(30), [Example("good day", "general")] * 3
    found = make_candidates(own, starter=starter, encoder=Remembering(Topics()))
    assert [one.kind for one in found] == [Kind.TOGETHER, Kind.OWN]
    return found[1].model


def test_the_halves_answer_together_and_the_words_alone_without_the_other(
    model: TriageModel,
) -> None:
    """The mean of both: the second half knows what the words have never seen."""
    alone = model.with_encoder(None)
    for text, kind in zip(STRANGE, ("order_delivery", "billing_payment"), strict=True):
        both, words = model.predict("", text), alone.predict("", text)
        assert both.request_type == kind
        assert both.request_type_confidence > words.request_type_confidence
        assert sum(share for _, share in both.candidates) == pytest.approx(1)
        assert both.urgency == words.urgency
    assert alone.zones == model.thresholds
    assert model.meaning is not None
    assert model.zones == model.meaning.thresholds
    assert model.predict("", "!!").candidates  # nothing to encode is no reason to fail
    assert model.predict("", "").candidates


def test_saved_and_loaded_it_says_the_same_and_no_other_encoder_is_asked(
    model: TriageModel, tmp_path: Path
) -> None:
    """S29: two files of numbers and JSON, with one hash; what does not fit is refused."""
    sha256 = model.save(tmp_path / "model")
    loaded = TriageModel.load(tmp_path / "model", sha256)
    text = "my shipment and my receipt"
    assert loaded.encoder is None
    assert loaded.predict("", text) == model.with_encoder(None).predict("", text)
    topics = Topics()
    assert loaded.with_encoder(topics).predict("", text) == model.predict("", text)
    assert topics.asked == [text]
    topics.name = "another one"
    assert loaded.with_encoder(topics).encoder is None
    assert model.meaning is not None
    wrong = replace(model, meaning=replace(model.meaning, coef=model.meaning.coef[:, :1]))
    wrong.save(tmp_path / "wrong")
    with pytest.raises(Invalid, match="wrong shape"):
        TriageModel.load(tmp_path / "wrong")


def test_a_training_encodes_each_text_once() -> None:
    topics = Topics()
    remembering = Remembering(topics)
    found = remembering.vectors(["parcel", "refund", "parcel"])
    again = remembering.vectors(["refund"])
    assert topics.asked == ["parcel", "refund"]
    assert np.array_equal(found[1], again[0])
    assert np.array_equal(found[0], found[2])
    assert remembering.vectors([]).shape == (0, SIZE)


def test_of_a_message_begin_and_end_are_read_without_what_is_no_evidence() -> None:
    assert readable(prepare("Đơn 12", "Chào shop,\nđơn bao giờ tới?")).startswith("Đơn 12")
    assert readable(prepare("", " \n ")) == ""
    long = readable(prepare("", "a " * 400 + "đổi hàng giúp em"))
    assert long.endswith("đổi hàng giúp em")
    assert len(long) <= HEAD_CHARS + TAIL_CHARS + 3


def test_a_missing_package_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (semantic, meaning):
        monkeypatch.setattr(module, "PACKAGE", "no_such_package_anywhere")
    assert not semantic.is_installed()
    with pytest.raises(Invalid, match=r"pip install kip-inbox\[semantic\]"):
        load_encoder()


def test_the_package_understands_across_languages_and_survives_odd_text() -> None:
    """Skipped where the extra is not installed."""
    pytest.importorskip(semantic.PACKAGE, reason="pip install kip-inbox[semantic]")
    encoder = load_encoder()
    texts = [
        "đơn hàng của tôi bao giờ giao tới?",
        "when will my order be delivered?",
        "tôi quên mật khẩu, không đăng nhập được",
        *("", "\0", "😡" * 50, "\ud800 lone", "x" * 300),
    ]
    found = encoder.vectors(texts)
    assert found.shape == (len(texts), SIZE)
    assert np.isfinite(found).all()
    assert np.allclose(np.linalg.norm(found[:3], axis=1), 1, atol=1e-3)
    alike = found @ found.T
    assert alike[0, 1] > alike[0, 2]
