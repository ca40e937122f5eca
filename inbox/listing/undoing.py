"""Taking a click back: every conversation as it was, unless something happened to it since."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session

from inbox import corrections, record
from inbox.acknowledgement import House
from inbox.clocks import NEVER
from inbox.errors import Conflict, InboxError
from inbox.listing import deeds
from inbox.listing.deeds import Failed, Outcome
from inbox.marking import tags
from inbox.queue import CLOCKS
from inbox.rulebook import Rulebook
from inbox.store import conversations as rows
from inbox.store.changes import add_event, changed, moved
from inbox.store.people import Person
from inbox.templating import N_
from inbox.timeline import Happened
from models import Ask, Conversation, Correction, EventKind
from models.base import columns

asks = columns(Ask)
said = columns(Correction)

MOMENTS = ("waiting_until", "followed_up_at", "resolved_at", "spam_at", "thanked_at")
SINCE = N_("Something happened to it since.")
_PLACE = {"status": "status", "team_id": "team", "owner_id": "owner"}


def undo(
    session: Session,
    deed_id: int,
    rulebook: Rulebook,
    house: House,
    *,
    by: Person,
    now: datetime,
) -> Outcome:
    """Take back what one click did, for each conversation that is as that left it.

    Raises
    ------
    NotFound
        If it is another's.
    Conflict
        If it is too late, or taken back already.
    """
    deed = deeds.claim(session, deed_id, by, now)
    done: list[int] = []
    failed: list[Failed] = []
    for one in deed.did:
        try:
            with session.begin_nested():
                _back(session, deed.action, deed.at, one, rulebook, house, by=by, now=now)
            done.append(one["n"])
        except InboxError as error:
            why = "changed" if error.message == SINCE else error.message
            failed.append(Failed(one["n"], why))
    return Outcome(done, failed, deed.id)


def _back(
    session: Session,
    action: str,
    at: datetime,
    one: Mapping[str, Any],
    rulebook: Rulebook,
    house: House,
    *,
    by: Person,
    now: datetime,
) -> None:
    row = rows.get_for_agent(session, one["n"], by, to_change=True)
    session.refresh(row)
    stands = {name: getattr(row, name) for name in deeds.MARKS}
    if stands != one["now"] or row.last_message_id != one["last"]:
        raise Conflict(SINCE)
    if action in ("tag", "untag"):
        put = tags.take_off if action == "tag" else tags.put_on
        for tag_id in one.get("tags", ()):
            put(session, row, tag_id, by=by, now=now)
        return
    was = {name: _value(name, value) for name, value in one["was"].items()}
    if action in ("type", "urgency"):
        _correct_back(session, row, was, at, rulebook, house, by=by, now=now)
        return
    _as_it_was(session, row, action, at, was, by=by, now=now)


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in MOMENTS and value else value


def _as_it_was(
    session: Session,
    row: Conversation,
    action: str,
    at: datetime,
    was: dict[str, Any],
    *,
    by: Person,
    now: datetime,
) -> None:
    """Put columns back; clocks stand as they stood before the moment ``at``."""
    places = {_PLACE[name]: was[name] for name in _PLACE if name in was}
    stood = {_PLACE[name]: getattr(row, name) for name in _PLACE if name in was}
    data = {"of": at.isoformat(), "action": action, **moved(stood, places)}
    values = record.keep(session, row.id, Happened(EventKind.UNDONE, now, data, by.id), now=now)
    waits_until = was.get("waiting_until", row.waiting_until)
    values |= was | {"order_at": values["next_due_at"] or waits_until or NEVER}
    if action == "done":
        session.execute(
            update(Ask)
            .where(asks.conversation_id == row.id, asks.withdrawn_at == at)
            .values(withdrawn_at=None)
        )
    changed(session, row.id, CLOCKS, **values)


def _correct_back(
    session: Session,
    row: Conversation,
    was: dict[str, Any],
    at: datetime,
    rulebook: Rulebook,
    house: House,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Say what it was before; nothing is learnt of either."""
    kind, urgency = was.get("request_type"), was.get("urgency")
    if kind is not None or urgency is not None:
        corrections.correct(
            session, row, rulebook, house, request_type=kind, urgency=urgency, by=by, now=now
        )
        session.flush()
        session.refresh(row)
    session.execute(delete(Correction).where(said.conversation_id == row.id, said.at >= at))
    place = {name: was[name] for name in ("team_id", "owner_id") if name in was}
    if any(getattr(row, name) != value for name, value in place.items()):
        owner = place.get("owner_id", row.owner_id)
        data = {"reason": "assigned" if owner else "unassigned", "owner": owner}
        add_event(session, row.id, EventKind.ASSIGNED, now, data, by=by.id)
    changed(session, row.id, **was)
