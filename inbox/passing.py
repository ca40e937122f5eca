"""Passing a conversation on to another team: with a reason; leaders hear of a third time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import Session

from inbox.duty import list_candidates
from inbox.errors import Conflict, Invalid
from inbox.queue import CLOCKS
from inbox.store import conversations as rows
from inbox.store import owners, people
from inbox.store.changes import add_event, changed, moved, place_of
from inbox.store.people import Person
from inbox.store.running import clocks_for
from inbox.store.teams import active_team_names
from inbox.telling import Alert, Telling, tell_all
from inbox.templating import N_, translator
from models import Conversation, EventKind, Status, TeamMember
from models.base import columns

conversations = columns(Conversation)
members = columns(TeamMember)

REASONS = {
    "wrong_team": N_("It came to the wrong team"),
    "needs_skill": N_("Somebody there knows this better"),
    "customer_wish": N_("The customer asked for them"),
    "no_room": N_("Nobody here has time for it"),
    "other": N_("Another reason"),
}
"""Why a conversation goes to another team, in the order of the form."""

UNSTATED = "unstated"  # a script gave no reason
ALL_REASONS = {**REASONS, UNSTATED: N_("no reason given")}
TOO_OFTEN = 3  # the times from which on those who lead are told
MAX_NOTE = 500
NO_REASON = N_("Say why it goes to another team.")
SAID = N_("This request was passed on %(n)s times, now to %(team)s: %(reason)s")


def leaves_team(session: Session, team_id: int | None, owner_id: int | None) -> bool:
    """Tell whether giving it to somebody passes it on: to one of other teams, not of its own.

    Who is in no team, such as a supervisor who steps in, takes it out of none.
    """
    if team_id is None or owner_id is None:
        return False
    found = session.execute(select(members.team_id).where(members.agent_id == owner_id))
    theirs = set(found.scalars())
    return bool(theirs) and team_id not in theirs and team_id in active_team_names(session)


def check(reason: str, note: str) -> str:
    """Return the note as it is kept, if the reason is one.

    Raises
    ------
    Invalid
        If the reason is none of the list, "other" has no note, or the note is too long.
    """
    if reason not in ALL_REASONS:
        raise Invalid(NO_REASON, {"reason": NO_REASON})
    text = " ".join(note.split())
    if reason == "other" and not text:
        sentence = N_("Write the reason in a few words.")
        raise Invalid(sentence, {"note": sentence})
    if len(text) > MAX_NOTE:
        sentence = N_("This is too long for one line.")
        raise Invalid(sentence, {"note": sentence})
    return text


def pass_on(
    session: Session,
    conversation: Conversation,
    team_id: int,
    reason: str,
    *,
    note: str = "",
    owner_id: int | None = None,
    by: Person,
    now: datetime,
) -> None:
    """Give a conversation to another team, and there to somebody or to who has least open.

    ``owner_id`` is somebody of that team. Its clocks go on.

    Raises
    ------
    Invalid
        If there is no such other team, or no reason.
    Conflict
        If it is done, or changed hands since it was loaded.
    """
    if conversation.status in (Status.RESOLVED, Status.SPAM, Status.MERGED):
        raise Conflict("It is done. Open it again first.")
    text = check(reason, note)
    if team_id not in active_team_names(session) or team_id == conversation.team_id:
        sentence = N_("Choose another team.")
        raise Invalid(sentence, {"team": sentence})
    if owner_id is None:
        free = [one for one in list_candidates(session, team_id, now) if one.has_room]
        owner_id = free[0].id if free else None
    elif leaves_team(session, team_id, owner_id) or not owners.is_active(session, owner_id):
        raise Invalid("Nobody who works here can be found under this name.")
    before = place_of(conversation)
    after = {"team": team_id, "owner": owner_id}
    if not rows.change(
        session,
        conversation.id,
        *_still(before),
        team_id=team_id,
        owner_id=owner_id,
        covered_for_id=None,
    ):
        raise Conflict("Its owner has just changed.")
    note_passing(session, conversation, before, after, reason, text, by=by, now=now)
    changed(session, conversation.id, CLOCKS)


def _still(before: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return the conditions that it still is where it was."""
    pairs = ((conversations.team_id, before["team"]), (conversations.owner_id, before["owner"]))
    return [one.is_(None) if value is None else one == value for one, value in pairs]


def note_passing(
    session: Session,
    conversation: Conversation,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reason: str,
    note: str,
    *,
    by: Person,
    now: datetime,
) -> None:
    """Write down that it was passed on, count it, and tell the leaders from the third time on.

    ``before`` and ``after`` are team and owner, as ``place_of`` has them; the new ones stand
    already. They are told once for each due time.
    """
    times = conversation.passed_on + 1  # it is locked: nobody else counts
    rows.change(session, conversation.id, passed_on=times)
    data = {"reason": reason, "text": note, "times": times, **moved(before, after)}
    if before["team"] != after["team"]:
        data["to_team"] = people.team_names(session).get(after["team"], "")
    add_event(session, conversation.id, EventKind.PASSED_ON, now, data, by=by.id)
    if times >= TOO_OFTEN:
        _tell_leaders(session, conversation, {before["team"], after["team"]}, data, now)


def _tell_leaders(
    session: Session,
    conversation: Conversation,
    team_ids: set[int | None],
    data: Mapping[str, Any],
    now: datetime,
) -> None:
    clock = clocks_for(session, [conversation.id]).get(conversation.id)
    if clock is None:
        return
    leaders = {one for team in team_ids for one in people.list_supervisors(session, team)}
    who = people.list_colleagues(session)
    team = people.team_names(session).get(data.get("to", {}).get("team", 0), "")
    tellings = []
    for one in sorted(leaders):
        say = translator(who[one].language).gettext
        said = {"n": data["times"], "team": team, "reason": say(ALL_REASONS[data["reason"]])}
        tellings.append(
            Telling(
                {one: "supervisor"},
                conversation.id,
                clock,
                "passed_on",
                Alert.STAGE,
                say(SAID) % said,
                {"times": data["times"]},
            )
        )
    tell_all(session, tellings, now)
