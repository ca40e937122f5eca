"""A backup takes over: conversations move, and say for whom they are covered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, null, select, update
from sqlmodel import Session

from inbox.db import after_commit
from inbox.duty import load_duty
from inbox.errors import NotFound
from inbox.queue import conversation_name
from inbox.store.changes import add_happened, moved
from models import Conversation, EventKind
from models.base import columns

conversations = columns(Conversation)

SILENT = "silent"  # its owner did nothing with it
ABSENT = "absent"  # its owner's absence begins, or it fell due inside one
BACK = "back"  # given back: the owner is here again
TAKEN_BACK = "taken_back"  # the owner took it back by hand

LOOKED_AT = (
    *(conversations.id, conversations.team_id, conversations.owner_id),
    conversations.covered_for_id,
)
"""What ``move`` wants to know of a conversation."""


def pass_to_backup(
    session: Session, conversation_id: int, now: datetime, *, why: str
) -> int | None:
    """Give a conversation to the first of its owner's chain of backups who is at work.

    ``why`` is a reason that pages have words for, such as ``SILENT``. Returns the new owner;
    None: nobody is left, so that it waits for its team without an owner, and the caller must
    tell those who lead the team. Without an owner nothing happens, and nobody is left either.

    Raises
    ------
    NotFound
        If there is no such conversation.
    """
    session.flush()
    row = session.execute(
        select(*LOOKED_AT).where(conversations.id == conversation_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such conversation.")
    if row.owner_id is None:
        return None
    heir = load_duty(session, now).backup_of(row.owner_id)
    move(session, [row], heir, now, why=why)
    return heir


def move(
    session: Session,
    rows: Sequence[Any],
    heir: int | None,
    now: datetime,
    *,
    why: str,
    by: int | None = None,
    note: dict[str, Any] | None = None,
    **said: Any,
) -> None:
    """Give conversations, locked to be changed, to somebody who covers for their owners.

    The rows are of ``LOOKED_AT``. Whoever one was covered for first stays the one; with them
    again nothing is covered. ``note`` is a note's data that is kept beside each.
    """
    if not rows:
        return
    happened = []
    for row in rows:
        first = row.covered_for_id or row.owner_id
        before = {"owner": row.owner_id, "covered_for": row.covered_for_id}
        after = {"owner": heir, "covered_for": None if heir == first else first}
        data = {"reason": why, "owner": heir, "before": row.owner_id, "first": first, **said}
        data |= moved(before, after)
        happened.append((row.id, EventKind.COVERED, now, data, by))
        if note is not None:
            happened.append((row.id, EventKind.NOTED, now, note, by))
    add_happened(session, happened)
    first = func.coalesce(conversations.covered_for_id, conversations.owner_id)
    session.execute(
        update(Conversation)
        .where(conversations.id.in_([row.id for row in rows]))
        .values(
            owner_id=heir,
            covered_for_id=case((first == heir, null()), else_=first) if heir else first,
            version=conversations.version + 1,
        )
    )
    after_commit(session, "list", *(conversation_name(row.id) for row in rows))
