"""What mail of ours needs to know of the installation, read once per unit of work."""

from collections.abc import Iterable

from sqlmodel import Session

from inbox.acknowledgement import Caps, House
from inbox.settings import Settings
from inbox.store.company import find_house
from models import Company


def load_house(session: Session, settings: Settings, secret: bytes) -> House | None:
    """Return the house, or None before the first visit."""
    found = find_house(session)
    return make_house(*found, settings, secret) if found is not None else None


def undo_seconds(company: Company, settings: Settings) -> int:
    """Return how long a mail can be undone: what the company says, else the installation."""
    return int(company.settings.get("undo_send_s", settings.undo_send_s))


def make_house(
    company: Company, own_addresses: Iterable[str], settings: Settings, secret: bytes
) -> House:
    """Make the house out of what was read of it; the addresses are of its mail inboxes."""
    return House(
        secret=secret,
        base_url=settings.base_url.rstrip("/"),
        mail_from=settings.mail_from,
        company=company.name,
        instance_id=company.instance_id,
        time_zone=company.time_zone,
        own_addresses=tuple(own_addresses),
        caps=Caps.of(company.settings),
        undo_s=undo_seconds(company, settings),
    )
