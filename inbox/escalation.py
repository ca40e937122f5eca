"""The ladder at work: fire what is due, tell whom it concerns, once."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.clocks import BEFORE_DUE
from inbox.db import Database, after_commit, insert_into
from inbox.failpoints import failpoint
from inbox.house import load_house
from inbox.queue import OUTBOX, conversation_name, notices_name
from inbox.settings import Settings
from inbox.sla.ladder import Audience
from inbox.sla.promise import spoken_moment
from inbox.staffmail import to_staff
from inbox.store import people
from inbox.store.changes import moved
from inbox.store.conversations import SHOWN_NAME, change
from inbox.store.people import Colleague
from models import (
    Contact,
    Conversation,
    EscalationStep,
    Event,
    EventKind,
    Notice,
    Outbox,
    SLAClock,
    SLAState,
)
from models.base import columns

steps = columns(EscalationStep)
clocks = columns(SLAClock)
conversations = columns(Conversation)
contacts = columns(Contact)

log = logging.getLogger(__name__)

BATCH = 100
WAITING = (
    steps.fired_at.is_(None),
    steps.cancelled_at.is_(None),
    clocks.generation == steps.generation,
    clocks.met_at.is_(None),
    clocks.cancelled_at.is_(None),
)
LATE_AFTER = timedelta(seconds=60)  # a step that fires later than this is marked late


async def escalate_due(database: Database, settings: Settings, secret: bytes) -> int:
    """Warn and escalate whatever is due now; return how many steps fired.

    Looks first, so that a second without anything due costs no writer's turn.
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

    Any number of workers may call this at once, and as often as they like: each step is
    claimed by one conditional update. A step whose clock was met, cancelled or moved on is
    not fired.
    """
    due = session.execute(
        select(EscalationStep, SLAClock, Conversation, SHOWN_NAME)
        .join(SLAClock, clocks.id == steps.clock_id)
        .join(Conversation, conversations.id == steps.conversation_id)
        .join(Contact, contacts.id == conversations.contact_id)
        .where(steps.at <= now, *WAITING)
        .order_by(steps.at, steps.id)
        .limit(BATCH)
        # One that is just being answered is looked at again at the next tick.
        .with_for_update(of=Conversation, skip_locked=True)
    ).all()
    if not due:
        return 0
    colleagues = people.list_colleagues(session)
    fired = 0
    for step, clock, conversation, contact_name in due:
        if not _claim(session, step, now):
            continue
        fired += 1
        told = _audience(session, step, conversation, colleagues)
        for agent_id, audience in told.items():
            notice = _notify(session, step, clock, agent_id, audience, now)
            if notice:
                mail = _mail(
                    step,
                    clock,
                    conversation,
                    contact_name,
                    colleagues,
                    agent_id,
                    house,
                    now,
                )
                if mail is not None:
                    session.add(mail)
        _record(session, step, clock, conversation, [colleagues[one].name for one in told], now)
        failpoint("ladder.fired")
    return fired


def _claim(session: Session, step: EscalationStep, now: datetime) -> bool:
    done = session.execute(
        update(EscalationStep)
        .where(steps.id == step.id, steps.fired_at.is_(None), steps.cancelled_at.is_(None))
        .values(fired_at=now, is_late=_late(step, now))
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _late(step: EscalationStep, now: datetime) -> bool:
    """Tell whether it was late when planned, or is now (nobody was at work to fire it)."""
    return step.is_late or now - step.at > LATE_AFTER


def _audience(
    session: Session,
    step: EscalationStep,
    conversation: Conversation,
    colleagues: Mapping[int, Colleague],
) -> dict[int, str]:
    """Return who is told, and as what. Without an owner it is everyone of the team on duty.

    An owner or backup who has left is nobody.
    """
    told: dict[int, str] = {}
    colleagues = {number: one for number, one in colleagues.items() if one.is_active}
    owner = colleagues.get(conversation.owner_id or 0)
    for audience in step.audience.split(","):
        if audience == Audience.OWNER and owner is not None:
            told.setdefault(owner.id, "owner")
        elif audience == Audience.BACKUP and owner is not None and owner.backup_id:
            told.setdefault(owner.backup_id, "backup")
        elif audience in (Audience.OWNER, Audience.BACKUP):
            for one in people.list_team_on_duty(session, conversation.team_id):
                told.setdefault(one, "team")
        else:
            for one in people.list_supervisors(session, conversation.team_id):
                told.setdefault(one, "supervisor")
    if not told:  # nobody at work: those who lead must hear of it
        told = dict.fromkeys(
            people.list_supervisors(session, conversation.team_id), "supervisor"
        )
    return {one: role for one, role in told.items() if one in colleagues}


def _notify(
    session: Session,
    step: EscalationStep,
    clock: SLAClock,
    agent_id: int,
    audience: str,
    now: datetime,
) -> bool:
    """Write the notice; False if this person was told of this step already."""
    done = session.execute(
        insert_into(session, Notice)
        .values(
            agent_id=agent_id,
            conversation_id=step.conversation_id,
            clock_id=clock.id,
            generation=step.generation,
            step=step.step,
            audience=audience,
            due_at=clock.due_at,
            created_at=now,
            data={},
        )
        .on_conflict_do_nothing(index_elements=["clock_id", "generation", "step", "agent_id"])
    )
    after_commit(session, notices_name(agent_id))
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _mail(
    step: EscalationStep,
    clock: SLAClock,
    conversation: Conversation,
    contact_name: str,
    colleagues: Mapping[int, Colleague],
    agent_id: int,
    house: House,
    now: datetime,
) -> Outbox | None:
    """Return the notice's mail, as facts; None if there is no address on either side."""
    person = colleagues[agent_id]
    owner = colleagues.get(conversation.owner_id or 0)
    notice: dict[str, Any] = {
        "kind": "warned" if step.step in BEFORE_DUE else "breached",
        "number": conversation.id,
        "time_text": spoken_moment(clock.due_at, house.time_zone, now, person.language),
        "contact_name": contact_name,
        "subject": conversation.subject,
        "owner_name": owner.name if owner else "",
        "reason": "",
    }
    return to_staff(
        person.email,
        house,
        now,
        conversation_id=conversation.id,
        template="notice",
        language=person.language,
        facts={"notice": notice, "link": f"{house.base_url}/inbox/{conversation.id}"},
    )


def _record(
    session: Session,
    step: EscalationStep,
    clock: SLAClock,
    conversation: Conversation,
    told: list[str],
    now: datetime,
) -> None:
    before_due = step.step in BEFORE_DUE
    state = SLAState.WARNED if before_due else SLAState.BREACHED
    session.add(
        Event(
            conversation_id=conversation.id,
            kind=EventKind.WARNED if before_due else EventKind.ESCALATED,
            at=now,
            data={
                "step": step.step,
                "clock": clock.id,
                "told": told,
                "at": step.at.isoformat(),
                "late": _late(step, now),
                **moved(
                    {"sla_state": conversation.sla_state.value}, {"sla_state": state.value}
                ),
            },
        )
    )
    change(session, conversation.id, sla_state=state)
    after_commit(session, "list", conversation_name(conversation.id), OUTBOX)


def next_moment(session: Session) -> datetime | None:
    """Return when the next step falls, or None."""
    found: datetime | None = session.execute(
        select(steps.at)
        .join(SLAClock, clocks.id == steps.clock_id)
        .where(*WAITING)
        .order_by(steps.at)
        .limit(1)
    ).scalar_one_or_none()
    return found
