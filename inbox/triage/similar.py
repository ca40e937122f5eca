"""Find the messages most like one message among a million, in memory of 32 bytes each.

Each message is 256 bits: on which side of 256 fixed random planes its feature row lies. Rows
that point the same way share most bits. The few hundred with the most bits in common are then
compared exactly, by their rows.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inbox.triage import files
from inbox.triage.features import Features, Row
from inbox.triage.text import prepare

WORDS = 4  # of 64 bits each
_AT_ONCE = 65_536  # rows compared in one go: stays in the processor's cache

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIXING = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)

Code = NDArray[np.uint64]


def code_of(row: Row) -> Code:
    """Return the 256 bits of a feature row, as an array of 4 numbers.

    The planes depend on feature numbers only: codes of one model cannot be compared with
    codes of another.
    """
    signs = np.unpackbits(_planes(row.indices).view(np.uint8), axis=1).astype(np.float32)
    sides = row.values @ (2 * signs - 1) if row.indices.size else np.zeros(64 * WORDS)
    return np.packbits(sides > 0).view(np.uint64)


def cosine(one: Row, other: Row) -> float:
    """Return how alike two rows of one model are, from 0 to 1."""
    lengths = float(np.sqrt((one.values**2).sum() * (other.values**2).sum()))
    if not lengths:
        return 0.0
    # Words and pieces are two blocks of a row; no feature is in both.
    _, mine, theirs = np.intersect1d(
        one.indices, other.indices, assume_unique=True, return_indices=True
    )
    return float(one.values[mine] @ other.values[theirs]) / lengths


class Index:
    """Codes of many messages with their ids; pure values, nothing is read while asking."""

    def __init__(self, ids: NDArray[np.int64], codes: Code) -> None:
        if codes.shape != (len(ids), WORDS):
            raise ValueError(f"{len(ids)} ids and codes of shape {codes.shape}")
        self.ids = ids
        self.codes = codes

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def build(cls, features: Features, messages: Iterable[tuple[int, str, str]]) -> Self:
        """Index messages given as (id, subject, text); about 0.4 ms each."""
        ids, codes = [], []
        for number, subject, text in messages:
            ids.append(number)
            codes.append(code_of(features.row(prepare(subject, text).forms)))
        return cls(np.array(ids, np.int64), np.array(codes, np.uint64).reshape(-1, WORDS))

    def with_more(self, other: "Index") -> "Index":
        """Return an index of both; of an id in both, the other's code counts."""
        kept = ~np.isin(self.ids, other.ids)
        return Index(
            np.concatenate([self.ids[kept], other.ids]),
            np.concatenate([self.codes[kept], other.codes]),
        )

    def without(self, ids: Iterable[int]) -> "Index":
        """Return an index without these messages, for example of an erased person."""
        kept = ~np.isin(self.ids, np.fromiter(ids, np.int64))
        return Index(self.ids[kept], self.codes[kept])

    def nearest(self, code: Code, n: int = 200) -> list[int]:
        """Return up to ``n`` ids with the most bits in common, the nearest first."""
        apart = np.empty(len(self), np.uint16)
        for start in range(0, len(self), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            differing = np.bitwise_count(self.codes[part] ^ code)
            apart[part] = differing.sum(axis=1, dtype=np.uint16)
        n = min(n, len(self))
        best = np.argpartition(apart, n - 1)[:n] if n else np.empty(0, np.intp)
        ordered = best[np.lexsort((self.ids[best], apart[best]))]
        return [int(number) for number in self.ids[ordered]]

    def save(self, path: Path) -> str:
        """Write to a directory of its own; return the sha256 of its files."""
        return files.write(path, {"ids": self.ids, "codes": self.codes}, {"index": WORDS})

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        Invalid
            If a file is missing or was changed.
        """
        arrays, _ = files.read(path, sha256)
        with files.refusing_bad_content(path):
            return cls(arrays["ids"].astype(np.int64), arrays["codes"].astype(np.uint64))


def rank(
    query: Row, others: Sequence[tuple[int, Row]], n: int = 5, at_least: float = 0.0
) -> list[tuple[int, float]]:
    """Compare exactly: return up to ``n`` pairs of id and likeness (cosine), best first."""
    found = [(number, cosine(query, row)) for number, row in others]
    kept = [(number, alike) for number, alike in found if alike >= at_least]
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:n]


def _planes(numbers: NDArray[np.intp]) -> Code:
    """Return 256 random bits for each feature number, always the same (splitmix64)."""
    seeds = np.multiply(numbers.astype(np.uint64)[:, None], np.uint64(WORDS))
    state = np.multiply(seeds + np.arange(1, WORDS + 1, dtype=np.uint64), _GOLDEN)
    for shift, factor in _MIXING:
        state = np.multiply(state ^ (state >> shift), factor)
    return np.ascontiguousarray(state ^ (state >> np.uint64(31)), dtype=np.uint64)
