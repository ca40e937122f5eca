"""Saved views as the list's menu shows them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ViewItem:
    """A saved view in the menu, with how many it has: "7", "99+"."""

    id: int
    name: str
    count: str
    is_current: bool
    is_shared: bool
    is_first: bool = False  # with which the person's list begins
    may_change: bool = False


@dataclass(frozen=True, slots=True)
class CallShown:
    """A telephone call; ``dial`` is what a ``tel:`` link takes."""

    text: str
    is_owed: bool  # somebody is to be rung back
    number: str
    dial: str
    recording: str = ""
