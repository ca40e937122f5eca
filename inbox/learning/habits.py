"""When the product trains by itself, and from which agreement on it says something is wrong."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.audit import add_entry
from models import AuditAction, AuditThing, Company

KEY = "learning"
AFTER_CORRECTIONS = 25


@dataclass(frozen=True, slots=True)
class Habits:
    """``after`` corrections it trains, 0 is never; ``agreement_below`` is a share in [0, 1].

    ``semantic``: models learn and use a second half, of meaning (``inbox.triage.meaning``).
    """

    after: int = AFTER_CORRECTIONS
    nightly: bool = True
    agreement_below: float = 0.8
    semantic: bool = False


def habits_of(company: Company | None) -> Habits:
    """Return the company's habits."""
    kept = (company.settings if company is not None else {}).get(KEY, {})
    known = {name: kept[name] for name in asdict(Habits()) if name in kept}
    return Habits(**known)


def save_habits(session: Session, habits: Habits, *, by: int, now: datetime) -> None:
    """Keep the company's habits."""
    one = session.execute(select(Company).with_for_update()).scalars().one()
    before, after = asdict(habits_of(one)), asdict(habits)
    if before == after:
        return
    one.settings = {**one.settings, KEY: after}
    session.add(one)
    session.flush()
    add_entry(
        session,
        AuditThing.COMPANY,
        one.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before=before,
        after=after,
    )
