"""The company's ladders, ready to be planned by."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlmodel import Session

from inbox.sla.ladder import DEFAULT_STEPS, Step
from inbox.sla.rungs import LadderError, read_steps
from models import Ladder
from models.base import columns

ladders = columns(Ladder)

log = logging.getLogger(__name__)

_ALL = select(ladders.id, ladders.name, ladders.steps, ladders.is_default)


@dataclass(frozen=True, slots=True)
class Ladders:
    """Steps by ladder; the usual one is what the company chose, else the one out of the box."""

    by_id: Mapping[int, tuple[Step, ...]] = field(default_factory=dict)
    usual: tuple[Step, ...] = DEFAULT_STEPS

    def steps(self, ladder_id: int | None) -> tuple[Step, ...]:
        """Return a ladder's steps; the usual one's for None, and for one that is gone."""
        return self.by_id.get(ladder_id or 0, self.usual)


def load_ladders(session: Session) -> Ladders:
    """Load the ladders as they are now, once a unit of work."""
    known: Ladders | None = session.info.get("ladders")
    if known is None:
        known = session.info["ladders"] = _load(session)
    return known


def forget_ladders(session: Session) -> None:
    """Have them loaded again: they were just changed."""
    session.info.pop("ladders", None)


def _load(session: Session) -> Ladders:
    found: dict[int, tuple[Step, ...]] = {}
    usual: tuple[Step, ...] = DEFAULT_STEPS
    for row in session.execute(_ALL):
        try:
            found[row.id] = read_steps(row.steps)
        except LadderError as error:
            # Pages check what they save. Messages must be taken in whatever a row says.
            log.error(
                "the ladder %r cannot be used (step %d: %s); the one out of the box is",
                *(row.name, error.number + 1, error.what),
            )
            continue
        if row.is_default:
            usual = found[row.id]
    return Ladders(found, usual)
