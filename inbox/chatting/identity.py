"""Whom the site that shows a chat vouches for."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from inbox.channels.chatidentity import read_identity, visitor_of_identity
from inbox.chat import visitor_of
from inbox.store.company import find_settings
from inbox.vault import Vault


@dataclass(frozen=True, slots=True)
class Who:
    """Who a visitor is; ``vouched`` is the site's user id, "" of whom nobody vouches for."""

    visitor: str
    name: str = ""
    email: str = ""
    vouched: str = ""


def identity_place(inbox_id: int) -> str:
    """Return the place that a chat's identity secret is sealed for."""
    return f"inboxes:{inbox_id}:identity"


def identify(
    session: Session,
    inbox_id: int,
    secret: bytes,
    text: str,
    token: str | None,
    now: datetime,
) -> Who | None:
    """Return whom the site vouches for; None if its word is not signed, or is too old.

    A word that was good once still is for whoever has our ``token`` of then.
    """
    sealed = find_settings(session, inbox_id).get("identity", "")
    if not sealed:
        return None
    shared = Vault(secret).open(sealed, identity_place(inbox_id))
    said = read_identity(text, shared, now.timestamp())
    if said is None:
        return None
    visitor = visitor_of_identity(inbox_id, said.id)
    if not said.is_fresh and visitor_of(secret, inbox_id, token) != visitor:
        return None
    return Who(visitor, said.name, said.email, said.id)
