"""The company's own row: its name, zone and language, and what its settings hold."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.company.installation import MOST_NAME, is_zone
from inbox.company.staff import FILL_IN, LOOK_AGAIN
from inbox.errors import Invalid, NotFound
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import AuditAction, AuditThing, Company

WRONG_ZONE = N_("This time zone is not known, try Asia/Ho_Chi_Minh.")


@dataclass(frozen=True, slots=True)
class Profile:
    """What an administrator enters about the company."""

    name: str
    time_zone: str
    language: str


def get_company(session: Session) -> Company:
    """Load the company to change it: whoever changes it at the same time waits.

    Raises
    ------
    NotFound
        Before the first visit.
    """
    found: Company | None = session.execute(select(Company).with_for_update()).scalars().first()
    if found is None:
        raise NotFound("There is nothing here.")
    return found


def save_profile(session: Session, profile: Profile, *, by: int, now: datetime) -> None:
    """Change name, zone or language; pages and new mail have them at once.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    check_profile(profile)
    company = get_company(session)
    before = {name: getattr(company, name) for name in asdict(profile)}
    after = {**asdict(profile), "name": profile.name.strip()}
    if before == after:
        return
    for name, value in after.items():
        setattr(company, name, value)
    session.add(company)
    add_entry(
        session,
        AuditThing.COMPANY,
        company.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before=before,
        after=after,
    )


WRONG_UNDO = N_("Choose 0 to 15 seconds.")
LONGEST_UNDO_S = 15


def save_undo(session: Session, text: str, *, by: int, now: datetime) -> None:
    """Change for how long mail can be undone (seconds, as typed); mail waits so long.

    Raises
    ------
    Invalid
        If it is no whole number from 0 to 15.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 3):
        raise Invalid(LOOK_AGAIN, {"undo_send_s": WRONG_UNDO})
    seconds = int(text)
    if seconds > LONGEST_UNDO_S:
        raise Invalid(LOOK_AGAIN, {"undo_send_s": WRONG_UNDO})
    company = get_company(session)
    before = company.settings.get("undo_send_s")
    if before == seconds:
        return
    keep_setting(session, "undo_send_s", seconds)
    add_entry(
        session,
        AuditThing.COMPANY,
        company.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"undo_send_s": before},
        after={"undo_send_s": seconds},
    )


def check_profile(profile: Profile) -> None:
    """Raise ``Invalid`` with a sentence for each field that has to change."""
    wrong = {}
    if not profile.name.strip():
        wrong["name"] = FILL_IN
    elif len(profile.name) > MOST_NAME:
        wrong["name"] = N_("This is too long.")
    if not is_zone(profile.time_zone):
        wrong["time_zone"] = WRONG_ZONE
    if profile.language not in ("vi", "en"):
        wrong["language"] = N_("Choose Vietnamese or English.")
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)


def keep_setting(session: Session, key: str, value: Any) -> None:
    """Store one of the company's settings; the others stay."""
    company = get_company(session)
    company.settings = {**company.settings, key: value}
    session.add(company)
