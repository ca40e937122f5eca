"""Messages that only thank or confirm: found, and never taken for what wants something."""

import unicodedata

import pytest

from inbox.triage.smalltalk import THANKS_FROM, is_only_thanks, thanks_likelihood
from inbox.triage.starter import said_in
from inbox.triage.text import prepare


def bare(text: str) -> str:
    """Drop diacritics as people without a Vietnamese keyboard do; capitals stay."""
    plain = unicodedata.normalize("NFD", text).replace("đ", "d").replace("Đ", "D")
    return "".join(c for c in plain if not unicodedata.combining(c))


@pytest.mark.parametrize("written", [str, bare])
def test_thanks_are_found(written: type) -> None:
    """F119, the classifier's part: "cảm ơn shop nhé", "ok em", "thanks, got it"."""
    lines = said_in("thanks")
    missed = [line for line in lines if not is_only_thanks(prepare("", written(line)))]
    assert len(lines) >= 90
    assert missed == []


@pytest.mark.parametrize("written", [str, bare])
def test_what_wants_something_is_never_taken_for_thanks(written: type) -> None:
    """F119: one word too many, a question or a number, and a person reads it."""
    lines = said_in("not_thanks")
    taken = [line for line in lines if is_only_thanks(prepare("", written(line)))]
    assert len(lines) >= 60
    assert taken == []


@pytest.mark.parametrize("set_name", ["spam", "not_spam"])
def test_no_other_message_is_thanks(set_name: str) -> None:
    assert [line for line in said_in(set_name) if is_only_thanks(prepare("", line))] == []


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "???", "👎", "123", "x" * 100_000, "\x00", ":("]
)
def test_odd_input_is_not_thanks(text: str) -> None:
    assert thanks_likelihood(prepare("", text)) == 0.0


def test_the_subject_counts_too() -> None:
    assert is_only_thanks(prepare("Cảm ơn", "Cảm ơn anh chị nhiều ạ"))
    assert not is_only_thanks(prepare("Hóa đơn tháng 5", "Cảm ơn anh chị nhiều ạ"))


def test_a_name_may_stand_in_thanks_but_no_request_in_capitals() -> None:
    assert is_only_thanks(prepare("", "Thank you, that solved it.\nBest regards\nMinh Anh"))
    assert is_only_thanks(prepare("", "Em cảm ơn chị Thảo nhiều ạ"))
    assert not is_only_thanks(prepare("", "Thanks Refund"))
    assert not is_only_thanks(prepare("", "Ok em.\nCảm ơn\nBao giờ giao hàng?"))
    assert not is_only_thanks(prepare("", "Thanks. Minh Anh Thảo Lan Huệ Hoa"))


def test_a_friendly_face_makes_no_thanks_of_a_greeting() -> None:
    assert is_only_thanks(prepare("", "👍🏻 ❤️"))
    assert not is_only_thanks(prepare("", "chào shop 😊"))
    assert not is_only_thanks(prepare("", "ok 😡"))


def test_a_bare_yes_may_answer_a_question() -> None:
    assert 0 < thanks_likelihood(prepare("", "vâng ạ")) < THANKS_FROM
    assert is_only_thanks(prepare("", "vâng ạ em cảm ơn"))


def test_a_long_row_of_thanks_is_answered_at_once() -> None:
    assert thanks_likelihood(prepare("", "cảm ơn " * 20_000)) == 0.0
