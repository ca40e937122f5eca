"""A form carries what its page showed: a change in between is said, nothing is lost."""

from collections.abc import Callable, Mapping

from inbox.conversations import NewerMessage
from inbox.errors import Conflict
from inbox.store.setup import Type, named_types
from inbox.templating import N_
from inbox.views.render import language, words
from inbox.views.site import HttpRequest, read
from inbox.views.words import URGENCY_NAMES, just_now

CHANGED = N_("Not changed: a colleague has just set it to “%(now)s”. You saw “%(seen)s”.")
WROTE = N_("Not changed: %(who)s wrote %(time)s ago.")


class Changed(Exception):
    """What a form would change is not any more what its page showed."""

    def __init__(self, now: str, seen: str) -> None:
        super().__init__(f"{seen} became {now}")
        self.now = now
        self.seen = seen


def check(now: str, seen: str | None, new: str) -> None:
    """Raise ``Changed`` if somebody set something else meanwhile.

    ``seen`` is what the page showed, None where the form does not say.
    """
    if seen is not None and now not in (seen, new):
        raise Changed(now, seen)


async def said(request: HttpRequest, error: Changed) -> Conflict:
    """Return both values in the words of whoever reads it, as a refusal."""
    types: Mapping[str, Type] = await read(request, named_types)
    say, spoken = words(request), language(request)

    def name(value: str) -> str:
        if value in URGENCY_NAMES:
            return str(say(URGENCY_NAMES[value]))
        return types[value].name(spoken) if value in types else value or "–"

    return Conflict(say(CHANGED) % {"now": name(error.now), "seen": name(error.seen)})


def wrote(request: HttpRequest, error: NewerMessage) -> Conflict:
    """Return as a refusal that somebody wrote after what was read."""
    return Conflict(who_wrote(WROTE, error, words(request)))


def who_wrote(sentence: str, error: NewerMessage, say: Callable[[str], str]) -> str:
    """Return a sentence with who wrote, and how long ago as everything says it."""
    return say(sentence) % {"who": error.who, "time": just_now(error.seconds_ago, say)}
