"""What saved replies and macros share: whose they are, who may change them, what is kept."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session

from inbox.errors import Forbidden, Invalid, NotFound
from inbox.store.audit import add_entry
from inbox.store.people import Person
from inbox.store.teams import active_team_names
from inbox.templating import LANGUAGES, N_
from inbox.triage.text import fold
from models import AuditAction, AuditThing, Macro, SavedReply

MOST_NAME, MOST_TEXT = 80, 10_000
NO_NAME = N_("Give it a name.")
LONG_NAME = N_("At most 80 letters.")
LONG_TEXT = N_("At most 10,000 letters.")
WRONG_TEXT = N_("There is a sign in it that no text has.")
NO_TEAM = N_("There is no such team.")
NOT_YOURS = N_("Only who leads changes what all use.")
GONE = N_("It is not there any more.")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
Row = TypeVar("Row", SavedReply, Macro)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person says of one. ``whose``: ``me``, ``company`` or a team's id."""

    name: str
    whose: str
    texts: dict[str, str] = field(default_factory=dict)
    shortcut: str = ""
    does: dict[str, Any] = field(default_factory=dict)


def clean(text: str) -> str:
    """Return a typed text with plain line ends and nothing after its last word."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def check(session: Session, said: Draft, who: Person) -> tuple[str, dict[str, str]]:
    """Return name and texts as they are kept.

    Raises
    ------
    Invalid
        If the name is missing, or something is too long or has control characters.
    Forbidden
        If it is to be everybody's, and this person leads nobody.
    """
    name = " ".join(said.name.split())
    texts = {code: clean(said.texts.get(code, "")) for code in LANGUAGES}
    found = {"name": too_long(name, MOST_NAME, LONG_NAME) if name else NO_NAME}
    found |= {
        f"text_{code}": too_long(text, MOST_TEXT, LONG_TEXT) for code, text in texts.items()
    }
    found["whose"] = "" if _is_known(session, said.whose) else NO_TEAM
    wrong = {name: sentence for name, sentence in found.items() if sentence}
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    if said.whose != "me" and not who.sees_all:
        raise Forbidden(NOT_YOURS)
    return name, {code: text for code, text in texts.items() if text}


def too_long(text: str, most: int, sentence: str) -> str:
    """Return why a text is not kept: ``sentence`` if it is too long; "" if it is."""
    if len(text) > most:
        return sentence
    return WRONG_TEXT if _CONTROL.search(text) else ""


def _is_known(session: Session, whose: str) -> bool:
    if whose in ("me", "company"):
        return True
    number = whose.isascii() and whose.isdecimal() and len(whose) < 10
    return bool(number) and int(whose) in active_team_names(session)


def belong(row: SavedReply | Macro, whose: str, who: Person) -> None:
    """Say whose it is from now on."""
    row.owner_id = who.id if whose == "me" else None
    row.team_id = int(whose) if whose.isdecimal() else None


def folded(*words: str) -> str:
    """Return what is searched, without accents."""
    return fold(" ".join(words))


def get_to_change(session: Session, table: type[Row], row_id: int, who: Person) -> Row:
    """Return one that this person may change.

    Raises
    ------
    NotFound
        If there is none, or it is somebody else's own.
    Forbidden
        If it is everybody's, and this person leads nobody.
    """
    row = session.get(table, row_id, with_for_update=True)
    if row is None or row.owner_id not in (None, who.id):
        raise NotFound(GONE)
    if row.owner_id is None and not who.sees_all:
        if row.team_id is not None and row.team_id not in who.team_ids:
            raise NotFound(GONE)
        raise Forbidden(NOT_YOURS)
    return row


def write_down(
    session: Session,
    thing: AuditThing,
    row: SavedReply | Macro,
    action: AuditAction,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    by: Person,
    now: datetime,
) -> None:
    """Keep a change in the trail: of what is shared; one's own words are one's own."""
    if before == after or all(one.get("whose", "me") == "me" for one in (before, after)):
        return
    add_entry(session, thing, row.id, action, now, by=by.id, before=before, after=after)


def whose(row: SavedReply | Macro) -> str:
    """Return whose it is, as ``Draft`` says it."""
    return "me" if row.owner_id is not None else str(row.team_id or "company")
