"""The first day's checklist as its page and the empty inbox show it."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlmodel import Session

from inbox.company import first_day
from inbox.company.first_day import FirstDay
from inbox.settings import Settings
from inbox.store.company import list_doors
from inbox.templating import N_
from inbox.views.present_doors import address_of
from models import ChannelKind

TITLES = {
    "company": N_("The company"),
    "hours": N_("Working hours and holidays"),
    "teams": N_("People and teams"),
    "mailbox": N_("Incoming mail"),
    "sending": N_("Outgoing mail"),
    "message": N_("A first message"),
    "paste": N_("The form and the chat on your site"),
}


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step as shown."""

    key: str
    title: str
    state: str


@dataclass(frozen=True, slots=True)
class Sending:
    """What KIP_SMTP_URL says, without its password."""

    is_real: bool
    text: str


def describe_sending(settings: Settings) -> Sending:
    """Say where mail goes: the server's name and port, never who signs in."""
    parts = urlsplit(settings.smtp_url)
    if settings.demo:
        return Sending(True, "/demo/mail")
    if parts.scheme == "console":
        return Sending(False, "")
    usual = 465 if parts.scheme == "smtps" else 25
    return Sending(True, f"{parts.hostname}:{parts.port or usual}")


def present_steps(day: FirstDay, say: Callable[[str], str]) -> list[StepShown]:
    """Return the checklist's lines."""
    return [StepShown(step.key, say(TITLES[step.key]), step.state) for step in day.steps]


def load_day(session: Session, settings: Settings) -> FirstDay:
    """Read the checklist as this installation has it."""
    return first_day.load(session, sends_mail=describe_sending(settings).is_real)


def addresses(session: Session, base_url: str) -> dict[str, str]:
    """Return where people can write: the first open address and form, ``mail`` and ``form``."""
    base, found = base_url.rstrip("/"), dict[str, str]()
    for door in list_doors(session):
        name = {ChannelKind.EMAIL: "mail", ChannelKind.FORM: "form"}.get(door.kind)
        if name is not None:
            found.setdefault(name, address_of(door.kind, door.handle, base))
    return found
