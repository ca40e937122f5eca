"""What an administrator sets up of telephone: the call-back rule, how events are read, who."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.calling.taking import EXTENSIONS
from inbox.channels.phone import FIELDS, Reading, Step, Way, reading_of
from inbox.company import policies
from inbox.company.installation import MOST_NAME
from inbox.company.policies import TAKEN, Draft
from inbox.company.staff import LOOK_AGAIN
from inbox.errors import Invalid, NotFound
from inbox.sla.policy import STARTER_TARGETS
from inbox.store.audit import add_entry
from inbox.store.calls import find_agent
from inbox.store.company import find_company
from inbox.store.setup import named_types
from inbox.templating import N_, translator
from models import AuditAction, AuditThing, ChannelKind, Inbox

CALL_BACK_S = 30 * 60  # of working time
CALL_BACK = N_("Call back: %(name)s")
READING, TYPE, ERROR = "reading", "request_type", "last_error"
MOST_PATH, MOST_WORDS, MOST_EXTENSIONS = 100, 20, 500
KINDS = (*(one.value for one in Step), *(one.value for one in Way))
NEEDED = N_("This one has to be there: without it no call can be told from another.")
WRONG_PATH = N_("Write names with dots between them, such as call.id.")
WRONG_LINE = N_("Line %(n)s: write an extension and the address of somebody who works here.")
ONE_OF = N_("Please choose one of these.")


def add_call_back(session: Session, door: Inbox, *, by: int, now: datetime) -> None:
    """Give a new way in its rule: whoever rang is rung back within half an hour.

    It asks for this way in and its channel, two conditions, so that it goes before the rules
    of the request types; it is changed, or switched off, as any rule.
    """
    company = find_company(session)
    say = translator(company.language if company is not None else "vi").gettext
    name = (say(CALL_BACK) % {"name": door.name.replace("·", " ")})[: MOST_NAME - 12].strip()
    draft = Draft(
        name,
        channel=ChannelKind.PHONE.value,
        inbox_id=door.id,
        first_response_s=CALL_BACK_S,
        next_response_s=CALL_BACK_S,
        resolution_s=STARTER_TARGETS["general"].resolution_s,
    )
    try:
        policies.add_policy(session, draft, by=by, now=now)
    except Invalid as error:
        if error.fields.get("name") != TAKEN:
            raise
        values = {one: getattr(draft, one) for one in Draft.__slots__}
        again = Draft(**{**values, "name": f"{name} ({door.id})"})
        policies.add_policy(session, again, by=by, now=now)


def get_phone(session: Session, inbox_id: int) -> Inbox:
    """Return a way in of telephone to be changed; raises ``NotFound``."""
    lock = {"key_share": True}
    found = session.get(Inbox, inbox_id, populate_existing=True, with_for_update=lock)
    if found is None or found.kind is not ChannelKind.PHONE:
        raise NotFound("There is no such inbox.")
    return found


def reading_from(typed: Mapping[str, str]) -> Reading:
    """Return the mapping that a form's fields ``path_…`` and ``words_…`` say.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    wrong = {}
    paths = {name: typed.get(f"path_{name}", "").strip() for name in FIELDS}
    for name, path in paths.items():
        if not path and name in ("call", "event"):
            wrong[f"path_{name}"] = NEEDED
        elif len(path) > MOST_PATH or any(not part for part in path.split(".") if path):
            wrong[f"path_{name}"] = WRONG_PATH
    words = {
        kind: tuple(
            dict.fromkeys(
                one.strip()[:MOST_PATH]
                for one in typed.get(f"words_{kind}", "").split(",")
                if one.strip()
            )
        )[:MOST_WORDS]
        for kind in KINDS
    }
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)
    return Reading(paths, words)


def save_reading(
    session: Session, inbox_id: int, typed: Mapping[str, str], *, by: int, now: datetime
) -> None:
    """Change how events are read from now on, who has which extension, and what calls are.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    row = get_phone(session, inbox_id)
    reading = reading_from(typed)
    extensions = _extensions(session, typed.get("extensions", ""))
    kind = typed.get("request_type", "")
    if kind and kind not in named_types(session):
        raise Invalid(LOOK_AGAIN, {"request_type": ONE_OF})
    after: dict[str, Any] = {READING: reading.data(), EXTENSIONS: extensions, TYPE: kind}
    before = {name: row.settings.get(name) for name in after}
    if before == after:
        return
    row.settings = {**row.settings, **after}
    session.add(row)
    add_entry(
        session,
        AuditThing.INBOX,
        inbox_id,
        AuditAction.CHANGED,
        now,
        by=by,
        before=before,
        after=after,
    )


def _extensions(session: Session, typed: str) -> dict[str, str]:
    """Read lines of an extension and an address."""
    found: dict[str, str] = {}
    for number, line in enumerate(typed.splitlines(), start=1):
        parts = line.split()
        if not parts:
            continue
        known = len(parts) == 2 and find_agent(session, parts[1]) is not None
        if not known or len(found) >= MOST_EXTENSIONS:
            said = WRONG_LINE % {"n": number}
            raise Invalid(said, {"extensions": said})
        found[parts[0][:MOST_PATH].casefold()] = parts[1].lower()
    return found


def note_unreadable(session: Session, inbox_id: int, field: str, now: datetime) -> None:
    """Remember that a genuine event could not be read, for the page; "" forgets it."""
    row = get_phone(session, inbox_id)
    known = row.settings.get(ERROR)
    if not field and not known:
        return
    rest = {name: value for name, value in row.settings.items() if name != ERROR}
    row.settings = rest | ({ERROR: {"field": field, "at": now.isoformat()}} if field else {})
    session.add(row)


def kept_reading(row: Inbox) -> Reading:
    """Return how a way in reads events."""
    return reading_of(row.settings.get(READING, {}))
