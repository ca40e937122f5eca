"""What the search index is made of: marks of what changed, and the words themselves.

Triggers of the database write most marks (migration 0015); ``inbox.search.working`` reads them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, literal, select, update
from sqlmodel import Session, SQLModel

from inbox.db import insert_into
from models import (
    Account,
    Contact,
    Conversation,
    MarkKind,
    SearchDoc,
    SearchMark,
    SearchName,
)
from models.base import columns, core

conversations = columns(Conversation)
docs = columns(SearchDoc)
marks = columns(SearchMark)
names = columns(SearchName)

COUNTED_DOWN: dict[MarkKind, tuple[type[SQLModel], MarkKind]] = {
    MarkKind.ALL_CONVERSATIONS: (Conversation, MarkKind.CONVERSATION),
    MarkKind.ALL_CONTACTS: (Contact, MarkKind.CONTACT),
    MarkKind.ALL_ACCOUNTS: (Account, MarkKind.ACCOUNT),
}


# ---- marks -----------------------------------------------------------------------------


def mark(session: Session, conversation_ids: Iterable[int]) -> None:
    """Have conversations read in again: something that is searched changed.

    Needed only for what no trigger watches (migration 0015).
    """
    rows = [
        {"kind": MarkKind.CONVERSATION, "thing_id": one, "begun_at_id": 0}
        for one in sorted(set(conversation_ids))
    ]
    if rows:
        session.execute(insert(core(SearchMark)), rows)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to be read in again."""

    id: int
    kind: MarkKind
    thing_id: int
    begun_at_id: int


_OLDEST = (
    select(marks.id, marks.kind, marks.thing_id, marks.begun_at_id)
    .where(marks.kind.not_in(list(COUNTED_DOWN)))
    .order_by(marks.id)
    .limit(bindparam("most"))
)


def list_marks(session: Session, most: int) -> list[Mark]:
    """Return the oldest marks of single things."""
    return [Mark(*row) for row in session.execute(_OLDEST, {"most": most})]


def take_marks(session: Session, ids: Sequence[int]) -> bool:
    """Take marks away; False, and nothing is changed, if another worker took any of them."""
    query = select(marks.id).where(marks.id.in_(ids)).order_by(marks.id).with_for_update()
    if len(session.execute(query).all()) != len(ids):
        return False
    session.execute(delete(SearchMark).where(marks.id.in_(ids)))
    return True


_COUNTING = select(marks.id, marks.kind, marks.thing_id, marks.begun_at_id).where(
    marks.kind.in_(list(COUNTED_DOWN))
)


def list_counting(session: Session) -> list[Mark]:
    """Return what is read in from the newest down: conversations before names."""
    return sorted(
        (Mark(*row) for row in session.execute(_COUNTING)),
        key=lambda one: list(COUNTED_DOWN).index(one.kind),
    )


def count_down(session: Session, counting: Mark, most: int) -> bool:
    """Mark the next things of a kind, the newest first; False if another worker did."""
    table, kind = COUNTED_DOWN[counting.kind]
    ids = columns(table).id
    some = select(ids).where(ids <= counting.thing_id).order_by(ids.desc()).limit(most)
    found = list(session.execute(some).scalars())
    still = (marks.id == counting.id) & (marks.thing_id == counting.thing_id)
    if found:
        done = session.execute(update(SearchMark).where(still).values(thing_id=found[-1] - 1))
    else:
        done = session.execute(delete(SearchMark).where(still))
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return False
    if found:
        rows = [{"kind": kind, "thing_id": one, "begun_at_id": 0} for one in found]
        session.execute(insert(core(SearchMark)), rows)
    return True


def begin_anew(session: Session) -> None:
    """Have everything read in again, in place of what is there."""
    for emptied in (SearchMark, SearchDoc, SearchName):
        session.execute(delete(emptied))
    for kind, (table, _) in reversed(COUNTED_DOWN.items()):
        last = session.execute(select(func.max(columns(table).id))).scalar_one()
        if last is not None:
            values = {"kind": kind, "thing_id": last, "begun_at_id": last}
            session.execute(insert(core(SearchMark)), values)


def mark_those_of(session: Session, kind: MarkKind, thing_id: int) -> None:
    """Mark all conversations of a contact or an account."""
    whose = conversations.contact_id if kind is MarkKind.CONTACT else conversations.account_id
    some = select(
        literal(MarkKind.CONVERSATION, type_=marks.kind.type), conversations.id, literal(0)
    ).where(whose == thing_id)
    session.execute(
        insert(core(SearchMark)).from_select(["kind", "thing_id", "begun_at_id"], some)
    )


# ---- writing ---------------------------------------------------------------------------


def put_docs(session: Session, rows: list[dict[str, Any]], gone: Sequence[int]) -> None:
    """Write conversations' words, and take away those of ``gone``."""
    if gone:
        session.execute(delete(SearchDoc).where(docs.conversation_id.in_(list(gone))))
    if rows:
        put = insert_into(session, SearchDoc)
        changed = {"place": put.excluded.place, "words": put.excluded.words}
        session.execute(
            put.on_conflict_do_update(index_elements=["conversation_id"], set_=changed), rows
        )


def put_names(
    session: Session,
    rows: list[dict[str, Any]],
    contact_ids: Sequence[int],
    account_ids: Sequence[int],
) -> None:
    """Write the names of these contacts and accounts; who has none any more has no row."""
    for whose, ids in ((names.contact_id, contact_ids), (names.account_id, account_ids)):
        if ids:
            session.execute(delete(SearchName).where(whose.in_(list(ids))))
    if rows:
        put = insert_into(session, SearchName)
        session.execute(
            put.on_conflict_do_update(
                index_elements=["place"], set_={"words": put.excluded.words}
            ),
            rows,
        )


def drop_changed(session: Session, after_mark: int, numbers: Sequence[int]) -> None:
    """Take away the words of conversations that a later mark is about."""
    if not numbers:
        return
    changed = select(marks.thing_id).where(
        marks.kind == MarkKind.CONVERSATION,
        marks.id > after_mark,
        marks.thing_id.in_(list(numbers)),
    )
    found = list(session.execute(changed).scalars())
    if found:
        session.execute(delete(SearchDoc).where(docs.conversation_id.in_(found)))
