"""One team asks another about a conversation; its owner stays, and so does its clock.

Every change is one conditional update of the question: who comes second is told so.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlmodel import Session

from inbox import clocks, conversations, duty
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.house import load_house
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.sla.promise import spoken_moment
from inbox.store import asks as rows
from inbox.store import conversations as talks
from inbox.store import people
from inbox.store.changes import add_event, changed
from inbox.store.people import Colleague, Person
from inbox.store.running import clocks_for
from inbox.store.teams import active_team_names
from inbox.telling import Alert, Telling, tell_all
from inbox.templating import N_, translator
from models import Ask, ClockKind, Conversation, EventKind, SLAClock, Status
from models.base import columns

asks = columns(Ask)

log = logging.getLogger(__name__)

BATCH = 100
MAX_TEXT = 4000
LONGEST = timedelta(days=366)
A_DAY_S = 8 * 3600.0  # working time of "one working day" where nothing runs
WRONG_DUE = N_("Choose a time from now on, within a year.")
NO_QUESTION = N_("Write the question first.")
NO_ANSWER = N_("Write the answer first.")
NOT_OPEN = N_("This question was answered or withdrawn meanwhile.")
SAID = {
    "asked": N_("%(name)s asks %(team)s, to be answered before %(time)s: %(text)s"),
    "answered": N_("%(name)s of %(team)s answered: %(text)s"),
    "ask_late": N_("The question to %(team)s is past its time (%(time)s): %(text)s"),
}


def default_due(session: Session, conversation: Conversation, now: datetime) -> datetime:
    """Return half of the working time left on the clock that is due next, from now.

    Where none is running with time left, eight working hours.
    """
    running = [
        clock
        for clock in clocks.list_live(session, conversation.id, ClockKind)
        if clock.paused_at is None and now < clock.due_at < clocks.NEVER
    ]
    book = load_rulebook(session)
    calendar, seconds = book.calendars[book.default_calendar_id], A_DAY_S
    if running:
        nearest = min(running, key=lambda clock: clock.due_at)
        calendar = book.calendars[nearest.calendar_id]
        seconds = calendar.working_seconds(now, nearest.due_at) / 2
    return calendar.due_at(now, seconds) or now + timedelta(days=1)


def ask(
    session: Session,
    conversation: Conversation,
    team_id: int,
    question: str,
    house: House,
    *,
    by: Person,
    now: datetime,
    due_at: datetime | None = None,
) -> Ask:
    """Ask another team; those of it who are at work hear of it.

    Raises
    ------
    Invalid
        If there is no such other team, no question, or the time is past or a year away.
    Conflict
        If the conversation is done.
    """
    if conversation.status in (Status.RESOLVED, Status.SPAM, Status.MERGED):
        raise Conflict("It is done. Open it again first.")
    text = _written(question, "question", NO_QUESTION)
    teams = active_team_names(session)
    if team_id not in teams or team_id == conversation.team_id:
        sentence = N_("Choose another team.")
        raise Invalid(sentence, {"team": sentence})
    due_at = due_at or default_due(session, conversation, now)
    if not now < due_at <= now + LONGEST:
        raise Invalid(WRONG_DUE, {"due": WRONG_DUE})
    made = Ask(
        conversation_id=conversation.id,
        team_id=team_id,
        asked_by_id=by.id,
        question=text,
        asked_at=now,
        due_at=due_at,
    )
    session.add(made)
    session.flush()
    data = {"ask": made.id, "team": teams[team_id], "due_at": due_at.isoformat()}
    add_event(session, conversation.id, EventKind.DEPARTMENT_ASKED, now, data, by=by.id)
    changed(session, conversation.id)
    told = dict.fromkeys(_of_team(session, team_id, now), "team")
    told.pop(by.id, None)
    _tell(session, house, made, "asked", told, now, name=by.name, text=text)
    return made


def take(session: Session, ask_id: int, *, by: Person, now: datetime) -> None:
    """Say that one will answer; others of the team see it.

    Raises
    ------
    Conflict
        If a colleague said so first, or it was answered or withdrawn.
    """
    found = _get_to_answer(session, ask_id, by)
    if found.taken_by_id == by.id:
        return
    if not _change(session, ask_id, asks.taken_by_id.is_(None), taken_by_id=by.id):
        raise Conflict("A colleague has just taken it.")
    changed(session, found.conversation_id)


def answer(
    session: Session, ask_id: int, text: str, house: House, *, by: Person, now: datetime
) -> None:
    """Answer a question: a note of the conversation; who asked and who owns it hear of it.

    Raises
    ------
    Invalid
        If there is no text.
    Conflict
        If it was answered or withdrawn meanwhile.
    """
    found = _get_to_answer(session, ask_id, by)
    said = _written(text, "answer", NO_ANSWER)
    values = {"answer": said, "answered_at": now, "answered_by_id": by.id}
    if not _change(session, ask_id, **values, taken_by_id=found.taken_by_id or by.id):
        raise Conflict(NOT_OPEN)
    conversation = talks.get(session, found.conversation_id)
    quoted = "\n".join(f"> {line}" for line in found.question.splitlines())
    conversations.note(session, conversation, f"{quoted}\n\n{said}", by=by, now=now)
    team = people.team_names(session).get(found.team_id, "")
    data = {"ask": ask_id, "team": team}
    add_event(session, conversation.id, EventKind.DEPARTMENT_ANSWERED, now, data, by=by.id)
    changed(session, conversation.id)
    told = _asking(found.asked_by_id, conversation.owner_id)
    told.pop(by.id, None)
    _tell(session, house, found, "answered", told, now, name=by.name, text=said)


def withdraw(session: Session, ask_id: int, *, by: Person, now: datetime) -> None:
    """Take a question back; who may see its conversation may do that.

    Raises
    ------
    NotFound
        If it is about a conversation that is another team's.
    Conflict
        If it was answered or withdrawn meanwhile.
    """
    found = rows.get_ask(session, ask_id, by)
    talks.get_for_agent(session, found.conversation_id, by, to_change=True)
    if not _withdraw(session, ask_id, found.conversation_id, now, by.id):
        raise Conflict(NOT_OPEN)
    changed(session, found.conversation_id)


def withdraw_open(
    session: Session, conversation_id: int, now: datetime, *, by: int | None
) -> None:
    """Take back what is still asked about a conversation that ends."""
    for ask_id in rows.open_ids(session, conversation_id):
        _withdraw(session, ask_id, conversation_id, now, by)


def _withdraw(
    session: Session, ask_id: int, conversation_id: int, now: datetime, by: int | None
) -> bool:
    if not _change(session, ask_id, withdrawn_at=now):
        return False
    data = {"ask": ask_id, "withdrawn": True}
    add_event(session, conversation_id, EventKind.DEPARTMENT_ANSWERED, now, data, by=by)
    return True


def _get_to_answer(session: Session, ask_id: int, by: Person) -> rows.AskRow:
    """Return a question that this person's team was asked, its conversation locked."""
    found = rows.get_ask(session, ask_id, by)
    if not (by.sees_all or found.team_id in by.team_ids):
        raise Conflict("Only the team that was asked can do that.")
    if not found.is_open:
        raise Conflict(NOT_OPEN)
    talks.get_to_change(session, found.conversation_id)
    return found


