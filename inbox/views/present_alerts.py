"""What somebody was told, by what, and whether they took note of it, in words."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from inbox.alerting.words import LEFT_STEP
from inbox.foresight import NOBODY_SAID, SAID
from inbox.store.people import Colleague
from inbox.telling import Alert
from inbox.templating import N_
from inbox.views.models import Entry
from inbox.views.present_ladder import DID
from inbox.views.words import Speaker
from models import Event, EventKind, Notice

WORDS = {
    Alert.WARNING: N_("Its deadline comes near"),
    Alert.LATE: N_("Its deadline has passed"),
    Alert.HANDED_OVER: N_("It is yours now"),
    Alert.ASKED: N_("A question between teams"),
    Alert.FORECAST: N_("It may become late"),
    Alert.STAGE: N_("It stands still for too long"),
    Alert.SHIFT: N_("Who works when has changed"),
    Alert.REMINDER: N_("You wanted to be reminded"),
    Alert.FOLLOWED: N_("What you follow: the customer wrote, or it is done"),
    Alert.MILESTONE: N_("A milestone"),
    Alert.MENTION: N_("A colleague mentions you"),
}
ICON = {
    Alert.LATE: "clock-alert",
    Alert.HANDED_OVER: "user",
    Alert.ASKED: "circle-help",
    Alert.FORECAST: "chart-column",
    Alert.SHIFT: "calendar",
    Alert.REMINDER: "bell",
    Alert.FOLLOWED: "eye",
    Alert.MILESTONE: "flag",
    Alert.MENTION: "message-circle",
}
LATE_STEPS = ("due", "overdue")  # of notices that older versions wrote
HANDED_TO_YOU = N_("%(count)s requests of %(before)s are yours now, this one first")
STEPS = (EventKind.WARNED, EventKind.ESCALATED)
BY = {"mail": N_("e-mail"), "telegram": N_("Telegram"), "push": N_("browser")}
TOLD = N_("Told %(names)s")
HAS_IT = N_("has it")


def alert_kind(kind: str, step: str) -> str:
    """Return of what kind a notice is, also one that an older version wrote."""
    if kind:
        return kind
    return Alert.LATE if step in LATE_STEPS else Alert.WARNING


def alert_text(
    kind: str,
    step: str,
    data: Mapping[str, Any],
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
) -> str:
    """Return what a notice says after its request's subject."""
    say = speak.say
    if "foreseen" in data:  # said to whoever looks, not as it was said to whoever was told
        if not data["foreseen"]:
            return say(NOBODY_SAID)
        return say(SAID) % {"time": speak.clock(datetime.fromisoformat(data["foreseen"]))}
    if data.get("reason"):
        return str(data["reason"])
    if step.startswith(LEFT_STEP) and "count" in data:
        before = colleagues.get(data.get("before", 0))
        name = before.name if before is not None else ""
        return say(HANDED_TO_YOU) % {"count": data["count"], "before": name}
    kind = alert_kind(kind, step)
    if kind in (Alert.WARNING, Alert.LATE) and step in DID:
        return say(DID[step]).rstrip(".")
    return say(WORDS[Alert(kind)])


def by_what(notice: Notice, speak: Speaker) -> str:
    """Return by what somebody was told and when: "page 10:30, e-mail 10:30"."""
    parts = [f"{speak.say(N_('page'))} {speak.clock(notice.created_at)}"]
    if notice.told_by and notice.mailed_at is not None:
        at = speak.clock(notice.mailed_at)
        ways = [speak.say(BY[way]) for way in notice.told_by.split(",") if way in BY]
        parts += [f"{way} {at}" for way in ways]
    return ", ".join(parts)


def who_by_what(
    told: Iterable[Notice], speak: Speaker, colleagues: Mapping[int, Colleague]
) -> str:
    """Return by what each of several people was told, and who took note of it."""
    found = []
    for notice in told:
        person = colleagues.get(notice.agent_id)
        if person is None:
            continue
        said = by_what(notice, speak)
        if notice.taken_at is not None:
            said += f", {speak.say(HAS_IT)} {speak.clock(notice.taken_at)}"
        found.append(f"{person.name}: {said}")
    return "; ".join(found)


def with_ways(
    entry: Entry,
    event: Event,
    told: Iterable[Notice],
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
) -> Entry:
    """Add to the line of a step by what each person was told; other lines stay."""
    if event.kind not in STEPS:
        return entry
    of_it = [one for one in told if (one.clock_id, one.step) == _of(event)]
    by = who_by_what(of_it, speak, colleagues)
    return replace(entry, text=f"{entry.text} ({by})") if by else entry


def other_tellings(
    events: Iterable[Event],
    told: Iterable[Notice],
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
) -> list[tuple[datetime, Entry]]:
    """Return a line for each telling that no step's line says: who, by what and when."""
    said = {_of(event) for event in events if event.kind in STEPS}
    others: dict[tuple[datetime, str], list[Notice]] = {}
    for one in told:
        if (one.clock_id, one.step) not in said:
            others.setdefault((one.created_at, one.step), []).append(one)
    return [
        (
            at,
            Entry(
                kind="event",
                id=f"t{some[0].id}",
                at_text=speak.clock(at),
                at_iso=at.isoformat(),
                icon="bell",
                text=_told_text(some, speak, colleagues),
            ),
        )
        for (at, _), some in others.items()
    ]


def _told_text(some: list[Notice], speak: Speaker, colleagues: Mapping[int, Colleague]) -> str:
    one = some[0]
    what = alert_text(one.kind, one.step, one.data, speak, colleagues).rstrip(".")
    names = who_by_what(some, speak, colleagues)
    return f"{what}. " + speak.say(TOLD) % {"names": names}


def _of(event: Event) -> tuple[int, str]:
    return int(event.data.get("clock") or 0), str(event.data.get("step", ""))
