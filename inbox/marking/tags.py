"""Tags: one list of words for the company. Supervisors add to it, everybody uses it."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session

from inbox.db import insert_into
from inbox.errors import Conflict, Invalid, NotFound
from inbox.store import conversations as rows_of_talks
from inbox.store import tags as rows
from inbox.store.audit import add_entry
from inbox.store.changes import add_event, changed
from inbox.store.people import Person
from inbox.templating import N_
from inbox.triage.text import fold
from models import AuditAction, AuditThing, Conversation, ConversationTag, EventKind, Tag
from models.base import columns

tags = columns(Tag)
carried = columns(ConversationTag)

LONGEST = 40
MOST = 500  # of the company
MOST_EACH = 20  # of one conversation
WRONG_NAME = N_("One to 40 letters.")
TAKEN = N_("There is a tag of this name already.")
NO_SUCH = N_("There is no such tag. A supervisor can add it.")


def create(session: Session, name: str, *, by: Person, now: datetime) -> int:
    """Add a tag to the company's list and return its id; the one that is there, if it is.

    Raises
    ------
    Invalid
        If the name is empty or too long.
    Conflict
        If there are too many.
    """
    name, folded = _checked(name)
    known = rows.find(session, folded)
    if known is not None:
        return known
    if len(rows.list_tags(session)) >= MOST:
        raise Conflict(N_("There are too many already. Take one out first."))
    tag = Tag(name=name, folded=folded, created_at=now)
    session.add(tag)
    session.flush()
    _note(session, tag.id, AuditAction.CREATED, {}, {"name": name}, by, now)
    return tag.id


def rename(session: Session, tag_id: int, name: str, *, by: Person, now: datetime) -> None:
    """Give a tag another name, on all that carry it.

    Raises
    ------
    NotFound
        If there is no such tag.
    Invalid
        If another has the name, or it is none.
    """
    name, folded = _checked(name)
    tag = _get(session, tag_id)
    if rows.find(session, folded) not in (None, tag_id):
        raise Invalid(TAKEN, {"name": TAKEN})
    before = {"name": tag.name}
    tag.name, tag.folded = name, folded
    session.flush()
    _note(session, tag_id, AuditAction.CHANGED, before, {"name": name}, by, now)


def remove(session: Session, tag_id: int, *, by: Person, now: datetime) -> None:
    """Take a tag off everything and out of the list.

    Raises
    ------
    NotFound
        If there is no such tag.
    """
    tag = _get(session, tag_id)
    session.execute(delete(ConversationTag).where(carried.tag_id == tag_id))
    _note(session, tag_id, AuditAction.REMOVED, {"name": tag.name}, {}, by, now)
    session.delete(tag)


def put_on(
    session: Session, conversation: Conversation, tag_id: int, *, by: Person, now: datetime
) -> bool:
    """Let a conversation carry a tag; False if it does already.

    Raises
    ------
    Invalid
        If there is no such tag, or it carries too many.
    """
    name = _name(session, tag_id)
    mine = [one for one, _ in rows.tags_of(session, conversation.id)]
    if tag_id in mine:
        return False
    if len(mine) >= MOST_EACH:
        raise Invalid(N_("It has too many tags already."))
    row = {"conversation_id": conversation.id, "tag_id": tag_id}
    session.execute(insert_into(session, ConversationTag).on_conflict_do_nothing(), row)
    _tell(session, conversation, name, by, now, is_on=True)
    return True


def take_off(
    session: Session, conversation: Conversation, tag_id: int, *, by: Person, now: datetime
) -> bool:
    """Take a tag off a conversation; False if it has none such.

    Raises
    ------
    Invalid
        If there is no such tag.
    """
    name = _name(session, tag_id)
    done = session.execute(
        delete(ConversationTag).where(
            carried.conversation_id == conversation.id, carried.tag_id == tag_id
        )
    )
    if not done.rowcount:  # type: ignore[attr-defined]
        return False
    _tell(session, conversation, name, by, now, is_on=False)
    return True


def named(session: Session, name: str, *, by: Person, now: datetime) -> int:
    """Return the id of the tag that somebody typed; who supervises adds it by that.

    Raises
    ------
    Invalid
        If there is none, and this person adds none.
    """
    known = rows.find(session, _checked(name)[1])
    if known is not None:
        return known
    if not by.sees_all:
        raise Invalid(NO_SUCH, {"name": NO_SUCH})
    return create(session, name, by=by, now=now)


def _tell(
    session: Session,
    conversation: Conversation,
    name: str,
    by: Person,
    now: datetime,
    *,
    is_on: bool,
) -> None:
    kind = EventKind.TAGGED if is_on else EventKind.UNTAGGED
    add_event(session, conversation.id, kind, now, {"tag": name}, by=by.id)
    rows_of_talks.change(session, conversation.id)
    changed(session, conversation.id)


def _checked(name: str) -> tuple[str, str]:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST or not fold(name).strip():
        raise Invalid(WRONG_NAME, {"name": WRONG_NAME})
    return name, fold(name)


def _name(session: Session, tag_id: int) -> str:
    found: str | None = session.execute(
        select(tags.name).where(tags.id == tag_id)
    ).scalar_one_or_none()
    if found is None:
        raise Invalid(NO_SUCH, {"name": NO_SUCH})
    return found


def _get(session: Session, tag_id: int) -> Tag:
    found = session.get(Tag, tag_id, with_for_update=True)
    if found is None:
        raise NotFound(NO_SUCH)
    return found


def _note(
    session: Session,
    tag_id: int,
    action: AuditAction,
    before: dict[str, str],
    after: dict[str, str],
    by: Person,
    now: datetime,
) -> None:
    thing = AuditThing.TAG
    add_entry(session, thing, tag_id, action, now, by=by.id, before=before, after=after)
