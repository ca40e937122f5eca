"""What a word is: the same one in what is kept and in what is asked."""

import pytest

from inbox.search.tokens import (
    MOST_BYTES,
    PLACES,
    Words,
    as_text,
    as_vector,
    telephone,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Đơn hàng", ["don", "hang"]),
        ("đơn hàng", ["don", "hang"]),  # decomposed
        ("ĐƠN-HÀNG, gấp!", ["don", "hang", "gap"]),
        ("lan.nguyen@example.com", ["lan", "nguyen", "example", "com"]),
        ("退款 ok", ["退", "款", "ok"]),
        ("📦🙂 ... \0", []),
        ("x" * 90, ["x" * 40]),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    """F82, DESIGN 15: accents, case and đ make no difference."""
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("mã DH-2041", {"dh2041"}),
        ("mã DH2041", {"dh", "2041"}),
        ("gọi +84 912 345 678", {"84912345678", "0912345678"}),
        ("gọi 0912.345.678", {"0912345678"}),
        ("giá 1.250.000", {"1250000"}),
        ("không có số nào", set()),
    ],
)
def test_codes_and_numbers_are_found_however_they_are_written(
    text: str, loose: set[str]
) -> None:
    """F82: order codes, sums and telephone numbers."""
    words = Words()
    words.add(text)
    assert loose <= words.besides
    assert bool(words.besides) is bool(loose)


def test_a_telephone_number_is_the_one_that_is_dialled_here() -> None:
    assert telephone("84912345678") == telephone("0084912345678") == "0912345678"
    assert telephone("0912345678") == "0912345678"
    assert telephone("841") == "841"


def test_both_databases_get_the_same_words() -> None:
    words = Words()
    words.add("Giao DH-1", "s")
    words.add("giao lại")
    words.tag("h:file")

    assert as_text(words) == "giao dh 1 _ s:giao s:dh s:1 _ giao lai _ _ h:file _ dh1 _ s:dh1"
    assert as_vector(words) == (
        "'giao':1,9 'dh':2 '1':3 's:giao':5 's:dh':6 's:1':7 'lai':10 'h:file' 'dh1' 's:dh1'"
    )


def test_a_monstrous_text_keeps_its_words_within_what_a_database_takes() -> None:
    words = Words()
    words.add(" ".join(f"w{number}" for number in range(100_000)))
    placed, loose = words.kept()
    assert len(placed) == PLACES + 1
    assert "w15999" in placed
    assert "w16000" in loose
    assert sum(len(word) for word in {*placed, *loose}) < MOST_BYTES
