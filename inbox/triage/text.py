"""Prepare a message for the classifier: fold, cut into tokens, keep every position.

Everything here works on folded text (no case, no diacritics, đ is d), so that "đơn hàng bị
lỗi" and "don hang bi loi" are the same message to every later step.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from inbox.triage.letter import evidence

HEAD_CHARS = 4000
TAIL_CHARS = 1000
SUBJECT_CHARS = 300
LONGEST_FORM = 40

# đ has no canonical decomposition; ð is what đ becomes when Windows-1258 is read as Latin-1.
_STROKED = str.maketrans({"đ": "d", "ð": "d"})


def _fold_character(character: str) -> str:
    folded = character
    while True:
        decomposed = unicodedata.normalize("NFKD", folded).lower()
        kept = "".join(c for c in decomposed if not _is_mark(c)).translate(_STROKED)
        if kept == folded:
            return kept
        folded = kept


def _is_mark(character: str) -> bool:
    return (
        unicodedata.combining(character) != 0
        or unicodedata.category(character) == "Cf"  # zero-width joiners, soft hyphens
        or "\ufe00" <= character <= "\ufe0f"  # emoji variation selectors
    )


class _FoldTable(dict[int, str]):
    """Fills itself, one character at a time, for ``str.translate``."""

    def __missing__(self, codepoint: int) -> str:
        folded = self[codepoint] = _fold_character(chr(codepoint))
        return folded


_FOLD = _FoldTable()


def fold(text: str) -> str:
    """Return the text without case and diacritics; đ becomes d.

    Composed (NFC), decomposed (NFD) and Windows-1258 style mixtures (ê + combining dot
    below) give the same result, and folding twice changes nothing.
    """
    return text.translate(_FOLD)


def is_word(form: str) -> bool:
    """Whether a form is a word, not a mask such as ``_money``, a sign or an emoji."""
    return form[0].isalnum()


class Token(NamedTuple):
    """One word or masked thing; ``start`` and ``end`` are positions in Document.original."""

    form: str
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        """Whether it is a word, not a mask such as ``_money``, a sign or an emoji."""
        return self.form[0].isalnum()

    @property
    def is_said(self) -> bool:
        """Whether written rules read it: words, masks, ? and !, no commas and no faces."""
        return self.form[0].isalnum() or self.form in _SAID


class Document(NamedTuple):
    """A prepared message: what was written (NFC, cut to length) and its tokens."""

    original: str
    tokens: tuple[Token, ...]

    @property
    def forms(self) -> tuple[str, ...]:
        """What the classifier reads: the forms of all tokens, in order."""
        return tuple([token.form for token in self.tokens])

    @property
    def plain(self) -> str:
        """The forms in order, one space between, sentence ends as `` . ``: for rules."""
        return "".join([gap + form for _, gap, form in self._said()]) + " "

    def line(self) -> tuple[str, list[int]]:
        """Return ``plain`` and, for each of its characters, the number of its token."""
        owners: list[int] = []
        for number, gap, form in self._said():
            owners.extend([number] * (len(gap) + len(form)))
        return self.plain, [*owners, max(len(self.tokens) - 1, 0)]

    def _said(self) -> Iterator[tuple[int, str, str]]:
        """Yield the number and form of each token that rules read, and what is before it."""
        last_end = 0
        for number, (form, start, end) in enumerate(self.tokens):
            if form[0].isalnum() or form in _SAID:
                between = self.original[last_end:start]
                yield number, " . " if between != " " and _BREAK.search(between) else " ", form
                last_end = end


_SAID = frozenset({"?", "!", "_url", "_mail", "_money", "_code", "_num"})
_BREAK = re.compile(r"[.;:,\n\u2026]")
_REPEATS = re.compile(r"(.)\1{2,}")
_SAD = frozenset("😡😠😥😭👎😔😞😢😤🤬😒😣😩😫😕☹🙁😓😰💔😖😟🥺🤮🤢")
_GLAD = frozenset("❤👍😍😘👌🥰😀🤗🤩😋😁😄😃😆😻💋💕💖♥🎉👏🙏😉😚")
_ONCE = frozenset({"face", "mark", "sad", "glad", "dots"})  # a row of them says it once
# Bounded repeats only: a hostile message must not make the scan quadratic.
_TOKEN = re.compile(
    r"""
    (?P<url>(?:https?://|www\.)\S{1,2000}
      |(?<!\w)[a-z0-9-]{1,63}\.(?:com|vn|net|org|io|shop|info)(?:\.vn)?(?!\w)(?:/\S{0,2000})?)
    |(?P<mail>[a-z0-9_.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,5})
    |(?P<money>[$€£₫]\s?\d[\d.,]{0,20}
      |\d[\d.,]{0,20}\s?(?:[$€£₫]
        |(?:k|d|vnd|dong|nghin|ngan|trieu|tr|ty|cu|usd|dollars?|eur|euros?|pounds?|gbp)(?!\w)))
    |(?P<code>\#\s?[a-z0-9-]{2,30}|[a-z]{1,8}[-_]?\d{3,30}[a-z0-9-]{0,20}|\d{6,30}(?!\w))
    |(?P<num>\d{1,20}(?:[.,:/-]\d{1,20}){0,5}(?!\w))
    |(?P<word>[^\W_]+)
    |(?P<sad>[:=;]['-]?\({1,20}|[:=]['-]?/(?!/))
    |(?P<glad>[:=;]['-]?\){1,20}|\^_{0,5}\^|<3)
    |(?P<dots>\.{2,100}|\u2026)
    |(?P<face>[\U0001f300-\U0001faff\u2600-\u27bf\u2b50])
    |(?P<mark>[?!.,;:])
    """,
    re.VERBOSE,
)


def prepare(subject: str, text: str) -> Document:
    """Cut a message into tokens of folded, normalised text.

    Only the first 4,000 and last 1,000 characters of the text count: requests stand at the
    ends of long mails, and the time to answer stays bounded. Links, addresses, sums,
    order codes and numbers become masks, because the one that was seen in training says
    nothing about the next; letters written three times or more become one.
    Signs, emoji and smileys are tokens too ("..." and a sad face say something). Greeting,
    signature and quoted mail give none: they are no evidence.
    """
    original = _cut(unicodedata.normalize("NFC", text), HEAD_CHARS, TAIL_CHARS)
    head = ""
    if subject:
        head = _cut(unicodedata.normalize("NFC", subject), SUBJECT_CHARS, 0) + "\n"
    folded_head = head.translate(_FOLD)
    folded = folded_head + original.translate(_FOLD)
    original = head + original
    places = _places(original)
    tokens: list[Token] = []
    parts = [(0, len(folded_head)), *evidence(folded, len(folded_head))]
    for part in parts:
        for match in _TOKEN.finditer(folded, *part):
            start, end = match.span()
            kind = match.lastgroup
            form = _form(str(kind), match.group())
            if places is not None:
                start, end = places[start], places[end - 1] + 1
            if kind not in _ONCE or not tokens or tokens[-1].form != form:
                tokens.append(Token(form, start, end))
    return Document(original, tuple(tokens))


def normalise(text: str) -> str:
    """Return the folded text with masks and single spaces, as the classifier reads it."""
    return " ".join(token.form for token in prepare("", text).tokens)


def _cut(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n{text[-tail:]}" if tail else text[:head]


def _form(kind: str, matched: str) -> str:
    if kind == "word":
        return _squeezed(matched[: 4 * LONGEST_FORM])
    if kind == "face":
        return "_sad" if matched in _SAD else "_glad" if matched in _GLAD else matched
    return matched if kind == "mark" else f"_{kind}"


@lru_cache(maxsize=20_000)  # words come again
def _squeezed(word: str) -> str:
    return _REPEATS.sub(r"\1", word)[:LONGEST_FORM]


def _places(original: str) -> list[int] | None:
    """Map positions of the folded text to the original; None when they are the same."""
    if original.isascii() or all(len(_FOLD[ord(one)]) == 1 for one in set(original)):
        return None
    return [
        place
        for place, character in enumerate(original)
        for _ in range(len(_FOLD[ord(character)]))
    ]
