"""How slow the servers of a domain are just now: known to every worker, as it is a row.

Nothing goes there before a moment that comes later with each "not now", up to ten minutes;
after it the first worker that claims mail to it tries with one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlmodel import Session

from inbox.db import insert_into
from models import DomainPace
from models.base import columns

paces = columns(DomainPace)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 15, 600
MOST = 200  # domains that are left alone at once: those that wait longest
FORGOTTEN_AFTER = timedelta(hours=1)


def known(session: Session) -> dict[str, datetime]:
    """Return the domains that asked for a pause, and when it is over, or was."""
    rows = session.execute(
        select(paces.domain, paces.until).order_by(paces.until.desc()).limit(MOST)
    )
    return {domain: until for domain, until in rows}


def slow(found: Mapping[str, datetime], now: datetime) -> frozenset[str]:
    """Return those that are to be left alone now."""
    return frozenset(domain for domain, until in found.items() if until > now)


def slow_down(session: Session, domain: str, asked_s: int, now: datetime) -> datetime:
    """Leave a domain alone for a pause that doubles, or for as long as its server asked.

    Returns until when. Of workers that hear it at the same time one makes the pause longer:
    for the others the moment until which to wait is still to come.
    """
    before = session.execute(
        select(paces.pause_s).where(paces.domain == domain)
    ).scalar_one_or_none()
    pause_s = FIRST_PAUSE_S if before is None else min(2 * before, LONGEST_PAUSE_S)
    until = now + timedelta(seconds=max(pause_s, asked_s))
    statement = insert_into(session, DomainPace).values(
        domain=domain, pause_s=pause_s, until=until
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["domain"],
            set_={"pause_s": pause_s, "until": until},
            where=paces.until <= now,
        )
    )
    kept: datetime = session.execute(
        select(paces.until).where(paces.domain == domain)
    ).scalar_one()
    return kept


def take_up(session: Session, domain: str, now: datetime) -> None:
    """Forget the pause of a domain whose servers take mail again, and what is long over."""
    session.execute(
        delete(DomainPace).where(
            (paces.domain == domain) | (paces.until <= now - FORGOTTEN_AFTER)
        )
    )
