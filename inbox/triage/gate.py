"""May a newly trained model take over? Two models, one frozen holdout, three conditions."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inbox.triage.prediction import LEVELS

MIN_MESSAGES = 20  # fewer say nothing about types that were not even among them
MOST_WORSE = 0.01  # the 95 % lower bound of the difference must be above minus this
PROTECTED_FROM = 20  # holdout messages of one type; fewer, and its recall is chance
CLASS_MAY_LOSE = 0.10
URGENT_MAY_LOSE = 1  # messages
_Z = 1.6448536269514722  # one-sided 95 % of the normal distribution
URGENT = LEVELS[-1]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model said of one holdout message, and what people say is true.

    ``message`` is any number that names the message. Levels are None where nobody said what
    the urgency is.
    """

    message: int
    true_type: str
    said_type: str
    true_level: str | None = None
    said_level: str | None = None


class Reason(StrEnum):
    """Why a verdict is what it is; the first that applies, in this order."""

    TOO_FEW = "too_few"  # the holdout holds fewer than MIN_MESSAGES
    WORSE = "worse"  # it may be worse on types by more than a point
    URGENT_MISSED = "urgent_missed"  # it finds fewer of the urgent messages
    CLASS_LOST = "class_lost"  # one type lost more than ten points
    NOT_WORSE = "not_worse"  # accepted


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer and what it rests on.

    ``figures`` holds plain values that JSON can carry, always with the same keys:
    ``messages``; ``champion`` and ``challenger`` (share of right types, None without
    messages); ``difference``, ``bound`` (of the difference, one-sided 95 %); ``gained`` and
    ``lost`` (messages); ``urgent`` (holdout messages that are urgent), ``urgent_champion``
    and ``urgent_challenger`` (how many of them each found); ``worst_type`` with
    ``worst_before``, ``worst_after`` (recall) and ``worst_messages`` (None where no type
    has enough messages).
    """

    accepted: bool
    reason: Reason
    figures: dict[str, Any]


def judge(
    champion: Sequence[Judged],
    challenger: Sequence[Judged],
    *,
    min_messages: int = MIN_MESSAGES,
    most_worse: float = MOST_WORSE,
) -> Verdict:
    """Compare two models on the same holdout messages, in any order.

    The challenger is accepted if the one-sided 95 % lower bound of the paired difference in
    right types is above ``-most_worse``, it finds at most one urgent message fewer, and no
    type with 20 or more messages loses more than ten points of recall.

    Raises
    ------
    ValueError
        If the two do not speak of the same messages.
    """
    pairs = _pairs(champion, challenger)
    figures = _types(pairs) | _urgent(pairs) | _worst(pairs)
    reason = _reason(figures, min_messages, most_worse)
    return Verdict(reason is Reason.NOT_WORSE, reason, figures)


def _reason(figures: dict[str, Any], min_messages: int, most_worse: float) -> Reason:
    if figures["messages"] < min_messages:
        return Reason.TOO_FEW
    if figures["bound"] <= -most_worse:
        return Reason.WORSE
    if figures["urgent_challenger"] < figures["urgent_champion"] - URGENT_MAY_LOSE:
        return Reason.URGENT_MISSED
    if figures["worst_type"] is not None:
        lost = figures["worst_before"] - figures["worst_after"]
        if lost > CLASS_MAY_LOSE + 1e-9:
            return Reason.CLASS_LOST
    return Reason.NOT_WORSE


def _pairs(
    champion: Sequence[Judged], challenger: Sequence[Judged]
) -> list[tuple[Judged, Judged]]:
    other = {one.message: one for one in challenger}
    if len(other) != len(challenger) or len(champion) != len(challenger):
        raise ValueError("champion and challenger must judge the same messages once each")
    try:
        return [(one, other[one.message]) for one in champion]
    except KeyError as error:
        raise ValueError(f"the challenger did not judge message {error}") from error


def _types(pairs: Sequence[tuple[Judged, Judged]]) -> dict[str, Any]:
    """Return shares of right types and the lower bound of their paired difference.

    The bound is the mean of the differences (-1, 0 or 1 a message) less 1.645 standard
    errors.
    """
    n = len(pairs)
    before = sum(one.said_type == one.true_type for one, _ in pairs)
    after = sum(two.said_type == two.true_type for _, two in pairs)
    gained = sum(_right(two) and not _right(one) for one, two in pairs)
    lost = sum(_right(one) and not _right(two) for one, two in pairs)
    if not n:
        none = dict.fromkeys(("champion", "challenger", "difference", "bound"))
        return {"messages": 0, **none, "gained": 0, "lost": 0}
    difference = (gained - lost) / n
    spread = math.sqrt(max((gained + lost) / n - difference**2, 0.0) / n)
    return {
        "messages": n,
        "champion": round(before / n, 4),
        "challenger": round(after / n, 4),
        "difference": round(difference, 4),
        "bound": round(difference - _Z * spread, 4),
        "gained": gained,
        "lost": lost,
    }


def _right(judged: Judged) -> bool:
    return judged.said_type == judged.true_type


def _urgent(pairs: Sequence[tuple[Judged, Judged]]) -> dict[str, Any]:
    urgent = [(one, two) for one, two in pairs if one.true_level == URGENT]
    return {
        "urgent": len(urgent),
        "urgent_champion": sum(one.said_level == URGENT for one, _ in urgent),
        "urgent_challenger": sum(two.said_level == URGENT for _, two in urgent),
    }


def _worst(pairs: Sequence[tuple[Judged, Judged]]) -> dict[str, Any]:
    by_type: dict[str, list[tuple[Judged, Judged]]] = defaultdict(list)
    for one, two in pairs:
        by_type[one.true_type].append((one, two))
    changes = []
    for key, members in sorted(by_type.items()):
        if len(members) >= PROTECTED_FROM:
            before = sum(_right(one) for one, _ in members) / len(members)
            after = sum(_right(two) for _, two in members) / len(members)
            changes.append((after - before, key, before, after, len(members)))
    if not changes:
        return dict.fromkeys(("worst_type", "worst_before", "worst_after", "worst_messages"))
    _, key, before, after, n = min(changes)
    return {
        "worst_type": key,
        "worst_before": round(before, 4),
        "worst_after": round(after, 4),
        "worst_messages": n,
    }
