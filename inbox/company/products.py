"""Product groups: names, aliases and codes by which messages name what they are about."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.errors import Conflict, Invalid, NotFound
from inbox.ruling import MOST_NAME
from inbox.store.audit import add_entry
from inbox.store.products import list_groups
from inbox.templating import N_
from inbox.triage.products import words_of
from models import AuditAction, AuditThing, ProductGroup

MOST_GROUPS = 1000
MOST_TERMS = 200
EMPTY = N_("Please fill this in.")
TOO_LONG = N_("This is too long.")
TAKEN = N_("Another product group has this name or word: %(word)s")
NO_WORD = N_("A word needs at least two letters or digits.")
_BETWEEN = re.compile(r"[\n,;]")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is typed of a group; ``terms`` are separated by commas or lines."""

    name: str
    terms: str


class Taken(Invalid):
    """Another group has the word."""

    def __init__(self, field: str, word: str) -> None:
        super().__init__(TAKEN, {field: TAKEN})
        self.word = word


def add(session: Session, draft: Draft, *, by: int, now: datetime) -> int:
    """Add a group and return its id.

    Raises
    ------
    Invalid
        If it has no name, or a name or word that another group has.
    Conflict
        If there are too many.
    """
    if len(list_groups(session)) >= MOST_GROUPS:
        raise Conflict("There are too many already. Take one out first.")
    name, terms = _checked(session, draft, None)
    group = ProductGroup(name=name, terms=terms, created_at=now)
    session.add(group)
    session.flush()
    _note(session, group, AuditAction.CREATED, {}, by, now)
    return group.id


def change(session: Session, group_id: int, draft: Draft, *, by: int, now: datetime) -> None:
    """Change a group's name and words; conversations keep what they were given.

    Raises
    ------
    NotFound
        If there is no such group.
    Invalid
        As ``add`` does.
    """
    group = _get(session, group_id)
    name, terms = _checked(session, draft, group_id)
    before = {"name": group.name, "terms": list(group.terms)}
    group.name, group.terms = name, terms
    session.flush()
    _note(session, group, AuditAction.CHANGED, before, by, now)


def remove(session: Session, group_id: int, *, by: int, now: datetime) -> None:
    """Take a group out; conversations keep its name.

    Raises
    ------
    NotFound
        If there is no such group.
    """
    group = _get(session, group_id)
    before = {"name": group.name, "terms": list(group.terms)}
    add_entry(
        session,
        AuditThing.PRODUCT_GROUP,
        group.id,
        AuditAction.REMOVED,
        now,
        by=by,
        before=before,
    )
    session.delete(group)


def _get(session: Session, group_id: int) -> ProductGroup:
    found = session.get(ProductGroup, group_id, with_for_update=True)
    if found is None:
        raise NotFound("There is no such product group.")
    return found


def _note(
    session: Session,
    group: ProductGroup,
    action: AuditAction,
    before: dict[str, Any],
    by: int,
    now: datetime,
) -> None:
    after = {"name": group.name, "terms": list(group.terms)}
    thing = AuditThing.PRODUCT_GROUP
    add_entry(session, thing, group.id, action, now, by=by, before=before, after=after)


def _checked(session: Session, draft: Draft, own_id: int | None) -> tuple[str, list[str]]:
    """Return name and words as they are kept."""
    name = " ".join(draft.name.split())
    if not name:
        raise Invalid(EMPTY, {"name": EMPTY})
    if len(name) > MOST_NAME:
        raise Invalid(TOO_LONG, {"name": TOO_LONG})
    terms = _terms(draft.terms, name)
    taken = {
        words_of(word): word
        for number, other, others in list_groups(session)
        if number != own_id
        for word in (other, *others)
    }
    for field, word in (("name", name), *(("terms", term) for term in terms)):
        if words_of(word) in taken:
            raise Taken(field, word)
    return name, terms


def _terms(typed: str, name: str) -> list[str]:
    found: dict[tuple[str, ...], str] = {}
    for piece in _BETWEEN.split(typed):
        term = " ".join(piece.split())
        if not term:
            continue
        key = words_of(term)
        if sum(map(len, key)) < 2:
            raise Invalid(NO_WORD, {"terms": NO_WORD})
        if len(term) > MOST_NAME:
            raise Invalid(TOO_LONG, {"terms": TOO_LONG})
        if key != words_of(name):
            found.setdefault(key, term)
    if len(found) > MOST_TERMS:
        raise Invalid(TOO_LONG, {"terms": TOO_LONG})
    return list(found.values())


def shown_terms(terms: Iterable[str]) -> str:
    """Return the words as the form shows them."""
    return ", ".join(terms)
