"""Changes of the audit trail in words: who, what, from, to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inbox.store.people import Colleague
from inbox.store.setup import Type
from inbox.store.trail import CONVERSATION, Change
from inbox.templating import N_
from inbox.views.words import URGENCY_NAMES, Speaker

NOTHING = "–"
THINGS = {
    CONVERSATION: N_("Conversation"),
    "company": N_("Company"),
    "person": N_("Person"),
    "team": N_("Team"),
    "inbox": N_("Inbox"),
    "mailbox": N_("Mailbox"),
    "calendar": N_("Working hours"),
    "policy": N_("Policy"),
    "ladder": N_("Ladder"),
    "request_type": N_("Request type"),
    "model": N_("Model"),
    "product_group": N_("Product group"),
    "token": N_("API token"),
    "message": N_("Held message"),
    "absence": N_("Absence"),
    "swap": N_("Shift offered"),
    "sender": N_("Mail server"),
    "dkim_key": N_("Signing key"),
    "address": N_("Address that takes no mail"),
    "mail_rule": N_("Rule for mail"),
    "block": N_("Blocked sender"),
    "privacy": N_("Personal data"),
    "import": N_("Sheet of accounts"),
    "saved_reply": N_("Saved reply"),
    "macro": N_("Macro"),
    "mail_words": N_("Mail to customers"),
    "view": N_("Saved view"),
    "tag": N_("Tag"),
    "own_field": N_("Own field"),
    "webhook": N_("Webhook"),
    "account": N_("Account"),
    "contact": N_("Contact"),
    "milestone": N_("Milestone"),
    "reminder": N_("Reminder"),
}
DONE = {
    # events of a conversation
    "received": N_("arrived"),
    "sorted": N_("sorted"),
    "assigned": N_("assigned"),
    "acknowledged": N_("acknowledged"),
    "acknowledgement_withheld": N_("not acknowledged"),
    "replied": N_("answered"),
    "reply_failed": N_("answer not delivered"),
    "noted": N_("note kept"),
    "corrected": N_("corrected"),
    "confirmed": N_("sorting confirmed"),
    "classed": N_("classed"),
    "ruled": N_("another rule holds"),
    "promised_again": N_("promised anew"),
    "promise_broken": N_("told to be late"),
    "rescheduled": N_("deadline moved"),
    "warned": N_("warned"),
    "escalated": N_("escalated"),
    "resolved": N_("done"),
    "reopened": N_("opened again"),
    "hinted": N_("perhaps the same matter"),
    "thanked": N_("only thanked"),
    "marked_spam": N_("set apart as spam"),
    "restored": N_("no spam"),
    "reread": N_("reads as another topic"),
    "gave_word": N_("our word given"),
    "tagged": N_("tag added"),
    "untagged": N_("tag taken off"),
    "filled": N_("own field set"),
    "undone": N_("taken back"),
    "reply_undone": N_("answer taken back"),
    "reply_planned": N_("answer planned"),
    "reply_held": N_("planned answer held"),
    "forwarded": N_("forwarded"),
    "mentioned": N_("mentioned"),
    "merged": N_("merged"),
    "unmerged": N_("taken apart again"),
    "kept_apart": N_("said to be two matters"),
    "split": N_("split"),
    "imported": N_("brought in from a file"),
    "mail_stopped": N_("automatic mail stopped"),
    "mail_retried": N_("mail sent again or taken back"),
    "address_bounced": N_("mail came back"),
    "address_cleared": N_("address works again"),
    "clock_started": N_("clock started"),
    "clock_met": N_("deadline met"),
    "asked": N_("customer asked"),
    "waited": N_("put to wait"),
    "resumed": N_("gone on with"),
    "excused": N_("no answer owed"),
    "followed_up": N_("asked once more"),
    "covered": N_("covered by the backup"),
    "passed_on": N_("handed over to a team"),
    "department_asked": N_("department asked"),
    "department_answered": N_("department answered"),
    "taken_note": N_("told, and has it"),
    "rated": N_("rated by the customer"),
    "begun": N_("begun by us"),
    # entries
    "created": N_("created"),
    "changed": N_("changed"),
    "removed": N_("removed"),
    "invited": N_("invited"),
    "joined": N_("joined"),
    "password_set": N_("password set"),
    "reset_sent": N_("password link sent"),
    "deactivated": N_("deactivated"),
    "activated": N_("activated"),
    "handed_over": N_("handed over"),
    "exported": N_("given out"),
}
FIELDS = {
    "status": N_("state"),
    "owner": N_("owner"),
    "owner_id": N_("owner"),
    "team": N_("team"),
    "team_id": N_("team"),
    "teams": N_("teams"),
    "leads": N_("leads"),
    "request_type": N_("request type"),
    "urgency": N_("urgency"),
    "triage": N_("sorting"),
    "sla_state": N_("deadline"),
    "promised_at": N_("promised time"),
    "name": N_("name"),
    "email": N_("e-mail"),
    "role": N_("role"),
    "language": N_("language"),
    "time_zone": N_("time zone"),
    "theme": N_("theme"),
    "density": N_("density of lists"),
    "single_keys": N_("single-key shortcuts"),
    "on_duty": N_("on duty"),
    "starts_at": N_("from"),
    "ends_at": N_("until"),
    "gives_back": N_("goes back by itself"),
    "back_starts_at": N_("for a shift from"),
    "back_ends_at": N_("for a shift until"),
    "alerts_browser": N_("browser with alerts"),
    "kind": N_("kind"),
    "department": N_("department"),
    "gives_by": N_("how work is given out"),
    "weight": N_("weight"),
    "skills": N_("skills"),
    "covered_for": N_("covered for"),
    "routes": N_("routes"),
    "is_active": N_("active"),
    "backup_id": N_("backup"),
    "agent_id": N_("person"),
    "open_cap": N_("most open conversations"),
    "scope": N_("scope"),
    "state": N_("state"),
    "live": N_("model in use"),
    "calendar_id": N_("working hours"),
    "first_response_s": N_("first reply, seconds"),
    "next_response_s": N_("next reply, seconds"),
    "resolution_s": N_("solved, seconds"),
    "steps": N_("steps"),
    "is_default": N_("the usual one"),
    "applied_to_open": N_("open ones that follow"),
    "tier": N_("customer tier"),
    "product_group": N_("product group"),
    "channel": N_("channel"),
    "inbox_id": N_("inbox"),
    "ladder_id": N_("ladder of warnings"),
    "resumes": N_("goes on when reopened"),
    "policy": N_("rule"),
    "targets": N_("times, seconds"),
    "calendar": N_("working hours"),
    "handle": N_("address"),
    "is_public": N_("shown to the customer"),
    "name_vi": N_("Vietnamese name"),
    "name_en": N_("English name"),
    "spec": N_("hours and days off"),
    "every_months": N_("every so many months"),
    "account_id": N_("account"),
    "planned_title": N_("title"),
    "title": N_("title"),
    "ai_asks": N_("AI asks"),
    "warn_days": N_("warned days before"),
    "choices": N_("choices"),
    "hold": N_("kept, not deleted"),
    "due_at": N_("due"),
    "value": N_("value"),
    "reference": N_("reference"),
    "product_groups": N_("product groups"),
    "since": N_("customer since"),
    "fields": N_("own fields"),
    "reason": N_("reason"),
    "text": N_("text"),
    "note": N_("note"),
    "subject": N_("subject"),
    "to": N_("to whom"),
    "signature": N_("signature"),
    "survey": N_("survey"),
    "spam": N_("spam rules"),
    "undo_send_s": N_("undo sending, seconds"),
    "file": N_("file"),
    "rows": N_("rows"),
    "shadow": N_("model on trial"),
    "position": N_("position"),
    "filters": N_("filters"),
    "terms": N_("names and codes"),
    "does": N_("what it does"),
    "texts": N_("texts"),
}
VALUES = {
    "status": {
        "open": N_("open"),
        "waiting": N_("waiting"),
        "snoozed": N_("snoozed"),
        "resolved": N_("done"),
        "spam": N_("spam"),
        "merged": N_("merged"),
    },
    "triage": {
        "auto": N_("by AI"),
        "needs_review": N_("to be looked at"),
        "confirmed": N_("confirmed"),
        "corrected": N_("corrected"),
    },
    "sla_state": {
        "on_time": N_("in time"),
        "warned": N_("warned"),
        "breached": N_("late"),
        "paused": N_("paused"),
        "none": N_("none"),
    },
    "role": {
        "agent": N_("Agent"),
        "supervisor": N_("Supervisor"),
        "admin": N_("Administrator"),
    },
    "state": {
        "quarantined": N_("in quarantine"),
        "pending": N_("in the line"),
        "offered": N_("offered"),
        "accepted": N_("accepted"),
        "declined": N_("declined"),
        "withdrawn": N_("taken back"),
    },
    "kind": {"taken_over": N_("taken over"), "swap": N_("shift swapped")},
    "urgency": URGENCY_NAMES,
}
PEOPLE = frozenset({"owner", "owner_id", "backup_id", "agent_id", "covered_for"})


@dataclass(frozen=True, slots=True)
class Move:
    """One field of a change."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Line:
    """A change as shown."""

    at_text: str
    at_iso: str
    who: str
    thing: str
    thing_id: str
    href: str
    what: str
    moves: list[Move]


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called."""

    colleagues: Mapping[int, Colleague]
    teams: Mapping[int, str]
    types: Mapping[str, Type]


def moment(speak: Speaker, at: datetime) -> str:
    """Say an instant to the second, in the company's zone."""
    there = speak.local(at)
    return f"{there.day:02}/{there.month:02}/{there.year} {there:%H:%M:%S}"


