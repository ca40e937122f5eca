"""Events on their way to other systems: claimed, sent, tried again, given up.

At least once: what may have arrived is sent again, with the id by which the receiver knows it.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session

from inbox.channels.hookpost import Answer, wait_of
from inbox.hooks.payload import bodies_of
from models import HookOff, HookState, Webhook, WebhookDelivery
from models.base import columns

hooks = columns(Webhook)
deliveries = columns(WebhookDelivery)

BATCH = 10  # of one webhook; two rounds of five lie inside one lease
LEASE = timedelta(seconds=60)
PAUSES_S = (5, 30, 300, 1800, 7200, 18000, 28800, 28800)  # a try follows each: a day in all
LONGEST_WAIT_S = 12 * 3600  # that we believe a "retry after"
SPREAD = 0.1  # of a pause, so that what failed together does not come together
PAUSE_AFTER = timedelta(hours=48)  # of nothing but failures
LEAST_FAILURES = 5
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed event; ``body`` is the same on every try."""

    id: int
    event_id: str
    body: str
    attempts: int
    earlier: int

    @property
    def round(self) -> int:
        """Which try of this round it is, from 1."""
        return self.attempts - self.earlier


def list_due(session: Session, now: datetime) -> list[int]:
    """Return the webhooks that something waits for."""
    waits = (
        select(deliveries.id)
        .where(
            deliveries.hook_id == hooks.id,
            deliveries.state == HookState.WAITING,
            deliveries.next_at <= now,
        )
        .exists()
    )
    found = select(hooks.id).where(hooks.off == HookOff.NO, waits).order_by(hooks.id)
    return list(session.execute(found).scalars())


def claim(session: Session, hook_id: int, now: datetime) -> list[Job]:
    """Lease what is due for one webhook; nothing once it is off.

    An event that is not to be told any more is dropped here.
    """
    due = (
        deliveries.hook_id == hook_id,
        deliveries.state == HookState.WAITING,
        deliveries.next_at <= now,
        select(hooks.id).where(hooks.id == hook_id, hooks.off == HookOff.NO).exists(),
    )
    rows = list(
        session.execute(
            select(WebhookDelivery)
            .where(*due)
            .order_by(deliveries.next_at, deliveries.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    made = bodies_of(session, [row for row in rows if not row.body], now)
    jobs = []
    for row in rows:
        body = row.body or made[row.id]
        if not body:
            row.state, row.next_at = HookState.DROPPED, now
            continue
        row.body, row.next_at, row.attempts = body, now + LEASE, row.attempts + 1
        jobs.append(Job(row.id, row.event_id, body, row.attempts, row.earlier))
    return jobs


def _settle(session: Session, job: Job, **values: Any) -> bool:
    """Change a row that is still ours: waiting, and nobody tried since."""
    done = session.execute(
        update(WebhookDelivery)
        .where(
            deliveries.id == job.id,
            deliveries.state == HookState.WAITING,
            deliveries.attempts == job.attempts,
        )
        .values(**values)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def note_sent(session: Session, hook_id: int, job: Job, answer: Answer, now: datetime) -> None:
    """Write down that the receiver has it, and that the webhook works."""
    session.execute(
        update(Webhook)
        .where(hooks.id == hook_id)
        .values(last_ok_at=now, failing_since=None, failures=0, last_error="")
    )
    said = {"code": answer.code, "answer": answer.text, "error": ""}
    _settle(session, job, state=HookState.SENT, sent_at=now, next_at=now, **said)


def note_failed(
    session: Session,
    hook_id: int,
    job: Job,
    reason: str,
    now: datetime,
    answer: Answer | None = None,
) -> None:
    """Have it tried again after a pause, until a day is over.

    A webhook's row is locked before those of its events, as whoever switches it off does.
    """
    hook = session.get_one(Webhook, hook_id, populate_existing=True, with_for_update=True)
    said: dict[str, Any] = {"error": reason[:300], "code": None, "answer": ""}
    asked_s = 0.0
    if answer is not None:
        said |= {"code": answer.code, "answer": answer.text}
        asked_s = min(wait_of(answer.retry_after, now), LONGEST_WAIT_S)
    if job.round > len(PAUSES_S):
        _settle(session, job, state=HookState.FAILED, next_at=now, **said)
    else:
        pause_s = PAUSES_S[job.round - 1] * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 -- spreads load, hides nothing
        until = now + timedelta(seconds=max(pause_s, asked_s))
        _settle(session, job, next_at=until, **said)
    hook.failing_since = hook.failing_since or now
    hook.failures += 1
    hook.last_error = reason[:300]


def is_hopeless(hook: Webhook, now: datetime) -> bool:
    """Tell whether a webhook has failed for so long that a person should look."""
    return (
        hook.off is HookOff.NO
        and hook.failing_since is not None
        and now - hook.failing_since >= PAUSE_AFTER
        and hook.failures >= LEAST_FAILURES
    )


def drop_waiting(session: Session, hook_id: int, now: datetime) -> None:
    """Tell a webhook that is switched off nothing more."""
    session.execute(
        update(WebhookDelivery)
        .where(deliveries.hook_id == hook_id, deliveries.state == HookState.WAITING)
        .values(state=HookState.DROPPED, next_at=now)
    )


def forget_old(session: Session, now: datetime) -> None:
    """Forget events that ended a week ago, what has waited a week for a person, old secrets."""
    session.execute(
        delete(WebhookDelivery).where(
            deliveries.next_at < now - KEPT,
            (deliveries.state != HookState.WAITING)
            | deliveries.hook_id.in_(select(hooks.id).where(hooks.off != HookOff.NO)),
        )
    )
    session.execute(
        update(Webhook).where(hooks.old_until <= now).values(old_secret="", old_until=None)
    )
