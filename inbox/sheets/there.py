"""The accounts and contacts that some rows of a sheet may mean, as they are now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import Session

from inbox.db import among
from inbox.store.erased import find_erased
from inbox.triage.text import fold
from models import Account, Contact, ContactIdentity
from models.base import columns

accounts = columns(Account)
contacts = columns(Contact)
identities = columns(ContactIdentity)

_ACCOUNT = (
    *("id", "name", "folded", "reference", "kind", "owner_id", "backup_id", "status", "value"),
    *("tier", "product_groups", "language", "since", "fields"),
)
_CONTACT = ("id", "name", "language", "position", "account_id", "restricted_at")


class There:
    """The accounts and contacts that some rows may mean, as they are now."""

    def __init__(self, session: Session, rows: Sequence[Mapping[str, str]]) -> None:
        references = _values(rows, "reference")
        names = {fold(one) for one in _values(rows, "account")}
        self.by_reference: dict[str, Any] = {}
        self.by_name: dict[str, list[Any]] = {}
        if references or names:
            meant = or_(
                among(session, accounts.reference, references),
                among(session, accounts.folded, names),
            )
            found = select(*(accounts[name] for name in _ACCOUNT)).where(meant)
            for row in session.execute(found):
                if row.reference is not None:
                    self.by_reference[row.reference] = row
                self.by_name.setdefault(row.folded, []).append(row)
        self.owners: dict[tuple[str, str], int] = {}
        self.contacts: dict[int, Any] = {}
        self.erased: set[tuple[str, str]] = set()
        self._load_contacts(session, _values(rows, "email"), _values(rows, "phone"))

    def _load_contacts(self, session: Session, emails: set[str], phones: set[str]) -> None:
        for kind, values in (("email", emails), ("phone", phones)):
            if not values:
                continue
            found = select(identities.value, identities.contact_id).where(
                identities.kind == kind, among(session, identities.value, values)
            )
            for row in session.execute(found):
                self.owners[kind, row.value] = row.contact_id
            self.erased |= {(kind, one) for one in find_erased(session, kind, values)}
        if self.owners:
            whose = among(session, contacts.id, set(self.owners.values()))
            query = select(*(contacts[name] for name in _CONTACT)).where(whose)
            self.contacts = {row.id: row for row in session.execute(query)}


def _values(rows: Iterable[Mapping[str, str]], name: str) -> set[str]:
    return {row[name] for row in rows if name in row}
