"""How a person hears of something: a notice, shown at once, that goes out by what they chose.

Everybody tells people through here and through nothing else, so that nobody hears the same
thing twice, whoever tells it and however often. By what a notice goes out, and when, is
``inbox.alerting``'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from inbox.db import after_commit
from inbox.queue import ALERTS, notices_name
from models import Notice, SLAClock
from models.base import columns, core

notices = columns(Notice)

ONCE = ("clock_id", "generation", "step", "agent_id")


class Alert(StrEnum):
    """What kind of thing somebody is told; people choose by it what reaches them."""

    WARNING = "warning"  # before a promise runs out
    LATE = "late"  # when it has
    HANDED_OVER = "handed_over"
    ASKED = "asked"  # between departments
    FORECAST = "forecast"
    STAGE = "stage"  # something stands in one place for too long


class Due(NamedTuple):
    """What is told of a clock, where its row is not at hand."""

    id: int
    generation: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to be told, and to whom: the audience by person, as ``Notice.audience``.

    ``kind`` is of ``Alert``. It is told once per clock, its generation, step and person.
    ``outside_hours``: it does not wait until the person works again.
    """

    told: Mapping[int, str]
    conversation_id: int
    clock: SLAClock | Due
    step: str
    kind: str
    reason: str = ""  # a sentence of ours in the person's language, or ""
    data: Mapping[str, Any] = field(default_factory=dict)
    outside_hours: bool = False


def tell_all(session: Session, tellings: Sequence[Telling], now: datetime) -> list[list[int]]:
    """Tell people of things, whoever was not told yet; return who is newly told, for each.

    One statement, however many there are.
    """
    rows = [row for one in tellings for row in _rows(one, now)]
    if not rows:
        return [[] for _ in tellings]
    build = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = (
        build(core(Notice))
        .on_conflict_do_nothing(index_elements=ONCE)
        .returning(*(notices[name] for name in ONCE))
    )
    written = {tuple(row) for row in session.execute(statement, rows)}
    newly = [
        [agent_id for agent_id in one.told if (*_once(one), agent_id) in written]
        for one in tellings
    ]
    if written:
        names = {notices_name(agent_id) for *_, agent_id in written}
        after_commit(session, ALERTS, *sorted(names))
    return newly


def _once(one: Telling) -> tuple[int, int, str]:
    return one.clock.id, one.clock.generation, one.step


def _rows(one: Telling, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "agent_id": agent_id,
            "conversation_id": one.conversation_id,
            "clock_id": one.clock.id,
            "generation": one.clock.generation,
            "step": one.step,
            "audience": audience,
            "due_at": one.clock.due_at,
            "created_at": now,
            "kind": str(one.kind),
            "outside_hours": one.outside_hours,
            "told_by": "",
            "data": {**one.data, **({"reason": one.reason} if one.reason else {})},
        }
        for agent_id, audience in one.told.items()
    ]
