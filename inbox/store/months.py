"""Months of the report that are summed as a whole, and which stretches of days are not."""

from datetime import date, timedelta

from sqlalchemy import select
from sqlmodel import Session

from models import ReportDay
from models.base import columns

days = columns(ReportDay)

MONTH = "@month"  # behind a dimension: sums of a whole month, under its first day
_A_DAY = timedelta(days=1)
_SUMMED = select(days.day).where(days.dimension == "all" + MONTH).distinct()

Stretch = tuple[str, date, date]  # a dimension, and between which days its rows are read


def next_month(month: date) -> date:
    """Return the first day of the month after that of a day."""
    return (month.replace(day=28) + 4 * _A_DAY).replace(day=1)


def whole_months(first: date, last: date) -> list[date]:
    """Return the first days of the months that lie in a period from end to end."""
    month = first if first.day == 1 else next_month(first)
    found = []
    while (after := next_month(month)) <= last + _A_DAY:
        found.append(month)
        month = after
    return found


def months_summed(session: Session) -> frozenset[date]:
    """Return which months have sums of their own, by first day; read once in a unit of work."""
    found: frozenset[date] | None = session.info.get("months_summed")
    if found is None:
        found = frozenset(session.execute(_SUMMED).scalars())
        session.info["months_summed"] = found
    return found


def stretches(session: Session, dimension: str, first: date, last: date) -> list[Stretch]:
    """Return what to read for a period: whole months where they are summed, else days."""
    months = whole_months(first, last)
    summed = months_summed(session) if months else frozenset[date]()
    found: list[Stretch] = []
    begin = first
    for month in months:
        if month not in summed:
            continue
        if begin < month:
            found.append((dimension, begin, month - _A_DAY))
        if found and found[-1][0] != dimension:
            found[-1] = (dimension + MONTH, found[-1][1], month)
        else:
            found.append((dimension + MONTH, month, month))
        begin = next_month(month)
    if begin <= last:
        found.append((dimension, begin, last))
    return found
