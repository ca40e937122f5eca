"""What an administrator does with webhooks: made, changed, tried, switched off and on again."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session

from inbox.channels.outward import check_url
from inbox.channels.webhook import make_secret
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid, NotFound, Rejected
from inbox.hooks.queue import drop_waiting
from inbox.queue import HOOKS
from inbox.store import hooks as heard
from inbox.store.audit import add_entry
from inbox.templating import N_
from inbox.vault import Vault
from models import AuditAction, AuditThing, HookOff, HookState, Webhook, WebhookDelivery
from models.base import columns

hooks = columns(Webhook)
deliveries = columns(WebhookDelivery)

MOST = 20  # webhooks
MOST_NAME = 120
SHOWN = 50  # deliveries on the page
BOTH_FOR = timedelta(days=1)  # the old secret signs along
NO_NAME = N_("Give it a name of at most 120 letters.")
NO_ADDRESS = N_("Enter an https address that is on the public internet.")
NO_EVENTS = N_("Choose at least one event.")
TOO_MANY = N_("There are 20 webhooks already. Remove one first.")
IS_OFF = N_("This webhook is switched off. Switch it on first.")
ON_ITS_WAY = N_("It is on its way already.")


@dataclass(frozen=True, slots=True)
class Entered:
    """What is entered of a webhook."""

    name: str
    url: str
    kinds: tuple[str, ...]


def place_of(hook_id: int) -> str:
    """Return what a webhook's secret is sealed for."""
    return f"webhooks:{hook_id}:secret"


def old_place_of(hook_id: int) -> str:
    """Return what the secret before it is sealed for."""
    return f"webhooks:{hook_id}:old"


def secrets_of(hook: Webhook, vault: Vault, now: datetime) -> list[str]:
    """Return what signs: the secret, and for a day the one before it; raises ``Sealed``."""
    found = [vault.open(hook.secret, place_of(hook.id))]
    if hook.old_secret and hook.old_until is not None and now < hook.old_until:
        found.append(vault.open(hook.old_secret, old_place_of(hook.id)))
    return found


def list_hooks(session: Session) -> Sequence[Webhook]:
    """Return all webhooks, in the order in which they were made."""
    return session.execute(select(Webhook).order_by(hooks.id)).scalars().all()


def get_hook(session: Session, hook_id: int, *, to_change: bool = False) -> Webhook:
    """Return a webhook, locked ``to_change``; raises ``NotFound``."""
    found = session.get(Webhook, hook_id, populate_existing=True, with_for_update=to_change)
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


def list_deliveries(session: Session, hook_id: int) -> Sequence[WebhookDelivery]:
    """Return the newest events of a webhook."""
    newest = select(WebhookDelivery).where(deliveries.hook_id == hook_id)
    return session.execute(newest.order_by(deliveries.id.desc()).limit(SHOWN)).scalars().all()


def _checked(entered: Entered, own: Collection[str]) -> Entered:
    """Return what is to be kept; raises ``Invalid`` with what is wrong, by field."""
    name, url = entered.name.strip(), entered.url.strip()
    wrong = {}
    if not 1 <= len(name) <= MOST_NAME:
        wrong["name"] = NO_NAME
    try:
        check_url(url, own)
    except Rejected:
        wrong["url"] = NO_ADDRESS
    kinds = tuple(kind for kind in heard.KINDS if kind in entered.kinds)
    if not kinds or not set(entered.kinds) <= set(heard.KINDS):
        wrong["kinds"] = NO_EVENTS
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    return Entered(name, url, kinds)


def host_of(url: str) -> str:
    """Return the host of an address, which is no secret."""
    return url.partition("://")[2].partition("/")[0]


def _noted(hook: Webhook) -> dict[str, Any]:
    """Return what the audit trail says of it; an address may hold a key, so only its host."""
    return {"name": hook.name, "host": host_of(hook.url), "events": list(hook.kinds)}


def add_hook(
    session: Session,
    entered: Entered,
    vault: Vault,
    own: Collection[str],
    *,
    by: int,
    now: datetime,
) -> tuple[int, str]:
    """Add a webhook; return its id and its secret, which is shown this once.

    Raises
    ------
    Invalid
        If something of it cannot be.
    Conflict
        If there are too many.
    """
    good = _checked(entered, own)
    if len(list_hooks(session)) >= MOST:
        raise Conflict(TOO_MANY)
    hook = Webhook(
        name=good.name, url=good.url, kinds=list(good.kinds), secret="", created_at=now
    )
    session.add(hook)
    session.flush()
    secret = _new_secret()
    hook.secret = vault.seal(secret, place_of(hook.id))
    thing, done = AuditThing.WEBHOOK, AuditAction.CREATED
    add_entry(session, thing, hook.id, done, now, by=by, after=_noted(hook))
    return hook.id, secret


