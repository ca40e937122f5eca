"""For how long nothing may pass between us and a customer, by what they are worth to us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update
from sqlmodel import Session

from inbox.errors import Invalid
from inbox.store.accounts import kept_by
from inbox.store.audit import add_entry
from inbox.store.company import find_company
from inbox.store.people import Person
from inbox.templating import N_
from models import (
    Account,
    AccountFigures,
    AccountStatus,
    AccountValue,
    AuditAction,
    AuditThing,
)
from models.base import columns, core

accounts = columns(Account)
figures = columns(AccountFigures)

USUAL = {AccountValue.A: 14, AccountValue.B: 30, AccountValue.C: 60}
LONGEST = 730
PAGE_SIZE = 100
WRONG_DAYS = N_("Between 1 and 730 days.")


def days_of(settings: Mapping[str, Any]) -> dict[AccountValue, int]:
    """Return how many days, by value, out of the company's settings."""
    said = settings.get("silence", {})
    return {value: int(said.get(value.value, usual)) for value, usual in USUAL.items()}


def load_days(session: Session) -> dict[AccountValue, int]:
    """Return how many days the company lets pass, by value."""
    company = find_company(session)
    return days_of(company.settings if company is not None else {})


def save_days(
    session: Session, days: Mapping[AccountValue, int], *, by: int, now: datetime
) -> None:
    """Say how many days may pass; every account is counted again, in the background.

    Raises
    ------
    Invalid
        If a number is below 1 or above 730.
    """
    wrong = {f"silence_{one}": WRONG_DAYS for one, n in days.items() if not 1 <= n <= LONGEST}
    if wrong:
        raise Invalid(WRONG_DAYS, wrong)
    company = find_company(session)
    if company is None:
        return
    before = {f"silence_{one}": n for one, n in days_of(company.settings).items()}
    after = {f"silence_{one}": days[one] for one in USUAL}
    if before == after:
        return
    said = {one.value: days[one] for one in USUAL}
    company.settings = {**company.settings, "silence": said}
    session.add(company)
    add_entry(
        *(session, AuditThing.COMPANY, company.id, AuditAction.CHANGED, now),
        by=by,
        before=before,
        after=after,
    )
    session.execute(update(core(AccountFigures)).values(stale_at=now))


@dataclass(frozen=True, slots=True)
class Silent:
    """An account of which nobody has heard for too long; ``since`` is the last contact."""

    id: int
    name: str
    value: AccountValue
    owner_id: int | None
    since: datetime
    never: bool


def list_silent(session: Session, who: Person, now: datetime) -> list[Silent]:
    """Return the accounts with no contact for as long as their value allows.

    A before B before C, the longest silence first, at most 100 of each; somebody's own, or
    everybody's for who sees all. Ended ones are not watched.
    """
    mine: ColumnElement[bool] = true() if who.sees_all else kept_by(who.id)
    found: list[Silent] = []
    for value, days in load_days(session).items():
        cutoff = now - timedelta(days=days)
        silent = or_(
            figures.last_contact_at <= cutoff,
            and_(figures.last_contact_at.is_(None), accounts.created_at <= cutoff),
        )
        query = (
            select(
                *(accounts.id, accounts.name, accounts.value, accounts.owner_id),
                func.coalesce(figures.last_contact_at, accounts.created_at),
                figures.last_contact_at.is_(None),
            )
            .join(core(Account), accounts.id == figures.account_id)
            .where(
                accounts.value == value, accounts.status != AccountStatus.ENDED, mine, silent
            )
            .order_by(figures.last_contact_at, figures.account_id)
            .limit(PAGE_SIZE)
        )
        found += [Silent(*row) for row in session.execute(query)]
    return found
