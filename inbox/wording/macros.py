"""Macros: several things at once, kept like saved replies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.errors import Invalid, NotFound
from inbox.store import owners
from inbox.store.people import Person
from inbox.store.setup import named_types
from inbox.store.tags import list_tags
from inbox.store.teams import active_team_names
from inbox.store.wordings import MOST_FOUND, Line, list_prepared, usable_by
from inbox.templating import N_
from inbox.wording.keeping import (
    GONE,
    Draft,
    belong,
    check,
    folded,
    get_to_change,
    whose,
    write_down,
)
from models import AuditAction, AuditThing, Macro, Urgency
from models.base import columns

macros = columns(Macro)

ME, NOBODY = "me", "nobody"
THEN = ("done", "wait", "snooze")
UNTIL = {"tomorrow": 1, "days": 3, "week": 5}  # working days, of a snooze
NOTHING = N_("Say what it does.")
WRONG = N_("This cannot be chosen any more.")
DOES = ("request_type", "urgency", "tag", "team", "owner", "then", "until")


def save(
    session: Session, macro_id: int | None, said: Draft, *, by: Person, now: datetime
) -> Macro:
    """Make a macro, or change one; raises as ``replies.save`` does."""
    row = Macro(name="", created_at=now, changed_at=now)
    if macro_id is not None:
        row = get_to_change(session, Macro, macro_id, by)
    name, texts = check(session, said, by)
    does = read_does(session, said.does)
    if not does and not texts:
        raise Invalid(NOTHING, {"": NOTHING})
    before = _facts(row) if macro_id is not None else {}
    row.name, row.texts, row.does = name, texts, does
    row.folded = folded(name, *texts.values())
    row.changed_at, row.changed_by_id = now, by.id
    belong(row, said.whose, by)
    session.add(row)
    session.flush()
    action = AuditAction.CHANGED if before else AuditAction.CREATED
    write_down(session, AuditThing.MACRO, row, action, before, _facts(row), by=by, now=now)
    return row


def remove(session: Session, macro_id: int, *, by: Person, now: datetime) -> None:
    """Remove a macro; what it did stays. Raises as ``keeping.get_to_change``."""
    row = get_to_change(session, Macro, macro_id, by)
    before = _facts(row)
    session.delete(row)
    removed = AuditAction.REMOVED
    write_down(session, AuditThing.MACRO, row, removed, before, {}, by=by, now=now)


def _facts(row: Macro) -> dict[str, Any]:
    texts = {f"text_{code}": text for code, text in row.texts.items()}
    return {"name": row.name, "whose": whose(row), **texts, **row.does}


def read_does(session: Session, given: Mapping[str, str]) -> dict[str, str]:
    """Return what a form says that a macro does, as it is kept.

    Raises
    ------
    Invalid
        If one of it cannot be chosen.
    """
    found = {name: given.get(name, "") for name in DOES if given.get(name, "")}
    if found.get("then") != "snooze":
        found.pop("until", None)
    elif "until" not in found:
        found["until"] = "tomorrow"
    choices: dict[str, Any] = {
        "request_type": {key for key, one in named_types(session).items() if one.is_active},
        "urgency": set(Urgency),
        "tag": {str(one) for one, _ in list_tags(session)},
        "team": {str(one) for one in active_team_names(session)},
        "then": THEN,
        "until": UNTIL,
    }
    wrong = {name for name in found if name in choices and found[name] not in choices[name]}
    owner = found.get("owner", ME)
    if owner not in (ME, NOBODY):
        known = owner.isascii() and owner.isdecimal() and len(owner) < 10
        if not known or not owners.is_active(session, int(owner)):
            wrong.add("owner")
    if wrong:
        raise Invalid(WRONG, dict.fromkeys(sorted(wrong), WRONG))
    return found


def list_usable(session: Session, who: Person, words: str = "") -> list[Line]:
    """Return the macros that a person can run, those most used first."""
    return list_prepared(session, Macro, usable_by(Macro, who), folded(words[:100]), MOST_FOUND)


def get_usable(session: Session, macro_id: int, who: Person) -> Line:
    """Return a macro that this person can run; raises ``NotFound``."""
    found = list_prepared(session, Macro, (macros.id == macro_id) & usable_by(Macro, who))
    if not found:
        raise NotFound(GONE)
    return found[0]
