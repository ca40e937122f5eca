"""Hearing for webhooks: what happens to conversations, written down for who listens.

It is a row beside the event, in the same unit of work: one that is taken back takes it along.
What is told of it is made when it is sent (``inbox.hooks``).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session

from inbox.auth import random_token
from inbox.db import after_commit
from inbox.queue import HOOKS
from models import EventKind, HookOff, HookState, Status, Webhook, WebhookDelivery
from models.base import columns, core

hooks = columns(Webhook)

RECEIVED = "message.received"
TEST = "test"
SPAM = "conversation.spam"
_PLACE = ("reason", "from", "to")
_STEP = ("of", "step")
# What each kind of event is called outside, and what is told of its data.
_HEARD: Mapping[EventKind, tuple[str, tuple[str, ...]]] = {
    EventKind.RECEIVED: ("conversation.opened", ()),
    EventKind.RESTORED: ("conversation.opened", ()),
    EventKind.ASSIGNED: ("conversation.assigned", _PLACE),
    EventKind.COVERED: ("conversation.assigned", _PLACE),
    EventKind.CORRECTED: ("conversation.corrected", ()),
    EventKind.CLASSED: ("conversation.corrected", ()),
    EventKind.WAITED: ("conversation.waiting", ("reason", "until")),
    EventKind.RESUMED: ("conversation.resumed", ()),
    EventKind.RESOLVED: ("conversation.resolved", ("reason",)),
    EventKind.REOPENED: ("conversation.reopened", ()),
    EventKind.MERGED: ("conversation.merged", ("number",)),
    EventKind.MARKED_SPAM: (SPAM, ()),
    EventKind.REPLIED: ("reply.sent", ("message",)),
    EventKind.REPLY_UNDONE: ("reply.undone", ("message",)),
    EventKind.REPLY_FAILED: ("reply.failed", ("message",)),
    EventKind.NOTED: ("note.added", ("message",)),
    EventKind.WARNED: ("clock.warned", _STEP),
    EventKind.ESCALATED: ("clock.breached", _STEP),
    EventKind.PROMISED_AGAIN: ("promise.changed", ()),
    EventKind.PROMISE_BROKEN: ("promise.broken", ()),
    EventKind.RATED: ("satisfaction.given", ("score",)),
}
KINDS = tuple(dict.fromkeys((RECEIVED, *(name for name, _ in _HEARD.values()))))
"""Every type that can be listened for, in the order of the page."""


def hear(session: Session, happened: Iterable[Mapping[str, Any]]) -> None:
    """Write down events, as ``events`` has them, for the webhooks that listen."""
    if not listening(session):
        return
    told = list(happened)
    # The answers given before a conversation was split off come to it again.
    fresh = {one["conversation_id"] for one in told if _is_split_off(one)}
    for one in told:
        known = _HEARD.get(one["kind"])
        is_old = one["conversation_id"] in fresh and one["kind"] is not EventKind.RECEIVED
        if known is None or is_old or not _counts(one):
            continue
        kind, names = known
        data = {name: one["data"][name] for name in names if name in one["data"]}
        tell(session, kind, one["conversation_id"], one["at"], data, by=one["actor_id"])


def _is_split_off(one: Mapping[str, Any]) -> bool:
    return one["kind"] is EventKind.SPLIT and "into" not in one["data"]


def _counts(one: Mapping[str, Any]) -> bool:
    """Tell whether an event is what its type says: some kinds are written for more."""
    kind, data = one["kind"], one["data"]
    if kind in (EventKind.RECEIVED, EventKind.REOPENED):
        return bool(data.get("to", {}).get("status") == Status.OPEN.value)
    if kind in (EventKind.MARKED_SPAM, EventKind.CLASSED):  # else it was so from the start
        return one["actor_id"] is not None
    return kind is not EventKind.NOTED or "message" in data


def hear_message(session: Session, number: int, message_id: int, at: datetime) -> None:
    """Write down that a customer wrote."""
    tell(session, RECEIVED, number, at, {"message": message_id})


def tell(
    session: Session,
    kind: str,
    number: int | None,
    at: datetime,
    data: dict[str, Any],
    *,
    by: int | None = None,
    only: int | None = None,
) -> None:
    """Put one event into the queue of each webhook that listens for it, or of ``only``."""
    to = [one for one, kinds in listening(session).items() if kind in kinds]
    if only is not None:
        to = [only]
    if not to:
        return
    event_id = f"evt_{random_token()}"
    rows = [
        {
            "hook_id": hook_id,
            "event_id": event_id,
            "kind": kind,
            "conversation_id": number,
            "actor_id": by,
            "at": at,
            "details": data,
            "body": "",
            "state": HookState.WAITING,
            "next_at": at,
            "attempts": 0,
            "earlier": 0,
            "answer": "",
            "error": "",
        }
        for hook_id in to
    ]
    session.execute(insert(core(WebhookDelivery)), rows)
    after_commit(session, HOOKS)


_LISTENING = (
    select(hooks.id, hooks.kinds)
    .where(hooks.off.in_([HookOff.NO, HookOff.FAILING]))
    .order_by(hooks.id)
)


def listening(session: Session) -> dict[int, frozenset[str]]:
    """Return which webhooks hear of what; asked once in a unit of work.

    One that fails hears on: what it missed leaves when a person switches it on again.
    """
    found: dict[int, frozenset[str]] | None = session.info.get("hooks")
    if found is None:
        found = {row.id: frozenset(row.kinds) for row in session.execute(_LISTENING)}
        session.info["hooks"] = found
    return found
