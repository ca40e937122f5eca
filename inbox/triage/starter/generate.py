"""Multiply the hand-written patterns into training messages, the same for the same seed.

A pattern becomes several messages: slots filled, greetings and context around it, urgency
said or not, a second request after the first, chat slang, typing errors, no diacritics.
"""

import random
import re
from dataclasses import replace
from pathlib import Path

from inbox.triage.keywords import KEYWORDS
from inbox.triage.prediction import LEVELS, NORMAL, Example
from inbox.triage.starter import DATA
from inbox.triage.starter.corpus import LANGUAGES, SLOT, Corpus, Pattern, read_corpus
from inbox.triage.text import fold

# Chances, each drawn on its own.
_GREETING, _CONTEXT, _AFTERWORD, _CLOSING = 0.3, 0.5, 0.15, 0.25
_URGENCY, _JOIN, _SUBJECT = 0.15, 0.12, 0.6
_UNDIACRITISED, _SLANG, _TYPO = 0.35, 0.3, 0.15
_PHRASE_WEIGHT = 2.0  # of a keyword: on unseen sentences 70.5 % right without, 78.6 % with

_JOINS = {
    "vi": ("Với lại", "À mà", "Sẵn tiện", "Ngoài ra", "Tiện thể cho hỏi thêm:"),
    "en": ("Also,", "By the way,", "One more thing:", "And while I'm here,", "Separately,"),
}
_SLANG_WORDS = {
    "vi": {
        "không": ("ko", "k", "hông", "hok", "khong"), "được": ("dc", "đc"), "gì": ("j", "gi"),
        "vậy": ("v", "zậy"), "với": ("vs",), "bao nhiêu": ("bnhiu", "bao nhiu"),
        "rồi": ("r", "rùi"), "biết": ("bít",), "mình": ("mk", "mìn"), "bây giờ": ("bh",),
        "thế nào": ("tnao", "sao"), "trả lời": ("rep", "tl"), "tài khoản": ("tk", "acc"),
        "mật khẩu": ("mk", "pass"), "điện thoại": ("đt", "dt"), "khách hàng": ("kh",),
        "số điện thoại": ("sđt", "sdt"), "nhân viên": ("nv",), "đơn hàng": ("đơn", "đh"),
        "chuyển khoản": ("ck",), "nhắn tin": ("ib", "nt"),
        "cảm ơn": ("cám ơn", "thanks", "tks"),
        "anh chị": ("ac", "a/c"), "sản phẩm": ("sp",), "hôm nay": ("hnay",), "vẫn": ("vẵn",),
    },
    "en": {
        "you": ("u",), "your": ("ur",), "please": ("pls", "plz"), "thanks": ("thx", "ty"),
        "because": ("cos", "bc"), "are": ("r",), "cannot": ("cant",), "can't": ("cant",),
        "don't": ("dont",), "doesn't": ("doesnt",), "didn't": ("didnt",), "I'm": ("im",),
        "want to": ("wanna",), "going to": ("gonna",), "account": ("acct", "acc"),
        "tomorrow": ("tmrw",), "before": ("b4",), "message": ("msg",), "something": ("smth",),
        "information": ("info",), "quantity": ("qty",), "as soon as possible": ("asap",),
        "received": ("recieved",), "delivery": ("delivry",), "definitely": ("definately",),
    },
}  # fmt: skip


def generate(seed: int, per_pattern: int, data: Path = DATA) -> list[Example]:
    """Return ``per_pattern`` messages of each pattern, all languages, and the keywords.

    Variants of one pattern share a ``group``, so that calibration never sees the
    same sentence on both sides.

    Raises
    ------
    Invalid
        If a data file is missing or cannot be used; the sentence names the pattern.
    """
    found = []
    for language in LANGUAGES:
        corpus = read_corpus(data, language)
        for pattern in corpus.patterns:
            # One stream a pattern: adding one leaves the messages of the others as they are.
            chance = random.Random(f"{seed}/{pattern.key}")  # noqa: S311
            found += [
                _message(corpus, pattern, chance, plain=n == 0) for n in range(per_pattern)
            ]
    return [*found, *_phrases()]


def _phrases() -> list[Example]:
    """Return the written keywords as very short messages; they say nothing on urgency."""
    return [
        Example(text=phrase.replace("?", ""), request_type=key, weight=_PHRASE_WEIGHT)
        for key, lines in KEYWORDS.items()
        for phrase in "|".join(lines).split("|")
    ]


