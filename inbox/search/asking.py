"""Say a query's words in either database's own language. Words hold letters and digits only."""

from collections.abc import Iterable

from inbox.search.query import Term
from inbox.store.search import Asked

EVERYTHING = "x:1"
"""A word of each conversation, for queries that only say what is not to be found."""


def asked_of(terms: Iterable[Term]) -> Asked | None:
    """Return the question for both databases; None where no word is asked for."""
    wanted = [term for term in terms if not term.negated]
    unwanted = [term for term in terms if term.negated]
    if not wanted and not unwanted:
        return None
    if not wanted:
        wanted = [Term(((EVERYTHING,),))]
    fts = " AND ".join(_fts(term) for term in wanted)
    vector = " & ".join(_tsquery(term) for term in wanted)
    if unwanted:
        fts = f"({fts}) NOT ({' OR '.join(_fts(term) for term in unwanted)})"
        vector = f"{vector} & !({' | '.join(_tsquery(term) for term in unwanted)})"
    return Asked(fts, vector)


def _ways(term: Term) -> list[list[str]]:
    if not term.mark:
        return [list(way) for way in term.ways]
    return [[f"{term.mark}:{word}" for word in way] for way in term.ways]


def _fts(term: Term) -> str:
    star = " *" if term.prefix else ""
    ways = [f'"{" ".join(way)}"{star}' for way in _ways(term)]
    return f"({' OR '.join(ways)})"


def _tsquery(term: Term) -> str:
    star = ":*" if term.prefix else ""
    ways = ["(" + " <-> ".join(f"'{word}'" for word in way) + star + ")" for way in _ways(term)]
    return f"({' | '.join(ways)})"
