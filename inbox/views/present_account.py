"""From rows to an account's or a person's page: how it stands, the time line, the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inbox.ruling import STANDARD
from inbox.sla.promise import spoken_moment
from inbox.store.accountline import Line, Said
from inbox.store.accountpage import State, Whose
from inbox.store.people import Colleague
from inbox.templating import N_, translator
from inbox.views.present import LANGUAGE_NAMES
from inbox.views.present_dates import DateRows
from inbox.views.present_line import name_of
from inbox.views.render import initial
from inbox.views.words import Speaker
from models import (
    Account,
    AccountFigures,
    AccountStatus,
    Contact,
    ContactIdentity,
    Direction,
    MilestoneState,
)

STATUS_TEXT = {
    AccountStatus.NEW: N_("New"),
    AccountStatus.ACTIVE: N_("Active"),
    AccountStatus.AT_RISK: N_("At risk"),
    AccountStatus.ENDED: N_("Ended"),
}
KNOWN_AS = {"email": N_("E-mail"), "phone": N_("Phone")}


@dataclass(frozen=True, slots=True)
class AccountCard:
    """An account in short."""

    id: int
    name: str
    initial: str
    status: str  # the key
    status_text: str
    value: str
    tier: str
    owner: str
    owner_is_me: bool
    backup: str


def present_card(
    account: Account, speak: Speaker, colleagues: Mapping[int, Colleague], me: int
) -> AccountCard:
    """Return an account in short."""
    return AccountCard(
        account.id,
        account.name,
        initial(account.name),
        account.status.value,
        speak.say(STATUS_TEXT[account.status]),
        account.value.value,
        account.tier,
        name_of(account.owner_id, colleagues),
        account.owner_id == me,
        name_of(account.backup_id, colleagues),
    )


def present_facts(account: Account, speak: Speaker) -> list[tuple[str, str]]:
    """Return what is known of an account besides: names and values, its own fields last."""
    say = speak.say
    since = ""
    if account.since is not None:
        since = f"{account.since.day:02}/{account.since.month:02}/{account.since.year}"
    known = [
        (say("Tier"), account.tier),
        (say("Product groups"), ", ".join(account.product_groups)),
        (say("Customer since"), since),
        (say("Language"), LANGUAGE_NAMES.get(account.language, account.language)),
        (say("Reference"), account.reference or ""),
        *((str(name), str(value)) for name, value in account.fields.items()),
    ]
    return [(name, value) for name, value in known if value]


def present_identities(
    rows: Sequence[ContactIdentity], speak: Speaker
) -> list[tuple[str, str, bool]]:
    """Return a person's addresses: kind, address, whether it is known to be theirs."""
    found: list[tuple[str, str, bool]] = []
    for row in rows:
        if row.kind in KNOWN_AS:
            known = row.verified_at is not None
            found.append((speak.say(KNOWN_AS[row.kind]), row.value, known))
        elif row.kind == "chat":
            found.append((speak.say("Chat"), speak.say("a visitor of our chat"), False))
        elif row.kind not in ("raw", "api"):
            found.append((row.kind.capitalize(), row.value, row.verified_at is not None))
    return list(dict.fromkeys(found))


# ---- the state in one sentence --------------------------------------------------------


def state_sentence(
    state: State,
    speak: Speaker,
    *,
    last_contact: datetime | None,
    next_text: str = "",
    figures: AccountFigures | None = None,
) -> str:
    """Say how it stands in one sentence, what hurts most first."""
    many = translator(speak.language).ngettext
    pieces = [_open_piece(state, speak)]
    if state.paused_count:
        text = many("%(num)s paused", "%(num)s paused", state.paused_count)
        pieces.append(text % {"num": state.paused_count})
    if last_contact is not None:
        pieces.append(
            speak.say("last contact %(time)s") % {"time": moment(last_contact, speak)}
        )
    if next_text:
        pieces.append(next_text)
    if figures is not None and figures.promises_kept + figures.promises_missed:
        total = figures.promises_kept + figures.promises_missed
        said = {"kept": figures.promises_kept, "total": total}
        pieces.append(speak.say("%(kept)s of %(total)s promises kept in 90 days") % said)
    sentence = "; ".join(pieces)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def next_milestone(dates: DateRows, speak: Speaker) -> tuple[str, bool]:
    """Say what has to be reached next, or had to; and whether that is late. "" if nothing."""
    planned = [one for one in dates.milestones if one.state is MilestoneState.PLANNED]
    if not planned:
        return "", False
    first = min(planned, key=lambda one: one.due_at)
    is_late = first.due_at <= speak.now
    text = speak.say(
        "missed: %(what)s, due %(time)s" if is_late else "next: %(what)s, %(time)s"
    )
    return text % {"what": first.title, "time": moment(first.due_at, speak)}, is_late


def _open_piece(state: State, speak: Speaker) -> str:
    if not state.total:
        return speak.say("nothing was written yet")
    if not state.open_count:
        return speak.say("nothing is open")
    many = translator(speak.language).ngettext
    text = many("%(num)s request is open", "%(num)s requests are open", state.open_count)
    said = text % {"num": state.open_count}
    if state.late_count:
        late = many("%(num)s of them late", "%(num)s of them late", state.late_count)
        said += ", " + late % {"num": state.late_count}
    if state.asked_again:
        again = many(
            "asked again in %(num)s of them",
            "asked again in %(num)s of them",
            state.asked_again,
        )
        said += ", " + again % {"num": state.asked_again}
    if state.waiting_since is not None:
        since = {"time": moment(state.waiting_since, speak)}
        said += ", " + speak.say("waiting for us since %(time)s") % since
    return said


def moment(at: datetime, speak: Speaker) -> str:
    """Say when, as one says it: "14:31 today"."""
    return spoken_moment(at, speak.reader_zone.key, speak.now, speak.language)


def title_of(whose: Whose, known_as: Sequence[ContactIdentity], speak: Speaker) -> str:
    """Return what the page is called."""
    if whose.contact is None:
        return whose.account.name if whose.account is not None else ""
    address = next((row.value for row in known_as if row.kind in KNOWN_AS), "")
    return whose.contact.name or address or speak.say("Unknown")


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person outside as shown; ``known_as`` is kind, address, whether it is known theirs."""

    id: int
    position: str
    about: str
    tier: str
    known_as: list[tuple[str, str, bool]]
    is_restricted: bool
    is_erased: bool


def present_person(
    contact: Contact, known_as: Sequence[ContactIdentity], speak: Speaker
) -> PersonCard:
    """Return a person as shown."""
    about = speak.say("Customer since %(date)s") % {"date": speak.date(contact.created_at)}
    name = LANGUAGE_NAMES.get(contact.language, contact.language)
    return PersonCard(
        contact.id,
        contact.position,
        f"{about} · {name}" if name else about,
        "" if contact.tier == STANDARD else contact.tier,
        present_identities(known_as, speak),
        contact.restricted_at is not None,
        contact.erased_at is not None,
    )


def last_contact(state: State, line: Line, figures: AccountFigures | None) -> datetime | None:
    """Return when one of us and the customer last had to do with each other."""
    said = [
        item.created_at
        for item in line.items
        if isinstance(item, Said)
        and item.direction in (Direction.INBOUND, Direction.OUTBOUND)
        and not item.is_machine
    ]
    counted = [figures.last_contact_at] if figures and figures.last_contact_at else []
    known = [one for one in (state.last_inbound_at, state.last_answered_at) if one is not None]
    return max([*said, *counted, *known], default=None)
