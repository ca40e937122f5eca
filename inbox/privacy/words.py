"""Taking words out of JSON, and looking for what must not be left."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

BLANK = "…"  # stands where words were; a page that shows them shows this
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.+\-Z]+)?")
SHORTEST = 4  # characters; what is shorter is in too many other words to be looked for


def without(data: Any, keys: Collection[str], needles: Collection[str]) -> Any:
    """Return JSON without the text under ``keys``, and without text that holds a needle.

    Needles are compared without regard to case. Numbers and moments stay.
    """
    return _without(data, keys, [one.casefold() for one in needles], blank=False)


def without_all(data: Any, kept: Collection[str] = ()) -> Any:
    """Return JSON with all text blanked but moments and what is under ``kept``."""
    if isinstance(data, dict):
        return {
            key: value if key in kept else without_all(value, kept)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [without_all(one, kept) for one in data]
    return BLANK if isinstance(data, str) and not _is_plain(data) else data


def _without(data: Any, keys: Collection[str], needles: list[str], *, blank: bool) -> Any:
    if isinstance(data, dict):
        return {
            BLANK if _holds(key, needles) else key: _without(
                value, keys, needles, blank=blank or key in keys
            )
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [_without(one, keys, needles, blank=blank) for one in data]
    if not isinstance(data, str) or _is_plain(data):
        return data
    return BLANK if blank or _holds(data, needles) else data


def _is_plain(text: str) -> bool:
    return not text or _INSTANT.fullmatch(text) is not None


def _holds(text: str, needles: list[str]) -> bool:
    folded = text.casefold()
    return any(one in folded for one in needles)


def holds(data: Any, needles: Iterable[str]) -> bool:
    """Tell whether any text in JSON, or the text itself, holds one of the needles."""
    folded = [one.casefold() for one in needles]
    return bool(folded) and _any_holds(data, folded)


def _any_holds(data: Any, needles: list[str]) -> bool:
    if isinstance(data, Mapping):
        return any(_holds(str(k), needles) or _any_holds(v, needles) for k, v in data.items())
    if isinstance(data, list | tuple):
        return any(_any_holds(one, needles) for one in data)
    return isinstance(data, str) and _holds(data, needles)


def spellings(needle: str) -> set[bytes]:
    """Return how a text may stand in a file: as it is, and as JSON escapes it."""
    return {
        needle.encode(),
        json.dumps(needle)[1:-1].encode(),
        json.dumps(needle, ensure_ascii=False)[1:-1].encode(),
    }
