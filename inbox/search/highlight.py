"""Show where the words stand: the original ones, with their accents. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from inbox.triage.text import fold

BEFORE, LENGTH = 50, 200  # characters of an excerpt, and of them before the first word
MOST_WORDS = 30
Pieces = tuple[tuple[str, bool], ...]  # text, and whether it was asked for

_LATIN = [*range(0x00C0, 0x0250), *range(0x1E00, 0x1F00), 0x00AA, 0x00BA]
_SPACE = re.compile(r"\s+")


@lru_cache(maxsize=1)
def _variants() -> dict[str, str]:
    """Return for each letter the accented ones that fold to it, in both cases."""
    found: dict[str, str] = {}
    for code in _LATIN:
        folded = fold(chr(code))
        if len(folded) == 1 and folded.isascii() and folded.isalpha():
            found[folded] = found.get(folded, "") + chr(code)
    return found


def _pattern(word: str) -> str:
    letters = []
    for one in word:
        variants = _variants().get(one, "")
        upper = one.upper() if len(one.upper()) == 1 else ""
        if variants or upper != one:
            letters.append(f"[{re.escape(one)}{re.escape(upper)}{variants}]")
        else:
            letters.append(re.escape(one))
    said = "".join(letters)
    # A number may stand inside a code; a word stands by itself. Where nobody writes spaces
    # it is a letter.
    if word.isdigit() or (len(word) == 1 and not word.isascii()):
        return said
    return rf"(?<![^\W\d_]){said}(?![^\W\d_])"


@lru_cache(maxsize=200)
def _compiled(words: tuple[str, ...], goes_on: str) -> re.Pattern[str] | None:
    wanted = [word for word in words if word][:MOST_WORDS]
    patterns = [_pattern(word) for word in sorted(wanted, key=len, reverse=True)]
    if goes_on:
        patterns.append(_pattern(goes_on).removesuffix(r"(?![^\W\d_])") + r"[^\W_]*")
    return re.compile("|".join(patterns)) if patterns else None


class Marker:
    """Marks words in texts; ``goes_on`` is one that may be the beginning of a longer one."""

    def __init__(self, words: Sequence[str], goes_on: str = "") -> None:
        self._words = _compiled(tuple(words), goes_on)

    def mark(self, text: str) -> Pieces:
        """Return all of a text in pieces."""
        return self._pieces(_composed(text))

    def finds(self, text: str) -> bool:
        """Tell whether any word stands in a text."""
        return self._words is not None and self._words.search(_composed(text)) is not None

    def excerpt(self, text: str) -> Pieces:
        """Return what stands around the first word in pieces; the beginning if none does."""
        composed = _composed(text)
        match = self._words.search(composed) if self._words else None
        begin = max(0, match.start() - BEFORE) if match else 0
        if begin:
            space = composed.find(" ", begin, match.start() if match else begin)
            begin = space + 1 if space >= 0 else begin
        end = begin + LENGTH
        cut = _SPACE.sub(" ", composed[begin:end]).strip()
        if end < len(composed):
            cut = cut.rsplit(" ", 1)[0] + " …"
        return self._pieces(f"… {cut}" if begin else cut)

    def _pieces(self, text: str) -> Pieces:
        if self._words is None:
            return ((text, False),)
        found: list[tuple[str, bool]] = []
        at = 0
        for match in self._words.finditer(text):
            if match.start() > at:
                found.append((text[at : match.start()], False))
            found.append((match.group(), True))
            at = match.end()
        if at < len(text) or not found:
            found.append((text[at:], False))
        return tuple(found)


def _composed(text: str) -> str:
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)
