"""What a wrong urgency costs the company: a setting."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.errors import Invalid
from inbox.store.audit import add_entry
from inbox.templating import N_
from inbox.triage.prediction import DEFAULT_COSTS, UrgencyCosts
from models import AuditAction, AuditThing, Company

KEY = "urgency_costs"
FIELDS = ("low1", "low2", "low3", "high1", "high2", "high3")
"""One, two and three levels too low, then too high: as the form names them."""
COST_LABELS = (
    N_("One level too low"),
    N_("Two levels too low"),
    N_("Three levels too low"),
    N_("One level too high"),
    N_("Two levels too high"),
    N_("Three levels too high"),
)
MOST = 1000.0
WRONG = N_("Write a number above 0, up to 1000.")
FALLS = N_("Further off cannot cost less: write at least the number before it.")


def costs_of(company: Company | None) -> UrgencyCosts:
    """Return the company's costs, or those it starts with."""
    kept = (company.settings if company is not None else {}).get(KEY)
    return UrgencyCosts.of_plain(kept) if kept else DEFAULT_COSTS


def read_costs(texts: Mapping[str, str]) -> UrgencyCosts:
    """Return the costs that somebody typed, one text for each of FIELDS.

    Raises
    ------
    Invalid
        If one is no number above 0, or less than that of a smaller mistake; by field.
    """
    values = {name: _number(texts.get(name, "")) for name in FIELDS}
    errors = {name: WRONG for name, value in values.items() if value is None}
    known = [value or 0.0 for value in values.values()]
    for place, name in enumerate(FIELDS):
        if not errors and place % 3 and known[place] < known[place - 1]:
            errors[name] = FALLS
    if errors:
        raise Invalid(next(iter(errors.values())), errors)
    return UrgencyCosts((known[0], known[1], known[2]), (known[3], known[4], known[5]))


def _number(text: str) -> float | None:
    """Return a number; a comma may stand for the point, as in Vietnamese."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value <= MOST else None


def save_costs(session: Session, costs: UrgencyCosts, *, by: int, now: datetime) -> None:
    """Keep the company's costs: the next message is rated by them."""
    one = session.execute(select(Company).with_for_update()).scalars().one()
    before, after = costs_of(one).plain(), costs.plain()
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
