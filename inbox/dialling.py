"""The company's telephone numbers: of which country they are unless they say so."""

from sqlmodel import Session

from inbox.channels.numbers import e164, region_of_zone
from inbox.channels.words import one_line
from inbox.store.company import find_company

COUNTRY = "country"  # in the company's settings


def region(session: Session) -> str:
    """Return the company's country; asked once a session."""
    if "region" not in session.info:
        company = find_company(session)
        said = str(company.settings.get(COUNTRY, "")) if company is not None else ""
        zone = company.time_zone if company is not None else ""
        session.info["region"] = said or region_of_zone(zone)
    return str(session.info["region"])


def kept(session: Session, typed: str) -> str:
    """Return a number as it is kept; what cannot be read is kept as it was typed."""
    return (e164(typed, region(session)) or one_line(typed)) if typed.strip() else ""
