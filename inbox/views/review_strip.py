"""The strip below the review page: how the sorting goes, and the next training."""

from dataclasses import dataclass

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.learning.watching import Watch, watch
from inbox.reporting.words import number
from inbox.store.learning import count_new_words, find_last, find_unfinished
from inbox.store.setup import ENOUGH_CONFIRMED, count_confirmed, find_live_model, named_types
from inbox.templating import N_
from inbox.triage.drift import Alarm
from inbox.views.present_list import type_name
from inbox.views.render import language, words
from inbox.views.site import HttpRequest, read

MOST_NEW = 1000
ALARM_TEXT = {
    Alarm.AGREEMENT: N_("People change more of the last 200 than they should."),
    Alarm.UNKNOWN_WORDS: N_("New messages hold more words that the model does not know."),
    Alarm.CONFIDENCE: N_("The model is less sure of new messages than it was."),
    Alarm.CLASS_MIX: N_("Other topics are asked about than before."),
}


@dataclass(frozen=True, slots=True)
class Strip:
    """What the strip says."""

    right: str
    right_change: str
    is_better: bool
    alone: str
    changed: int
    confused: str
    is_training: bool
    night: bool
    alarms: list[str]
    state: str


def percent(part: int, whole: int) -> str:
    """Return a share in words, or a dash where there is nothing to share."""
    return f"{100 * part / whole:.0f}%" if whole else "–"


def state_text(is_model: bool, is_starter: bool, confirmed: int) -> str:
    """Return the sentence about what sorts, where there is something to say."""
    if not is_model:
        return N_("No trained model: written rules sort.")
    if is_starter and confirmed < ENOUGH_CONFIRMED:
        return N_(
            "The starter model sorts, and each of its answers is a guess: "
            "%(n)s of 200 are checked, and until then everything waits here for a person."
        )
    return ""


@dataclass(frozen=True, slots=True)
class Rows:
    """What the strip is made of."""

    watched: Watch
    changed: int
    is_training: bool
    state: str
    confirmed: int
    names: dict[str, str]


def load_rows(session: Session, spoken: str) -> Rows:
    """Load it."""
    now = utcnow()
    last, live = find_last(session), find_live_model(session)
    since = last.created_at if last is not None else None
    confirmed = count_confirmed(session)
    types = named_types(session)
    return Rows(
        watch(session, now),
        count_new_words(session, since, MOST_NEW)[1],
        find_unfinished(session) is not None,
        state_text(live is not None, bool(live and live.is_starter), confirmed),
        confirmed,
        {key: type_name(types, key, spoken) for key in types},
    )


async def load_strip(request: HttpRequest) -> Strip:
    """Return the strip for whoever looks."""
    say, spoken = words(request), language(request)
    found = await read(request, load_rows, spoken)
    watched = found.watched
    decided, kept = watched.last_7
    before, kept_before = watched.before_7
    change, better = "", True
    if decided and before:
        points = 100 * kept / decided - 100 * kept_before / before
        better = points >= 0
        change = say("up %(n)s") if better else say("down %(n)s")
        change %= {"n": number(abs(points), spoken)}
    pair = watched.confused[0] if watched.confused else None
    confused = ""
    if pair is not None:
        names = [found.names.get(key, key) for key in pair[:2]]
        confused = say("%(one)s and %(other)s") % {"one": names[0], "other": names[1]}
    return Strip(
        right=percent(kept, decided),
        right_change=change,
        is_better=better,
        alone=percent(watched.auto[1], watched.auto[0]),
        changed=found.changed,
        confused=confused or "–",
        is_training=found.is_training,
        night=watched.habits.nightly,
        alarms=[say(ALARM_TEXT[one]) for one in watched.alarms],
        state=say(found.state) % {"n": found.confirmed} if found.state else "",
    )
