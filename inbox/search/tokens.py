"""Cut text into the words that are searched, folded: "Đơn hàng" is "don", "hang".

Both databases get the same words from here, so neither's own idea of a word or an accent
matters, and both find the same. A word is letters and digits; what is written without spaces
(Chinese, Japanese, Thai, Khmer, Lao) is cut into single letters, which a query joins again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from inbox.triage.text import fold

LONGEST = 40  # characters of a word; the rest is neither kept nor asked for
PLACES = (
    16_000  # words with a place: a phrase is found among these. PostgreSQL counts to 16,383
)
PLACES_OF_ONE = 250  # of one word; PostgreSQL keeps 255
MOST_BYTES = 400_000  # of all different words; a tsvector holds 1 MB
GAP = "_"  # stands between two texts, so that no phrase goes across

# Han, kana, Thai, Lao, Myanmar, Khmer
_UNSPACED = re.compile(
    "[\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
    "\uf900-\ufaff]"
)
_WORD = re.compile(r"[^\W_]+")
# Parts joined without a space, with a digit somewhere: an order's code, a sum, a date.
_CODE = re.compile(r"[^\W_]{1,40}(?:[-_./,:@+#\\][^\W_]{1,40}){1,8}")
_DIGIT = re.compile(r"\d")
_MIXED = re.compile(r"[^\W\d_]+|\d+")
# Groups of digits as telephone numbers are written; eight to fifteen digits in all.
PHONE = re.compile(r"(?<![\w+])(?:\+|00)?\(?\d{1,5}\)?(?:[ .\-/]{1,2}\(?\d{2,5}\)?){1,6}(?!\w)")
_NOT_DIGIT = re.compile(r"\D")
_SHORTEST_PART = 2
_SHORTEST_PHONE, _LONGEST_PHONE = 8, 15


def words_of(text: str) -> list[str]:
    """Return the words of a text in their order, folded."""
    return _words(fold(text))


def _words(folded: str) -> list[str]:
    if not folded.isascii():
        folded = _UNSPACED.sub(r" \g<0> ", folded)
    return [word[:LONGEST] for word in _WORD.findall(folded)]


def squeezed(code: str) -> str:
    """Return a code without what joins its parts: "dh-2041" is "dh2041"."""
    return "".join(_WORD.findall(code))[:LONGEST]


def parts_of(word: str) -> list[str]:
    """Return the letters and digits that a word of both is made of: "dh2041" is two."""
    if word.isalpha() or word.isdigit() or len(word) > LONGEST:
        return []
    return _MIXED.findall(word)


def telephone(digits: str) -> str:
    """Return a telephone number as it is dialled here: 84 and 0084 become 0."""
    bare = digits.removeprefix("00")
    if bare.startswith("84") and len(bare) in (11, 12):
        return "0" + bare[2:]
    return digits


def phone_at(text: str, at: int) -> tuple[int, str] | None:
    """Return where a telephone number that begins here ends, and its digits."""
    match = PHONE.match(text, at)
    digits = _NOT_DIGIT.sub("", match.group()) if match else ""
    if match is None or not _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE:
        return None
    return match.end(), digits


def _besides(folded: str, words: Iterable[str]) -> set[str]:
    """Return other ways in which somebody may ask for codes and numbers of a text."""
    if not _DIGIT.search(folded):
        return set()
    found = {
        squeezed(match.group())
        for match in _CODE.finditer(folded)
        if _DIGIT.search(match.group())
    }
    for match in PHONE.finditer(folded):
        digits = _NOT_DIGIT.sub("", match.group())
        if _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE:
            found |= {digits, telephone(digits)}
    for word in found | set(words):
        if word.isdigit():
            found.add(telephone(word))
        else:
            found.update(part for part in parts_of(word) if len(part) >= _SHORTEST_PART)
    return found


@dataclass
class Words:
    """What a conversation or a name is found by: words in their order, and some without one."""

    placed: list[str] = field(default_factory=list)
    loose: set[str] = field(default_factory=set)
    besides: set[str] = field(default_factory=set)  # other ways of writing codes and numbers

    def add(self, text: str, field_mark: str = "") -> None:
        """Add a text; with a mark also as a field of its own, such as ``s`` of a subject."""
        if not text:
            return
        folded = fold(text)
        words = _words(folded)
        self._place(words)
        self.besides |= _besides(folded, words)
        if field_mark:
            self.add_field(text, field_mark)

    def add_field(self, text: str, field_mark: str) -> None:
        """Add a text that only its own operator finds."""
        folded = fold(text)
        words = _words(folded)
        self._place([f"{field_mark}:{word}" for word in words])
        self.besides |= {f"{field_mark}:{word}" for word in _besides(folded, words)}

    def _place(self, words: list[str]) -> None:
        """Give words their places, as long as there are any."""
        room = max(0, PLACES - len(self.placed))
        self.placed += words[:room]
        if room:
            self.placed.append(GAP)
        self.loose.update(words[room:])

    def add_loosely(self, text: str) -> None:
        """Add a text's words without their order: no phrase is found in it."""
        folded = fold(text)
        words = _words(folded)
        self.loose.update(words)
        self.besides |= _besides(folded, words)

    def tag(self, mark: str) -> None:
        """Add a word of our own, such as ``h:file``; nobody's text has a colon in a word."""
        self.loose.add(mark)

    def kept(self) -> tuple[list[str], list[str]]:
        """Return the words with a place and those without, not more than a database takes."""
        known = set(self.placed)
        spent = sum(len(word.encode()) for word in known)
        loose = []
        for word in [*sorted(self.loose - known), *sorted(self.besides - self.loose - known)]:
            spent += len(word.encode()) + 2
            if spent > MOST_BYTES:
                break
            loose.append(word)
        return self.placed, loose


def as_text(words: Words) -> str:
    """Return words as FTS5 is given them: by spaces; between loose ones stands a gap."""
    placed, loose = words.kept()
    return " ".join([*placed, *(f"{GAP} {word}" for word in loose)])


def as_vector(words: Words) -> str:
    """Return words as PostgreSQL writes a tsvector; no word has a quote or a backslash."""
    placed, loose = words.kept()
    places: dict[str, list[str]] = {}
    for number, word in enumerate(placed, start=1):
        if word != GAP:
            at = places.setdefault(word, [])
            if len(at) < PLACES_OF_ONE:
                at.append(str(number))
    return " ".join(
        [
            *(f"'{word}':{','.join(at)}" for word, at in places.items()),
            *(f"'{word}'" for word in loose),
        ]
    )
