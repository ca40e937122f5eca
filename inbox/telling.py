"""How a person hears of something: a notice, shown at once, that goes out by what they chose.

Everybody tells people through here and through nothing else, so that nobody hears the same
thing twice, whoever tells it and however often. By what a notice goes out, and when, is
``inbox.alerting``'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from inbox.db import after_commit
from inbox.duty import load_duty
from inbox.queue import ALERTS, notices_name
from inbox.store.duty import list_replaced
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
    SHIFT = "shift"  # who works when: taking over for some hours, shifts that are swapped
    REMINDER = "reminder"  # they wanted to be told
    FOLLOWED = "followed"  # a conversation that they follow: the customer wrote, or it ended
    MILESTONE = "milestone"  # comes near, or has passed
    MENTION = "mention"  # a colleague names them in a note


class Due(NamedTuple):
    """What is told of a clock, where its row is not at hand; without one, of a moment."""

    id: int | None
    generation: int
    due_at: datetime


def moment(at: datetime) -> Due:
    """Return what stands for a clock where something is told of no conversation."""
    return Due(None, 0, at)


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to be told, and to whom: the audience by person, as ``Notice.audience``.

    ``kind`` is of ``Alert``. It is told once per clock, its generation, step and person. What
    is about no conversation (``clock`` is a ``moment``) is told once per step and person, says
    its ``reason``, and ``data["link"]`` is the page that it is about.
    ``outside_hours``: it does not wait until the person works again.
    """

    told: Mapping[int, str]
    conversation_id: int | None
    clock: SLAClock | Due
    step: str
    kind: str
    reason: str = ""  # a sentence of ours in the person's language, or ""
    data: Mapping[str, Any] = field(default_factory=dict)
    outside_hours: bool = False


def tell_all(session: Session, tellings: Sequence[Telling], now: datetime) -> list[list[int]]:
    """Tell people of things, whoever was not told yet; return who is newly told, for each.

    One statement, however many there are. Whoever has taken over from somebody, for some hours
    or a shift, is told what those are told.
    """
    tellings = _with_stand_ins(session, tellings, now)
    rows = [row for one in tellings for row in _rows(one, now)]
    if not rows:
        return [[] for _ in tellings]
    build = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = (
        build(core(Notice))
        .on_conflict_do_nothing()  # of either index: with a clock, and without
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


def _with_stand_ins(
    session: Session, tellings: Sequence[Telling], now: datetime
) -> Sequence[Telling]:
    replaced = list_replaced(session, now) if tellings else set()
    concerned = {one for telling in tellings for one in telling.told} & replaced
    if not concerned:
        return tellings
    duty = load_duty(session, now)
    heirs = {one: duty.backup_of(one, planned=True) for one in concerned}
    return [
        one if one.kind in (Alert.HANDED_OVER, Alert.SHIFT) else _with_heirs(one, heirs)
        for one in tellings
    ]


def _with_heirs(one: Telling, heirs: Mapping[int, int | None]) -> Telling:
    found = (heirs.get(agent_id) for agent_id in one.told)
    more = {heir: "backup" for heir in found if heir is not None}
    return replace(one, told={**more, **one.told})


def _once(one: Telling) -> tuple[int | None, int, str]:
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
