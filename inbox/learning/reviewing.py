"""A supervisor's word on the review page: taken, and taken back; and what would follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlmodel import Session

from inbox import clocks, corrections
from inbox.acknowledgement import House
from inbox.db import insert_into
from inbox.errors import Conflict, NotFound
from inbox.learning.queues import TAKEN_FOR, Checked, lately
from inbox.rulebook import Rulebook, about_of
from inbox.store import conversations as rows
from inbox.store.changes import add_event, changed, moved, place_of
from inbox.store.people import Person
from inbox.templating import N_
from models import ClockKind, Contact, Conversation, Correction, EventKind, Triage, TriageReview
from models.base import columns

reviews = columns(TriageReview)
said = columns(Correction)

UNDO_FOR = timedelta(minutes=10)
TAKEN_BACK = N_("There is nothing to take back any more.")
DECIDED = N_("Somebody else has decided this one meanwhile.")

# ---- deciding and taking it back -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What a supervisor says; ``version`` is that of the conversation they saw."""

    version: int
    request_type: str
    urgency: str


def decide(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    *,
    answer: Answer,
    by: Person,
    now: datetime,
) -> None:
    """Take a supervisor's word; the conversation moves, and it can be taken back.

    Raises
    ------
    Conflict
        If somebody else has sorted it meanwhile.
    """
    if conversation.version != answer.version and _other_word_since(
        session, conversation, by, now
    ):
        raise Conflict(DECIDED)
    before = _before(session, conversation)
    corrections.decide(
        session,
        conversation,
        rulebook,
        house,
        request_type=answer.request_type,
        urgency=answer.urgency,
        by=by,
        now=now,
    )
    session.flush()
    made = session.execute(
        select(said.id).where(
            said.conversation_id == conversation.id, said.id > before["last_word"]
        )
    ).scalars()
    undo = before | {"made": list(made)}
    values = {"checked_by_id": by.id, "checked_at": now, "taken_at": None, "undo": undo}
    insert = insert_into(session, TriageReview).values(
        conversation_id=conversation.id, **values
    )
    session.execute(
        insert.on_conflict_do_update(index_elements=[reviews.conversation_id], set_=values)
    )


def _other_word_since(
    session: Session, conversation: Conversation, by: Person, now: datetime
) -> bool:
    """Tell whether somebody else spoke while this person looked."""
    since = session.execute(
        select(reviews.taken_at).where(
            reviews.conversation_id == conversation.id, reviews.taken_by_id == by.id
        )
    ).scalar_one_or_none()
    found = session.execute(
        select(said.id).where(
            said.conversation_id == conversation.id,
            said.agent_id != by.id,
            said.at >= (since or now - TAKEN_FOR),
        )
    )
    return found.first() is not None


def _before(session: Session, row: Conversation) -> dict[str, Any]:
    last = session.execute(
        select(func.max(said.id)).where(said.conversation_id == row.id)
    ).scalar_one()
    return {
        "request_type": row.request_type,
        "request_type_confidence": row.request_type_confidence,
        "second_type": row.second_type,
        "urgency": row.urgency.value,
        "urgency_confidence": row.urgency_confidence,
        "triage": row.triage.value,
        "team_id": row.team_id,
        "owner_id": row.owner_id,
        "last_word": last or 0,
    }


def undoable(checked: Sequence[Checked], now: datetime) -> int | None:
    """Return what was decided last, the newest being the last, if it can be taken back."""
    last = checked[-1] if checked else None
    if last is None or not last.may_undo or last.at <= now - UNDO_FOR:
        return None
    return last.number


def find_undoable(session: Session, who: Person, now: datetime) -> int | None:
    """Return what this person decided last, if that can still be taken back."""
    return undoable(lately(session, who, now), now)


def undo(
    session: Session, rulebook: Rulebook, house: House, *, by: Person, now: datetime
) -> int:
    """Take this person's last decision back; return of which conversation.

    What was said then is forgotten, and type, urgency, team and owner are what they were.

    Raises
    ------
    Conflict
        If there is none, or somebody else has spoken since.
    """
    number = find_undoable(session, by, now)
    review = session.get(TriageReview, number) if number is not None else None
    if number is None or review is None:
        raise Conflict(TAKEN_BACK)
    row = rows.get_for_agent(session, number, by, to_change=True)
    before, made = dict(review.undo), list(review.undo["made"])
    last = session.execute(
        select(func.max(said.id)).where(said.conversation_id == number)
    ).scalar_one()
    if made and last != max(made):
        raise Conflict(DECIDED)
    _correct_back(session, row, rulebook, house, before, by, now)
    session.execute(
        delete(Correction).where(said.conversation_id == number, said.id > before["last_word"])
    )
    session.execute(
        update(TriageReview)
        .where(reviews.conversation_id == number)
        .values(checked_by_id=None, checked_at=None, undo={}, taken_by_id=by.id, taken_at=now)
    )
    return number


def _correct_back(
    session: Session,
    row: Conversation,
    rulebook: Rulebook,
    house: House,
    before: dict[str, Any],
    by: Person,
    now: datetime,
) -> None:
    kind = before["request_type"] if before["request_type"] != row.request_type else None
    urgency = before["urgency"] if before["urgency"] != row.urgency else None
    if kind is not None or urgency is not None:
        corrections.correct(
            session,
            row,
            rulebook,
            house,
            request_type=kind,
            urgency=urgency,
            by=by,
            now=now,
        )
        session.flush()
        session.refresh(row)
    place = {"team": before["team_id"], "owner": before["owner_id"]}
    if place_of(row) != place:
        reason = "assigned" if before["owner_id"] else "unassigned"
        data = {"reason": reason, "owner": before["owner_id"], **moved(place_of(row), place)}
        add_event(session, row.id, EventKind.ASSIGNED, now, data, by=by.id)
    names = ("request_type_confidence", "second_type", "urgency_confidence", "team_id")
    values = {name: before[name] for name in (*names, "owner_id")}
    changed(session, row.id, triage=Triage(before["triage"]), **values)


def get_reviewable(session: Session, number: int, who: Person) -> Conversation:
    """Return a conversation to decide about; raises ``NotFound``."""
    if not who.sees_all:
        raise NotFound("There is no such conversation.")
    return rows.get_for_agent(session, number, who, to_change=True)


# ---- what would follow ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a conversation would go, and when it would be due."""

    team_id: int | None
    due_at: datetime | None
    is_promised: bool  # due is what the customer was told


def outcome(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    request_type: str,
    urgency: str,
) -> Outcome:
    """Return what follows if this type and urgency are right; a promise is never made later."""
    kind = rulebook.types.get(request_type)
    if kind is None:
        raise NotFound("There is no such topic.")
    tier = session.get_one(Contact, conversation.contact_id).tier
    about = about_of(conversation, tier)
    promise = rulebook.promise((request_type,), urgency, about)
    team_id = kind.team_id or conversation.team_id
    owed = (ClockKind.FIRST_RESPONSE, ClockKind.NEXT_RESPONSE)
    live = clocks.list_live(session, conversation.id, owed)
    target_s = clocks.target_of(promise, live[0].kind) if live else None
    if target_s is None:
        return Outcome(team_id, None, False)
    due_at = promise.calendar.due_at(live[0].started_at, target_s)
    promised = conversation.promised_at
    first = live[0].kind is ClockKind.FIRST_RESPONSE
    if first and promised is not None and (due_at is None or due_at > promised):
        return Outcome(team_id, promised, True)
    return Outcome(team_id, due_at, False)