def _change(
    session: Session, ask_id: int, *conditions: ColumnElement[bool], **values: Any
) -> bool:
    done = session.execute(
        update(Ask).where(asks.id == ask_id, rows.IS_OPEN, *conditions).values(**values)
    )
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def _written(text: str, field: str, missing: str) -> str:
    body = text.replace("\r\n", "\n").strip()
    if not body:
        raise Invalid(missing, {field: missing})
    if len(body) > MAX_TEXT:
        sentence = N_("This is too long for one message.")
        raise Invalid(sentence, {field: sentence})
    return body


# ---- who hears of it ----------------------------------------------------------------


def _of_team(session: Session, team_id: int, now: datetime) -> list[int]:
    """Return who of a team is at work; who leads it when nobody is."""
    at_work = duty.list_team_on_duty(session, team_id, now)
    return at_work or people.list_supervisors(session, team_id)


def _asking(asked_by_id: int, owner_id: int | None) -> dict[int, str]:
    told = {asked_by_id: "owner"}
    return told | ({owner_id: "owner"} if owner_id is not None else {})


def _tell(
    session: Session,
    house: House,
    about: Ask | rows.AskRow,
    what: str,
    told: Mapping[int, str],
    now: datetime,
    **said: str,
) -> None:
    clock = clocks_for(session, [about.conversation_id]).get(about.conversation_id)
    if clock is not None:
        said["team"] = people.team_names(session).get(about.team_id, "")
        who = people.list_colleagues(session)
        found = _tellings(about, what, clock, told, who, house.time_zone, now, said)
        tell_all(session, found, now)


