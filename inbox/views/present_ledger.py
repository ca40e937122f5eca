"""The mail ledger as its pages show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from inbox.fetching.tally import MOST_NAMED
from inbox.templating import N_
from inbox.views.words import Speaker
from models import LedgerEntry, LedgerState, LedgerVia, Mailbox, MailRule, RuleField

STATES = {
    LedgerState.ACCEPTED: N_("Taken in"),
    LedgerState.DUPLICATE: N_("Came again"),
    LedgerState.AUTOMATIC: N_("From a machine"),
    LedgerState.QUARANTINED: N_("Quarantine"),
    LedgerState.IGNORED: N_("Ignored"),
    LedgerState.WAITING: N_("Being read"),
}
GLYPHS = {
    LedgerState.ACCEPTED: "circle-check",
    LedgerState.DUPLICATE: "copy",
    LedgerState.AUTOMATIC: "zap",
    LedgerState.QUARANTINED: "triangle-alert",
    LedgerState.IGNORED: "eye",
    LedgerState.WAITING: "hourglass",
}
MEANINGS = {
    LedgerState.ACCEPTED: N_("It is part of a conversation."),
    LedgerState.DUPLICATE: N_("It had come before; it is there once."),
    LedgerState.AUTOMATIC: N_(
        "A machine wrote it: it is shown, and is neither answered nor starts a clock."
    ),
    LedgerState.QUARANTINED: N_("It is kept, and could not be read or fetched."),
    LedgerState.IGNORED: N_("It is kept here and went no further."),
    LedgerState.WAITING: N_("It is stored and will be read in a moment."),
}
VIAS = {
    LedgerVia.SMTP: N_("handed over (SMTP)"),
    LedgerVia.IMAP: N_("mailbox"),
    LedgerVia.PIPE: N_("pipe"),
    LedgerVia.IMPORTED: N_("file"),
    LedgerVia.SENT: N_("sent folder"),
}
FIELD_NAMES = {RuleField.SENDER: N_("Sender"), RuleField.SUBJECT: N_("Subject")}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the ledger."""

    id: int
    seen_text: str
    seen_iso: str
    sender: str
    subject: str
    state: str
    state_text: str
    glyph: str
    via: str
    inbox: str
    reason: str


@dataclass(frozen=True, slots=True)
class Day:
    """How many came on a day, by state in the order of ``STATES``."""

    text: str
    counts: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A mailbox as it was last counted; ``health`` is ok, late or quiet."""

    id: int
    name: str
    health: str
    text: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as shown."""

    id: int
    field: str
    pattern: str
    reason: str
    inbox: str
    made_text: str


def present_row(entry: LedgerEntry, speak: Speaker, inboxes: Mapping[int, str]) -> Row:
    """Return a line."""
    return Row(
        id=entry.id,
        seen_text=speak.clock(entry.seen_at),
        seen_iso=entry.seen_at.isoformat(),
        sender=entry.sender,
        subject=entry.subject,
        state=entry.state.value,
        state_text=speak.say(STATES[entry.state]),
        glyph=GLYPHS[entry.state],
        via=speak.say(VIAS[entry.via]),
        inbox=inboxes.get(entry.inbox_id, ""),
        reason=speak.say(entry.reason) if entry.reason else "",
    )


def day_bounds(speak: Speaker, now: datetime, days: int) -> list[datetime]:
    """Return the midnights of the last days, today's end last."""
    today = speak.local(now).date()
    first = today - timedelta(days=days - 1)
    return [
        datetime.combine(first + timedelta(days=number), time(), speak.zone)
        for number in range(days + 1)
    ]


def present_days(
    counts: Mapping[int, Mapping[LedgerState, int]], bounds: Sequence[datetime], speak: Speaker
) -> list[Day]:
    """Return the days, the newest first."""
    days = []
    for number in sorted(counts, reverse=True):
        found = tuple(counts[number].get(state, 0) for state in STATES)
        day = speak.local(bounds[number]).date()
        days.append(Day(f"{day.day}/{day.month}", found, sum(found)))
    return days


def present_counted(box: Mailbox, address: str, speak: Speaker) -> Counted:
    """Return how a mailbox and the ledger compare."""
    tally: dict[str, Any] = box.tally
    name = f"{address} · {box.folder}"
    if box.reconciled_at is None or not tally:
        return Counted(box.id, name, "quiet", speak.say("Not counted yet."), ())
    details = []
    if tally["missed"]:
        text = speak.say("%(n)s had been missed and were fetched (numbers there: %(uids)s).")
        details.append(text % {"n": tally["missed"], "uids": _uids(tally["fetched"])})
    if tally["missing"]:
        text = speak.say("%(n)s cannot be had (numbers there: %(uids)s).")
        details.append(text % {"n": tally["missing"], "uids": _uids(tally["differ"])})
    if tally["gone"]:
        text = speak.say("%(n)s of the ledger were moved or deleted there since.")
        details.append(text % {"n": tally["gone"]})
    if tally["older"]:
        text = speak.say("%(n)s there are from before our time and left alone.")
        details.append(text % {"n": tally["older"]})
    agrees = tally["server"] == tally["ledger"]
    if sent := tally.get("sent"):
        text = speak.say("Sent mail of a month: %(server)s there, %(ledger)s in the ledger.")
        details.append(text % {"server": sent["server"], "ledger": sent["ledger"]})
        if sent["missed"]:
            text = speak.say("%(n)s of the sent mail had been missed and were looked at now.")
            details.append(text % {"n": sent["missed"]})
        agrees = agrees and sent["server"] == sent["ledger"]
    text = speak.say("%(server)s there, %(ledger)s of them in the ledger; counted %(time)s.")
    said = text % {
        "server": tally["server"],
        "ledger": tally["ledger"],
        "time": speak.clock(box.reconciled_at),
    }
    return Counted(box.id, name, "ok" if agrees else "late", said, tuple(details))


def _uids(uids: Sequence[int]) -> str:
    return ", ".join(str(one) for one in uids[:MOST_NAMED])


def present_rule(rule: MailRule, speak: Speaker, inboxes: Mapping[int, str]) -> Rule:
    """Return a rule."""
    inbox = inboxes.get(rule.inbox_id, "") if rule.inbox_id is not None else ""
    return Rule(
        rule.id,
        speak.say(FIELD_NAMES[rule.field]),
        rule.pattern,
        rule.reason,
        inbox or speak.say("Every inbox"),
        speak.clock(rule.created_at),
    )
