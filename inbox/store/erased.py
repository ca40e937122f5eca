"""Marks of erased addresses: whoever was erased does not come back with an old file."""

import hmac
from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.company import find_company
from models import ErasedAddress
from models.base import columns

erased = columns(ErasedAddress)

AT_ONCE = 500


def mark_of(instance_id: str, kind: str, value: str) -> str:
    """Return the mark of an address in one installation; elsewhere it is another.

    It is a hash: nobody reads the address out of it, but whoever can read the database can
    ask of an address whether it is among them, which is its purpose.
    """
    said = f"kip erased 1\n{kind}\n{value.strip().casefold()}"
    return hmac.digest(instance_id.encode(), said.encode(), "sha256").hex()


def own_key(session: Session) -> str:
    """Return what the marks of this installation are made with."""
    company = find_company(session)
    return company.instance_id if company is not None else ""


def find_erased(session: Session, kind: str, values: Iterable[str]) -> frozenset[str]:
    """Return which of these addresses belong to somebody who was erased."""
    if session.execute(select(erased.mark).limit(1)).first() is None:
        return frozenset()  # as nearly everywhere: no hash is made for nothing
    key = own_key(session)
    by_mark = {mark_of(key, kind, value): value for value in values if value}
    found: set[str] = set()
    marks = list(by_mark)
    for begin in range(0, len(marks), AT_ONCE):
        some = erased.mark.in_(marks[begin : begin + AT_ONCE])
        rows = session.execute(select(erased.mark).where(some)).scalars()
        found.update(by_mark[mark] for mark in rows)
    return frozenset(found)
