"""A month that is closed is summed once more, so that a year is read from few rows.

Its rows are those of its days added up, exactly; they stand beside them in ``report_days``,
under the month's first day, with ``MONTH`` behind the dimension.
"""

import logging
from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import Text, cast, func, insert, select
from sqlmodel import Session

from inbox.db import Database
from inbox.reporting.days import A_DAY
from inbox.store import reports
from inbox.store.months import MONTH, months_summed, next_month
from inbox.store.reports import Cell, Sums
from models import ReportClosing, ReportDay
from models.base import columns, core
from models.report import MEASURES

days = columns(ReportDay)
closings = columns(ReportClosing)

log = logging.getLogger(__name__)

_KEYS = (days.dimension, days.value, days.team_id, days.channel)


async def sum_next(database: Database) -> bool:
    """Sum the first closed month that is not summed; True if there was one.

    Read outside of the writers' turn: a month of a big company is thousands of rows.
    """
    month = await database.read(_find_month)
    if month is None:
        return False
    rows = await database.read(_add_up, month)
    if await database.write(_write, month, rows):
        log.info("the days of %s are summed as a month", month.strftime("%Y-%m"))
    return True


def _find_month(session: Session) -> date | None:
    last = session.execute(select(func.max(closings.day))).scalar_one()
    if last is None:
        return None
    query = select(days.day).where(days.dimension == "all").distinct().order_by(days.day)
    summed = months_summed(session)
    for day in session.execute(query).scalars():
        month: date = day.replace(day=1)
        if next_month(month) > last + A_DAY:
            return None
        if month not in summed:
            return month
    return None


def _add_up(session: Session, month: date) -> list[dict[str, Any]]:
    """Return the rows of a month: of each dimension, value, team and channel."""
    dimensions = sorted({dimension for dimension, _ in reports.BY.values()})
    where = (
        days.dimension.in_(dimensions),
        days.day.between(month, next_month(month) - A_DAY),
    )
    found: dict[Cell, Sums] = defaultdict(Sums)
    sums = select(*_KEYS, *(func.sum(days[name]) for name in MEASURES))
    for row in session.execute(sums.where(*where).group_by(*_KEYS)):
        counts = zip(MEASURES, row[len(_KEYS) :], strict=True)
        found[_cell(month, row)].counts.update({name: int(n) for name, n in counts if n})
    took = select(*_KEYS, cast(days.answered_in, Text), cast(days.solved_in, Text))
    for row in session.execute(took.where(*where)):
        one = found[_cell(month, row)]
        reports.add_times(one.answered_in, row[-2])
        reports.add_times(one.solved_in, row[-1])
    return [reports.as_row(cell, one) for cell, one in found.items()]


def _cell(month: date, row: Any) -> Cell:
    return (month, row.dimension + MONTH, row.value, row.team_id, row.channel)


def _write(session: Session, month: date, rows: list[dict[str, Any]]) -> bool:
    """Write a month's rows; False if another worker has done it meanwhile."""
    last = next_month(month) - A_DAY
    session.execute(select(closings.day).where(closings.day == last).with_for_update())
    if month in months_summed(session):
        return False
    session.execute(insert(core(ReportDay)), rows)
    return True
