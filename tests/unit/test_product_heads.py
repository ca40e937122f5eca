"""Product groups that a message does not name: learned once 30 confirmed are about one."""

from pathlib import Path

import pytest

from inbox.learning.productheads import About, learn_products, without_names
from inbox.triage.model import TriageModel
from inbox.triage.prediction import NO_GROUP, Example
from inbox.triage.training import train

SAYINGS = {
    "Máy lọc nước": (
        *("lõi lọc bị bẩn", "nước có mùi lạ", "nước chảy yếu", "cần thay lõi"),
        *("vòi rỉ nước", "bình chứa không đầy", "đèn báo thay lõi nhấp nháy"),
    ),
    "Nồi chiên": (
        *("khay bong lớp chống dính", "chiên khoai bị cháy", "nhiệt quá cao"),
        *("quạt kêu to", "nướng gà không chín", "rổ chiên bị kẹt", "khay chiên cong"),
    ),
    NO_GROUP: (
        *("giờ mở cửa cuối tuần", "quên mật khẩu tài khoản", "hoá đơn sai tên công ty"),
        *(
            "đổi địa chỉ giao",
            "phí vận chuyển bao nhiêu",
            "muốn xuất hoá đơn",
            "tuyển nhân viên",
        ),
    ),
}
TERMS = ["Máy lọc nước", "Nồi chiên", "airfryer"]


def abouts(each: int, start: int = 1) -> list[About]:
    """Return confirmed messages, some of which name their group."""
    found: list[About] = []
    for group, sayings in SAYINGS.items():
        for n in range(each):
            named = "airfryer " if group == "Nồi chiên" and n % 2 else ""
            one, two = sayings[n % 7], sayings[(n // 7 + n + 1) % 7]
            text = f"{named}{one}, {two} anh ạ"
            found.append(About(start + len(found), "", text, group))
    return found


@pytest.fixture(scope="module")
def model() -> TriageModel:
    texts = [Example(one.text, "general") for one in abouts(12)]
    return train([*texts, Example("đăng nhập không được", "account_access")]).model


def test_a_group_is_learned_from_thirty_and_guessed_with_its_words(
    model: TriageModel, tmp_path: Path
) -> None:
    """F123: the words are the message's own; saved and loaded it says the same."""
    learned = learn_products(model, None, abouts(30), abouts(10, 1000), TERMS)

    assert learned.figures["accepted"], learned.figures
    assert learned.figures["measured_on"] == "holdout"
    by_group = learned.figures["by_group"]
    assert {name: one["support"] for name, one in by_group.items()} == dict.fromkeys(
        SAYINGS, 10
    )
    assert all(one["precision"] >= 0.75 for one in by_group.values()), by_group
    text = "Dạ khay chiên bị bong lớp chống dính ạ"
    guess = learned.model.guess_product("", text)
    assert guess is not None
    assert guess.group == "Nồi chiên"
    assert guess.confidence >= 0.6
    assert guess.why
    assert all(term.term in text for term in guess.why)
    assert learned.model.guess_product("", "quên mật khẩu tài khoản, muốn xuất hoá đơn") is None
    sha256 = learned.model.save(tmp_path / "model")
    again = TriageModel.load(tmp_path / "model", sha256)
    assert again.guess_product("", text) == guess
    assert model.guess_product("", text) is None


def test_of_fewer_nothing_is_learned(model: TriageModel) -> None:
    learned = learn_products(model, None, abouts(29), [], TERMS)
    assert learned.figures == {"groups": 0}
    assert learned.model is model


def test_a_head_that_is_worse_is_left_out(model: TriageModel) -> None:
    """The gate for types holds for product groups too."""
    good = learn_products(model, None, abouts(30), abouts(10, 1000), TERMS).model
    swapped = {"Máy lọc nước": "Nồi chiên", "Nồi chiên": "Máy lọc nước", NO_GROUP: NO_GROUP}
    wrong = [About(one.number, "", one.text, swapped[one.group]) for one in abouts(30)]
    learned = learn_products(model, good, wrong, abouts(10, 1000), [])
    assert not learned.figures["accepted"]
    assert learned.model.products is None


def test_what_names_a_product_teaches_nothing() -> None:
    assert without_names("Nồi chiên bị hỏng", {"noi", "chien"}) == "bị hỏng"
    assert without_names("", {"noi"}) == ""
