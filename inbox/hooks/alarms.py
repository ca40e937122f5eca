"""A webhook that nobody can reach any more is switched off, and administrators hear it once."""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.db import after_commit
from inbox.hooks.queue import drop_waiting
from inbox.house import load_house
from inbox.queue import OUTBOX
from inbox.settings import Settings
from inbox.staffmail import to_staff
from inbox.store.audit import add_entry
from models import Agent, AuditAction, AuditThing, HookOff, Role, Webhook
from models.base import columns

log = logging.getLogger(__name__)

hooks = columns(Webhook)
agents = columns(Agent)


def switch_off(
    session: Session,
    hook: Webhook,
    why: HookOff,
    settings: Settings,
    secret: bytes,
    now: datetime,
) -> None:
    """Send a webhook nothing more until a person says so, and tell administrators once."""
    done = session.execute(
        update(Webhook).where(hooks.id == hook.id, hooks.off == HookOff.NO).values(off=why)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return  # somebody was faster
    log.warning("webhook %d is off: %s (%s)", hook.id, why.value, hook.last_error)
    if why is HookOff.GONE:
        drop_waiting(session, hook.id, now)
    add_entry(
        session,
        AuditThing.WEBHOOK,
        hook.id,
        AuditAction.DEACTIVATED,
        now,
        by=None,
        after={"name": hook.name, "reason": why.value},
    )
    house = load_house(session, settings, secret)
    if house is None:
        return
    facts = {
        "name": hook.name,
        "is_gone": why is HookOff.GONE,
        "reason": hook.last_error,
        "link": f"{house.base_url}/settings/webhooks/{hook.id}",
    }
    admins = select(Agent).where(agents.is_active.is_(True), agents.role == Role.ADMIN)
    for person in session.execute(admins.order_by(agents.id)).scalars():
        about: dict[str, Any] = {"template": "webhook_off", "language": person.language}
        mail = to_staff(person.email, house, now, facts=facts, **about)
        if mail is not None:
            session.add(mail)
    after_commit(session, OUTBOX)
