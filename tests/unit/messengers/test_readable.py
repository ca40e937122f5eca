"""What is no text becomes text that can be read; long texts are cut where it hurts least."""

import pytest

from inbox.channels.messengers import readable
from inbox.channels.messengers.readable import Readable, pieces


def test_a_place_is_named_located_and_on_a_map() -> None:
    shown = readable.place(10.7769, 106.7009, "Nhà hát", "1 Công Trường Lam Sơn")

    assert shown.text == (
        "📍 Nhà hát · 1 Công Trường Lam Sơn · 10.776900, 106.700900\n"
        "https://www.openstreetmap.org/#map=17/10.776900/106.700900"
    )
    assert shown.notes == (readable.PLACE,)


@pytest.mark.parametrize("at", [(91, 0), (0, 181), (float("nan"), 0), (0, float("inf"))])
def test_a_place_that_is_nowhere_has_only_its_name(at: tuple[float, float]) -> None:
    assert readable.place(*at, name="Kho").text == "Kho"


def test_a_card_is_a_name_and_how_to_reach_them() -> None:
    shown = readable.card("Lan\nNguyễn", ["+84901234567", "", "lan@khach.example"])

    assert shown == Readable("👤 Lan Nguyễn\n+84901234567\nlan@khach.example", (readable.CARD,))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, ": 0:05"), (75.4, ": 1:15"), (None, ""), (0, ""), (-3, ""), (float("nan"), "")],
)
def test_a_recording_says_how_long_it_plays(seconds: float | None, said: str) -> None:
    assert readable.recording(readable.VOICE, seconds).notes == (readable.VOICE + said,)


def test_what_is_no_letter_is_left_out_and_lines_stay() -> None:
    assert readable.clean("a\0b\r\nc\x07\x85") == "ab\nc"
    assert readable.line("a\u202e\nb\0") == "a b"
    assert len(readable.line("x" * 100_000)) == readable.MAX_LINE


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("84901234567", "+84901234567"),
        ("+84 90 123-4567", "+84901234567"),
        ("0901234567", ""),
        ("12", ""),
        ("1" * 40, ""),
        ("٠١٢٣٤٥٦٧", ""),
        ("", ""),
    ],
)
def test_numbers_are_international_or_none(number: str, said: str) -> None:
    assert readable.e164(number) == said


class TestPieces:
    def test_a_short_text_is_one_piece(self) -> None:
        assert pieces(" chào anh/chị \n", 4096) == ["chào anh/chị"]

    def test_nothing_is_no_piece(self) -> None:
        assert pieces(" \n ", 10) == []

    def test_it_is_cut_after_a_paragraph_a_line_or_a_word(self) -> None:
        assert pieces("aaaa bb\n\ncccc", 10) == ["aaaa bb", "cccc"]
        assert pieces("aaaa bb\ncccc d", 10) == ["aaaa bb", "cccc d"]
        assert pieces("aaaa bbbb cccc", 10) == ["aaaa bbbb", "cccc"]

    def test_a_word_that_is_too_long_is_cut_anywhere(self) -> None:
        assert pieces("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]

    def test_no_word_is_lost_and_no_piece_too_long(self) -> None:
        text = "Kính chào anh/chị, đơn hàng 😀 đã giao.\n\n" * 500

        found = pieces(text, 4096)

        assert all(len(one.encode("utf-16-le")) // 2 <= 4096 for one in found)
        assert " ".join(found).split() == text.split()
        assert len(found) == 6

    def test_an_emoji_counts_twice(self) -> None:
        assert pieces("😀😀😀", 4) == ["😀😀", "😀"]
