"""Product groups that messages do not name, learned from those that people confirmed.

Runs in the training process. A group is learned once 30 confirmed messages are about it; the
words by which messages name it are taken out first, for these are found without learning.
"""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

from inbox.triage.evaluate import by_label
from inbox.triage.gate import Judged, Reason, Verdict, judge
from inbox.triage.model import TriageModel
from inbox.triage.prediction import NO_GROUP, Example
from inbox.triage.products import words_of
from inbox.triage.training import train

LEAST = 30  # confirmed messages of a group
MOST_MESSAGES = 10_000  # the newest are learned from
MOST_GROUPS = 40
PRECISION = 0.75  # of guesses, on messages it had not seen, where the holdout is too small


@dataclass(frozen=True, slots=True)
class About:
    """A confirmed message and its product group; NO_GROUP is none."""

    number: int
    subject: str
    text: str
    group: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A model with its head of product groups, or without, and what became of that."""

    model: TriageModel
    figures: dict[str, Any]


def without_names(text: str, terms: AbstractSet[str]) -> str:
    """Return a text without the words by which products are named."""
    return " ".join(word for word in text.split() if not terms & set(words_of(word)))


def learn_products(
    model: TriageModel,
    live: TriageModel | None,
    own: Sequence[About],
    holdout: Sequence[About],
    terms: Sequence[str],
) -> Learned:
    """Add a head of product groups to a model, if one can be learned and is no worse.

    On the holdout it is compared with the live model's head as types are; where that holds
    too few messages, its guesses must be right often enough on messages it had not seen.
    """
    own = own[-MOST_MESSAGES:]
    counts = Counter(one.group for one in own if one.group != NO_GROUP)
    groups = {name for name, n in counts.most_common(MOST_GROUPS) if n >= LEAST}
    if not groups:
        return Learned(model, {"groups": 0})
    words = {word for term in terms for word in words_of(term)}
    given = [
        Example(
            without_names(one.text, words),
            one.group if one.group in groups else NO_GROUP,
            without_names(one.subject, words),
        )
        for one in own
    ]
    trained = train(given, features=model.features)
    with_head = replace(model, products=trained.model.types)
    judged = _judged(with_head, holdout, words)
    verdict = judge(_judged(live, holdout, words), judged)
    figures = {"groups": len(groups), "reason": verdict.reason.value, **verdict.figures}
    by_group = trained.evaluation["by_type"]
    said = [(one["precision"], n) for name, n in counts.items() if (one := by_group.get(name))]
    right = sum(share * n for share, n in said) / max(sum(n for _, n in said), 1)
    passed = verdict.accepted or (verdict.reason is Reason.TOO_FEW and right >= PRECISION)
    figures |= {"precision": round(right, 4), "accepted": passed}
    figures |= _by_group(verdict, judged, by_group)
    return Learned(with_head if passed else model, figures)


def _by_group(
    verdict: Verdict, judged: Sequence[Judged], unseen: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return precision, recall and support of each group, and on what they were measured.

    On the holdout as guesses are shown, doubtful ones counting as none; where that is too
    small, on the messages learned from, each by a model that had not seen it.
    """
    if verdict.reason is Reason.TOO_FEW:
        return {"measured_on": "unseen", "by_group": unseen}
    return {
        "measured_on": "holdout",
        "by_group": by_label([(one.true_type, one.said_type) for one in judged]),
    }


def _judged(
    model: TriageModel | None, holdout: Sequence[About], words: AbstractSet[str]
) -> list[Judged]:
    found = []
    for one in holdout:
        subject, text = without_names(one.subject, words), without_names(one.text, words)
        guess = model.guess_product(subject, text) if model is not None else None
        said = guess.group if guess is not None else NO_GROUP
        found.append(Judged(one.number, one.group, said, None, None))
    return found
