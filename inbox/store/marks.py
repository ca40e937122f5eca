"""What people added to one conversation, loaded together for its page."""

from dataclasses import dataclass, field

from sqlmodel import Session

from inbox.store import ownfields, tags
from inbox.store.hanging import Hanging
from inbox.store.ownfields import Field
from inbox.store.people import Person


@dataclass(frozen=True, slots=True)
class Marks:
    """Tags (id, name), those that may be added, own fields with values, and following."""

    tags: list[tuple[int, str]] = field(default_factory=list)
    other_tags: list[str] = field(default_factory=list)
    fields: list[tuple[Field, str]] = field(default_factory=list)
    follows: bool = False
    may_add: bool = False  # tags to the company's list


NO_MARKS = Marks()


def load_marks(session: Session, number: int, who: Person, there: Hanging) -> Marks:
    """Return what people added to a conversation, as this person sees it."""
    known = tags.list_tags(session)
    mine = tags.tags_of(session, number) if known else []
    fields = ownfields.list_fields(session)
    values = ownfields.values_of(session, number) if fields else {}
    return Marks(
        tags=mine,
        other_tags=[name for tag_id, name in known if (tag_id, name) not in mine],
        fields=[(one, values.get(one.id, "")) for one in fields],
        follows=there.follows,
        may_add=who.sees_all,
    )
