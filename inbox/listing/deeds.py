"""One click on many conversations: each by the service that a single click uses, and undone.

What one click did is one row (``Deed``), so that a second click takes all of it back. A
conversation that somebody else changed meanwhile is left as it is, and said so: when the click
is made, and when it is taken back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlmodel import Session

from inbox.errors import Conflict, InboxError, Invalid, NotFound
from inbox.store import conversations as rows
from inbox.store.people import Person, list_colleagues
from inbox.templating import N_
from models import Conversation, Deed, Event, EventKind
from models.base import columns

conversations = columns(Conversation)
deeds = columns(Deed)
events = columns(Event)

MOST = 200  # conversations of one click
UNDO_FOR = timedelta(seconds=60)
KEPT_FOR = timedelta(hours=1)
COLUMNS = (
    *("status", "owner_id", "team_id", "covered_for_id", "passed_on", "request_type"),
    *("request_type_confidence", "second_type", "proposed_type", "triage", "urgency"),
    *("urgency_rank", "urgency_confidence", "waiting_until", "wait_reason", "followed_up_at"),
    *("resolved_at", "spam_at", "thanked_at", "reopened"),
)
"""What a click may change and its undoing puts back; clocks follow from events."""
MARKS = ("status", "owner_id", "team_id", "request_type", "urgency", "wait_reason")
"""What tells that somebody else changed it since."""

Work = Callable[[Session, Conversation], Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """One that was left as it is: ``why`` is changed, reason, gone or a service's sentence."""

    number: int
    why: str
    who: str = ""  # who changed it meanwhile


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a click ended; ``deed_id`` is 0 where nothing was done."""

    done: list[int]
    failed: list[Failed] = field(default_factory=list)
    deed_id: int = 0


def check_numbers(numbers: Sequence[int]) -> list[int]:
    """Return numbers without doubles, in the order in which they are locked.

    Raises
    ------
    Invalid
        If there is none, or there are too many.
    """
    found = sorted(set(numbers))
    if not found:
        raise Invalid(N_("Choose at least one request."))
    if len(found) > MOST:
        raise Invalid(N_("At most 200 requests at once."))
    return found


def do(
    session: Session,
    numbers: Sequence[int],
    action: str,
    work: Work,
    *,
    by: Person,
    now: datetime,
    shown_at: datetime | None = None,
    reasons: tuple[type[InboxError], ...] = (),
) -> Outcome:
    """Do one thing to each of several conversations, and keep what is needed to take it back.

    ``shown_at`` is when the person saw them: what a colleague or the customer did since keeps
    its conversation out of it. ``reasons`` are the errors that say that one is missing.

    Raises
    ------
    Invalid
        As ``check_numbers`` does.
    """
    numbers = check_numbers(numbers)
    session.execute(
        select(conversations.id)
        .where(conversations.id.in_(numbers))
        .order_by(conversations.id)
        .with_for_update()
    )
    others = _changed_since(session, numbers, shown_at, by)
    did: list[dict[str, Any]] = []
    failed: list[Failed] = []
    for number in numbers:
        if number in others:
            failed.append(Failed(number, "changed", others[number]))
            continue
        try:
            with session.begin_nested():
                did.append(_one(session, number, work, by))
        except NotFound:
            failed.append(Failed(number, "gone"))
        except reasons:
            failed.append(Failed(number, "reason"))
        except InboxError as error:
            failed.append(Failed(number, error.message))
    if not did:
        return Outcome([], failed)
    session.execute(delete(Deed).where(deeds.at < now - KEPT_FOR))
    said = {"failed": [[one.number, one.why, one.who] for one in failed]}
    deed = Deed(agent_id=by.id, at=now, action=action, did=did, said=said)
    session.add(deed)
    session.flush()
    return Outcome([one["n"] for one in did], failed, deed.id)


def _one(session: Session, number: int, work: Work, by: Person) -> dict[str, Any]:
    return _kept(session, rows.get_for_agent(session, number, by, to_change=True), work)


def _kept(session: Session, row: Conversation, work: Work) -> dict[str, Any]:
    session.refresh(row)
    before = _columns(row)
    more = work(session, row)
    session.flush()
    session.refresh(row)
    after = _columns(row)
    was = {name: value for name, value in before.items() if after[name] != value}
    found = {"n": row.id, "was": was, "now": {name: after[name] for name in MARKS}}
    return {**found, "last": row.last_message_id, **(more if isinstance(more, dict) else {})}


def do_one(
    session: Session, row: Conversation, action: str, work: Work, *, by: Person, now: datetime
) -> int:
    """Do one thing to one that was loaded to change; return what takes it back.

    Errors are those of ``work``.
    """
    did = [_kept(session, row, work)]
    deed = Deed(agent_id=by.id, at=now, action=action, did=did, said={"failed": []})
    session.add(deed)
    session.flush()
    return deed.id


def _columns(row: Conversation) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in COLUMNS}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in found.items()
    }


def _changed_since(
    session: Session, numbers: Sequence[int], since: datetime | None, by: Person
) -> dict[int, str]:
    """Return who else did something to which of them; "" is the customer."""
    if since is None:
        return {}
    asked = events.kind == EventKind.ASKED
    found = session.execute(
        select(events.conversation_id, events.actor_id)
        .where(
            events.conversation_id.in_(list(numbers)),
            events.at > since,
            or_(asked, events.actor_id != by.id),
        )
        .order_by(events.id)
    ).all()
    who = list_colleagues(session) if found else {}
    return {number: who[actor].name if actor in who else "" for number, actor in found}


def get(session: Session, deed_id: int, by: Person, now: datetime) -> Deed:
    """Return what this person did, if it can still be taken back.

    Raises
    ------
    NotFound
        If it is another's.
    Conflict
        If it is too late, or done already.
    """
    found = session.get(Deed, deed_id, populate_existing=True)
    if found is None or found.agent_id != by.id:
        raise NotFound(N_("There is nothing to take back."))
    if found.undone_at is not None or found.at < now - UNDO_FOR:
        raise Conflict(N_("It is too late to take that back."))
    return found


def claim(session: Session, deed_id: int, by: Person, now: datetime) -> Deed:
    """Return what this person did and let nobody else take it back; raises as ``get`` does."""
    found = get(session, deed_id, by, now)
    done = session.execute(
        update(Deed).where(deeds.id == deed_id, deeds.undone_at.is_(None)).values(undone_at=now)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(N_("It is too late to take that back."))
    return found
