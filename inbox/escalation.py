"""The ladder at work: do what is due, tell whom it concerns, once."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, update
from sqlmodel import Session

from inbox import telling
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.clocks import REPLY_KINDS
from inbox.db import Database, after_commit
from inbox.escalating import silence
from inbox.escalating.acting import Outcome, Scene, act
from inbox.escalating.due import Due, claim, load_due, next_moment
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.queue import conversation_name
from inbox.settings import Settings
from inbox.store.changes import add_happened, moved
from inbox.telling import Alert, Telling, tell_all
from models import Conversation, EventKind, SLAState
from models.base import columns, core

conversations = columns(Conversation)

log = logging.getLogger(__name__)

BATCH = 500


async def escalate_due(database: Database, settings: Settings, secret: bytes) -> int:
    """Warn and escalate whatever is due now; return how many steps fired.

    Looks first, so that a second without anything due costs no writer's turn. There may be
    more: ask again until nothing fires.
    """
    moment = await database.read(next_moment)
    if moment is None or moment > utcnow():
        return 0
    fired = await database.write(_fire, settings, secret)
    failpoint("ladder.committed")
    if fired:
        log.info("%d steps of the ladder fired", fired)
    return fired


def _fire(session: Session, settings: Settings, secret: bytes) -> int:
    house = load_house(session, settings, secret)
    if house is None:
        return 0
    return fire_due_steps(session, house, utcnow())


def fire_due_steps(session: Session, house: House, now: datetime) -> int:
    """Fire steps whose moment has come, in the order of their moments; return how many.

    Any number of workers may call this at once, and as often as they like: steps are claimed
    by one conditional update. A step whose clock was met, cancelled or moved on is not fired.
    One turn ends before a step whose conversation an earlier one of it changes.
    """
    due = claim(session, load_due(session, now, BATCH), now)
    if not due:
        return 0
    failpoint("ladder.claimed")
    known = silence.look(session, due, now)
    scene = Scene(session, house, now)
    done: list[tuple[Due, Outcome]] = []
    for one in due:
        done.append((one, act(scene, one, known)))
        failpoint("ladder.fired")
    tell_all(session, [told for one in done for told in _tellings(*one)], now)
    stood = {one.conversation_id: one.sla_state for one in reversed(due)}
    add_happened(session, [_event(scene, one, outcome, stood) for one, outcome in done])
    _show(session, done)
    return len(done)


def _tellings(due: Due, outcome: Outcome) -> list[Telling]:
    """Return what a step tells; who has it now is told just that."""
    clock = telling.Due(due.clock_id, due.generation, due.due_at)
    heirs = {one: role for one, role in outcome.told.items() if one == outcome.heir}
    others = {one: role for one, role in outcome.told.items() if one != outcome.heir}
    kind = Alert.WARNING if due.warns else Alert.LATE
    said = {name: outcome.data[name] for name in _SAID if name in outcome.data}
    return [
        Telling(
            told,
            due.conversation_id,
            clock,
            due.step,
            alert,
            data=said,
            outside_hours=due.is_loud,
        )
        for told, alert in ((heirs, Alert.HANDED_OVER), (others, kind))
        if told
    ]


_SAID = ("handed_from", "handed_to", "raised")


def _event(
    scene: Scene, due: Due, outcome: Outcome, stood: dict[int, SLAState]
) -> tuple[int, EventKind, datetime, dict[str, Any], int | None]:
    """Return the line of the log: what fell when, what it did, and who is told as what.

    ``stood`` is how each conversation stands before it, and then after it.
    """
    state = _state(due)
    data = {
        "step": due.step,
        "clock": due.clock_id,
        "of": due.kind.value,
        "told": [scene.colleagues[one].name for one in outcome.told],
        "as": {str(one): role for one, role in outcome.told.items()},
        "at": due.at.isoformat(),
        "late": due.is_late(scene.now),
        **outcome.data,
    }
    if state is not None:
        before = stood[due.conversation_id]
        data |= moved({"sla_state": before.value}, {"sla_state": state.value})
        stood[due.conversation_id] = state
    kind = EventKind.WARNED if due.warns else EventKind.ESCALATED
    return due.conversation_id, kind, scene.now, data, None


def _state(due: Due) -> SLAState | None:
    """Return how the promise of an answer stands by a step; None: it is of another clock."""
    if due.kind not in REPLY_KINDS:
        return None
    return SLAState.WARNED if due.warns else SLAState.BREACHED


def _show(session: Session, done: Sequence[tuple[Due, Outcome]]) -> None:
    """Let conversations say how they stand, with one statement a state."""
    states = {one.conversation_id: _state(one) for one, _ in done}
    for one, outcome in done:
        if outcome.is_raised:  # they say so already, by their clocks
            states[one.conversation_id] = None
    stands = conversations.sla_state
    values: dict[SLAState | None, dict[str, Any]] = {
        SLAState.WARNED: {
            "sla_state": case((stands == SLAState.BREACHED, stands), else_=SLAState.WARNED)
        },
        SLAState.BREACHED: {"sla_state": SLAState.BREACHED},
        None: {},
    }
    for state, changes in values.items():
        numbers = [number for number, found in states.items() if found is state]
        if numbers:
            session.execute(
                update(core(Conversation))
                .where(conversations.id.in_(numbers))
                .values(version=conversations.version + 1, **changes)
            )
    after_commit(session, "list", *(conversation_name(number) for number in states))