def _tellings(
    about: Ask | rows.AskRow,
    what: str,
    clock: SLAClock,
    told: Mapping[int, str],
    who: Mapping[int, Colleague],
    zone: str,
    now: datetime,
    said: Mapping[str, str],
) -> list[Telling]:
    """Return what each person is told, in their words; who has left hears nothing."""
    found = []
    for one, audience in told.items():
        if one not in who or not who[one].is_active:
            continue
        language = who[one].language
        values = {
            "name": "",
            "text": about.question,
            "time": spoken_moment(about.due_at, zone, now, language),
            **said,
        }
        found.append(
            Telling(
                {one: audience},
                about.conversation_id,
                clock,
                f"{what}:{about.id}",
                Alert.ASKED,
                translator(language).gettext(SAID[what]) % values,
                {"ask": about.id, "team": said["team"]},
            )
        )
    return found


# ---- what is overdue ----------------------------------------------------------------


class Chase:
    """Tells both sides once of overdue questions; any number of workers may."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database, self._settings, self._secret = database, settings, secret

    async def once(self) -> bool:
        """Look for overdue questions; True if there may be more."""
        due_at = await self._database.read(rows.next_due)
        if due_at is None or due_at > utcnow():
            return False
        done = await self._database.write(_chase, self._settings, self._secret)
        return done == BATCH


def _chase(session: Session, settings: Settings, secret: bytes) -> int:
    house = load_house(session, settings, secret)
    return 0 if house is None else warn_overdue(session, house, utcnow())


def warn_overdue(session: Session, house: House, now: datetime) -> int:
    """Tell who asks and who was asked of overdue questions, each once; return how many."""
    claimed = [
        one
        for one in rows.list_overdue(session, now, BATCH)
        if _change(session, one.id, asks.warned_at.is_(None), warned_at=now)
    ]
    if not claimed:
        return 0
    numbers = sorted({one.conversation_id for one in claimed})
    clock_of = clocks_for(session, numbers)
    owners = talks.owners_of(session, numbers)
    names, who = people.team_names(session), people.list_colleagues(session)
    at_work = {team: _of_team(session, team, now) for team in {one.team_id for one in claimed}}
    tellings = []
    for one in claimed:
        clock = clock_of.get(one.conversation_id)
        if clock is None:
            log.warning("nobody is told of question %d: it has no clock", one.id)
            continue
        asked = [one.taken_by_id] if one.taken_by_id is not None else at_work[one.team_id]
        told = dict.fromkeys(asked, "team")
        told |= _asking(one.asked_by_id, owners.get(one.conversation_id))
        said = {"team": names.get(one.team_id, "")}
        tellings += _tellings(one, "ask_late", clock, told, who, house.time_zone, now, said)
        changed(session, one.conversation_id)
    tell_all(session, tellings, now)
    return len(claimed)
