"""Turn weights of single tokens into the few words that a person is shown."""

from collections.abc import Sequence

from inbox.triage.prediction import Term
from inbox.triage.text import Document, Token

N_TERMS = 5
N_AGAINST = 2
_LONGEST_TERM = 4  # words
_JOINS_FROM = 0.4  # a neighbour joins if it weighs this share of the strongest word


def opposing_terms(document: Document, weights: Sequence[float]) -> tuple[Term, ...]:
    """Return up to two terms that spoke against, the strongest first, weights negative."""
    found = strongest_terms(document, [-weight for weight in weights], N_AGAINST)
    return tuple(Term(term.term, -term.weight) for term in found)


def strongest_terms(
    document: Document, weights: Sequence[float], n: int = N_TERMS
) -> tuple[Term, ...]:
    """Return up to ``n`` terms with positive weight, the strongest first, as written.

    Words side by side that pull the same way are one term ("trừ tiền hai lần"). Masked
    things (codes, sums, links) are never shown: the next message has others.
    """
    tokens = document.tokens
    free = {at for at, weight in enumerate(weights) if weight > 0 and tokens[at].is_word}
    terms: dict[str, Term] = {}
    for at in sorted(free, key=lambda place: -weights[place]):
        if len(terms) == n:
            break
        if at not in free:
            continue
        first, last = _grow(document, weights, free, at)
        free.difference_update(range(first, last + 1))
        form = " ".join(token.form for token in tokens[first : last + 1])
        if form not in terms:
            start, end = tokens[first].start, tokens[last].end
            written = " ".join(document.original[start:end].split())
            terms[form] = Term(written, float(sum(weights[first : last + 1])))
    return tuple(sorted(terms.values(), key=lambda term: -term.weight))


def _grow(
    document: Document, weights: Sequence[float], free: set[int], at: int
) -> tuple[int, int]:
    """Widen one word to the stronger of its neighbours while they pull along."""
    first = last = at
    least = weights[at] * _JOINS_FROM
    while last - first + 1 < _LONGEST_TERM:
        sides = [
            place
            for place, left in ((first - 1, first - 1), (last + 1, last))
            if place in free
            and weights[place] >= least
            and _touch(document, document.tokens[left], document.tokens[left + 1])
        ]
        if not sides:
            break
        best = max(sides, key=lambda place: weights[place])
        first, last = min(first, best), max(last, best)
    return first, last


def _touch(document: Document, one: Token, two: Token) -> bool:
    between = document.original[one.end : two.start]
    return between.isspace() and "\n" not in between
