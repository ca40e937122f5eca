"""The audit trail: who changed what about the company."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import AuditAction, AuditEntry, AuditThing
from models.base import insert_many


def add_entry(
    session: Session,
    thing: AuditThing,
    thing_id: int | str,
    action: AuditAction,
    now: datetime,
    *,
    by: int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down a change in the transaction that makes it.

    ``before`` and ``after`` are JSON values by field; only fields that differ are kept. They
    must hold no secret. ``by`` is None for what a command did on the server.
    """
    old, new = dict(before or {}), dict(after or {})
    same = {key for key in old.keys() & new.keys() if old[key] == new[key]}
    session.add(
        AuditEntry(
            at=now,
            actor_id=by,
            thing=thing,
            thing_id=str(thing_id),
            action=action,
            before={key: value for key, value in old.items() if key not in same},
            after={key: value for key, value in new.items() if key not in same},
        )
    )


def add_new(
    session: Session,
    thing: AuditThing,
    made: Iterable[tuple[int, Mapping[str, Any]]],
    now: datetime,
    *,
    by: int | None,
) -> None:
    """Write down that many things were made: each one's number, and what it is."""
    common = {"at": now, "actor_id": by, "thing": thing, "action": AuditAction.CREATED}
    rows = [
        {**common, "thing_id": str(number), "before": {}, "after": dict(after)}
        for number, after in made
    ]
    if rows:
        session.execute(insert_many(AuditEntry), rows)
