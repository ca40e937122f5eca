"""Rules as their pages show them: what each asks, what it gives, and what an example gets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session

from inbox.company.policies import TIMES, Draft, Due, Listed
from inbox.rulebook import Promise
from inbox.sla.promise import spoken_moment
from inbox.store.setup import Type, list_types
from inbox.templating import N_
from inbox.views.present_deadlines import CLOCK_LABEL, RULED_LABEL
from inbox.views.words import MESSENGER_NAMES, URGENCY_NAMES
from models import URGENCY_RANK, Calendar, ChannelKind, Inbox, Ladder, SLAPolicy, Urgency
from models.base import columns

inboxes = columns(Inbox)
calendars = columns(Calendar)
ladders = columns(Ladder)

Say = Callable[[str], str]
Options = list[tuple[str, str]]
UNIT_S = {"m": 60, "h": 3600}
CHANNEL_NAMES = {
    ChannelKind.EMAIL: N_("E-mail"),
    ChannelKind.FORM: N_("Web form"),
    ChannelKind.CHAT: N_("Chat"),
    ChannelKind.API: N_("API"),
    ChannelKind.WEBHOOK: N_("Webhook"),
    ChannelKind.PHONE: N_("Phone"),
    **MESSENGER_NAMES,
}
FRIDAY, FOUR_PM = 4, 16


@dataclass(frozen=True, slots=True)
class Choices:
    """What the conditions of a rule can be chosen from, each with its name."""

    types: Options
    urgencies: Options
    channels: Options
    inboxes: Options
    calendars: Options
    ladders: Options


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule of the list; a time it does not state is empty."""

    id: int
    name: str
    asks: list[str]
    times: list[str]
    hours: str
    ladder: str
    is_active: bool
    open: int


@dataclass(frozen=True, slots=True)
class TimeField:
    """A target of the form: a number and its unit."""

    name: str
    label: str
    number: str
    unit: str


@dataclass(frozen=True, slots=True)
class Example:
    """What a request would get: when it arrives, by which rules, and each clock's due time."""

    arrival: str
    policy: str
    hours: str
    dues: list[tuple[str, str, str]]  # clock, target, when


def load_choices(session: Session, say: Say, language: str) -> Choices:
    """Return what may be chosen, in four small questions."""
    kinds: list[Type] = list_types(session)
    doors = session.execute(
        select(inboxes.id, inboxes.name).where(inboxes.is_active.is_(True)).order_by(inboxes.id)
    )
    hours = session.execute(select(calendars.id, calendars.name).order_by(calendars.id))
    steps = session.execute(select(ladders.id, ladders.name).order_by(ladders.id))
    return Choices(
        types=[(kind.key, kind.name(language)) for kind in kinds],
        urgencies=[
            (key.value, say(URGENCY_NAMES[key.value]))
            for key in sorted(Urgency, key=URGENCY_RANK.__getitem__)
        ],
        channels=[(key.value, say(name)) for key, name in CHANNEL_NAMES.items()],
        inboxes=[(str(row.id), row.name) for row in doors],
        calendars=[(str(row.id), row.name) for row in hours],
        ladders=[(str(row.id), row.name) for row in steps],
    )


def present_rules(listed: Sequence[Listed], choices: Choices, say: Say) -> list[RuleRow]:
    """Return the rules' lines, in the order in which they are asked."""
    hours, steps = dict(choices.calendars), dict(choices.ladders)
    return [
        RuleRow(
            one.rule.id,
            one.rule.name,
            asked(one.rule, choices, say),
            [time_text(getattr(one.rule, name), say) for name in TIMES],
            hours.get(str(one.rule.calendar_id), ""),
            steps.get(str(one.rule.ladder_id), ""),
            one.rule.is_active,
            one.open,
        )
        for one in listed
    ]


def asked(rule: SLAPolicy, choices: Choices, say: Say) -> list[str]:
    """Return a rule's conditions, the heaviest first, as words."""
    urgency = rule.urgency.value if rule.urgency else None
    found = (
        (N_("tier %(name)s"), rule.tier),
        ("%(name)s", dict(choices.urgencies).get(urgency or "")),
        (N_("product group %(name)s"), rule.product_group),
        ("%(name)s", dict(choices.types).get(rule.request_type or "", rule.request_type)),
        (N_("inbox %(name)s"), dict(choices.inboxes).get(str(rule.inbox_id))),
        (N_("by %(name)s"), dict(choices.channels).get(rule.channel or "")),
    )
    return [say(text) % {"name": name} for text, name in found if name]


def time_text(seconds: int | None, say: Say) -> str:
    """Write a target in full: "30 min", "4 h", "1 h 30 min"; nothing for none."""
    if seconds is None:
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [say("%(n)s h") % {"n": hours}] if hours else []
    parts += [say("%(n)s min") % {"n": minutes}] if minutes or not hours else []
    return " ".join(parts)


def time_fields(draft: Draft, typed: Mapping[str, str], say: Say) -> list[TimeField]:
    """Return the targets of the form, as typed where something was."""
    fields = []
    for name, label in zip(TIMES, RULED_LABEL.values(), strict=True):
        number, unit = "", "h"
        seconds = getattr(draft, name)
        if seconds is not None:
            unit = "h" if seconds % 900 == 0 and seconds >= 3600 else "m"
            number = f"{seconds / UNIT_S[unit]:g}"
        fields.append(
            TimeField(
                name,
                say(label),
                typed.get(f"{name}_n", number),
                typed.get(f"{name}_unit") or unit,
            )
        )
    return fields


def read_time(number: str, unit: str) -> int | None:
    """Read a target in seconds; None for an empty one, 0 for what is no time."""
    text = number.strip().replace(",", ".")
    if not text:
        return None
    try:
        return max(round(min(float(text), 1e6) * UNIT_S.get(unit, 3600)), 0)
    except (ValueError, OverflowError):  # also "nan" and "inf"
        return 0


def read_arrival(text: str, zone: str, now: datetime) -> datetime:
    """Read a wall time of the company's zone; next Friday 16:00 if it is none."""
    place = ZoneInfo(zone)
    try:
        given = datetime.fromisoformat(text)
        if given.tzinfo is None and abs(given.year - now.year) <= 5:
            return given.replace(tzinfo=place)
    except ValueError:
        pass
    today = now.astimezone(place)
    friday = today + timedelta(days=(FRIDAY - today.weekday()) % 7 or 7)
    return friday.replace(hour=FOUR_PM, minute=0, second=0, microsecond=0)


def present_example(
    promise: Promise,
    dues: Sequence[Due],
    arrival: datetime,
    choices: Choices,
    say: Say,
    language: str,
) -> Example:
    """Return an example as words; its days stand with their dates."""
    zone = promise.calendar.timezone
    far = arrival - timedelta(days=400)  # so that no day is called today
    return Example(
        spoken_moment(arrival, zone, far, language),
        promise.policy,
        dict(choices.calendars).get(str(promise.calendar_id), ""),
        [
            (
                say(CLOCK_LABEL[due.kind]),
                time_text(due.target_s, say),
                spoken_moment(due.due_at, zone, far, language) if due.due_at else say("never"),
            )
            for due in dues
        ],
    )