def _new_secret() -> str:
    return make_secret(secrets.token_bytes(32))


def change_hook(
    session: Session,
    hook_id: int,
    entered: Entered,
    own: Collection[str],
    *,
    by: int,
    now: datetime,
) -> None:
    """Change name, address and events; raises ``Invalid`` or ``NotFound``."""
    good = _checked(entered, own)
    hook = get_hook(session, hook_id, to_change=True)
    before, moved = _noted(hook), hook.url != good.url
    hook.name, hook.url, hook.kinds = good.name, good.url, list(good.kinds)
    after = _noted(hook) | ({"moved": True} if moved else {})
    thing, done = AuditThing.WEBHOOK, AuditAction.CHANGED
    add_entry(session, thing, hook_id, done, now, by=by, before=before, after=after)


def renew_secret(
    session: Session, hook_id: int, vault: Vault, *, by: int, now: datetime
) -> str:
    """Give a webhook another secret and return it; for a day both sign."""
    hook = get_hook(session, hook_id, to_change=True)
    old, secret = vault.open(hook.secret, place_of(hook_id)), _new_secret()
    hook.old_secret, hook.old_until = vault.seal(old, old_place_of(hook_id)), now + BOTH_FOR
    hook.secret = vault.seal(secret, place_of(hook_id))
    thing, done = AuditThing.WEBHOOK, AuditAction.CHANGED
    add_entry(session, thing, hook_id, done, now, by=by, after={"secret": "renewed"})
    return secret


def switch(session: Session, hook_id: int, *, on: bool, by: int, now: datetime) -> None:
    """Switch a webhook on or off; twice is once.

    Off drops what waits. On sends at once what waited because nothing arrived for long.
    """
    hook = get_hook(session, hook_id, to_change=True)
    if on is (hook.off is HookOff.NO):
        return
    hook.off = HookOff.NO if on else HookOff.PERSON
    hook.failing_since, hook.failures = None, 0
    if on:
        session.execute(
            update(WebhookDelivery)
            .where(deliveries.hook_id == hook_id, deliveries.state == HookState.WAITING)
            .values(next_at=now, earlier=deliveries.attempts)
        )
        after_commit(session, HOOKS)
    else:
        drop_waiting(session, hook_id, now)
    done = AuditAction.ACTIVATED if on else AuditAction.DEACTIVATED
    name = {"name": hook.name}
    add_entry(session, AuditThing.WEBHOOK, hook_id, done, now, by=by, after=name)


def remove_hook(session: Session, hook_id: int, *, by: int, now: datetime) -> None:
    """Forget a webhook and what it was told."""
    hook = get_hook(session, hook_id, to_change=True)
    session.execute(delete(WebhookDelivery).where(deliveries.hook_id == hook_id))
    session.execute(delete(Webhook).where(hooks.id == hook_id))
    before = _noted(hook)
    add_entry(
        session, AuditThing.WEBHOOK, hook_id, AuditAction.REMOVED, now, by=by, before=before
    )


def send_test(session: Session, hook_id: int, *, by: int, now: datetime) -> None:
    """Send a webhook an event that says nothing; raises ``Conflict`` if it is off."""
    if get_hook(session, hook_id).off is not HookOff.NO:
        raise Conflict(IS_OFF)
    heard.tell(session, heard.TEST, None, now, {}, by=by, only=hook_id)


def send_again(session: Session, hook_id: int, delivery_id: int, *, now: datetime) -> None:
    """Send an event again, with the id and body that it had.

    Raises
    ------
    NotFound
        If it is none of this webhook's.
    Conflict
        If the webhook is off, or the event still waits.
    """
    if get_hook(session, hook_id, to_change=True).off is not HookOff.NO:
        raise Conflict(IS_OFF)
    row = session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if row is None or row.hook_id != hook_id:
        raise NotFound("There is no such event.")
    if row.state is HookState.WAITING:
        raise Conflict(ON_ITS_WAY)
    row.state, row.next_at, row.earlier = HookState.WAITING, now, row.attempts
    after_commit(session, HOOKS)
