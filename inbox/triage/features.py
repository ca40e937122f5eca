"""Sparse TF-IDF of words and pieces of words; the same code trains and predicts.

Words and pairs of words form one block, pieces of 2 to 5 letters inside a word another;
the rows of words have length 1.5, those of pieces 1. Pieces carry spelling errors and chat
slang, pairs carry meaning.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inbox.triage.text import Document

PIECE_LENGTHS = range(2, 6)
PIECE_MARK = "~"  # no word holds it, so a piece never meets a word in the vocabulary
MAX_FEATURES = 200_000
_TELLING_LENGTH = 4  # the mark and three letters: shorter pieces are in every language
_CACHED_WORDS = 50_000
_WORDS_LENGTH = 1.5  # measured on unseen starter sentences: +0.5 points over 1


@dataclass(frozen=True, slots=True)
class Row:
    """One message as a sparse row: feature numbers, values, how often each occurred."""

    indices: NDArray[np.intp]
    values: NDArray[np.float32]
    counts: NDArray[np.intp]
    known_share: float  # of the words, how many are known; 0 without words


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


def words_and_pairs(document: Document) -> list[str]:
    """Return every word, mask and neighbouring pair of a message, in order."""
    forms = [token.form for token in document.tokens]
    return forms + [f"{one} {two}" for one, two in pairwise(forms)]


class Features:
    """A fixed vocabulary with its weights: turns messages into sparse rows."""

    def __init__(self, vocabulary: Sequence[str], idf: NDArray[np.float32]) -> None:
        self.vocabulary = tuple(vocabulary)
        self.idf = idf
        self._number = {name: number for number, name in enumerate(self.vocabulary)}
        self._pieces: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.vocabulary)

    @classmethod
    def fit(cls, documents: Iterable[Document]) -> Self:
        """Learn the vocabulary: features of at least two messages once there are 500."""
        seen: Counter[str] = Counter()
        spelled: dict[str, list[str]] = {}
        n_documents = 0
        for document in documents:
            n_documents += 1
            names = set(words_and_pairs(document))
            for form in {token.form for token in document.tokens if token.is_word}:
                if form not in spelled:
                    spelled[form] = pieces(form)
                names.update(spelled[form])
            seen.update(names)
        least = 2 if n_documents >= 500 else 1
        kept = [(count, name) for name, count in seen.items() if count >= least]
        if len(kept) > MAX_FEATURES:
            kept = sorted(kept, key=lambda entry: (-entry[0], entry[1]))[:MAX_FEATURES]
        kept.sort(key=lambda entry: entry[1])
        counts = np.array([count for count, _ in kept], dtype=np.float64)
        idf = np.log((1 + n_documents) / (1 + counts)) + 1
        return cls([name for _, name in kept], idf.astype(np.float32))

    def row(self, document: Document) -> Row:
        """Return the sparse row of one message."""
        number = self._number
        words = [number[name] for name in words_and_pairs(document) if name in number]
        parts: list[int] = []
        known: list[float] = []
        for token in document.tokens:
            if token.is_word:
                parts.extend(self.pieces_of(token.form))
                known.append(1.0 if token.form in number else self._resemblance(token.form))
        blocks = [self._block(words, _WORDS_LENGTH), self._block(parts, 1.0)]
        return Row(
            indices=np.concatenate([block[0] for block in blocks]),
            values=np.concatenate([block[1] for block in blocks]),
            counts=np.concatenate([block[2] for block in blocks]),
            known_share=sum(known) / len(known) if known else 0.0,
        )

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

    def shares(self, document: Document, row: Row, weights: NDArray[np.float64]) -> list[float]:
        """Spread the weights of a row's features over the tokens they came from.

        ``weights`` has one entry for each of ``row.indices``. A pair gives half to each of
        its words; a feature that occurs n times gives 1/n to each place.
        """
        share = dict(
            zip(row.indices.tolist(), (weights / row.counts).tolist(), strict=True),
        )
        number = self._number
        tokens = document.tokens
        found = [0.0] * len(tokens)
        for at, token in enumerate(tokens):
            found[at] += share.get(number.get(token.form, -1), 0.0)
            if token.is_word:
                found[at] += sum(share[piece] for piece in self.pieces_of(token.form))
            if at:
                pair = number.get(f"{tokens[at - 1].form} {token.form}", -1)
                half = share.get(pair, 0.0) / 2
                found[at - 1] += half
                found[at] += half
        return found

    def _block(
        self, numbers: list[int], block_length: float
    ) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp]]:
        indices, counts = np.unique(np.array(numbers, dtype=np.intp), return_counts=True)
        values = (1 + np.log(np.maximum(counts, 1))) * self.idf[indices]
        length = float(np.sqrt((values**2).sum()))
        if length:
            values = values * (block_length / length)
        return indices, values.astype(np.float32), counts
