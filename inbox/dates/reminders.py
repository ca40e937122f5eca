"""Reminders: somebody is told of an account or a conversation at a time, once.

One that asks whether the customer has written by then is looked at when its time has come:
nothing has to be kept up while messages come in.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session

from inbox.db import after_commit
from inbox.errors import Invalid, NotFound
from inbox.failpoints import failpoint
from inbox.queue import CLOCKS, conversation_name
from inbox.store import people
from inbox.store.audit import add_entry
from inbox.store.dates import Place, account_names
from inbox.store.people import Person
from inbox.telling import Alert, Telling, moment, tell_all
from inbox.templating import N_, translator
from models import AuditAction, AuditThing, Conversation, Reminder, Status
from models.base import columns, core

reminders = columns(Reminder)
conversations = columns(Conversation)

log = logging.getLogger(__name__)

LONGEST = timedelta(days=2 * 366)
MAX_TEXT = 500
BATCH = 200
DONE, DROPPED, ANSWERED = "done", "dropped", "answered"
WRONG_TIME = N_("Choose a time from now on, within two years.")
TOO_LONG = N_("This is too long for a reminder.")
GONE = N_("There is no such reminder of yours.")
SILENT = N_("No answer has come: you wanted to be reminded.")
PLAIN = N_("You wanted to be reminded.")


def check_time(at: datetime, now: datetime, field: str = "at") -> None:
    """Raise ``Invalid`` for a time that is past, or too far away."""
    if not now < at <= now + LONGEST:
        raise Invalid(WRONG_TIME, {field: WRONG_TIME})


def add(
    session: Session,
    place: Place,
    *,
    agent_id: int,
    due_at: datetime,
    by: int,
    now: datetime,
    text: str = "",
    if_silent: bool = False,
) -> Reminder:
    """Have somebody reminded of a conversation or an account.

    Raises
    ------
    Invalid
        If the time is past or more than two years away, or the text too long.
    """
    check_time(due_at, now)
    said = " ".join(text.split())
    if len(said) > MAX_TEXT:
        raise Invalid(TOO_LONG, {"text": TOO_LONG})
    made = Reminder(
        agent_id=agent_id,
        account_id=place.account_id,
        conversation_id=place.conversation_id,
        text=said,
        due_at=due_at,
        if_silent=if_silent,
        made_by_id=by,
        created_at=now,
    )
    session.add(made)
    session.flush()
    _note(session, made, AuditAction.CREATED, by, now)
    _show(session, made.conversation_id)
    return made


def _note(
    session: Session, row: Reminder, action: AuditAction, by: int, now: datetime, **more: str
) -> None:
    """Write down who had whom reminded of what, and when; never the words."""
    facts = {
        "agent_id": row.agent_id,
        "account_id": row.account_id,
        "conversation_id": row.conversation_id,
        "due_at": row.due_at.isoformat(),
        **more,
    }
    sides: dict[str, Any] = {"after" if action is AuditAction.CREATED else "before": facts}
    add_entry(session, AuditThing.REMINDER, row.id, action, now, by=by, **sides)


def end(session: Session, reminder_id: int, how: str, *, by: Person, now: datetime) -> Reminder:
    """Be done with one's own reminder: ``DONE`` or ``DROPPED``; twice is once.

    Raises
    ------
    NotFound
        If there is none, or it is somebody else's.
    """
    found = session.get(Reminder, reminder_id)
    if found is None or by.id not in (found.agent_id, found.made_by_id):
        raise NotFound(GONE)
    done = session.execute(
        update(Reminder)
        .where(reminders.id == reminder_id, reminders.ended_at.is_(None))
        .values(ended_at=now, ended_by_id=by.id, ended_as=how)
    )
    if done.rowcount == 1:  # type: ignore[attr-defined]
        _note(session, found, AuditAction.REMOVED, by.id, now, ended_as=how)
    _show(session, found.conversation_id)
    return found


def next_moment(session: Session) -> datetime | None:
    """Return when the next one is due, or None."""
    waits = reminders.fired_at.is_(None), reminders.ended_at.is_(None)
    query = select(reminders.due_at).where(*waits).order_by(reminders.due_at).limit(1)
    found: datetime | None = session.execute(query).scalar_one_or_none()
    return found


def fire_due(session: Session, now: datetime, early: Sequence[int] = ()) -> int:
    """Tell whoever wanted to be reminded by now; return how many reminders were looked at.

    ``early`` are some whose time has not come yet. Any number of workers may call this at
    once: each is claimed by one conditional update.
    """
    due = (
        select(reminders.id)
        .where(
            reminders.fired_at.is_(None),
            reminders.ended_at.is_(None),
            or_(reminders.due_at <= now, reminders.id.in_(early)),
        )
        .order_by(reminders.due_at, reminders.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.execute(due).scalars())
    if not ids:
        return 0
    claimed = session.execute(
        update(core(Reminder))
        .where(
            reminders.id.in_(ids), reminders.fired_at.is_(None), reminders.ended_at.is_(None)
        )
        .values(fired_at=now)
        .returning(*reminders)
    ).all()
    failpoint("reminders.claimed")
    rows = sorted(claimed, key=lambda row: (row.due_at, row.id))
    over = _over(session, rows)
    for how in (DONE, ANSWERED):
        done = [number for number, ended_as in over.items() if ended_as == how]
        if done:
            session.execute(
                update(core(Reminder))
                .where(reminders.id.in_(done))
                .values(ended_at=now, ended_as=how)
            )
    _tell(session, [row for row in rows if row.id not in over], now)
    for number in {row.conversation_id for row in rows}:
        _show(session, number)
    return len(ids)


def _over(session: Session, rows: Sequence[Any]) -> dict[int, str]:
    """Return those that nobody has to hear of any more, and why."""
    asking = {row.conversation_id for row in rows if row.if_silent}
    found = session.execute(
        select(conversations.id, conversations.last_inbound_at, conversations.status).where(
            conversations.id.in_(asking)
        )
    )
    stands = {row.id: row for row in found} if asking else {}
    over = {}
    for row in rows:
        about = stands.get(row.conversation_id) if row.if_silent else None
        if about is None:
            continue
        wrote = about.last_inbound_at
        if wrote is not None and wrote > row.created_at:
            over[row.id] = ANSWERED
        elif about.status in (Status.RESOLVED, Status.SPAM):
            over[row.id] = DONE
    return over


def _tell(session: Session, rows: Sequence[Any], now: datetime) -> None:
    colleagues = people.list_colleagues(session)
    names = account_names(session, [row.account_id for row in rows if row.account_id])
    tellings = []
    for row in rows:
        person = colleagues[row.agent_id]
        say = translator(person.language).gettext
        about = "" if row.conversation_id is not None else names.get(row.account_id, "")
        parts = [about, row.text or say(SILENT if row.if_silent else PLAIN)]
        tellings.append(
            Telling(
                {row.agent_id: "owner"} if person.is_active else {},
                row.conversation_id,
                moment(row.due_at),
                f"reminder:{row.id}",
                Alert.REMINDER,
                ": ".join(part for part in parts if part),
                {"link": f"/accounts/{row.account_id}"} if row.account_id else {},
            )
        )
    tell_all(session, tellings, now)
    log.info("%d reminders were told", len(rows))


def _show(session: Session, number: int | None) -> None:
    after_commit(session, CLOCKS, *([conversation_name(number)] if number is not None else []))
