"""What clocks said before the last thing that somebody did, so that it can be taken back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from inbox.sla.facts import Clock, Paused

PUT_BACK = ("paused_at", "due_at", "met_at", "excused_at", "excuse", "breached_at")


class Before(NamedTuple):
    """Clocks, each with a copy from before the moment ``at``, and what was waited for then."""

    at: datetime
    clocks: Sequence[tuple[Clock, Clock]]
    waiting: Paused | None

    def bring_back(self) -> Paused | None:
        """Let the clocks say what they said; return what was waited for."""
        for clock, was in self.clocks:
            stood = clock.due_at, clock.is_live
            for name in PUT_BACK:
                setattr(clock, name, getattr(was, name))
            clock.pauses = list(was.pauses)
            if stood != (clock.due_at, clock.is_live):
                clock.generation += 1
        return self.waiting


def remember(
    known: Before | None, at: datetime, clocks: Sequence[Clock], waiting: Paused | None
) -> Before:
    """Return what clocks say now; where something was done at this moment already, that."""
    if known is not None and known.at == at:
        return known
    kept = [(clock, replace(clock, pauses=list(clock.pauses))) for clock in clocks]
    return Before(at, kept, waiting)
