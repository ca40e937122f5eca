"""Milestones that come again and again: what is usual for accounts of a kind."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from inbox.dates.milestones import (
    LONG_TITLE,
    MAX_TITLE,
    MOST_WARN_DAYS,
    NO_TITLE,
    WARN_DAYS,
    WRONG_DAYS,
)
from inbox.errors import Invalid, NotFound
from inbox.store.audit import add_entry
from inbox.store.dates import list_templates
from inbox.templating import N_, translator
from models import AccountKind, AuditAction, AuditThing, MilestoneTemplate

MOST_DAYS = 5 * 365
MOST_MONTHS = 60
WRONG_LENGTH = N_("Between 1 day and 5 years.")
WRONG_MONTHS = N_("Between 0 and 60 months.")
GONE = N_("There is no such template.")
DUE_TIME = time(17, 0)
USUAL = (  # title, days, every so many months, warned so many days before, for the customer
    (N_("Contract renewal"), 330, 12, 45, False),
    (N_("Monthly report"), 30, 1, 5, True),
    (N_("Delivery"), 14, 0, 5, True),
    (N_("Acceptance"), 21, 0, 5, True),
)
"""What most companies begin with; each is a row of theirs from then on."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a person says of one."""

    title: str
    days: int
    every_months: int = 0
    warn_days: int = WARN_DAYS
    account_kind: AccountKind | None = None
    is_public: bool = False
    is_active: bool = True


def save(
    session: Session, template_id: int | None, said: Template, *, by: int | None, now: datetime
) -> MilestoneTemplate:
    """Make a template, or change one; milestones that are planned stay as they are.

    Raises
    ------
    Invalid
        If there is no title, or a number is out of its range.
    NotFound
        If there is none of this id.
    """
    title = " ".join(said.title.split())
    _check(title, said)
    row = MilestoneTemplate(title="", days=0, warn_days=0)
    if template_id is not None:
        row = get(session, template_id, to_change=True)
    before = _facts(row) if template_id is not None else {}
    row.title, row.days, row.every_months = title, said.days, said.every_months
    row.warn_days, row.account_kind = said.warn_days, said.account_kind
    row.is_public, row.is_active = said.is_public, said.is_active
    session.add(row)
    session.flush()
    action = AuditAction.CHANGED if before else AuditAction.CREATED
    if before != _facts(row):
        add_entry(
            *(session, AuditThing.MILESTONE, f"template:{row.id}", action, now),
            by=by,
            before=before,
            after=_facts(row),
        )
    return row


def get(session: Session, template_id: int, *, to_change: bool = False) -> MilestoneTemplate:
    """Return a template.

    Raises
    ------
    NotFound
        If there is none.
    """
    found: MilestoneTemplate | None = session.get(
        MilestoneTemplate, template_id, with_for_update=to_change or None
    )
    if found is None:
        raise NotFound(GONE)
    return found


def add_usual(session: Session, language: str, *, by: int | None, now: datetime) -> int:
    """Add what is usual and not there, by title; return how many were added."""
    say = translator(language).gettext
    known = {one.title for one in list_templates(session)}
    missing = [one for one in USUAL if say(one[0]) not in known]
    for title, days, months, warn, is_public in missing:
        said = Template(say(title), days, months, warn, is_public=is_public)
        save(session, None, said, by=by, now=now)
    return len(missing)


def due_of(template: MilestoneTemplate, zone: ZoneInfo, now: datetime) -> datetime:
    """Return when one that is planned now is due: at five in the afternoon of its day."""
    day = now.astimezone(zone).date() + timedelta(days=template.days)
    return datetime.combine(day, DUE_TIME, zone)


def _facts(row: MilestoneTemplate) -> dict[str, Any]:
    return {
        "title": row.title,
        "days": row.days,
        "every_months": row.every_months,
        "warn_days": row.warn_days,
        "account_kind": row.account_kind.value if row.account_kind else None,
        "is_public": row.is_public,
        "is_active": row.is_active,
    }


def _check(title: str, said: Template) -> None:
    wrong: dict[str, str] = {}
    if not title:
        wrong["title"] = NO_TITLE
    elif len(title) > MAX_TITLE:
        wrong["title"] = LONG_TITLE
    if not 1 <= said.days <= MOST_DAYS:
        wrong["days"] = WRONG_LENGTH
    if not 0 <= said.every_months <= MOST_MONTHS:
        wrong["every_months"] = WRONG_MONTHS
    if not 0 <= said.warn_days <= MOST_WARN_DAYS:
        wrong["warn_days"] = WRONG_DAYS
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
