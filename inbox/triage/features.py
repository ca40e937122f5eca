"""Sparse TF-IDF of words and pieces of words; the same code trains and predicts.

Words, signs and pairs of neighbours form one block, pieces of 2 to 5 letters inside a word
another, the stems of any two words that stand in one message a third; their rows have the
lengths 1.25, 1 and 0.8. Pieces carry spelling errors and chat slang, neighbours meaning, and
two words anywhere what neither says alone: "card" with "lost", as "cards" with "lost".
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from inbox.triage.text import LONGEST_FORM, is_word

Forms = Sequence[str]

PIECE_LENGTHS = range(2, 6)
PIECE_MARK = "~"  # no word holds it, so a piece never meets a word in the vocabulary
MAX_FEATURES = 200_000
_TELLING_LENGTH = 4  # the mark and three letters: shorter pieces are in every language
_CACHED_WORDS = 50_000
_WORDS_LENGTH = 1.25  # measured on parts of four public training sets: 1 to 1.5 are alike
_TOGETHER_LENGTH = 0.8
_TOGETHER = " + "  # between the stems of two words of one message; no form holds it
_WHOLE = " & "  # between two whole words: earlier models
STEM = 5  # letters; English endings go, Vietnamese syllables stay
MOST_WORDS = 16  # different words of a message that are paired, the first ones
MAX_TOGETHER = 50_000
COUNTED_IN = 20_000  # messages that the pairs are learned from; more hold few new ones


@dataclass(frozen=True, slots=True)
class Row:
    """One message as a sparse row, and where in the message each of its features stands.

    ``places`` says for every occurrence which entry of ``indices`` it is, ``owners`` the
    number of the token it belongs to, ``parts`` how much of it: a pair belongs to both its
    words by half. Of a feature that occurs n times each occurrence counts 1/n.
    """

    indices: NDArray[np.intp]
    values: NDArray[np.float32]
    known_share: float  # of the words, weighed by rarity, how much is known; 0 without words
    places: NDArray[np.intp]
    owners: NDArray[np.intp]
    parts: NDArray[np.float64]
    n_tokens: int

    def shares(self, weights: NDArray[np.float64]) -> list[float]:
        """Spread weights, one for each of ``indices``, over the tokens they came from."""
        each = weights[self.places] * self.parts
        spread = np.bincount(self.owners, weights=each, minlength=self.n_tokens)
        return [float(value) for value in spread]


class Rows(NamedTuple):
    """Many messages as the arrays of a compressed sparse matrix (CSR)."""

    values: NDArray[np.float32]
    indices: NDArray[np.int32]
    starts: NDArray[np.int64]


def pieces(form: str) -> list[str]:
    """Return the letter n-grams of one word with its borders, each marked."""
    padded = f" {form} "
    found: list[str] = []
    for length in PIECE_LENGTHS:
        last = len(padded) - length
        found.extend(PIECE_MARK + padded[at : at + length] for at in range(max(last, 0) + 1))
        if last <= 0:  # the whole word is one piece: longer ones would repeat it
            break
    return found


def words_and_pairs(forms: Forms) -> list[str]:
    """Return every form and every pair of neighbours, in order."""
    return [*forms, *(f"{one} {two}" for one, two in pairwise(forms))]


def stems_of(forms: Forms, letters: int = STEM) -> dict[str, int]:
    """Return the first different stems of a message's words, and where each stands first."""
    found: dict[str, int] = {}
    for place, form in enumerate(forms):
        stem = form[:letters]
        if stem not in found and is_word(form):
            found[stem] = place
            if len(found) == MOST_WORDS:
                break
    return found


