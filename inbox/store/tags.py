"""Tags as pages and filters look them up."""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from inbox.store.kept import kept
from models import ConversationTag, Tag
from models.base import columns, core

tags = columns(Tag)
carried = columns(ConversationTag)

_ALL = select(tags.id, tags.name).order_by(tags.folded)
_OF = (
    select(tags.id, tags.name)
    .join(core(ConversationTag), carried.tag_id == tags.id)
    .where(carried.conversation_id == bindparam("number"))
    .order_by(tags.folded)
)
ENOUGH = 1000


@kept
def list_tags(session: Session) -> Sequence[tuple[int, str]]:
    """Return the company's tags, by name."""
    return tuple((row.id, row.name) for row in session.execute(_ALL))


def find(session: Session, folded: str) -> int | None:
    """Return the id of the tag that compares like this."""
    return session.execute(select(tags.id).where(tags.folded == folded)).scalar_one_or_none()


def tags_of(session: Session, number: int) -> list[tuple[int, str]]:
    """Return what a conversation carries, by name."""
    return [(row.id, row.name) for row in session.execute(_OF, {"number": number})]


def tags_of_all(session: Session, numbers: Sequence[int]) -> dict[int, list[str]]:
    """Return what each of several conversations carries."""
    found: dict[int, list[str]] = {number: [] for number in numbers}
    query = (
        select(carried.conversation_id, tags.name)
        .join(core(Tag), tags.id == carried.tag_id)
        .where(carried.conversation_id.in_(list(numbers)))
        .order_by(carried.conversation_id, tags.folded)
    )
    for number, name in session.execute(query):
        found[number].append(name)
    return found


def count_uses(session: Session, tag_id: int) -> int:
    """Return how many conversations carry a tag, ``ENOUGH`` at most."""
    some = (
        select(carried.conversation_id).where(carried.tag_id == tag_id).limit(ENOUGH).subquery()
    )
    found: int = session.execute(select(func.count()).select_from(some)).scalar_one()
    return found
