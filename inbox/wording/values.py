"""The variables of prepared answers, and what they stand for in one conversation."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.channels.words import one_line
from inbox.sla.promise import spoken_moment
from inbox.store.company import find_company
from inbox.store.people import Person
from inbox.templating import LANGUAGES, N_
from models import Account, Contact, Conversation
from models.base import columns

VARIABLES = {
    "customer.name": N_("the customer’s name"),
    "agent.name": N_("who answers"),
    "conversation.number": N_("the request’s number"),
    "due": N_("when our next answer is due"),
    "company.name": N_("our company’s name"),
    "account.name": N_("the customer’s company"),
}
"""All that there are, with what they stand for."""

contacts = columns(Contact)
accounts = columns(Account)


def values_for(
    session: Session, conversation: Conversation, who: Person, now: datetime
) -> dict[str, str]:
    """Return each variable with its value in a conversation; "" where there is none."""
    company = find_company(session)
    customer, account = session.execute(
        select(
            contacts.name,
            select(accounts.name)
            .where(accounts.id == conversation.account_id)
            .scalar_subquery(),
        ).where(contacts.id == conversation.contact_id)
    ).one()
    language = spoken_by(conversation)
    due_at = conversation.next_due_at
    zone = company.time_zone if company is not None else "UTC"
    due = spoken_moment(due_at, zone, now, language) if due_at and due_at > now else ""
    found = {
        "customer.name": customer,
        "agent.name": who.name,
        "conversation.number": str(conversation.id),
        "due": due,
        "company.name": company.name if company is not None else "",
        "account.name": account or "",
    }
    return {name: one_line(value) for name, value in found.items()}


def spoken_by(conversation: Conversation) -> str:
    """Return the language that a conversation's customer is written in."""
    return conversation.language if conversation.language in LANGUAGES else "en"


def choose(texts: dict[str, str], language: str) -> str:
    """Return the text in a language, else in the one there is; "" if there is none."""
    return texts.get(language) or next((text for text in texts.values() if text), "")
