"""Product groups as messages name them."""

from sqlmodel import Session

from inbox.store.products import list_groups
from inbox.triage.products import Catalogue, catalogue_of


def load_catalogue(session: Session) -> Catalogue:
    """Return all groups, ready to be looked for in messages."""
    return catalogue_of(tuple((name, terms) for _, name, terms in list_groups(session)))
