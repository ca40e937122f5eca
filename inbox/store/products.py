"""Product groups as take-in and pages look them up."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.kept import kept
from models import ProductGroup
from models.base import columns

groups = columns(ProductGroup)

_ALL = select(groups.id, groups.name, groups.terms).order_by(groups.name, groups.id)

Group = tuple[int, str, tuple[str, ...]]


@kept
def list_groups(session: Session) -> Sequence[Group]:
    """Return id, name and other terms of each, by name."""
    return tuple((row.id, row.name, tuple(row.terms)) for row in session.execute(_ALL))


def list_names(session: Session) -> list[str]:
    """Return the names alone."""
    return [name for _, name, _ in list_groups(session)]


def list_terms(session: Session) -> list[str]:
    """Return every name, alias and code by which messages name a group."""
    return [term for _, name, terms in list_groups(session) for term in (name, *terms)]
