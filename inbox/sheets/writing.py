"""Rows brought in, some together: new accounts and contacts in few statements."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import Session

from inbox.accounts.contacts import put_contact_into_account
from inbox.accounts.keeping import facts_of
from inbox.db import among
from inbox.ruling import STANDARD, set_tiers
from inbox.sheets.judging import Judged, Plan
from inbox.store import accounts as rows
from inbox.store.audit import add_entry, add_new
from models import (
    Account,
    AccountKind,
    AccountStatus,
    AccountValue,
    AuditAction,
    AuditThing,
    Contact,
    ContactIdentity,
)
from models.base import columns, core, insert_many

accounts = columns(Account)
contacts = columns(Contact)

_NEW_ACCOUNT: dict[str, Any] = {
    **{"reference": None, "kind": AccountKind.COMPANY, "owner_id": None, "backup_id": None},
    **{"status": AccountStatus.NEW, "value": AccountValue.C, "tier": "", "language": ""},
    **{"product_groups": [], "since": None, "fields": {}, "version": 1},
}
_NEW_CONTACT: dict[str, Any] = {
    **{"name": "", "language": "", "position": "", "joined_into_id": None},
    **{"restricted_at": None, "erased_at": None},
}
NOT_SAID = object()
_KINDS = {"kind": AccountKind, "status": AccountStatus, "value": AccountValue}


def write(session: Session, judged: Sequence[Judged], *, by: int | None, now: datetime) -> None:
    """Bring in the rows that are not wrong; all of them, or none."""
    good = [one for one in judged if not one.wrong]
    ids = _write_accounts(session, [one.account for one in good if one.account], by, now)
    _write_contacts(session, good, ids, by, now)
    rows.mark_stale(session, set(ids.values()), now)


def _write_accounts(
    session: Session, plans: Sequence[Plan], by: int | None, now: datetime
) -> dict[str, int]:
    """Make and change accounts; return each one's id by the key of its rows."""
    ids = {plan.key: plan.id for plan in plans if plan.id is not None}
    new = [plan for plan in plans if plan.id is None and not plan.is_again]
    values = [
        {**_NEW_ACCOUNT, **_typed(plan.after), "created_at": now, "changed_at": now}
        for plan in new
    ]
    if new:
        found = session.execute(
            insert(core(Account)).returning(accounts.id, sort_by_parameter_order=True), values
        )
        ids |= dict(zip((plan.key for plan in new), found.scalars(), strict=True))
        made = [ids[plan.key] for plan in new]
        rows.begin_figures(session, made, now)
        facts = [facts_of(SimpleNamespace(**one)) for one in values]
        add_new(session, AuditThing.ACCOUNT, zip(made, facts, strict=True), now, by=by)
    for plan in plans:
        if plan.after and (plan.id is not None or plan.is_again):
            _change_account(session, ids[plan.key], _typed(plan.after), by, now)
    return ids


def _typed(after: dict[str, Any]) -> dict[str, Any]:
    return {name: _KINDS[name](one) if name in _KINDS else one for name, one in after.items()}


def _change_account(
    session: Session, number: int, values: dict[str, Any], by: int | None, now: datetime
) -> None:
    account = rows.get_account(session, number, to_change=True)
    before, tier = facts_of(account), account.tier
    if "fields" in values:
        values["fields"] = {**account.fields, **values["fields"]}
    for name, value in values.items():
        setattr(account, name, value)
    account.changed_at, account.version = now, account.version + 1
    session.add(account)
    session.flush()
    thing, done = AuditThing.ACCOUNT, AuditAction.CHANGED
    after = facts_of(account)
    add_entry(session, thing, number, done, now, by=by, before=before, after=after)
    if account.tier and account.tier != tier:
        set_tiers(session, number, account.tier, by=by, now=now)


def _write_contacts(
    session: Session,
    good: Sequence[Judged],
    ids: dict[str, int],
    by: int | None,
    now: datetime,
) -> None:
    """Make and change contacts, and put them where their rows say."""
    tiers = _tiers(session, ids.values())
    new: list[tuple[Plan, dict[str, Any]]] = []
    for row in good:
        plan = row.contact
        if plan is None or plan.is_again:
            continue
        account_id = ids[row.account.key] if row.account is not None else None
        tier = tiers.get(account_id or 0) or STANDARD
        if plan.id is None:
            place = {"account_id": account_id, "tier": tier, "created_at": now}
            new.append((plan, {**_NEW_CONTACT, **plan.after, **place}))
        elif plan.after or plan.addresses:
            _change_contact(session, plan, account_id, by, now)
    if new:
        made = session.execute(
            insert(core(Contact)).returning(contacts.id, sort_by_parameter_order=True),
            [values for _, values in new],
        )
        pairs = zip((plan for plan, _ in new), made.scalars(), strict=True)
        _add_addresses(session, pairs, now)


def _tiers(session: Session, ids: Iterable[int]) -> dict[int, str]:
    query = select(accounts.id, accounts.tier).where(among(session, accounts.id, set(ids)))
    return {row.id: row.tier for row in session.execute(query)}


def _add_addresses(session: Session, plans: Iterable[tuple[Plan, int]], now: datetime) -> None:
    found = [
        {
            **{"contact_id": number, "kind": kind, "value": value},
            **{"seen_at": None, "verified_at": None, "created_at": now},
        }
        for plan, number in plans
        for kind, value in plan.addresses
    ]
    if found:
        session.execute(insert_many(ContactIdentity), found)


def _change_contact(
    session: Session, plan: Plan, account_id: int | None, by: int | None, now: datetime
) -> None:
    """Change a contact; all that is theirs goes with them to another account."""
    number, values = plan.id or 0, dict(plan.after)
    moves = values.pop("account_id", NOT_SAID) is not NOT_SAID
    if values:
        session.execute(update(core(Contact)).where(contacts.id == number).values(**values))
        before = {name: plan.before[name] for name in values}
        thing, done = AuditThing.CONTACT, AuditAction.CHANGED
        add_entry(session, thing, number, done, now, by=by, before=before, after=values)
    if moves:
        put_contact_into_account(session, number, account_id, by=by, now=now)
    _add_addresses(session, [(plan, number)], now)
