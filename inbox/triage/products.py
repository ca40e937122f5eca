"""Find which products or services a message names: by name, alias or code, longest first.

Everything is folded, and words are compared as wholes: "may loc" is no part of "may locker".
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from inbox.triage.text import fold

MOST_READ = 5000  # characters of a message
_WORD = re.compile(r"[^\W_]+")


class Named(NamedTuple):
    """A product group that a message names, and by which of its terms."""

    group: str
    term: str


class Catalogue:
    """All product groups, ready to be looked for; the same terms give the same object."""

    def __init__(self, groups: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        self._terms: dict[tuple[str, ...], Named] = {}
        for group, terms in groups:
            for term in (group, *terms):
                key = words_of(term)
                if key:  # of two groups with one term, the first has it
                    self._terms.setdefault(key, Named(group, term))
        self.groups = frozenset(group for group, _ in groups)
        self._longest = max(map(len, self._terms), default=0)

    def __bool__(self) -> bool:
        return bool(self._terms)

    def find(self, subject: str, text: str) -> tuple[Named, ...]:
        """Return the groups named, each once: the longest term first, then the first named.

        Words that belong to a longer term name nothing else.
        """
        if not self._terms:
            return ()
        words = words_of(f"{subject[:300]}\n{text[:MOST_READ]}")
        found: list[tuple[int, int, Named]] = []
        at = 0
        while at < len(words):
            for n in range(min(self._longest, len(words) - at), 0, -1):
                named = self._terms.get(words[at : at + n])
                if named is not None:
                    found.append((-n, at, named))
                    at += n
                    break
            else:
                at += 1
        first: dict[str, Named] = {}
        for _, _, named in sorted(found):
            first.setdefault(named.group, named)
        return tuple(first.values())


NO_PRODUCTS = Catalogue(())


@lru_cache(maxsize=4)
def catalogue_of(groups: tuple[tuple[str, tuple[str, ...]], ...]) -> Catalogue:
    """Return the catalogue of these groups (name, other terms), made once."""
    return Catalogue(groups)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text as terms are compared by."""
    return tuple(_WORD.findall(fold(text)))
