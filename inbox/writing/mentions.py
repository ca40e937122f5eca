"""Names in a note: a colleague after an @ is told, where they may see the request."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox import conversations
from inbox.store import counts
from inbox.store.changes import add_event
from inbox.store.people import Colleague, Person, as_person, list_colleagues
from inbox.telling import Alert, Telling, moment, tell_all
from inbox.templating import N_, translator
from inbox.triage.text import fold
from inbox.writing import drafts
from models import Agent, Conversation, EventKind, Message, TeamMember
from models.base import columns

agents = columns(Agent)
members = columns(TeamMember)

MOST = 10  # people that one note can tell
SAYS = N_("%(name)s mentions you in a note: “%(text)s”")
QUOTED = 120  # characters of the note that a notice shows
_AT = re.compile(r"(?<![\w@.])@(?=\w)")


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Whom a note names: those who may see the request, and those who may not."""

    told: tuple[int, ...]
    outside: tuple[int, ...]


def note(
    session: Session,
    conversation: Conversation,
    text: str,
    *,
    by: Person,
    now: datetime,
    key: str | None = None,
) -> Message:
    """Keep a note as ``conversations.note`` does, and tell whom it names.

    The same click again tells nobody again. Whom the request is not for is not told; the
    note's event says so.
    """
    before = conversation.last_message_id
    made = conversations.note(session, conversation, text, by=by, now=now, key=key)
    session.flush()
    session.refresh(conversation)
    drafts.forget(session, by.id, conversation.id, drafts.NOTE)
    if conversation.last_message_id == before:
        return made
    found = find(session, conversation, made.text, by)
    if not found.told and not found.outside:
        return made
    data = {"message": made.id, "told": list(found.told), "outside": list(found.outside)}
    add_event(session, conversation.id, EventKind.MENTIONED, now, data, by=by.id)
    _tell(session, conversation.id, made, found.told, by, now)
    return made


def find(session: Session, conversation: Conversation, text: str, by: Person) -> Mentioned:
    """Return whom a text names after an @, by their whole name, with or without accents."""
    colleagues = list_colleagues(session)
    named = named_in(text, [one for one in colleagues.values() if one.is_active])
    ids = [one for one in named if one != by.id][:MOST]
    if not ids:
        return Mentioned((), ())
    may = seers(session, conversation, ids)
    return Mentioned(
        tuple(one for one in ids if one in may),
        tuple(one for one in ids if one not in may),
    )


def named_in(text: str, colleagues: Iterable[Colleague]) -> list[int]:
    """Return those whose whole name stands after an @; of two, the longer name is meant."""
    names = sorted(((fold(one.name), one.id) for one in colleagues), key=lambda n: -len(n[0]))
    folded = fold(text)
    found = []
    for at in _AT.finditer(folded):
        rest = folded[at.end() :]
        for name, number in names:
            after = rest[len(name) : len(name) + 1]
            if rest.startswith(name) and not after.isalnum():
                found.append(number)
                break
    return list(dict.fromkeys(found))


def seers(session: Session, conversation: Conversation, ids: Sequence[int]) -> set[int]:
    """Return who of these people may see a conversation."""
    people = {row.id: row for row in session.scalars(select(Agent).where(agents.id.in_(ids)))}
    teams: dict[int, set[int]] = {number: set() for number in people}
    rows = session.execute(
        select(members.agent_id, members.team_id).where(members.agent_id.in_(ids))
    )
    for row in rows:
        teams[row.agent_id].add(row.team_id)
    return {
        number
        for number, agent in people.items()
        if counts.sees(session, as_person(agent, teams[number]), conversation)
    }


def offered(session: Session, conversation: Conversation, by: Person) -> list[Colleague]:
    """Return the colleagues that a note here can name, by their names."""
    active = [one for one in list_colleagues(session).values() if one.is_active]
    may = seers(session, conversation, [one.id for one in active if one.id != by.id])
    return sorted((one for one in active if one.id in may), key=lambda one: fold(one.name))


def _tell(
    session: Session,
    number: int,
    made: Message,
    ids: Sequence[int],
    by: Person,
    now: datetime,
) -> None:
    colleagues = list_colleagues(session)
    text = " ".join(made.text.split())
    short = text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
    tellings = [
        Telling(
            {one: "mentioned"},
            number,
            moment(now),
            f"mention:{made.id}",
            Alert.MENTION,
            translator(colleagues[one].language).gettext(SAYS)
            % {"name": by.name, "text": short},
            {"link": f"/inbox/{number}#m-{made.id}"},
        )
        for one in ids
    ]
    tell_all(session, tellings, now)
