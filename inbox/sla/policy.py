"""Targets: how much working time each answer may take, and what urgency makes of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_HOUR = 3600
_URGENT_S = 30 * 60


@dataclass(frozen=True, slots=True)
class Targets:
    """The three times of one conversation, in seconds of working time; None: no such clock."""

    first_response_s: int | None
    next_response_s: int | None
    resolution_s: int | None


class Conditions(Protocol):
    """What a rule asks; None asks nothing."""

    @property
    def tier(self) -> str | None: ...
    @property
    def urgency(self) -> str | None: ...
    @property
    def product_group(self) -> str | None: ...
    @property
    def request_type(self) -> str | None: ...
    @property
    def inbox_id(self) -> int | None: ...
    @property
    def channel(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Case:
    """What rules are asked about; None or "" meets only rules that do not ask for it."""

    request_type: str
    urgency: str
    tier: str = ""
    channel: str = ""
    product_group: str | None = None
    inbox_id: int | None = None


HEAVIEST_FIRST = ("tier", "urgency", "product_group", "request_type", "inbox_id", "channel")
"""Which of two rules with equally many conditions is asked first."""


def rank(rule: Conditions) -> tuple[int | bool, ...]:
    """Return where a rule stands in the order in which rules are asked; smaller is sooner.

    More conditions come first; of as many, the one with the heavier condition. The rules of
    one rank are asked in the order of their ids.
    """
    asks = [getattr(rule, name) is not None for name in HEAVIEST_FIRST]
    return -sum(asks), *(not one for one in asks)


def matches(rule: Conditions, case: Case) -> bool:
    """Tell whether a case meets every condition of a rule; texts are alike in any case."""
    return all(
        _plain(wanted) == _plain(getattr(case, name))
        for name in HEAVIEST_FIRST
        if (wanted := getattr(rule, name)) is not None
    )


def _plain(value: object) -> object:
    return value.strip().casefold() if isinstance(value, str) else value


STARTER_TARGETS: dict[str, Targets] = {
    "product_advice": Targets(1 * _HOUR, 2 * _HOUR, 16 * _HOUR),
    "order_delivery": Targets(2 * _HOUR, 4 * _HOUR, 16 * _HOUR),
    "complaint": Targets(4 * _HOUR, 4 * _HOUR, 24 * _HOUR),
    "return_refund": Targets(4 * _HOUR, 4 * _HOUR, 40 * _HOUR),
    "technical_support": Targets(2 * _HOUR, 4 * _HOUR, 16 * _HOUR),
    "billing_payment": Targets(4 * _HOUR, 4 * _HOUR, 24 * _HOUR),
    "account_access": Targets(2 * _HOUR, 2 * _HOUR, 8 * _HOUR),
    "general": Targets(8 * _HOUR, 8 * _HOUR, 40 * _HOUR),
}
"""What a new company starts with, by the key of the request type."""


def shorten(targets: Targets, urgency: str) -> Targets:
    """Apply urgency to a type's times, which are maxima: no urgency lengthens them.

    Normal and low keep them, high halves them, urgent makes each 30 minutes at most.

    Raises
    ------
    ValueError
        If the urgency is none of low, normal, high, urgent.
    """
    if urgency not in ("low", "normal", "high", "urgent"):
        raise ValueError(f'There is no urgency "{urgency}"; use low, normal, high or urgent.')
    return Targets(
        _shorter(targets.first_response_s, urgency),
        _shorter(targets.next_response_s, urgency),
        _shorter(targets.resolution_s, urgency),
    )


def strictest(candidates: Iterable[Targets]) -> Targets:
    """Take the shortest of each time; one that no candidate has stays None.

    Raises
    ------
    ValueError
        If there is no candidate.
    """
    rows = list(candidates)
    if not rows:
        raise ValueError("Give at least one candidate's targets.")
    return Targets(
        _shortest(row.first_response_s for row in rows),
        _shortest(row.next_response_s for row in rows),
        _shortest(row.resolution_s for row in rows),
    )


def _shorter(seconds: int | None, urgency: str) -> int | None:
    if seconds is None:
        return None
    if urgency == "high":
        return seconds // 2
    return min(seconds, _URGENT_S) if urgency == "urgent" else seconds


def _shortest(times: Iterable[int | None]) -> int | None:
    return min((time for time in times if time is not None), default=None)
