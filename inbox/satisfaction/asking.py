"""A while after a request is done its customer is asked how we did: once, and not too often."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.customermail import tell_customer
from inbox.db import Database, after_commit
from inbox.errors import Invalid
from inbox.house import load_house
from inbox.queue import OUTBOX
from inbox.settings import Settings
from inbox.store import satisfaction as rows
from inbox.store.audit import add_entry
from inbox.store.company import find_company
from inbox.templating import N_, translator
from models import (
    AuditAction,
    AuditThing,
    Company,
    Conversation,
    OutboxKind,
    Score,
)

EVERY = timedelta(seconds=30)
LINE = N_("Were we of help? One click tells us: %(link)s")
WRONG_HOURS = N_("Between 0 and 720 hours.")
MOST_HOURS = 720


@dataclass(frozen=True, slots=True)
class Survey:
    """Whether customers are asked, and how many hours after a request is done."""

    is_on: bool = True
    after_hours: int = 24

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read it out of the company's settings."""
        plain, said = cls(), settings.get("survey", {})
        return cls(said.get("is_on", plain.is_on), said.get("after_hours", plain.after_hours))


def load_survey(session: Session) -> Survey:
    """Return how the company asks."""
    company = find_company(session)
    return Survey.of(company.settings if company is not None else {})


def save_survey(session: Session, said: Survey, *, by: int, now: datetime) -> None:
    """Change how the company asks.

    Raises
    ------
    Invalid
        If the hours are out of range.
    """
    if not 0 <= said.after_hours <= MOST_HOURS:
        raise Invalid(WRONG_HOURS, {"after_hours": WRONG_HOURS})
    company = session.get_one(Company, 1, with_for_update=True)
    before = Survey.of(company.settings)
    if before == said:
        return
    values = {"is_on": said.is_on, "after_hours": said.after_hours}
    company.settings = {**company.settings, "survey": values}
    session.add(company)
    old = {"survey": {"is_on": before.is_on, "after_hours": before.after_hours}}
    what = (session, AuditThing.COMPANY, company.id, AuditAction.CHANGED, now)
    add_entry(*what, by=by, before=old, after={"survey": values})


class Ask:
    """The worker's part; any number of workers may."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._next = datetime.min.replace(tzinfo=UTC)

    async def once(self) -> bool:
        """Ask whom it is time to ask; True if there may be more."""
        now = utcnow()
        if now < self._next:
            return False
        self._next = now + EVERY
        survey = await self._database.read(load_survey)
        after = timedelta(hours=survey.after_hours)
        if not survey.is_on or not await self._database.read(rows.is_due, now, after):
            return False
        if await self._database.write(self._ask, now, after) < rows.BATCH:
            return False
        self._next = now
        return True

    def _ask(self, session: Session, now: datetime, after: timedelta) -> int:
        house = load_house(session, self._settings, self._secret)
        return ask(session, house, now, after) if house is not None else 0


def ask(session: Session, house: House, now: datetime, after: timedelta) -> int:
    """Ask some customers; return of how many conversations."""
    due = rows.list_due(session, now, after)
    contacts: set[int] = set()
    for conversation in due:
        # Two of one customer that were done together: the later is asked about, if at all.
        if conversation.contact_id not in contacts and rows.begin(session, conversation, now):
            contacts.add(conversation.contact_id)
            _tell(session, conversation, house, now)
    if contacts:
        after_commit(session, OUTBOX)
    return len(due) if contacts else 0


def _tell(session: Session, conversation: Conversation, house: House, now: datetime) -> None:
    link = f"{house.base_url}/s/{conversation.public_token}/rating"
    facts = {score.value: f"{link}?score={score.value}" for score in Score}
    line = translator(conversation.language).gettext(LINE) % {"link": link}
    tell_customer(session, conversation, house, OutboxKind.SURVEY, now, line=line, facts=facts)
