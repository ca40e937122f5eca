"""Why somebody owns it, in words: whose turn it was, whom they cover for."""

from collections.abc import Callable, Mapping
from typing import Any

from inbox.store.duty import Away
from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.views.words import Speaker
from models import AwayKind, Conversation

BY_RULE = N_("Given to %(name)s: the rule “%(route)s” sends it to %(team)s.")
TO_ACCOUNT = N_("Given to %(name)s, who looks after this customer.")
TO_BACKUP = N_("Given to %(name)s, the backup for this customer: %(first)s cannot take it now.")
LATER_TO_ACCOUNT = N_(
    "Given to %(name)s, who looks after this customer: it had waited until they could take it."
)
NO_KEEPER = N_(
    "Given to %(name)s of %(team)s: nobody who looks after this customer can take it now."
)
LATER = N_("Given to %(name)s: it had waited until somebody of %(team)s could take it.")
GIVEN = {
    "least_open": N_(
        "Given to %(name)s: %(team)s handles %(type)s, and %(name)s has least open."
    ),
    "round_robin": N_(
        "Given to %(name)s: %(team)s handles %(type)s, and it was the turn of %(name)s."
    ),
    "weight": N_(
        "Given to %(name)s: %(team)s handles %(type)s, and %(name)s has least for the share."
    ),
    "backup": N_(
        "Given to %(name)s: %(team)s handles %(type)s, and %(name)s covers for %(first)s there."
    ),
}
COVERED = {
    "absent": N_("%(owner)s has it now, and covers for %(first)s"),
    "silent": N_("%(owner)s has it now: %(before)s did nothing with it in time"),
    "back": N_("%(owner)s has it again: the absence is over"),
    "taken_back": N_("%(name)s gave it back to %(owner)s"),
}
TOOK_BACK = N_("%(name)s took it back")
LEFT_ALONE = {
    "absent": N_("No owner: %(first)s is away, and nobody is left to cover"),
    "silent": N_("No owner: %(before)s did nothing with it in time, and nobody is left"),
}
COVERS = N_("%(owner)s covers for %(first)s")
ALONE = N_("No owner: nobody is left to cover for %(first)s")
AWAY = N_("%(before)s is away until %(until)s")
AWAY_NOTE = N_("%(before)s is away until %(until)s, and says: %(text)s")
# While somebody is here: a colleague took over for some hours, or works their shift.
BACK_AGAIN = N_("%(owner)s has it again: the time of cover is over")
RELIEVED = N_("A colleague has the work of %(before)s until %(until)s")
RELIEVED_NOTE = N_(
    "A colleague has the work of %(before)s until %(until)s. %(before)s says: %(text)s"
)


def given(data: Mapping[str, Any]) -> str:
    """Return why the machine gave it to somebody; "" if it did not."""
    if data["reason"] in ("account_owner", "account_backup"):
        if data.get("later"):
            return LATER_TO_ACCOUNT
        is_backup = data["reason"] == "account_backup" and data.get("first") is not None
        return TO_BACKUP if is_backup else TO_ACCOUNT
    if data.get("later"):
        return LATER
    if data.get("account") and data["reason"] in GIVEN:
        return NO_KEEPER
    if "rule" in data and data["reason"] in GIVEN:
        return BY_RULE
    return GIVEN.get(data["reason"], "")


def covered(data: Mapping[str, Any], actor_id: int | None) -> str:
    """Return what a backup's stepping in, or its end, is in words."""
    why = str(data.get("reason", ""))
    if data.get("owner") is None:
        return LEFT_ALONE.get(why, ALONE)
    if why == "taken_back" and actor_id == data["owner"]:
        return TOOK_BACK
    if why == "back" and data.get("kind"):
        return BACK_AGAIN
    return COVERED.get(why, COVERS)


def absence_note(data: Mapping[str, Any]) -> str:
    """Return the note that goes with it."""
    if data.get("kind"):
        return RELIEVED_NOTE if data.get("text") else RELIEVED
    return AWAY_NOTE if data.get("text") else AWAY


def first_of(data: Mapping[str, Any], name: Callable[[int | None], str]) -> str:
    """Return whom it is covered for."""
    return name(data.get("first") or data.get("before"))


AWAY_UNTIL = N_("%(owner)s is away until %(until)s. What falls due before goes to %(backup)s.")
AWAY_ALONE = N_("%(owner)s is away until %(until)s. What falls due before goes to the team.")
COVERS_UNTIL = N_("%(owner)s covers for %(first)s, who is away until %(until)s.")
COVERS_NOW = N_("%(owner)s covers for %(first)s.")
ALONE_UNTIL = N_("It has no owner: %(first)s is away until %(until)s.")
RELIEVED_UNTIL = N_("%(backup)s has the work of %(owner)s until %(until)s.")
COVERS_SHORTLY = N_("%(owner)s covers for %(first)s until %(until)s.")
ALONE_SHORTLY = N_("It has no owner: a colleague has the work of %(first)s until %(until)s.")


def header(
    conversation: Conversation,
    away: Mapping[int, Away],
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
) -> str:
    """Return who is away until when, and who covers; "" if nobody is and nobody does."""
    owner = colleagues.get(conversation.owner_id or 0)
    first = colleagues.get(conversation.covered_for_id or 0)
    whose = first or owner
    absence = away.get(whose.id) if whose is not None else None
    backup = None
    if absence is not None and owner is not None:
        backup = colleagues.get(absence.backup_id or owner.backup_id or 0)
    said = {
        "owner": owner.name if owner else "",
        "first": first.name if first else "",
        "backup": backup.name if backup else "",
        "until": speak.clock(absence.ends_at) if absence else "",
    }
    if absence is not None and absence.kind is not AwayKind.ABSENCE:
        template = RELIEVED_UNTIL if first is None else COVERS_SHORTLY
        return speak.say(ALONE_SHORTLY if owner is None else template) % said
    if first is not None and owner is None:
        return speak.say(ALONE_UNTIL) % said if absence is not None else ""
    if first is not None:
        return speak.say(COVERS_UNTIL if absence is not None else COVERS_NOW) % said
    if absence is None:
        return ""
    return speak.say(AWAY_UNTIL if backup is not None else AWAY_ALONE) % said
