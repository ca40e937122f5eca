"""Prepared words: saved replies, macros, and what our own mails say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session

from inbox.store.people import Person
from models import Macro, MailWords, SavedReply
from models.base import columns

mail_words = columns(MailWords)

COMPANY = 0  # instead of an inbox's id: of all that have no words of their own
KINDS = ("acknowledgement", "closed", "late", "follow_up", "closing", "survey")
MOST_FOUND = 50

Prepared = type[SavedReply] | type[Macro]


@dataclass(frozen=True, slots=True)
class Words:
    """What a company wants one kind of mail to say, with variables in it."""

    subject: str
    text: str


AllWords = Mapping[tuple[int, str, str], Words]  # by inbox (or COMPANY), kind and language


def load_words(session: Session) -> AllWords:
    """Return everything that companies wrote instead of what is shipped; usually nothing."""
    rows = session.execute(
        select(
            mail_words.inbox_key,
            mail_words.kind,
            mail_words.language,
            mail_words.subject,
            mail_words.text,
        )
    )
    return {(row[0], row[1], row[2]): Words(row[3], row[4]) for row in rows}


def words_for(found: AllWords, inbox_id: int, kind: str, language: str) -> Words | None:
    """Return an inbox's own words of a kind, else the company's; None: what is shipped."""
    own = found.get((inbox_id, kind, language))
    return own or found.get((COMPANY, kind, language))


@dataclass(frozen=True, slots=True)
class Line:
    """A saved reply or a macro as lists show it."""

    id: int
    name: str
    shortcut: str
    texts: dict[str, str]
    does: dict[str, Any]
    owner_id: int | None
    team_id: int | None
    used: int
    used_at: datetime | None


def usable_by(table: Prepared, who: Person) -> ColumnElement[bool]:
    """Return the condition for a person's own, their teams' and the company's."""
    found = columns(table)
    shared = and_(
        found.owner_id.is_(None),
        or_(found.team_id.is_(None), found.team_id.in_(sorted(who.team_ids))),
    )
    return or_(found.owner_id == who.id, shared)


def kept_by(table: Prepared, who: Person) -> ColumnElement[bool]:
    """Return the condition for what a person may change: their own; shared, if they lead."""
    found = columns(table)
    own = found.owner_id == who.id
    return or_(own, found.owner_id.is_(None)) if who.sees_all else own


def list_prepared(
    session: Session,
    table: Prepared,
    condition: ColumnElement[bool],
    words: str = "",
    limit: int = 500,
) -> list[Line]:
    """Return saved replies or macros; ``words`` (folded) stand in each, one after the other.

    Whose shortcut it is comes first, then what is used most.
    """
    found = columns(table)
    has_shortcut = table is SavedReply
    query = select(
        found.id,
        found.name,
        found.texts,
        found.owner_id,
        found.team_id,
        found.used,
        found.used_at,
        found.shortcut if has_shortcut else found.does,
    ).where(condition)
    for word in words.split()[:8]:
        query = query.where(found.folded.contains(word, autoescape=True))
    order = [found.used.desc(), func.lower(found.name), found.id]
    if has_shortcut and words:
        order.insert(0, (found.shortcut != words.strip()))
    return [
        Line(
            id=row[0],
            name=row[1],
            shortcut=row[7] if has_shortcut else "",
            texts=dict(row[2]),
            does={} if has_shortcut else dict(row[7]),
            owner_id=row[3],
            team_id=row[4],
            used=row[5],
            used_at=row[6],
        )
        for row in session.execute(query.order_by(*order).limit(limit))
    ]


def count_use(session: Session, table: Prepared, row_id: int, now: datetime) -> None:
    """Count that it was used once more."""
    found = columns(table)
    session.execute(
        update(table).where(found.id == row_id).values(used=found.used + 1, used_at=now)
    )
