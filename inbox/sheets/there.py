"""The accounts and contacts that some rows of a sheet may mean, as they are now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, or_, select
from sqlmodel import Session

from inbox.store.erased import find_erased
from inbox.triage.text import fold
from models import Account, Contact, ContactIdentity
from models.base import columns, core

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
            found = session.execute(
                select(*(accounts[name] for name in _ACCOUNT)).where(
                    or_(accounts.reference.in_(references), accounts.folded.in_(names))
                )
            )
            for row in found:
                if row.reference is not None:
                    self.by_reference[row.reference] = row
                self.by_name.setdefault(row.folded, []).append(row)
        self.owners: dict[tuple[str, str], int] = {}
        self.contacts: dict[int, Any] = {}
        self.erased: set[tuple[str, str]] = set()
        self._load_contacts(session, _values(rows, "email"), _values(rows, "phone"))

    def _load_contacts(self, session: Session, emails: set[str], phones: set[str]) -> None:
        if not emails and not phones:
            return
        found = session.execute(
            select(identities.kind, identities.value, *(contacts[name] for name in _CONTACT))
            .join(core(Contact), contacts.id == identities.contact_id)
            .where(
                or_(
                    and_(identities.kind == "email", identities.value.in_(emails)),
                    and_(identities.kind == "phone", identities.value.in_(phones)),
                )
            )
        )
        for row in found:
            self.owners[row.kind, row.value] = row.id
            self.contacts[row.id] = row
        for kind, values in (("email", emails), ("phone", phones)):
            self.erased |= {(kind, one) for one in find_erased(session, kind, values)}


def _values(rows: Iterable[Mapping[str, str]], name: str) -> set[str]:
    return {row[name] for row in rows if name in row}
