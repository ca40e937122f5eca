"""Telling who leads that a mailbox cannot be read: once an outage, and once when it is over."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.db import after_commit
from inbox.queue import OUTBOX
from inbox.sla.promise import spoken_moment
from inbox.staffmail import to_staff
from models import Agent, Inbox, Mailbox, Outbox, Role
from models.base import columns

log = logging.getLogger(__name__)

agents = columns(Agent)

ALARM_AFTER = timedelta(minutes=15)


def tell(
    session: Session, mailbox: Mailbox, house: House | None, now: datetime, *, is_over: bool
) -> None:
    """Mail supervisors and admins about an outage that began at ``failing_since``."""
    address = session.get_one(Inbox, mailbox.inbox_id).handle
    if is_over:
        log.warning("mailbox %s can be read again", address)
    else:
        log.warning("mailbox %s unread since %s", address, mailbox.failing_since)
    if house is None:
        return
    leads = select(Agent).where(
        agents.is_active.is_(True), agents.role.in_([Role.SUPERVISOR, Role.ADMIN])
    )
    for person in session.execute(leads.order_by(agents.id)).scalars():
        mail = _compose(mailbox, address, house, person, now, is_over=is_over)
        if mail is not None:
            session.add(mail)
    after_commit(session, OUTBOX)


def _compose(
    mailbox: Mailbox,
    address: str,
    house: House,
    person: Agent,
    now: datetime,
    *,
    is_over: bool,
) -> Outbox | None:
    facts = {
        "address": address,
        "is_over": is_over,
        "time_text": spoken_moment(
            mailbox.failing_since or now, house.time_zone, now, person.language
        ),
        "reason": mailbox.last_error,
    }
    return to_staff(
        person.email, house, now, template="outage", language=person.language, facts=facts
    )
