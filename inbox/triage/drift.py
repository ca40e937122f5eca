"""Do new messages still look like those that the model was trusted on?

Compared is always a window of recent messages with the same company's earlier ones, never
with a fixed value: one shop's usual share of unknown words is another shop's alarm.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

REFERENCE = 1000  # messages before the window
MIN_REFERENCE = 200
MIN_WINDOW = 100
MIN_MIX_WINDOW = 300  # a class mix of fewer messages is chance
PSI_FROM = 0.10
AGREEMENT_OF = 200  # the last messages that people confirmed or corrected
AGREEMENT_BELOW = 0.80
_Z = 2.326  # one-sided 1 %


class Alarm(StrEnum):
    """What changed."""

    UNKNOWN_WORDS = "unknown_words"
    CONFIDENCE = "confidence"
    CLASS_MIX = "class_mix"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of one prediction: shares in [0, 1]."""

    request_type: str
    confidence: float
    known_share: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Alarms (none: all is as usual) and the figures they rest on, plain for JSON.

    ``figures``: ``messages`` and ``before`` (how many were compared), ``unknown`` and
    ``unknown_before`` (share of unknown words), ``confidence`` and ``confidence_before``
    (means), ``psi`` (population stability index of the predicted types); None where there
    are too few messages.
    """

    alarms: tuple[Alarm, ...]
    figures: dict[str, Any]


def compare(before: Sequence[Seen], recent: Sequence[Seen]) -> Drift:
    """Compare recent messages with the company's earlier ones (the last 1,000).

    Nothing is said with fewer than 200 earlier or 100 recent messages. Each alarm is false
    about once in a hundred windows.
    """
    earlier = before[-REFERENCE:]
    figures: dict[str, Any] = {"messages": len(recent), "before": len(earlier)}
    names = ("unknown", "unknown_before", "confidence", "confidence_before", "psi")
    if len(earlier) < MIN_REFERENCE or len(recent) < MIN_WINDOW:
        return Drift((), figures | dict.fromkeys(names))
    unknown = [1 - one.known_share for one in recent], [1 - one.known_share for one in earlier]
    sure = [one.confidence for one in recent], [one.confidence for one in earlier]
    mixes = Counter(o.request_type for o in recent), Counter(o.request_type for o in earlier)
    index = psi(*mixes)
    figures |= {
        "unknown": round(_mean(unknown[0]), 4),
        "unknown_before": round(_mean(unknown[1]), 4),
        "confidence": round(_mean(sure[0]), 4),
        "confidence_before": round(_mean(sure[1]), 4),
        "psi": round(index, 4),
    }
    alarms = []
    if _rose(*unknown):
        alarms.append(Alarm.UNKNOWN_WORDS)
    if _rose([-value for value in sure[0]], [-value for value in sure[1]]):
        alarms.append(Alarm.CONFIDENCE)
    if len(recent) >= MIN_MIX_WINDOW and index > _psi_by_chance(*mixes):
        alarms.append(Alarm.CLASS_MIX)
    return Drift(tuple(alarms), figures)


def disagrees(kept: Sequence[bool], below: float = AGREEMENT_BELOW) -> float | None:
    """Return the share of the last 200 reviewed messages whose type people kept, if low.

    ``kept`` is in order of time. None while there are fewer, or the share is ``below`` or
    above it.
    """
    last = kept[-AGREEMENT_OF:]
    share = sum(last) / len(last) if last else 1.0
    return share if len(last) == AGREEMENT_OF and share < below else None


def psi(recent: Mapping[str, int], before: Mapping[str, int]) -> float:
    """Return the population stability index of two counts by type; 0 is no change."""
    keys = recent.keys() | before.keys()
    n, m = sum(recent.values()) + len(keys) / 2, sum(before.values()) + len(keys) / 2
    found = 0.0
    for key in keys:  # half a message each, so that a type never seen divides nothing by 0
        now, then = (recent.get(key, 0) + 0.5) / n, (before.get(key, 0) + 0.5) / m
        found += (now - then) * math.log(now / then)
    return found


def _psi_by_chance(recent: Mapping[str, int], before: Mapping[str, int]) -> float:
    """Return what chance alone exceeds once in a hundred windows, at least PSI_FROM.

    Without change the index is close to chi squared times ``1/n + 1/m`` (quantile after
    Wilson and Hilferty, 1931).
    """
    free = max(len(recent.keys() | before.keys()) - 1, 1)
    spread = 2 / (9 * free)
    quantile = free * (1 - spread + _Z * math.sqrt(spread)) ** 3
    return max(PSI_FROM, quantile * (1 / sum(recent.values()) + 1 / sum(before.values())))


def _rose(recent: Sequence[float], before: Sequence[float]) -> bool:
    """Whether the mean rose by more than chance explains (one-sided, 1 %)."""
    error = math.sqrt(_variance(recent) / len(recent) + _variance(before) / len(before))
    return _mean(recent) - _mean(before) > _Z * error + 1e-9


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    middle = _mean(values)
    return sum((value - middle) ** 2 for value in values) / max(len(values) - 1, 1)
