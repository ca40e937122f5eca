"""Accounts made, changed and handed over; every change is in the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.accounts import figures
from inbox.company.moving import announce_moved
from inbox.errors import Conflict, Invalid
from inbox.ruling import MOST_NAME, set_tiers
from inbox.store import accounts as rows
from inbox.store.audit import add_entry
from inbox.store.changes import add_happened, moved
from inbox.store.running import clocks_for
from inbox.store.staff import WORK
from inbox.telling import Alert, Telling, tell_all
from inbox.templating import LANGUAGES, N_
from inbox.triage.text import fold
from models import (
    Account,
    AccountKind,
    AccountStatus,
    AccountValue,
    Agent,
    AuditAction,
    AuditThing,
    Conversation,
    EventKind,
    Milestone,
    Reminder,
)
from models.base import columns

conversations = columns(Conversation)
accounts = columns(Account)

LONGEST = 200  # characters of a name or reference
MOST_FIELDS = 50
LONGEST_VALUE = 1000
EMPTY = N_("Please fill this in.")
TOO_LONG = N_("This is too long.")
UNKNOWN = N_("Choose one of the list.")
TAKEN = N_("Another account has this reference.")
NOT_HERE = N_("Choose somebody who works here.")
SAME = N_("The backup is somebody else than the owner.")
CHANGED = N_("Somebody has just changed this account. Load the page again.")


@dataclass(frozen=True, slots=True)
class Draft:
    """An account as it is to be; texts as typed, "" for what is not said."""

    name: str
    kind: str = AccountKind.COMPANY.value
    reference: str = ""
    owner_id: int | None = None
    backup_id: int | None = None
    status: str = AccountStatus.NEW.value
    value: str = AccountValue.C.value
    tier: str = ""
    product_groups: tuple[str, ...] = ()
    language: str = ""
    since: date | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def values_of(draft: Draft) -> dict[str, Any]:
    """Return the columns that a draft stands for; asks no database.

    Raises
    ------
    Invalid
        With every field that is wrong.
    """
    wrong: dict[str, str] = {}
    values = {
        "name": _text(draft.name, "name", LONGEST, wrong),
        "kind": _one_of(AccountKind, draft.kind, "kind", wrong),
        "reference": _text(draft.reference, "reference", LONGEST, wrong) or None,
        "owner_id": draft.owner_id,
        "backup_id": draft.backup_id,
        "status": _one_of(AccountStatus, draft.status, "status", wrong),
        "value": _one_of(AccountValue, draft.value, "value", wrong),
        "tier": _text(draft.tier, "tier", MOST_NAME, wrong),
        "product_groups": _groups(draft.product_groups, wrong),
        "language": draft.language,
        "since": draft.since,
        "fields": _own(draft.fields, wrong),
    }
    if not values["name"]:
        wrong["name"] = EMPTY
    if draft.language and draft.language not in LANGUAGES:
        wrong["language"] = UNKNOWN
    if draft.owner_id is not None and draft.owner_id == draft.backup_id:
        wrong["backup_id"] = SAME
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    return values | {"folded": fold(values["name"])}


def _text(typed: str, name: str, longest: int, wrong: dict[str, str]) -> str:
    text = " ".join(typed.split())
    if len(text) > longest:
        wrong[name] = TOO_LONG
    return text


def _one_of(kind: Any, typed: str, name: str, wrong: dict[str, str]) -> Any:
    if typed not in list(kind):
        wrong[name] = UNKNOWN
        return typed
    return kind(typed)


def _groups(typed: Sequence[str], wrong: dict[str, str]) -> list[str]:
    found = [_text(one, "product_groups", MOST_NAME, wrong) for one in typed]
    if len(found) > MOST_FIELDS:
        wrong["product_groups"] = TOO_LONG
    return list(dict.fromkeys(one for one in found if one))


def _own(typed: Mapping[str, str], wrong: dict[str, str]) -> dict[str, str]:
    found = {
        _text(name, "fields", MOST_NAME, wrong): _text(text, "fields", LONGEST_VALUE, wrong)
        for name, text in typed.items()
    }
    if len(found) > MOST_FIELDS:
        wrong["fields"] = TOO_LONG
    return {name: text for name, text in found.items() if name and text}


def create_account(session: Session, draft: Draft, *, by: int | None, now: datetime) -> int:
    """Make an account and return its id.

    Raises
    ------
    Invalid
        If something in it is wrong, or another account has its reference.
    """
    values = values_of(draft)
    _check(session, values, None)
    account = Account(**values, created_at=now, changed_at=now)
    session.add(account)
    session.flush()
    rows.begin_figures(session, [account.id], now)
    _note(session, account, AuditAction.CREATED, {}, by, now)
    figures.count(session, [account.id], now)
    return account.id


def change_account(
    session: Session,
    account_id: int,
    draft: Draft,
    *,
    version: int | None = None,
    by: int | None,
    now: datetime,
) -> bool:
    """Make an account what the draft says; False if that changes nothing.

    A tier that is said is that of all its contacts from now on; their open requests follow.
    ``version``: what the person who changes it had seen.

    Raises
    ------
    Invalid
        As ``create_account`` does.
    Conflict
        If somebody else changed it since ``version``.
    """
    values = values_of(draft)
    account = rows.get_account(session, account_id, to_change=True)
    if version is not None and account.version != version:
        raise Conflict(CHANGED)
    _check(session, values, account)
    return _change(session, account, values, by, now)


def set_status(
    session: Session, account_id: int, status: AccountStatus, *, by: int | None, now: datetime
) -> bool:
    """Say how an account stands with us; False if it stood so already."""
    account = rows.get_account(session, account_id, to_change=True)
    return _change(session, account, {"status": status}, by, now)


def _change(
    session: Session, account: Account, values: Mapping[str, Any], by: int | None, now: datetime
) -> bool:
    before = facts_of(account)
    tier = account.tier
    for name, value in values.items():
        setattr(account, name, value)
    if facts_of(account) == before:
        return False
    account.changed_at, account.version = now, account.version + 1
    session.add(account)
    session.flush()
    _note(session, account, AuditAction.CHANGED, before, by, now)
    if account.tier and account.tier != tier:
        set_tiers(session, account.id, account.tier, by=by, now=now)
    figures.count(session, [account.id], now)
    return True


def facts_of(account: Account | SimpleNamespace) -> dict[str, Any]:
    """Return what the audit trail says of an account, or of the values of a new one."""
    return {
        "name": account.name,
        "kind": account.kind.value,
        "reference": account.reference,
        "owner_id": account.owner_id,
        "backup_id": account.backup_id,
        "status": account.status.value,
        "value": account.value.value,
        "tier": account.tier,
        "product_groups": list(account.product_groups),
        "language": account.language,
        "since": account.since.isoformat() if account.since else None,
        "fields": dict(account.fields),
    }


def _note(
    session: Session,
    account: Account,
    action: AuditAction,
    before: Mapping[str, Any],
    by: int | None,
    now: datetime,
) -> None:
    after, thing = facts_of(account), AuditThing.ACCOUNT
    add_entry(session, thing, account.id, action, now, by=by, before=before, after=after)


def _check(session: Session, values: Mapping[str, Any], own: Account | None) -> None:
    """Refuse people who are not here, unless it had them already, and a reference twice."""
    wrong = {}
    for name in ("owner_id", "backup_id"):
        who = values[name]
        if who is None or (own is not None and getattr(own, name) == who):
            continue
        agent = session.get(Agent, who)
        if agent is None or not agent.is_active:
            wrong[name] = NOT_HERE
    reference = values["reference"]
    if reference is not None:
        found = rows.find_by_reference(session, reference)
        if found is not None and (own is None or found != own.id):
            wrong["reference"] = TAKEN
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)


# ---- handed over -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HandedOver:
    """How many accounts got another owner, and how many open requests went with them."""

    accounts: int
    conversations: int


def hand_over(
    session: Session,
    account_ids: Sequence[int],
    to_id: int,
    *,
    by: int | None,
    now: datetime,
) -> HandedOver:
    """Give accounts whole to a colleague, with what their owner has open of them.

    Their open requests, milestones and reminders go along; what others of the team work on
    stays with them. A colleague who was the backup is no longer: the former owner is. They
    are told once of each account, by its most pressing request.

    Raises
    ------
    Invalid
        If the colleague does not work here.
    NotFound
        If there is no such account.
    """
    heir = session.get(Agent, to_id)
    if heir is None or not heir.is_active:
        raise Invalid(NOT_HERE, {"to": NOT_HERE})
    given = work = 0
    for number in sorted(set(account_ids)):
        account = rows.get_account(session, number, to_change=True)
        before = account.owner_id
        if before == to_id:
            continue
        facts = facts_of(account)
        account.owner_id = to_id
        if account.backup_id == to_id:
            account.backup_id = before
        account.changed_at, account.version = now, account.version + 1
        session.add(account)
        session.flush()
        given += 1
        if before is not None:
            numbers = _hand_work(session, account, before, to_id, by, now)
            if numbers and to_id != by:
                _tell(session, numbers[0], before, to_id, now)
            work += len(numbers)
            _hand_dates(session, account.id, before, to_id)
        note_handed(session, account, facts, by, now)
    return HandedOver(given, work)


def note_handed(
    session: Session,
    account: Account,
    before: Mapping[str, Any],
    by: int | None,
    now: datetime,
) -> None:
    """Write down that an account has another owner, or none; ``before`` as ``facts_of``."""
    _note(session, account, AuditAction.HANDED_OVER, before, by, now)


def _tell(session: Session, number: int, before: int, to_id: int, now: datetime) -> None:
    clock = clocks_for(session, [number]).get(number)
    if clock is not None:
        handed = {"handed_from": before, "handed_to": to_id}
        to, kind = {to_id: "owner"}, Alert.HANDED_OVER
        tell_all(session, [Telling(to, number, clock, "given", kind, data=handed)], now)


def _hand_dates(session: Session, account_id: int, before: int, to_id: int) -> None:
    """Give the new owner the old one's milestones and reminders of an account."""
    for table, who in ((Milestone, "owner_id"), (Reminder, "agent_id")):
        own = columns(table)
        session.execute(
            update(table)
            .where(own.account_id == account_id, own[who] == before, own.ended_at.is_(None))
            .values(**{who: to_id})
            .execution_options(synchronize_session=False)
        )


def _hand_work(
    session: Session, account: Account, before: int, to_id: int, by: int | None, now: datetime
) -> list[int]:
    """Give the new owner what the old one had open of an account; return it, next due first."""
    mine = (conversations.account_id == account.id, conversations.owner_id == before)
    found = list(
        session.execute(
            select(conversations.id)
            .where(*mine, conversations.status.in_(WORK))
            .order_by(conversations.order_at, conversations.id)
            .with_for_update()
        ).scalars()
    )
    if not found:
        return []
    session.execute(
        update(Conversation)
        .where(conversations.id.in_(found))
        .values(owner_id=to_id, covered_for_id=None, version=conversations.version + 1)
    )
    data = {
        "reason": "account_handed",
        "account": account.id,
        "owner": to_id,
        "before": before,
        **moved({"owner": before}, {"owner": to_id}),
    }
    add_happened(session, [(one, EventKind.ASSIGNED, now, data, by) for one in found])
    announce_moved(session, found, [to_id])
    return found
