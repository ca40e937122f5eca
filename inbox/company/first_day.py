"""The first day: from an installation that is set up to its first real message.

Each step's state follows from the data. What somebody said about a step (skip it, it is right
as it is) and the two tests are kept under ``first_day`` in the company's settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.auth import random_token
from inbox.channels.webform import Posted, pack
from inbox.company.profile import get_company, keep_setting
from inbox.db import after_commit
from inbox.errors import Conflict, NotFound
from inbox.queue import OUTBOX
from inbox.staffmail import to_staff
from inbox.staging import Arrival, stage
from inbox.store.audit import add_entry
from inbox.store.company import find_company, list_doors
from inbox.store.people import Person
from models import (
    Agent,
    AuditAction,
    AuditEntry,
    AuditThing,
    ChannelKind,
    Conversation,
    DeliveryState,
    Mailbox,
    Outbox,
    RawMessage,
    RawState,
)
from models.base import columns, core

agents = columns(Agent)
audit = columns(AuditEntry)
conversations = columns(Conversation)
mailboxes = columns(Mailbox)
outbox = columns(Outbox)
raws = columns(RawMessage)

KEY = "first_day"
STEPS = ("company", "hours", "teams", "mailbox", "sending", "message", "paste")
SAID = ("skipped", "confirmed", "")  # what somebody may say about a step; "" takes it back


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the checklist; its state is ``done``, ``skipped`` or ``todo``."""

    key: str
    state: str


@dataclass(frozen=True, slots=True)
class FirstDay:
    """The whole checklist."""

    steps: tuple[Step, ...]
    is_dismissed: bool

    @property
    def left(self) -> int:
        """How many steps are still to do."""
        return sum(step.state == "todo" for step in self.steps)

    @property
    def is_shown(self) -> bool:
        """Whether it still belongs on the empty inbox."""
        return self.left > 0 and not self.is_dismissed


@dataclass(frozen=True, slots=True)
class Arrived:
    """How far the test message has come; ``number`` is None until it is taken in."""

    sent_at: datetime
    held: str  # why it is in quarantine, or ""
    number: int | None = None
    arrived_at: datetime | None = None
    due_at: datetime | None = None
    owner: str = ""
    channel: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class TestMail:
    """How far the test mail has come."""

    __test__ = False  # no test of pytest's

    to: str
    state: DeliveryState
    error: str
    created_at: datetime
    sent_at: datetime | None


def load(session: Session, *, sends_mail: bool) -> FirstDay:
    """Read the checklist; ``sends_mail`` tells whether mail really leaves this machine."""
    company = find_company(session)
    if company is None:
        return FirstDay((), is_dismissed=True)
    kept = company.settings.get(KEY, {})
    said = kept.get("steps", {})
    done = _done(session, kept, sends_mail)
    steps = []
    for key in STEPS:
        state = "skipped" if said.get(key) == "skipped" else "todo"
        steps.append(Step(key, "done" if done[key] or said.get(key) == "confirmed" else state))
    return FirstDay(tuple(steps), bool(kept.get("dismissed")))


def _done(session: Session, kept: Mapping[str, Any], sends_mail: bool) -> dict[str, bool]:
    """Return which steps the data says are done."""

    def there(*conditions: Any) -> bool:
        return bool(session.execute(select(exists().where(*conditions))).scalar())

    test_number = session.execute(
        select(raws.conversation_id).where(raws.id == kept.get("raw", 0))
    ).scalar_one_or_none()
    pasted = (
        conversations.channel.in_([ChannelKind.FORM, ChannelKind.CHAT]),
        conversations.id != (test_number or 0),
    )
    people = session.execute(
        select(func.count()).select_from(core(Agent)).where(agents.is_active.is_(True))
    ).scalar_one()
    return {
        "company": True,  # there is none before the setup page was answered
        "hours": there(audit.thing == AuditThing.CALENDAR, audit.action == AuditAction.CHANGED),
        "teams": people > 1,
        "mailbox": there(mailboxes.is_active.is_(True), mailboxes.last_ok_at.is_not(None))
        or there(conversations.channel == ChannelKind.EMAIL),
        "sending": sends_mail and there(outbox.state == DeliveryState.SENT),
        "message": there(conversations.id.is_not(None)),
        "paste": there(*pasted),
    }


