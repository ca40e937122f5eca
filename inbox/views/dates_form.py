"""The forms of milestones and reminders: what they offer, and what was typed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.dates import templates
from inbox.dates.milestones import WARN_DAYS, WRONG_DAYS, WRONG_TIME, Said
from inbox.errors import Invalid
from inbox.rulebook import load_rulebook
from inbox.store import conversations as talks
from inbox.store import dates as rows
from inbox.store import people
from inbox.store.accounts import get_account
from inbox.store.company import find_company
from inbox.store.dates import Place
from inbox.store.people import Person
from inbox.views.site import number_of
from inbox.views.waiting import local_time
from inbox.views.words import Speaker
from inbox.waits import working_days_on

SOON_DAYS = 5  # working days, as long as nobody says otherwise


@dataclass(frozen=True, slots=True)
class Plan:
    """What the forms of a place offer."""

    path: str
    title: str
    owner_id: int | None
    owners: list[tuple[int, str]]  # who can have a milestone
    reminded: list[tuple[int, str]]  # who can be reminded: oneself, the owner
    templates: list[tuple[int, str]]
    due_at: datetime


def load_form(session: Session, who: Person, place: Place, has_it: int | None = None) -> Plan:
    """Load what the forms offer; the person may see the place."""
    account = get_account(session, place.account_id) if place.account_id else None
    row = talks.get(session, place.conversation_id) if place.conversation_id else None
    owner_id = row.owner_id if row is not None else account.owner_id if account else None
    colleagues = [one for one in people.list_colleagues(session).values() if one.is_active]
    colleagues.sort(key=lambda one: one.name.casefold())
    owners = [(one.id, one.name) for one in colleagues]
    kind = account.kind if account is not None else None
    usual = [
        (one.id, one.title)
        for one in rows.list_templates(session, only_active=True)
        if one.account_kind in (None, kind)
    ]
    book = load_rulebook(session)
    calendar = book.calendars[book.default_calendar_id]
    about = account.name if row is None and account is not None else ""
    return Plan(
        path=f"/inbox/{row.id}" if row is not None else f"/accounts/{place.account_id}",
        title=about or (f"#{row.id} {row.subject}" if row is not None else ""),
        owner_id=has_it or owner_id or who.id,
        owners=owners,
        reminded=[one for one in owners if one[0] in (who.id, owner_id)],
        templates=usual,
        due_at=working_days_on(calendar, utcnow() + timedelta(minutes=1), SOON_DAYS),
    )


def default_due(plan: Plan, speak: Speaker) -> str:
    """Return the time that is proposed, as a form's field has it."""
    return f"{speak.here(plan.due_at):%Y-%m-%dT%H:00}"


def said_of(session: Session, given: dict[str, str], who: Person, now: datetime) -> Said:
    """Read what was typed; a template says what was left empty.

    Raises
    ------
    Invalid
        If a time or a number is none.
    """
    template = None
    if template_id := number_of(given["template"]):
        template = templates.get(session, template_id)
    if given["due"]:
        due_at = local_time(session, given["due"], "due", who)
    elif template is not None:
        company = find_company(session)
        zone = ZoneInfo(company.time_zone if company is not None else "UTC")
        due_at = templates.due_of(template, zone, now)
    else:
        raise Invalid(WRONG_TIME, {"due": WRONG_TIME})
    warn = given["warn"].strip()
    if warn and not (warn.isascii() and warn.isdecimal() and len(warn) < 5):
        raise Invalid(WRONG_DAYS, {"warn": WRONG_DAYS})
    usual = template.warn_days if template is not None else WARN_DAYS
    return Said(
        title=given["title"].strip() or (template.title if template is not None else ""),
        due_at=due_at.astimezone(UTC),
        owner_id=number_of(given["owner"]) or None,
        warn_days=int(warn) if warn else usual,
        is_public=given["public"] == "1" or bool(template is not None and template.is_public),
        template_id=template.id if template is not None else None,
    )