class Features:
    """A fixed vocabulary with its weights: turns messages into sparse rows."""

    def __init__(self, vocabulary: Sequence[str], idf: NDArray[np.float32]) -> None:
        self.vocabulary = tuple(vocabulary)
        self.idf = idf
        self._number = {name: number for number, name in enumerate(self.vocabulary)}
        self._pieces: dict[str, list[int]] = {}
        joint = _WHOLE if any(_WHOLE in name for name in self._number) else _TOGETHER
        self._partners = _partners(self._number, joint)
        self._stem = LONGEST_FORM if joint == _WHOLE else STEM
        rarest = float(idf.max()) + 0.5 if idf.size else 1.0
        self._rarity = array("f", [*idf.tolist(), rarest])

    def __len__(self) -> int:
        return len(self.vocabulary)

    @classmethod
    def fit(cls, messages: Sequence[Forms], *, together: bool = True) -> Self:
        """Learn the vocabulary: features of at least two messages once there are 500.

        ``together=False`` leaves out any two words: sentences written to train a model hold
        words together that others' messages do not.
        """
        seen: Counter[str] = Counter()
        spelled: dict[str, list[str]] = {}
        n_messages = 0
        for forms in messages:
            n_messages += 1
            names = set(words_and_pairs(forms))
            for form in {form for form in forms if is_word(form)}:
                if form not in spelled:
                    spelled[form] = pieces(form)
                names.update(spelled[form])
            seen.update(names)
        least = 2 if n_messages >= 500 else 1
        kept = _most_frequent(seen, least, MAX_FEATURES)
        if together:
            kept += _most_frequent(_count_together(messages, seen), least, MAX_TOGETHER)
        kept.sort(key=lambda entry: entry[1])
        counts = np.array([count for count, _ in kept], dtype=np.float64)
        idf = np.log((1 + n_messages) / (1 + counts)) + 1
        return cls([name for _, name in kept], idf.astype(np.float32))

    def row(self, forms: Forms) -> Row:
        """Return the sparse row of one message."""
        number = self._number
        words = [number.get(form, -1) for form in forms]
        pairs = [number.get(f"{one} {two}", -1) for one, two in pairwise(forms)]
        found: list[int] = []
        lengths = []
        known = all_of = 0.0
        for form, place in zip(forms, words, strict=True):
            if not is_word(form):
                lengths.append(0)
                continue
            pieces_of = self.pieces_of(form)
            found.extend(pieces_of)
            lengths.append(len(pieces_of))
            rarity = self._rarity[place]  # -1: the last entry, of a word never seen
            all_of += rarity
            known += rarity if place >= 0 else rarity * self._resemblance(form)
        first = _block(np.array(words + pairs, dtype=np.intp), self.idf, _WORDS_LENGTH)
        second = _block(np.array(found, dtype=np.intp), self.idf, 1.0)
        third = self._together(forms) if self._partners else _NOTHING
        at = np.arange(len(forms))
        return _joined(
            first,
            second,
            third,
            len(forms),
            known / all_of if all_of else 0.0,
            np.repeat(at, lengths),
        )

    def _together(self, forms: Forms) -> "_Together":
        """Return which two stems of the message are known to stand in one."""
        at = stems_of(forms, self._stem)
        stems = sorted(at)
        numbers: list[int] = []
        ones: list[int] = []
        others: list[int] = []
        for place, stem in enumerate(stems):
            partners = self._partners.get(stem)
            if partners is not None:
                met = [other for other in stems[place + 1 :] if other in partners]
                numbers += [partners[other] for other in met]
                others += [at[other] for other in met]
                ones += [at[stem]] * len(met)
        if not numbers:
            return _NOTHING
        indices = np.array(numbers, dtype=np.intp)
        values = self.idf[indices]
        values *= _TOGETHER_LENGTH / math.sqrt(values @ values)
        return _Together(
            indices, values, np.array(ones, dtype=np.intp), np.array(others, dtype=np.intp)
        )

    def rows(self, messages: Iterable[Forms]) -> tuple[Rows, NDArray[np.float64]]:
        """Return many messages at once, and the known share of each; compact in memory."""
        values, indices, starts = array("f"), array("i"), array("q", [0])
        known = array("d")
        for forms in messages:
            row = self.row(forms)
            values.frombytes(row.values.tobytes())
            indices.frombytes(row.indices.astype(np.int32).tobytes())
            starts.append(len(indices))
            known.append(row.known_share)
        made = Rows(np.array(values), np.array(indices), np.array(starts))
        return made, np.array(known)

    def pieces_of(self, form: str) -> list[int]:
        """Return the numbers of the known pieces of a word."""
        found = self._pieces.get(form)
        if found is None:
            if len(self._pieces) >= _CACHED_WORDS:
                self._pieces.clear()
            number = self._number
            found = [number[name] for name in pieces(form) if name in number]
            self._pieces[form] = found
        return found

    def _resemblance(self, form: str) -> float:
        """Return how much of a word that is not known looks known: a typing error does."""
        longer = [piece for piece in pieces(form) if len(piece) > _TELLING_LENGTH]
        return sum(piece in self._number for piece in longer) / len(longer) if longer else 0.0


class _Block(NamedTuple):
    indices: NDArray[np.intp]
    values: NDArray[np.float32]
    places: NDArray[np.intp]  # of each occurrence, -1 where the feature is not known
    each: NDArray[np.float64]  # 1 / how often the feature occurs, of each occurrence


