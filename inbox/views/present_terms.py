"""The words of a message that weighed for or against its type, marked where they stand."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a message; ``mark`` is "for" or "against" the type, or ""."""

    text: str
    mark: str = ""


def mark_terms(
    paragraphs: Sequence[Sequence[str]], terms: Sequence[tuple[str, float]]
) -> list[list[list[Piece]]]:
    """Return paragraphs of lines as pieces, the terms in them marked as they weigh."""
    weigh = {" ".join(term.split()).casefold(): weight for term, weight in terms if term}
    shapes = sorted(weigh, key=len, reverse=True)
    pattern = None
    if shapes:
        alternatives = "|".join(r"\s+".join(map(re.escape, one.split())) for one in shapes)
        pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)
    return [[_pieces(line, pattern, weigh) for line in lines] for lines in paragraphs]


def _pieces(
    line: str, pattern: re.Pattern[str] | None, weigh: Mapping[str, float]
) -> list[Piece]:
    pieces, at = [], 0
    for match in pattern.finditer(line) if pattern is not None else ():
        if match.start() > at:
            pieces.append(Piece(line[at : match.start()]))
        weight = weigh.get(" ".join(match.group().split()).casefold(), 1.0)
        pieces.append(Piece(match.group(), "for" if weight > 0 else "against"))
        at = match.end()
    return [*pieces, Piece(line[at:])] if at < len(line) else pieces