def _message(
    corpus: Corpus, pattern: Pattern, chance: random.Random, *, plain: bool
) -> Example:
    """One message; the first of each pattern is the bare sentence."""
    text, urgency = pattern.text, pattern.urgency
    if not plain:
        if chance.random() < _JOIN:
            text, urgency = _joined(corpus, pattern, chance)
        text, urgency = _with_urgency(corpus, text, urgency, chance)
        text = _framed(corpus, pattern.kind, text, chance)
    subject = pattern.subject if chance.random() < _SUBJECT else ""
    text, subject = (_filled(piece, corpus.slots, chance) for piece in (text, subject))
    if not plain:
        text = _roughened(text, pattern.language, chance)
    example = Example(
        text=text,
        subject=subject,
        request_type=pattern.request_type,
        urgency=urgency,
        language=pattern.language,
        group=pattern.key,
    )
    if not plain and pattern.language == "vi" and chance.random() < _UNDIACRITISED:
        example = replace(example, text=_bare(text), subject=_bare(subject))
    return example


def _joined(corpus: Corpus, pattern: Pattern, chance: random.Random) -> tuple[str, str]:
    """Put a request of another type behind this one; the first gives the type."""
    other = chance.choice(corpus.patterns)
    if pattern.kind == "mail" or other.kind == "mail" or other.request_type == "general":
        return pattern.text, pattern.urgency
    link = chance.choice(_JOINS[pattern.language])
    higher = max(pattern.urgency, other.urgency, key=LEVELS.index)
    return f"{_ended(pattern.text)} {link} {other.text}", higher


def _with_urgency(
    corpus: Corpus, text: str, urgency: str, chance: random.Random
) -> tuple[str, str]:
    said = [level for level, phrases in corpus.urgencies.items() if phrases]
    if urgency != LEVELS[NORMAL] or not said or chance.random() >= _URGENCY:
        return text, urgency
    level = chance.choice(sorted(said))
    phrase = chance.choice(corpus.urgencies[level])
    if chance.random() < 0.25:
        return f"{_ended(phrase)} {text}", level
    return f"{_ended(text)} {phrase}", level


def _framed(corpus: Corpus, kind: str, text: str, chance: random.Random) -> str:
    """Put the rest of a message around the request; mails have lines between."""
    break_ = "\n\n" if kind == "mail" else " "
    if corpus.afterwords and chance.random() < _AFTERWORD:
        text = f"{_ended(text)} {chance.choice(corpus.afterwords)}"
    if chance.random() < _CONTEXT:
        text = f"{_ended(chance.choice(corpus.contexts))} {text}"
    if chance.random() < _GREETING:
        text = f"{_ended(chance.choice(corpus.greetings), ',')}{break_}{text}"
    if chance.random() < _CLOSING:
        text = f"{_ended(text)}{break_}{chance.choice(corpus.closings)}"
    return text


def _ended(text: str, mark: str = ".") -> str:
    return text if text.rstrip().endswith((".", "!", "?", ",", ":", "…")) else text + mark


def _filled(text: str, slots: dict[str, list[str]], chance: random.Random) -> str:
    for _ in range(2):  # a slot may hold a slot
        text = SLOT.sub(lambda match: chance.choice(slots[match.group(1)]), text)
    return text


def _roughened(text: str, language: str, chance: random.Random) -> str:
    if chance.random() < _SLANG:
        for word, shorter in _SLANG_WORDS[language].items():
            if chance.random() < 0.5:
                text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", chance.choice(shorter), text)
    if chance.random() < _TYPO:
        text = _mistyped(text, chance)
    if chance.random() < 0.3:
        text = text.lower()
    return text


def _mistyped(text: str, chance: random.Random) -> str:
    """Swap, drop or double one letter in about every tenth longer word."""
    words: list[str] = text.split(" ")
    for place, word in enumerate(words):
        if len(word) >= 4 and word.isalpha() and chance.random() < 0.12:
            at = chance.randrange(1, len(word) - 1)
            swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            dropped = word[:at] + word[at + 1 :]
            words[place] = chance.choice((swapped, dropped, word[:at] + word[at] + word[at:]))
    return " ".join(words)


def _bare(text: str) -> str:
    """Drop diacritics as people without a Vietnamese keyboard do; capitals stay."""
    return "".join(fold(c).upper() if c.isupper() else fold(c) for c in text)
