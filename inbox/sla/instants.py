"""Instants as whole microseconds since 1970 UTC, the changes of a zone, and pauses cut out."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Pause = tuple[datetime, datetime]
"""A stretch that does not count: from the first instant up to, not with, the second."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
BLOCK = 16 * DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
# A change and its reversal never come closer than 95 hours (Africa/Freetown, 1939), so that
# asking once a day misses none.
_SAMPLE = DAY


def ticks(at: datetime) -> int:
    """Turn an aware instant into microseconds since 1970; a ValueError says what is wrong."""
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no zone; add one, such as +00:00.")
    if not 1000 <= at.year <= 9990:
        raise ValueError(f"Give a year between 1000 and 9990, not {at.year}.")
    return (at - _EPOCH) // _TICK


def instant(at: int) -> datetime:
    """Turn microseconds since 1970 into an aware UTC instant."""
    return _EPOCH + timedelta(microseconds=at)


@lru_cache(maxsize=8192)
def offsets(zone: str, index: int) -> tuple[tuple[int, int, int], ...]:
    """Divide block number ``index`` into stretches of one offset: (start, end, offset)."""
    info = ZoneInfo(zone)
    start, end = index * BLOCK, (index + 1) * BLOCK
    offset = _offset(info, start)
    stretches = []
    begin = start
    for sample in range(start + _SAMPLE, end + 1, _SAMPLE):
        after = _offset(info, sample)
        if after != offset:
            change = _change(info, sample - _SAMPLE, sample, offset)
            stretches.append((begin, change, offset))
            begin, offset = change, after
    stretches.append((begin, end, offset))
    return tuple(stretch for stretch in stretches if stretch[0] < stretch[1])


def between(start: int, end: int, pauses: Iterable[Pause]) -> Iterator[tuple[int, int]]:
    """Yield what the pauses leave of [start, end), in order."""
    for begin, finish in sorted(_pause(pause) for pause in pauses):
        if start < begin:
            yield start, min(begin, end)
        start = max(start, finish)
        if start >= end:
            return
    if start < end:
        yield start, end


def _pause(pause: Pause) -> tuple[int, int]:
    begin, finish = ticks(pause[0]), ticks(pause[1])
    if finish < begin:
        raise ValueError("A pause must not end before it begins.")
    return begin, finish


def _change(info: ZoneInfo, low: int, high: int, offset: int) -> int:
    """Find the second in (low, high] at which the offset is no longer ``offset``."""
    while high - low > SECOND:
        middle = (low + high) // (2 * SECOND) * SECOND
        if _offset(info, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def _offset(info: ZoneInfo, at: int) -> int:
    moment = instant(at)
    return (moment.astimezone(info).replace(tzinfo=UTC) - moment) // _TICK