def present_change(change: Change, speak: Speaker, names: Names) -> Line:
    """Return a change in words."""
    if change.entry is not None:
        what = change.entry.action.value
    elif change.event is not None:
        what = change.event.kind.value
    old, new = change.moves()
    fields = sorted(old.keys() | new.keys())  # PostgreSQL keeps JSON in an order of its own
    is_talk = change.thing == CONVERSATION
    return Line(
        at_text=moment(speak, change.place.at),
        at_iso=change.place.at.isoformat(),
        who=_who(change, speak, names),
        thing=speak.say(THINGS.get(change.thing, change.thing)),
        thing_id=_thing_id(change, speak, names),
        href=f"/inbox/{change.thing_id}" if is_talk else "",
        what=_word(DONE, what, speak),
        moves=[
            Move(
                _word(FIELDS, name, speak),
                _value(name, old.get(name), speak, names),
                _value(name, new.get(name), speak, names),
            )
            for name in fields
            if _is_said(old.get(name)) or _is_said(new.get(name))
        ],
    )


def _who(change: Change, speak: Speaker, names: Names) -> str:
    if change.actor_id is None:
        return "Kịp" if change.event is not None else speak.say(N_("Kịp, or a command"))
    return _person(change.actor_id, names)


def _thing_id(change: Change, speak: Speaker, names: Names) -> str:
    if change.thing == CONVERSATION:
        return f"#{change.thing_id}"
    key = int(change.thing_id) if change.thing_id.isdecimal() else 0
    if change.thing == "person" and key in names.colleagues:
        return names.colleagues[key].name
    if change.thing == "team" and key in names.teams:
        return names.teams[key]
    if change.thing_id in names.types:
        return names.types[change.thing_id].name(speak.language)
    return change.thing_id


def _word(known: Mapping[str, str], key: str, speak: Speaker) -> str:
    return speak.say(known[key]) if key in known else key.replace("_", " ")


def _person(agent_id: Any, names: Names) -> str:
    found = names.colleagues.get(agent_id)
    return found.name if found is not None else str(agent_id)


def _is_said(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _value(field: str, value: Any, speak: Speaker, names: Names) -> str:
    """Say a value; what has no words of its own is shown as it is stored."""
    if not _is_said(value):
        return NOTHING
    if isinstance(value, bool):
        return speak.say(N_("yes") if value else N_("no"))
    if field in PEOPLE:
        return _person(value, names)
    if field in ("team", "team_id"):
        return names.teams.get(value, str(value))
    if field == "request_type" and value in names.types:
        return names.types[value].name(speak.language)
    if isinstance(value, str):
        return _text(field, value, speak)
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return ", ".join(str(one) for one in value)
    return json.dumps(value, ensure_ascii=False)


def _text(field: str, value: str, speak: Speaker) -> str:
    if field.endswith("_at"):
        try:
            return moment(speak, datetime.fromisoformat(value))
        except ValueError:
            return value
    known = VALUES.get(field, {})
    return speak.say(known[value]) if value in known else value
