"""How one click on many conversations ended, in one sentence."""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from inbox.listing.deeds import Failed, Outcome
from inbox.templating import N_
from inbox.views.render import Toast
from inbox.views.words import Speaker

DID = {
    "done": N_("%(n)s done"),
    "take": N_("%(n)s taken"),
    "assign": N_("%(n)s assigned"),
    "wait": N_("%(n)s waiting now"),
    "snooze": N_("%(n)s sleeping now"),
    "type": N_("%(n)s moved to that topic"),
    "urgency": N_("%(n)s with that priority"),
    "tag": N_("%(n)s tagged"),
    "untag": N_("tag taken off %(n)s"),
    "spam": N_("%(n)s set apart as spam"),
}
NONE_DID = N_("Nothing was changed")
BY_SOMEBODY = N_("%(n)s changed by %(who)s meanwhile")
BY_CUSTOMER = N_("%(n)s with a new message of the customer")
NEEDS_REASON = N_("%(n)s still owe an answer: say why there will be none")
GONE = N_("%(n)s not found")
OTHER = N_("%(n)s: %(why)s")
BACK = N_("As before: %(n)s.")
BACK_BUT = N_("As before: %(n)s. Something happened to %(m)s since: left as it is.")
STAYS_S = 60


def outcome_toast(outcome: Outcome, speak: Speaker, action: str, back: str = "") -> Toast:
    """Return what the page says, with a way to take it back and one to what was left."""
    return Toast(
        outcome_text(outcome, speak, action),
        "done" if outcome.done else "error",
        undo_url=f"/inbox/undo/{outcome.deed_id}?back={quote(back, safe='')}"
        if outcome.deed_id
        else None,
        href=f"/inbox/{outcome.failed[0].number}" if outcome.failed else None,
        link_text=speak.say("Open it") if outcome.failed else None,
        stays_s=STAYS_S,
    )


def outcome_text(outcome: Outcome, speak: Speaker, action: str) -> str:
    """Say what was done to how many, and why not to the others."""
    first = speak.say(DID[action]) if outcome.done else speak.say(NONE_DID)
    parts = [first % {"n": len(outcome.done)}, *_failed(outcome.failed, speak)]
    return ", ".join(parts) + "."


def _failed(failed: Sequence[Failed], speak: Speaker) -> list[str]:
    counted = Counter((one.why, one.who) for one in failed)
    return [_why(why, who, n, speak) for (why, who), n in counted.items()]


def _why(why: str, who: str, n: int, speak: Speaker) -> str:
    if why == "changed":
        sentence = BY_SOMEBODY if who else BY_CUSTOMER
        return speak.say(sentence) % {"n": n, "who": who}
    known = {"reason": NEEDS_REASON, "gone": GONE}
    if why in known:
        return speak.say(known[why]) % {"n": n}
    return speak.say(OTHER) % {"n": n, "why": speak.say(why).rstrip(".")}


def undone_line(outcome: Outcome) -> tuple[str, dict[str, str | int]]:
    """Return what the page says after something was taken back: a sentence and its values."""
    values: dict[str, str | int] = {"n": len(outcome.done), "m": len(outcome.failed)}
    return (BACK_BUT if outcome.failed else BACK), values
