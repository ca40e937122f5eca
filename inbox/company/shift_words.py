"""What people are told of who works when: taking over for hours, shifts that are swapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from inbox.sla.promise import spoken_moment
from inbox.store.company import find_company
from inbox.store.people import list_colleagues
from inbox.telling import Alert, Telling, moment, tell_all
from inbox.templating import N_, translator

PAGE = "/me/shifts"
SOON = timedelta(hours=12)  # what begins within that does not wait for the morning
WORDS = {
    "takes_over": N_("You take over from %(who)s: %(when)s"),
    "taken_over": N_("%(who)s takes over from you: %(when)s"),
    "no_longer": N_("You need not take over from %(who)s any more: %(when)s"),
    "yours_again": N_("%(who)s does not take over from you any more: %(when)s"),
    "offered": N_("%(who)s offers you a shift: %(when)s"),
    "offered_for": N_("%(who)s offers you a shift: %(when)s, for yours: %(back)s"),
    "accepted": N_("%(who)s works your shift: %(when)s"),
    "accepted_for": N_("%(who)s works your shift: %(when)s, and you theirs: %(back)s"),
    "agreed": N_("You work the shift of %(who)s: %(when)s"),
    "agreed_for": N_("You work the shift of %(who)s: %(when)s, and they yours: %(back)s"),
    "declined": N_("%(who)s does not take your shift: %(when)s"),
    "withdrawn": N_("%(who)s took back the offer of a shift: %(when)s"),
}
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Said:
    """One thing to be told to one person: ``what`` is of ``WORDS``, ``mark`` its occasion."""

    what: str
    to: int
    who: int
    when: Span
    mark: str
    back: Span | None = None


def say_all(session: Session, said: Sequence[Said], now: datetime) -> None:
    """Tell people, each in their language and the company's time; the same is told once."""
    company = find_company(session)
    zone = company.time_zone if company is not None else "UTC"
    colleagues = list_colleagues(session)
    tellings = []
    for one in said:
        person = colleagues[one.to]
        if not person.is_active:
            continue
        facts = {
            "who": colleagues[one.who].name,
            "when": spoken_span(one.when, zone, now, person.language),
            "back": spoken_span(one.back, zone, now, person.language) if one.back else "",
        }
        reason = translator(person.language).gettext(WORDS[one.what]) % facts
        tellings.append(
            Telling(
                {one.to: "named"},
                None,
                moment(one.when[0]),
                f"{one.what}-{one.mark}",
                Alert.SHIFT,
                reason=reason,
                data={"link": PAGE},
                outside_hours=one.when[0] - now < SOON,
            )
        )
    tell_all(session, tellings, now)


def spoken_span(span: Span, zone: str, now: datetime, language: str) -> str:
    """Return from when to when, in words."""
    return " – ".join(spoken_moment(at, zone, now, language) for at in span)
