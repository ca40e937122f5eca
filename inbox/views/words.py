"""Times, sizes and names in the reader's language and zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from inbox.templating import N_, translator
from inbox.views.models import Sla
from models import ChannelKind

SOON = timedelta(hours=1)
Day = date  # below, that is the name of a method

_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "vi": ("T2", "T3", "T4", "T5", "T6", "T7", "CN"),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
MESSENGER_NAMES = {
    ChannelKind.ZALO: "Zalo",
    ChannelKind.MESSENGER: "Messenger",
    ChannelKind.TELEGRAM: "Telegram",
    ChannelKind.WHATSAPP: "WhatsApp",
}
PRIORITY = {"urgent": 1, "high": 2, "normal": 3, "low": 4}


URGENCY_NAMES = {
    "urgent": N_("Urgent"),
    "high": N_("High"),
    "normal": N_("Normal"),
    "low": N_("Low"),
}
URGENCY_RULES = {
    "safety": N_("somebody may get hurt"),
    "account_taken_over": N_("an account is in wrong hands"),
    "money_leaving": N_("money is leaving"),
    "outage": N_("it is down for many"),
    "legal_or_press": N_("law or press is mentioned"),
    "deadline": N_("there is a deadline within hours"),
    "stated_urgent": N_("the customer says it is urgent"),
    "repeated_contact": N_("the customer asks again"),
    "waiting": N_("the customer has waited past a promise"),
    "third_contact": N_("the customer asks for the third time"),
    "promise_missed": N_("an answer was promised and is late"),
    "valued_customer": N_("a valued customer has several open requests"),
    "stated_low": N_("the customer says it can wait"),
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Everything that depends on who reads: language, zone, and what time it is.

    ``zone`` is the company's: its days, reports and groups of the list are everybody's. ``own``
    is where the reader sits, if that is elsewhere: times are said and typed there.
    """

    language: str
    zone: ZoneInfo
    now: datetime
    say: Callable[[str], str]
    own: ZoneInfo | None = None

    @property
    def reader_zone(self) -> ZoneInfo:
        """The zone in which times are said to this reader."""
        return self.own or self.zone

    def local(self, at: datetime) -> datetime:
        """Return the instant as wall time of the company."""
        return at.astimezone(self.zone)

    def here(self, at: datetime) -> datetime:
        """Return the instant as the reader's wall time; a form's fields hold this too."""
        return at.astimezone(self.reader_zone)

    def clock(self, at: datetime) -> str:
        """Say when something happened or will: time today, weekday this week, else the date."""
        there, here = self.here(at), self.here(self.now)
        days = abs((there.date() - here.date()).days)
        time = f"{there.hour:02}:{there.minute:02}"
        if days == 0:
            return time
        if days < 7:
            return f"{_DAYS[self.language][there.weekday()]} {time}"
        return f"{there.day:02}/{there.month:02} {time}"

    def date(self, at: datetime) -> str:
        """Say a date: 24/11/2026, in English 24 November 2026."""
        there = self.here(at)
        if self.language == "en":
            return f"{there.day} {_MONTHS[there.month - 1]} {there.year}"
        return f"{there.day:02}/{there.month:02}/{there.year}"

    def span(self, seconds: float) -> str:
        """Say how long: "26 min", "3 h", "2 days"."""
        return span(seconds, self.say)

    def exactly(self, seconds: float) -> str:
        """Say how long to the nearest minute: "7 h 17 min"; what is added up must add up."""
        hours, minutes = divmod(round(seconds / 60), 60)
        if not hours:
            return self.say("%(n)s min") % {"n": max(minutes, 1)}
        if not minutes:
            return self.say("%(n)s h") % {"n": hours}
        return self.say("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}

    def day(self, day: Day) -> str:
        """Say a date of this or the next year: Thứ Ba 24/11, in English Tuesday 24/11."""
        return f"{_DAYS[self.language][day.weekday()]} {day.day:02}/{day.month:02}"

    def until(self, due: datetime | None) -> Sla:
        """Say how a live deadline stands, by the wall clock."""
        if due is None:
            return Sla("none", "")
        left = (due - self.now).total_seconds()
        iso = due.isoformat()
        if left <= 0:
            return Sla("late", self.say("%(time)s late") % {"time": self.span(-left)}, iso)
        if left < 3600:
            return Sla("soon", self.say("%(time)s left") % {"time": self.span(left)}, iso)
        return Sla("ok", self.say("by %(time)s") % {"time": self.clock(due)}, iso)

    def size(self, size_bytes: int) -> str:
        """Say how big a file is."""
        if size_bytes < 1024 * 1024:
            return f"{max(size_bytes // 1024, 1)} KB"
        return f"{size_bytes / 1024 / 1024:.1f} MB".replace(
            ".", "," if self.language == "vi" else "."
        )


def span(seconds: float, say: Callable[[str], str]) -> str:
    """Say how long: "26 min", "3 h", "2 days"."""
    minutes = int(seconds // 60)
    if minutes < 60:
        return say("%(n)s min") % {"n": max(minutes, 1)}
    hours = minutes // 60
    if hours < 48:
        return say("%(n)s h") % {"n": hours}
    return say("%(n)s days") % {"n": hours // 24}


def just_now(seconds: float, say: Callable[[str], str]) -> str:
    """Say how long, also what is shorter than a minute: "7 seconds", "26 min"."""
    return say("%(n)s seconds") % {"n": int(seconds)} if seconds < 60 else span(seconds, say)


@lru_cache(maxsize=32)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def speaker(language: str, zone: str, now: datetime, own: str = "") -> Speaker:
    """Make a speaker for one request; ``own`` is the reader's zone, empty where it is ours."""
    theirs = _zone(own) if own and own != zone else None
    return Speaker(language, _zone(zone), now, translator(language).gettext, theirs)


def paragraphs(text: str) -> list[list[str]]:
    """Split text into paragraphs of lines."""
    found: list[list[str]] = []
    for block in text.replace("\r\n", "\n").strip("\n").split("\n\n"):
        lines = [line.rstrip() for line in block.split("\n")]
        if any(lines):
            found.append(lines)
    return found


def split_visible(text: str, visible: str) -> tuple[str, str]:
    """Split a message into what the person wrote and what is folded away (quotes, signature).

    Both together are the whole text: nothing is dropped.
    """
    if not visible.strip() or visible.strip() == text.strip():
        return text, ""
    wanted = [line.strip() for line in visible.splitlines() if line.strip()]
    hidden = []
    at = 0
    for line in text.splitlines():
        if at < len(wanted) and line.strip() == wanted[at]:
            at += 1
        else:
            hidden.append(line)
    if at < len(wanted):  # it was read otherwise (HTML, flowed): fold the whole original
        return visible, text
    return visible, "\n".join(hidden).strip("\n")
