"""Folding and tokens: what the classifier reads, and where it stands in the message."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.triage.text import fold, normalise, prepare


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("đổi trả Đơn hàng", "doi tra don hang"),
        ("ĐƯỜNG TRƯỜNG SƠN", "duong truong son"),
        ("Ưu đãi ở Huế", "uu dai o hue"),
        ("Đơn \u00d0ơn \u00f0ơn", "don don don"),  # eth: Windows-1258 read as Latin-1
        ("café ﬁne 𝗦𝗵𝗼𝗽", "cafe fine shop"),
        ("m\u200ba\u00adt", "mat"),
        ("", ""),
    ],
)
def test_fold_drops_case_and_marks(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_every_way_to_write_vietnamese_folds_alike() -> None:
    """NFC, NFD and Windows-1258 (ê + combining dot below) are one text."""
    composed = "Tiền điện tăng, hệ thống nợ ễ ự Ặ"
    windows_1258 = "".join(_as_windows_1258(character) for character in composed)
    decomposed = unicodedata.normalize("NFD", composed)
    assert len({composed, windows_1258, decomposed}) == 3
    assert fold(composed) == fold(windows_1258) == fold(decomposed)


def _as_windows_1258(character: str) -> str:
    """Tone marks stand apart, circumflex, breve and horn stay on the letter."""
    tones = "\u0300\u0301\u0303\u0309\u0323"
    parts = unicodedata.normalize("NFD", character)
    letter = unicodedata.normalize("NFC", "".join(c for c in parts if c not in tones))
    return letter + "".join(c for c in parts if c in tones)


@given(st.text(max_size=50))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("đơn DH12345 giao chậm quáaaa", "don _code giao cham qua"),
        ("bị trừ 500.000đ hai lần", "bi tru _money hai lan"),
        ("charged $12.50 on 3/4", "charged _money on _num"),
        ("xem https://shop.example.vn/a?b=1 nhé", "xem _url nhe"),
        ("write to Lan.Le@example.com!", "write to _mail !"),
        ("order #A-99 x2 2fa", "order _code x2 2fa"),
        ("giá 5k hay 3 triệu?", "gia _money hay _money ?"),
        ("😡😡😡", "_sad"),
        ("🚚🚚 ❤️", "🚚 _glad"),
        ("chậm quá... :(( 👍👍", "cham qua _dots _sad _glad"),
    ],
)
def test_what_differs_in_every_message_is_masked(written: str, read: str) -> None:
    assert normalise(written) == read


@given(st.text(alphabet="aăâbcdđeêghikloôơuưxyàảãáạÀỆĐ .,?!0123456789k#@/\n", max_size=200))
def test_reading_the_folded_text_gives_the_same_tokens(text: str) -> None:
    assert normalise(text) == normalise(fold(text))


@given(st.text(max_size=200))
def test_tokens_point_into_the_original(text: str) -> None:
    document = prepare("", text)
    started = 0
    for token in document.tokens:  # one character may hold two tokens: ¼ reads 1/4
        assert started <= token.start < token.end <= len(document.original)
        started = token.start


def test_positions_survive_characters_that_fold_to_several_or_none() -> None:
    document = prepare("", "ﬃ ™ \u200b Trừ tiền")
    words = [document.original[token.start : token.end] for token in document.tokens]
    assert words[-2:] == ["Trừ", "tiền"]


def test_only_the_ends_of_a_long_text_count() -> None:
    document = prepare("", "đầu " + "giữa " * 20_000 + "cuối")
    assert len(document.original) == 5001
    assert document.tokens[0].form == "dau"
    assert document.tokens[-1].form == "cuoi"


@pytest.mark.parametrize(
    "hostile",
    [
        "a.",
        "a",
        "1.",
        "1",
        "@",
        "a@",
        "#",
        "www.",
        "$1,",
        "\u0301",
        "> \n",
        "\n",
        ":(",
        "on a wrote\n",
    ],
)
def test_hostile_text_is_read_in_bounded_time(hostile: str) -> None:
    start = time.process_time()
    prepare(hostile * 100, hostile * 100_000)
    assert time.process_time() - start < 0.5
