"""The report's words and numbers in the reader's language, for pages, files and the command."""

from collections.abc import Callable

from inbox.store.reports import FEW, IN_TIME_OR_LATE, Sums, percentile
from inbox.templating import N_

Say = Callable[[str], str]

PROMISES = {
    "first_response": N_("First reply in time"),
    "next_response": N_("Next reply in time"),
    "resolution": N_("Solved in time"),
    "promise": N_("Promise kept"),
    "word": N_("Our word kept"),
}
LISTED = {
    "first_response": N_("First replies"),
    "next_response": N_("Next replies"),
    "resolution": N_("Solutions"),
    "promise": N_("Promises to customers"),
    "word": N_("Times that answers named"),
}
HAPPENED = {
    "received": N_("Received"),
    "answered": N_("Answered"),
    "solved": N_("Solved"),
    "reopened": N_("Opened again"),
    "asked_again": N_("Asked again while waiting"),
    "passed_on": N_("Passed on"),
    "covered": N_("Backup stepped in"),
}
TIMES = {
    "answered_in": (N_("Half of the first replies within"), N_("9 in 10 first replies within")),
    "solved_in": (N_("Half were solved within"), N_("9 in 10 were solved within")),
}
OPEN_NOW = N_("Open now")
OF = N_("of")
EXCUSED = N_("No longer owed")
BY = {
    "type": N_("Topic"),
    "agent": N_("Person"),
    "team": N_("Team name"),
    "channel": N_("Channel"),
    "tier": N_("Customer tier"),
}
CHARTS = {"day": N_("Day"), "hour": N_("Hour of the deadline"), "cause": N_("Cause")}
CHANNELS = {
    "email": N_("E-mail"),
    "form": N_("Web form"),
    "chat": N_("Chat"),
    "api": N_("API"),
    "webhook": N_("Webhook"),
    "phone": N_("Phone"),
    "zalo": "Zalo",
    "messenger": "Messenger",
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
}
CAUSES = {
    "nobody_on_duty": N_("Nobody had it: no one on duty was free"),
    "owner_absent": N_("Its owner was away"),
    "other_department": N_("Waited for another team"),
    "retyped": N_("It had been sorted wrongly"),
    "passed_on_late": N_("Passed on too late"),
    "came_late": N_("Its owner got it too late"),
    "just_late": N_("Answered, just late"),
    "not_answered": N_("Nobody answered in time"),
}
STAGES = {
    "nobody_s": N_("no owner yet"),
    "owner_s": N_("with the owner"),
    "backup_s": N_("with the backup"),
    "department_s": N_("other department"),
    "customer_s": N_("waiting (clock stopped)"),
}
STAGE_HOURS = {
    "nobody_s": N_("Hours without owner"),
    "owner_s": N_("Hours with the owner"),
    "backup_s": N_("Hours with the backup"),
    "department_s": N_("Hours with another department"),
    "customer_s": N_("Hours of waiting"),
}
OUTCOMES = {
    "met": N_("in time"),
    "missed": N_("late"),
    "excused": N_("no longer owed"),
}
LISTED_OUTCOMES = {**OUTCOMES, IN_TIME_OR_LATE: N_("in time or late")}
KEPT, BROKEN = N_("kept"), N_("missed")
NOBODY = N_("Nobody")
NO_TEAM = N_("No team")
TOTAL = N_("All")
FEW_TEXT = N_("few")
FEW_NOTE = N_("Fewer than 20: a share of so few says little.")


def number(value: float, language: str, digits: int = 1) -> str:
    """Write a number with the language's decimal sign."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language == "vi" else text


def percent(share: float | None, language: str) -> str:
    """Write a share, rounded down: 100% is only all. A dash when there is nothing to share."""
    if share is None:
        return "–"
    return number(int(share * 1000 + 1e-9) / 10, language) + "%"


def duration(minutes: int | None, say: Say) -> str:
    """Write working minutes: "22 min", "1 h 12 min"; a dash if there are none."""
    if minutes is None:
        return "–"
    if minutes < 60:
        return say("%(n)s min") % {"n": minutes}
    hours = say("%(n)s h") % {"n": minutes // 60}
    rest = say("%(n)s min") % {"n": minutes % 60}
    return f"{hours} {rest}" if minutes % 60 else hours


def share_with_n(sums: Sums, what: str, say: Say, language: str) -> str:
    """Write a share with what it is of; fewer than 20 says so."""
    n = sums.decided(what)
    if not n:
        return "–"
    few = f", {say(FEW_TEXT)}" if n < FEW else ""
    return f"{percent(sums.share(what), language)} ({n}{few})"


def typical(sums: Sums, name: str, share: float, say: Say) -> str:
    """Write within how long this share of all was answered or solved."""
    return duration(percentile(getattr(sums, name), share), say)
