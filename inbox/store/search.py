"""The search index: asked, written, and what is to be read in again.

Only the database's own language is here; what a word is, ``inbox.search`` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    TextualSelect,
    bindparam,
    column,
    func,
    select,
    text,
)
from sqlmodel import Session

from inbox.store.conversations import SHOWN_NAME
from inbox.store.counts import looker, seen_by
from inbox.store.people import Person
from models import (
    Account,
    Agent,
    Attachment,
    Contact,
    Conversation,
    Direction,
    Message,
    SearchDoc,
    SearchMark,
    SearchName,
    Status,
)
from models.base import columns, core, none_of

accounts = columns(Account)
agents = columns(Agent)
attachments = columns(Attachment)
contacts = columns(Contact)
conversations = columns(Conversation)
docs = columns(SearchDoc)
marks = columns(SearchMark)
messages = columns(Message)
names = columns(SearchName)

SHIFT = 31  # a place is seconds and a number
_NUMBER: int = (1 << SHIFT) - 1
HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for the index, as FTS5 and as PostgreSQL read it."""

    fts: str
    vector: str


def is_sqlite(session: Session) -> bool:
    """Tell which database it is."""
    return session.get_bind().dialect.name == "sqlite"


def number_at(place: int) -> int:
    """Return whose place it is."""
    return place & _NUMBER


# ---- asking ----------------------------------------------------------------------------


_PLACE = column("place", BigInteger)


@cache
def _hits(on_sqlite: bool, with_words: bool, *, of_names: bool = False) -> TextualSelect:
    """Return what gives the places of ``[above, below)`` that fit, ``most`` of them."""
    table = "search_names" if of_names else "search_docs"
    index = "search_index_names" if of_names else "search_index"
    key, source, fits = "place", table, ""
    if with_words and on_sqlite:
        key, source, fits = "rowid", index, f"{index} MATCH :asked AND"
    elif with_words:
        fits = "words @@ CAST(:asked AS tsquery) AND"
    said = (
        f"SELECT {key} AS place FROM {source} WHERE {fits} {key} < :below AND {key} >= :above "  # noqa: S608 -- names from above
        f"ORDER BY {key} DESC LIMIT :most"
    )
    return text(said).columns(_PLACE)


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of all hits: the first ``most`` in ``[above, below)``."""

    asked: Asked | None  # None: whatever there is
    below: int
    above: int
    most: int

    def values(self, on_sqlite: bool) -> dict[str, Any]:
        """Return the statement's parameters."""
        said = {"below": self.below, "above": self.above, "most": self.most}
        if self.asked is None:
            return said
        return {**said, "asked": self.asked.fts if on_sqlite else self.asked.vector}


@cache
def _fitting(
    on_sqlite: bool, with_words: bool, sees_all: bool, hidden: tuple[Status, ...]
) -> Select[int]:
    """Return what gives the hits that a person may see, in order, ``wanted`` of them."""
    hits = _hits(on_sqlite, with_words).subquery("hits")
    number = hits.c.place.op("&")(_NUMBER)
    return (
        select(hits.c.place)
        .join(core(Conversation), conversations.id == number)
        .where(seen_by(sees_all), none_of(conversations.status, hidden))
        .order_by(hits.c.place.desc())
        .limit(bindparam("wanted"))
    )


def list_fitting(
    session: Session,
    portion: Portion,
    who: Person,
    wanted: int,
    hidden: tuple[Status, ...],
    conditions: Sequence[ColumnElement[bool]],
) -> list[int]:
    """Return places of conversations that a person's list may show, the latest first.

    None in a state that is ``hidden``.
    """
    on_sqlite = is_sqlite(session)
    query = _fitting(on_sqlite, portion.asked is not None, who.sees_all, hidden)
    values = {**portion.values(on_sqlite), **looker(who), "wanted": wanted}
    if conditions:  # a statement made anew costs more than running it
        query = query.where(*conditions)
    return list(session.execute(query, values).scalars())


@cache
def _end(on_sqlite: bool, with_words: bool) -> Select[int, int]:
    hits = _hits(on_sqlite, with_words).subquery("hits")
    return select(func.count(), func.min(hits.c.place))


def find_last(session: Session, portion: Portion) -> int | None:
    """Return the last place of a portion; None where there are not so many."""
    on_sqlite = is_sqlite(session)
    query = _end(on_sqlite, portion.asked is not None)
    count, last = session.execute(query, portion.values(on_sqlite)).one()
    return int(last) if count == portion.most else None


def list_names(session: Session, asked: Asked, most: int) -> list[int]:
    """Return places of contacts and accounts, the newest first."""
    on_sqlite = is_sqlite(session)
    hits = _hits(on_sqlite, True, of_names=True)
    portion = Portion(asked, HIGHEST, 0, most)
    return list(session.execute(hits, portion.values(on_sqlite)).scalars())


_AMONG: ColumnElement[int] = bindparam("numbers", expanding=True)


@dataclass(frozen=True, slots=True)
class HitRow:
    """A conversation that was found."""

    id: int
    channel: str
    subject: str
    status: str
    owner_id: int | None
    next_due_at: datetime | None
    contact_name: str
    owner_name: str | None


_HIT_ROWS = (
    select(
        *(
            conversations[name]
            for name in HitRow.__dataclass_fields__
            if not name.endswith("_name")
        ),
        SHOWN_NAME,
        agents.name,
    )
    .join(core(Contact), contacts.id == conversations.contact_id)
    .outerjoin(core(Agent), agents.id == conversations.owner_id)
    .where(conversations.id.in_(_AMONG))
)


def list_hits(session: Session, numbers: Sequence[int]) -> list[HitRow]:
    """Return conversations, found for this person before, in the order of their numbers."""
    found = session.execute(_HIT_ROWS, {"numbers": list(numbers)})
    rows = {row[0]: HitRow(*row) for row in found}
    return [rows[number] for number in numbers if number in rows]


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote in a conversation that was found."""

    number: int
    text: str
    direction: Direction


_WRITTEN = (
    select(
        messages.conversation_id,
        func.substr(
            func.coalesce(func.nullif(messages.visible_text, ""), messages.text), 1, 3000
        ),
        messages.direction,
    )
    .where(
        messages.conversation_id.in_(_AMONG),
        messages.direction != Direction.AUTOMATIC,
    )
    .order_by(messages.id.desc())
    .limit(400)
)
_FILED = (
    select(messages.conversation_id, attachments.filename)
    .join(core(Message), messages.id == attachments.message_id)
    .where(messages.conversation_id.in_(_AMONG))
    .order_by(attachments.id.desc())
    .limit(200)
)


def list_written(session: Session, numbers: Sequence[int]) -> list[Written]:
    """Return the beginnings of what was written in conversations, the newest first."""
    found = session.execute(_WRITTEN, {"numbers": list(numbers)})
    return [Written(*row) for row in found]


def list_filed(session: Session, numbers: Sequence[int]) -> list[tuple[int, str]]:
    """Return the names of their files, with the conversation's number."""
    found = session.execute(_FILED, {"numbers": list(numbers)})
    return [(row[0], row[1]) for row in found]
