"""What mail of ours needs to know of the installation, read once per unit of work."""

from sqlmodel import Session

from inbox.acknowledgement import Caps, House
from inbox.settings import Settings
from inbox.store.company import find_company, list_doors
from models import ChannelKind


def load_house(session: Session, settings: Settings, secret: bytes) -> House | None:
    """Return the house, or None before the first visit."""
    company = find_company(session)
    if company is None:
        return None
    return House(
        secret=secret,
        base_url=settings.base_url.rstrip("/"),
        mail_from=settings.mail_from,
        company=company.name,
        instance_id=company.instance_id,
        time_zone=company.time_zone,
        own_addresses=tuple(door.handle for door in list_doors(session, ChannelKind.EMAIL)),
        caps=Caps.of(company.settings),
    )
