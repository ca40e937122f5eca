"""Predict by written words alone: what answers when no model has been trained yet."""

import math
import re
from collections.abc import Collection
from dataclasses import replace
from functools import cache

from inbox.triage.keywords import KEYWORDS
from inbox.triage.prediction import (
    GENERAL,
    LEVELS,
    NO_FACTS,
    NORMAL,
    Facts,
    Prediction,
    Term,
    Thresholds,
)
from inbox.triage.text import Document, prepare
from inbox.triage.urgency import floor, of_customer

DEFAULT_CONFIDENCE = 0.5  # of "normal" when no rule and no model speaks
RULE_CONFIDENCE = 0.9
_NOTHING_SAID = 1.0  # what a type's words must outweigh before it beats general
_HIGHEST = 0.75  # written words are never surer than this


def predict_by_rules(
    subject: str,
    text: str,
    *,
    allowed_types: Collection[str] | None = None,
    facts: Facts = NO_FACTS,
) -> Prediction:
    """Predict type and urgency from keywords; always asks for a person's look.

    ``allowed_types`` limits the answer; among types without keywords the first in
    alphabetical order answers, with confidence 0, so that there is always one.
    """
    document = prepare(subject, text)
    found = _matches(document)
    types = [key for key in KEYWORDS if allowed_types is None or key in allowed_types]
    candidates = _candidates(found, types)
    if not candidates:
        candidates = [(key, 0.0) for key in sorted(allowed_types or (GENERAL,))]
    first, confidence = candidates[0]
    rule = floor(document, facts)
    return Prediction(
        request_type=first,
        request_type_confidence=confidence,
        urgency=LEVELS[rule.level if rule else NORMAL],
        urgency_confidence=RULE_CONFIDENCE if rule else DEFAULT_CONFIDENCE,
        urgency_reason=rule.reason if rule else None,
        needs_review=True,
        candidates=tuple(candidates),
        why=_why(found.get(first, {})),
        clock_candidates=Thresholds().clocks(candidates),
        zone=Thresholds().zone(first, confidence),
    )


def raised(said: Prediction, facts: Facts) -> Prediction:
    """Return a prediction made by words alone, raised where the customer's facts ask for it."""
    found = of_customer(facts)
    if found is None or found.level <= LEVELS.index(said.urgency):
        return said
    return replace(
        said,
        urgency=LEVELS[found.level],
        urgency_confidence=RULE_CONFIDENCE,
        urgency_reason=found.reason,
    )


def _candidates(
    found: dict[str, dict[str, float]], types: list[str]
) -> list[tuple[str, float]]:
    scores = {key: sum(found.get(key, {}).values()) for key in types}
    if GENERAL in scores:
        scores[GENERAL] += _NOTHING_SAID
    total = sum(math.exp(score) for score in scores.values())
    shares = {key: math.exp(score) / total for key, score in scores.items()}
    return sorted(
        ((key, min(share, _HIGHEST)) for key, share in shares.items()),
        key=lambda candidate: -candidate[1],
    )


def _matches(document: Document) -> dict[str, dict[str, float]]:
    """For each type, the matched phrases as written and their weights."""
    plain, owners = document.line()
    found: dict[str, dict[str, float]] = {}
    for key, pattern in _patterns().items():
        seen = set()
        for match in pattern.finditer(plain):
            if match.group() not in seen:
                seen.add(match.group())
                first, last = owners[match.start()], owners[match.end() - 1]
                start, end = document.tokens[first].start, document.tokens[last].end
                term = " ".join(document.original[start:end].split())
                weight = math.sqrt(1 + match.group().count(" "))
                found.setdefault(key, {})[term] = weight
    return found


def _why(terms: dict[str, float]) -> tuple[Term, ...]:
    best = sorted(terms.items(), key=lambda entry: -entry[1])[:5]
    return tuple(Term(term, weight) for term, weight in best)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """One pattern a type, longer phrases first so that they win over their parts."""
    compiled = {}
    for key, lines in KEYWORDS.items():
        phrases = sorted("|".join(lines).split("|"), key=len, reverse=True)
        whole = rf"(?<![^ ])(?:{'|'.join(phrases)})(?![^ ])"
        compiled[key] = re.compile(whole)
    return compiled
