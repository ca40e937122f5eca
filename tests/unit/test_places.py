"""Every column that can hold words says what erasure does with it (F106, R58)."""

from sqlalchemy import JSON, Column, Enum, LargeBinary, String
from sqlmodel import SQLModel

from inbox.privacy.places import FREE, PLACES, PLAIN_EVENTS, WORDS_OF_EVENTS
from inbox.privacy.words import BLANK, holds, without, without_all
from models import EventKind


def _can_hold_words(column: Column[object]) -> bool:
    return isinstance(column.type, String | JSON | LargeBinary) and not isinstance(
        column.type, Enum
    )


def _listed() -> dict[str, set[str]]:
    found = {name: set(free) for name, free in FREE.items()}
    for place in PLACES:
        found.setdefault(place.name, set()).update(place.words)
    return found


def test_every_column_is_listed() -> None:
    """A new one goes into ``PLACES`` if people outside write it, else into ``FREE``."""
    listed = _listed()
    missing = [
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if _can_hold_words(column) and column.name not in listed.get(table.name, ())
    ]
    assert missing == []


def test_nothing_is_listed_that_is_not_there() -> None:
    tables = {table.name: table for table in SQLModel.metadata.sorted_tables}
    gone = [
        f"{name}.{column}"
        for name, names in _listed().items()
        for column in names
        if name not in tables or column not in tables[name].columns
    ]
    assert gone == []


def test_nothing_is_both() -> None:
    both = [place.name for place in PLACES if set(place.words) & FREE.get(place.name, set())]
    assert both == []


def test_every_kind_of_event_is_listed() -> None:
    assert PLAIN_EVENTS | WORDS_OF_EVENTS.keys() == set(EventKind)
    assert not PLAIN_EVENTS & WORDS_OF_EVENTS.keys()


def test_words_go_and_numbers_and_moments_stay() -> None:
    data = {
        "text": "Chị Lan nói…",
        "at": "2026-03-02T02:30:00+00:00",
        "n": 3,
        "to": {"owner": 4, "mail": "Reply to LAN@khach.example"},
        "list": ["lan@khach.example", "policy A"],
    }

    assert without(data, {"text"}, ["lan@khach.example"]) == {
        "text": BLANK,
        "at": "2026-03-02T02:30:00+00:00",
        "n": 3,
        "to": {"owner": 4, "mail": BLANK},
        "list": [BLANK, "policy A"],
    }
    assert without_all({"a": ["x", 1], "tier": "vip"}, {"tier"}) == {
        "a": [BLANK, 1],
        "tier": "vip",
    }
    assert holds({"lan@khach.example": 1}, ["Lan@Khach.example"])
    assert not holds({"a": "b"}, [])
