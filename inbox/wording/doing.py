"""A macro is run: each part by the service that does it alone, all in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session

from inbox import closing, conversations, corrections, passing, record, waits
from inbox.acknowledgement import House
from inbox.errors import Conflict, InboxError, NotFound
from inbox.marking import tags
from inbox.rulebook import Rulebook
from inbox.sla.history import Wait
from inbox.store import conversations as rows
from inbox.store.changes import changed
from inbox.store.people import Person
from inbox.store.wordings import Line, count_use
from inbox.templating import N_, translator
from inbox.wording.macros import ME, NOBODY, UNTIL
from inbox.writing import sending, undoing
from models import Conversation, Correction, Macro, MacroRun, Status
from models.base import columns

runs = columns(MacroRun)
said = columns(Correction)

UNDO_FOR = timedelta(seconds=60)
KEPT_FOR = timedelta(hours=1)
NO_REASON = "no_answer_needed"
SORTED = (
    *("request_type", "urgency", "request_type_confidence", "urgency_confidence"),
    *("second_type", "proposed_type", "triage"),
)
LATE = N_("It is too late to take that back.")
SINCE = N_("Something happened to it since.")
NONE = N_("There is nothing to take back.")


@dataclass(frozen=True, slots=True)
class Doing:
    """Who runs it, and when; ``seen`` is the last message they had read, ``key`` the click."""

    by: Person
    now: datetime
    rulebook: Rulebook
    house: House
    seen: int | None = None
    key: str | None = None


def run(
    session: Session, conversation: Conversation, macro: Line, text: str, doing: Doing
) -> MacroRun:
    """Do everything that a macro says, or nothing; ``text`` is the answer, "" sends none.

    Raises
    ------
    InboxError
        As the service of a part does; then nothing was done.
    """
    does, by, now = macro.does, doing.by, doing.now
    before: dict[str, Any] = {name: str(getattr(conversation, name) or "") for name in SORTED}
    before |= {"team": conversation.team_id, "owner": conversation.owner_id}
    before |= {"status": conversation.status.value, "confidences": _confidences(conversation)}
    if does.get("request_type") or does.get("urgency"):
        corrections.correct(
            session,
            conversation,
            doing.rulebook,
            doing.house,
            request_type=does.get("request_type"),
            urgency=does.get("urgency"),
            by=by,
            now=now,
        )
        _again(session, conversation)
    if does.get("tag") and tags.put_on(session, conversation, int(does["tag"]), by=by, now=now):
        before["tag"] = int(does["tag"])
        _again(session, conversation)
    _place(session, conversation, does, macro.name, by, now)
    before["message"] = _answer(session, conversation, does, text, doing)
    _again(session, conversation)
    count_use(session, Macro, macro.id, now)
    session.execute(delete(MacroRun).where(runs.at < now - KEPT_FOR))
    made = MacroRun(
        conversation_id=conversation.id,
        agent_id=by.id,
        before=before,
        version=conversation.version,
        at=now,
    )
    session.add(made)
    session.flush()
    return made


def _again(session: Session, conversation: Conversation) -> None:
    """Read it as the last part left it."""
    session.flush()
    session.refresh(conversation)


def _confidences(row: Conversation) -> list[float]:
    return [row.request_type_confidence, row.urgency_confidence]


def _place(
    session: Session,
    conversation: Conversation,
    does: Mapping[str, Any],
    name: str,
    by: Person,
    now: datetime,
) -> None:
    team = int(does["team"]) if does.get("team") else None
    owner = does.get("owner")
    if team is not None and team != conversation.team_id:
        passing.pass_on(session, conversation, team, "other", note=name, by=by, now=now)
        _again(session, conversation)
    if owner == ME:
        conversations.claim(session, conversation, by=by, now=now)
    elif owner:
        to = None if owner == NOBODY else int(owner)
        conversations.assign(session, conversation, to, by=by, now=now)
    _again(session, conversation)


def _answer(
    session: Session,
    conversation: Conversation,
    does: Mapping[str, Any],
    text: str,
    doing: Doing,
) -> int | None:
    """Send the answer, if there is one, and say what comes after it; return its id."""
    by, now = doing.by, doing.now
    then = does.get("then", "")
    message = None
    if text.strip():
        after = then if then in sending.THEN else ""
        message = sending.send(
            session,
            conversation,
            text=text,
            house=doing.house,
            by=by,
            now=now,
            then=after,
            seen=doing.seen,
            key=doing.key,
        )
        _again(session, conversation)
    if then == "snooze":
        book = doing.rulebook
        calendar = book.calendars[book.default_calendar_id]
        until = waits.working_days_on(calendar, now, UNTIL[does["until"]])
        waits.wait(session, conversation, Wait.SNOOZED, until, by=by, now=now)
    elif message is None and then == "wait":
        waits.wait(session, conversation, Wait.CUSTOMER, by=by, now=now)
    elif message is None and then == "done":
        reason = NO_REASON if record.owes_answer(session, conversation.id) else ""
        closing.resolve(session, conversation, by=by, now=now, reason=reason, seen=doing.seen)
    return message.id if message is not None else None


def undo(
    session: Session,
    run_id: int,
    rulebook: Rulebook,
    house: House,
    *,
    by: Person,
    now: datetime,
) -> tuple[int, bool]:
    """Take back what a macro did; return the number, and whether its answer had left.

    An answer that has left stays; everything else is as it was.

    Raises
    ------
    NotFound
        If it is another's.
    Conflict
        If it is too late, or something happened to the conversation since.
    """
    made = session.get(MacroRun, run_id)
    if made is None or made.agent_id != by.id:
        raise NotFound(NONE)
    row = rows.get_to_change(session, made.conversation_id)
    if row is None:
        raise NotFound(NONE)
    if made.at < now - UNDO_FOR:
        raise Conflict(LATE)
    if row.version != made.version:
        raise Conflict(SINCE)
    claimed = session.execute(
        update(MacroRun)
        .where(runs.id == run_id, runs.undone_at.is_(None))
        .values(undone_at=now)
    )
    if claimed.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(LATE)
    before = made.before
    has_left = not _unsend(session, row, before.get("message"), by, now)
    _again(session, row)
    _stand_again(session, row, Status(before["status"]), rulebook, by, now)
    _place_again(session, row, before, by, now)
    if before.get("tag"):
        tags.take_off(session, row, before["tag"], by=by, now=now)
        _again(session, row)
    _sort_again(session, row, before, made.at, rulebook, house, by, now)
    return row.id, has_left


def _unsend(
    session: Session, row: Conversation, message_id: int | None, by: Person, now: datetime
) -> bool:
    """Take an answer back; False if it has left."""
    if message_id is None:
        return True
    try:
        with session.begin_nested():
            undoing.undo(session, row, message_id, by=by, now=now)
    except InboxError:
        return False
    return True


def _stand_again(
    session: Session,
    row: Conversation,
    status: Status,
    rulebook: Rulebook,
    by: Person,
    now: datetime,
) -> None:
    """End what the macro began; a wait that it replaced is not begun again."""
    if row.status is status:
        return
    if row.status is Status.RESOLVED:
        closing.reopen(session, row, rulebook, by=by, now=now)
    elif row.wait_reason:
        waits.resume(session, row, by=by, now=now)
    _again(session, row)


def _place_again(
    session: Session, row: Conversation, before: Mapping[str, Any], by: Person, now: datetime
) -> None:
    team, owner = before["team"], before["owner"]
    if team is not None and row.team_id != team:
        note = translator(by.language).gettext(N_("taken back"))
        passing.pass_on(session, row, team, "other", note=note, owner_id=owner, by=by, now=now)
        _again(session, row)
    if row.owner_id != owner:
        conversations.assign(session, row, owner, by=by, now=now)
        _again(session, row)


def _sort_again(
    session: Session,
    row: Conversation,
    before: Mapping[str, Any],
    at: datetime,
    rulebook: Rulebook,
    house: House,
    by: Person,
    now: datetime,
) -> None:
    """Say what it was before; nothing is learnt of either."""
    was = {name: before[name] for name in ("request_type", "urgency")}
    differs = {name: old for name, old in was.items() if getattr(row, name) != old}
    if not differs:
        return
    place = {"team_id": row.team_id, "owner_id": row.owner_id}
    corrections.correct(session, row, rulebook, house, **differs, by=by, now=now)
    session.execute(
        delete(Correction).where(
            said.conversation_id == row.id, said.agent_id == by.id, said.at >= at
        )
    )
    values: dict[str, Any] = {name: before[name] or None for name in ("second_type",)}
    values |= {"proposed_type": before["proposed_type"] or None, "triage": before["triage"]}
    sure = dict(zip(("request_type", "urgency"), before["confidences"], strict=True))
    values |= {f"{name}_confidence": value for name, value in sure.items()}
    changed(session, row.id, **values, **place)
    _again(session, row)


def find_run(session: Session, run_id: int, by: Person) -> MacroRun:
    """Return a run of one's own; raises ``NotFound``."""
    found = session.get(MacroRun, run_id)
    if found is None or found.agent_id != by.id:
        raise NotFound(NONE)
    return found