def say_step(session: Session, key: str, said: str, *, by: int, now: datetime) -> None:
    """Keep what somebody says about a step; raises ``NotFound`` if there is no such."""
    if key not in STEPS or said not in SAID:
        raise NotFound("There is no such step.")
    kept = _kept(session)
    steps = {name: word for name, word in kept.get("steps", {}).items() if name != key}
    _keep(session, {**kept, "steps": steps | ({key: said} if said else {})}, by, now)


def dismiss(session: Session, *, by: int, now: datetime) -> None:
    """Take the checklist off the empty inbox; its page stays."""
    _keep(session, {**_kept(session), "dismissed": True}, by, now)


def _kept(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = get_company(session).settings.get(KEY, {})
    return found


def _keep(session: Session, kept: dict[str, Any], by: int, now: datetime) -> None:
    before, company = _kept(session), get_company(session)
    keep_setting(session, KEY, kept)
    add_entry(
        session,
        AuditThing.COMPANY,
        company.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={KEY: before},
        after={KEY: kept},
    )


def send_test_mail(session: Session, house: House, who: Person, now: datetime) -> None:
    """Put a mail to this person into the outbox, as any mail of ours goes.

    Raises
    ------
    Conflict
        If there is no address to send from or to.
    """
    row = to_staff(
        who.email,
        house,
        now,
        template="test",
        language=who.language,
        facts={"company": house.company, "link": f"{house.base_url}/settings/start"},
    )
    if row is None:
        raise Conflict("There is no address that mail can come from. Open one first.")
    session.add(row)
    session.flush()
    keep_setting(session, KEY, {**_kept(session), "mail": row.id})
    after_commit(session, OUTBOX)


def find_test_mail(session: Session) -> TestMail | None:
    """Return how the last test mail fares."""
    company = find_company(session)
    number = company.settings.get(KEY, {}).get("mail") if company else None
    row = session.get(Outbox, number) if number else None
    if row is None:
        return None
    return TestMail(row.to_address, row.state, row.error, row.created_at, row.sent_at)


def send_test_message(
    session: Session, who: Person, subject: str, text: str, now: datetime
) -> None:
    """Let a marked message come in by the form, stored and taken in as a customer's is.

    Raises
    ------
    Conflict
        If no form is open.
    """
    doors = list_doors(session, ChannelKind.FORM)
    if not doors:
        raise Conflict("No form is open. Open one first.")
    posted = Posted(
        name=who.name, email=who.email, subject=subject, body=text, language=who.language
    )
    key = f"first-day:{random_token()}"
    arrival = Arrival(doors[0].id, ChannelKind.FORM, key, pack(posted), {}, random_token())
    staged = stage(session, arrival, now)
    keep_setting(session, KEY, {**_kept(session), "raw": staged.id})


def find_arrived(session: Session) -> Arrived | None:
    """Return how the test message fares, or the first real one; None if there is neither."""
    company = find_company(session)
    raw_id = company.settings.get(KEY, {}).get("raw") if company else None
    raw = session.execute(
        select(raws.received_at, raws.state, raws.error, raws.conversation_id).where(
            raws.id == (raw_id or 0)
        )
    ).one_or_none()
    if raw is None:
        number = session.execute(select(func.min(conversations.id))).scalar_one_or_none()
        return None if number is None else _arrived(session, number)
    if raw.conversation_id is None:
        return Arrived(raw.received_at, raw.error if raw.state == RawState.QUARANTINED else "")
    return replace(_arrived(session, raw.conversation_id), sent_at=raw.received_at)


def _arrived(session: Session, number: int) -> Arrived:
    row = session.execute(
        select(Conversation, agents.name)
        .outerjoin(core(Agent), agents.id == conversations.owner_id)
        .where(conversations.id == number)
    ).one()
    found, owner = row
    return Arrived(
        found.created_at,
        "",
        found.id,
        found.created_at,
        found.next_due_at,
        owner or "",
        found.channel.value,
        found.subject,
    )