class _Together(NamedTuple):
    """Pairs of words, each once, and which tokens the two words are."""

    indices: NDArray[np.intp]
    values: NDArray[np.float32]
    ones: NDArray[np.intp]
    others: NDArray[np.intp]


_NONE = np.empty(0, dtype=np.intp)
_NOTHING = _Together(_NONE, np.empty(0, dtype=np.float32), _NONE, _NONE)


def _partners(numbers: Mapping[str, int], joint: str) -> dict[str, dict[str, int]]:
    """Return, for each stem, those that follow it in alphabetical order, and the pair."""
    found: dict[str, dict[str, int]] = {}
    for name, number in numbers.items():
        one, is_pair, other = name.partition(joint)
        if is_pair:
            found.setdefault(one, {})[other] = number
    return found


def _most_frequent(seen: Mapping[str, int], least: int, most: int) -> list[tuple[int, str]]:
    """Return the features of at least ``least`` messages, the most frequent if too many."""
    kept = [(count, name) for name, count in seen.items() if count >= least]
    if len(kept) > most:
        kept = sorted(kept, key=lambda entry: (-entry[0], entry[1]))[:most]
    return kept


def _count_together(messages: Sequence[Forms], seen: Mapping[str, int]) -> dict[str, int]:
    """Count any two stems of one message; of very many messages, evenly chosen ones do."""
    step = max(len(messages) // COUNTED_IN, 1)
    stems: Counter[str] = Counter()
    for name, count in seen.items():
        if is_word(name) and " " not in name:
            stems[name[:STEM]] += count
    pairs: Counter[tuple[str, str]] = Counter()
    for forms in messages[::step]:
        kept = sorted(stem for stem in stems_of(forms) if stems[stem] > 1)
        pairs.update(combinations(kept, 2))
    return {
        f"{one}{_TOGETHER}{other}": count * step
        for (one, other), count in pairs.items()
        if count > 1
    }


def _block(numbers: NDArray[np.intp], idf: NDArray[np.float32], length: float) -> _Block:
    """Weigh the features of one block; -1 is a feature that is not known."""
    indices, inverse, counts = _different(numbers)
    if indices.size and indices[0] < 0:
        indices, counts, inverse = indices[1:], counts[1:], inverse - 1
    values = (1 + np.log(counts)) * idf.take(indices)
    whole = float(np.sqrt(values @ values))
    if whole:
        values = values * (length / whole)
    each = (1 / counts)[inverse] if counts.size else np.zeros(len(inverse))
    return _Block(indices, values.astype(np.float32), inverse, each)


def _different(
    numbers: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return what ``np.unique`` does, with inverse and counts, in less time for so few."""
    if not numbers.size:
        return _NONE, _NONE, _NONE
    order = numbers.argsort(kind="stable")
    ordered = numbers[order]
    is_first = np.ones(len(ordered) + 1, dtype=np.bool_)  # and one after the last
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:-1])
    starts = is_first.nonzero()[0]
    inverse = np.empty(len(ordered), dtype=np.intp)
    inverse[order] = is_first[:-1].cumsum() - 1
    return ordered[starts[:-1]], inverse, starts[1:] - starts[:-1]


def _joined(
    words: _Block,
    found: _Block,
    together: _Together,
    n_tokens: int,
    known: float,
    owners: NDArray[np.intp],
) -> Row:
    """Put the blocks into one row; the words' block holds all words, then all neighbours."""
    after = len(words.indices) + len(found.indices) + np.arange(len(together.indices))
    half = np.full(len(after), 0.5)
    at = np.arange(n_tokens)
    alone, pairs = words.places[:n_tokens], words.places[n_tokens:]
    alone_each, pair_each = words.each[:n_tokens], words.each[n_tokens:] / 2
    places = np.concatenate([alone, pairs, pairs])
    parts = np.concatenate([alone_each, pair_each, pair_each])
    holders = np.concatenate([at, at[:-1], at[1:]])
    is_known = places >= 0
    return Row(
        indices=np.concatenate([words.indices, found.indices, together.indices]),
        values=np.concatenate([words.values, found.values, together.values]),
        known_share=known,
        places=np.concatenate(
            [places[is_known], found.places + len(words.indices), after, after]
        ),
        owners=np.concatenate([holders[is_known], owners, together.ones, together.others]),
        parts=np.concatenate([parts[is_known], found.each, half, half]),
        n_tokens=n_tokens,
    )
