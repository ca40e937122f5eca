"""Saved replies: kept, found and inserted with a conversation's real values."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.channels.fields import Kind, Piece, fill, pieces
from inbox.errors import Invalid, NotFound
from inbox.store.people import Person
from inbox.store.wordings import MOST_FOUND, count_use, list_prepared, usable_by
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
from inbox.wording.values import choose, spoken_by, values_for
from models import AuditAction, AuditThing, Conversation, SavedReply
from models.base import columns

replies = columns(SavedReply)

NO_TEXT = N_("Write it in at least one language.")
WRONG_SHORTCUT = N_("Letters a to z, digits and hyphens, 20 at most.")
_SHORTCUT = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_EXCERPT_CHARS = 400


@dataclass(frozen=True, slots=True)
class Offer:
    """A saved reply as a conversation offers it: its beginning, filled in."""

    id: int
    name: str
    shortcut: str
    pieces: list[Piece]
    unknown: list[str]  # what looks like a variable and is none
    empty: list[str]  # variables without a value here


def save(
    session: Session, reply_id: int | None, said: Draft, *, by: Person, now: datetime
) -> SavedReply:
    """Make a saved reply, or change one.

    Raises
    ------
    Invalid
        If something is missing, too long or no text.
    Forbidden
        If it is everybody's, and this person leads nobody.
    NotFound
        If there is none of this id.
    """
    row = SavedReply(name="", created_at=now, changed_at=now)
    if reply_id is not None:
        row = get_to_change(session, SavedReply, reply_id, by)
    name, texts = check(session, said, by)
    shortcut = said.shortcut.strip().lower().lstrip("/;")
    if not texts:
        raise Invalid(NO_TEXT, {"text_vi": NO_TEXT})
    if shortcut and not _SHORTCUT.fullmatch(shortcut):
        raise Invalid(WRONG_SHORTCUT, {"shortcut": WRONG_SHORTCUT})
    before = _facts(row) if reply_id is not None else {}
    row.name, row.shortcut, row.texts = name, shortcut, texts
    row.folded = folded(name, shortcut, *texts.values())
    row.changed_at, row.changed_by_id = now, by.id
    belong(row, said.whose, by)
    session.add(row)
    session.flush()
    action = AuditAction.CHANGED if before else AuditAction.CREATED
    write_down(
        session, AuditThing.SAVED_REPLY, row, action, before, _facts(row), by=by, now=now
    )
    return row


def remove(session: Session, reply_id: int, *, by: Person, now: datetime) -> None:
    """Remove a saved reply; raises as ``keeping.get_to_change``."""
    row = get_to_change(session, SavedReply, reply_id, by)
    before = _facts(row)
    session.delete(row)
    removed = AuditAction.REMOVED
    write_down(session, AuditThing.SAVED_REPLY, row, removed, before, {}, by=by, now=now)


def _facts(row: SavedReply) -> dict[str, Any]:
    return {
        "name": row.name,
        "shortcut": row.shortcut,
        "whose": whose(row),
        **{f"text_{code}": text for code, text in row.texts.items()},
    }


def offer(
    session: Session,
    conversation: Conversation,
    who: Person,
    words: str,
    now: datetime,
    *,
    whole: bool = False,
) -> list[Offer]:
    """Return what a person can insert into an answer; of each its beginning, or the whole."""
    found = list_prepared(
        session, SavedReply, usable_by(SavedReply, who), folded(words[:100]), MOST_FOUND
    )
    values = values_for(session, conversation, who, now)
    offers = []
    for line in found:
        parts = list(pieces(choose(line.texts, spoken_by(conversation)), values))
        offers.append(
            Offer(
                line.id,
                line.name,
                line.shortcut,
                parts if whole else _beginning(parts),
                unknown=[one.text for one in parts if one.kind is Kind.UNKNOWN],
                empty=[one.name for one in parts if one.kind is Kind.EMPTY],
            )
        )
    return offers


def _beginning(parts: list[Piece]) -> list[Piece]:
    """Return the first pieces, some hundred letters together."""
    found, left = [], _EXCERPT_CHARS
    for one in parts:
        if left <= 0:
            break
        cut = one.text if len(one.text) <= left else f"{one.text[:left]}…"
        found.append(replace(one, text=cut))
        left -= len(one.text)
    return found


def use(
    session: Session, conversation: Conversation, reply_id: int, who: Person, now: datetime
) -> str:
    """Return a saved reply's text for a conversation, and count that it was used.

    Raises
    ------
    NotFound
        If there is none, or this person cannot use it.
    """
    mine = (replies.id == reply_id) & usable_by(SavedReply, who)
    found = list_prepared(session, SavedReply, mine, limit=1)
    if not found:
        raise NotFound(GONE)
    count_use(session, SavedReply, reply_id, now)
    text = choose(found[0].texts, spoken_by(conversation))
    return fill(text, values_for(session, conversation, who, now))
