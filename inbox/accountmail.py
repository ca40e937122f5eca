"""Mail about an account: an invitation, or a link for a new password.

What waits in the outbox holds no link: the worker makes one when it sends, so that only
hashes of links are ever stored, and a page that asks for such a mail does the same work
whether anybody has the address or not.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.auth import hash_token, random_token
from inbox.db import after_commit
from inbox.queue import OUTBOX
from inbox.staffmail import to_staff
from inbox.store.links import add_one_time_token
from models import Agent, OutboxKind
from models.base import columns

agents = columns(Agent)

INVITATION, RESET = "invite", "reset"  # purposes of one-time links
LIVES = {INVITATION: timedelta(days=7), RESET: timedelta(hours=1)}
_PAGES = {INVITATION: "join", RESET: "reset"}
_TEMPLATES = {INVITATION: "invitation", RESET: "reset"}


def link_to(base_url: str, purpose: str, token: str) -> str:
    """Return the address that a link leads to, under the configured base URL."""
    return f"{base_url.rstrip('/')}/{_PAGES[purpose]}/{token}"


def make_link(session: Session, agent_id: int, purpose: str, now: datetime) -> str:
    """Let a fresh link of a person work, and return its token: it is kept nowhere."""
    token = random_token() + random_token()
    expires_at = now + LIVES[purpose]
    add_one_time_token(session, hash_token(token), purpose, expires_at, agent_id)
    return token


def queue_mail(
    session: Session, purpose: str, address: str, house: House, now: datetime
) -> bool:
    """Have the worker send a link to an address, if somebody it is for has it by then.

    False if there is no address to write to or from.
    """
    mail = to_staff(
        address,
        house,
        now,
        kind=OutboxKind.ACCOUNT,
        purpose=purpose,
        base_url=house.base_url,
        company=house.company,
    )
    if mail is None:
        return False
    session.add(mail)
    after_commit(session, OUTBOX)
    return True


def fill_in(session: Session, mail: dict[str, Any], now: datetime) -> dict[str, Any] | None:
    """Return a waiting mail with a link that works; None if it is for nobody (any more)."""
    purpose = mail["purpose"]
    joined = agents.password_hash != ""
    rightful = (
        (agents.password_hash == "", agents.deactivated_at.is_(None))
        if purpose == INVITATION
        else (agents.is_active.is_(True), joined)
    )
    person = session.execute(
        select(agents.id, agents.name, agents.language).where(
            agents.email == mail["to"], *rightful
        )
    ).one_or_none()
    if person is None:
        return None
    token = make_link(session, person.id, purpose, now)
    facts = {
        "name": person.name,
        "company": mail["company"],
        "address": mail["to"],
        "link": link_to(mail["base_url"], purpose, token),
    }
    return {
        **mail,
        "template": _TEMPLATES[purpose],
        "language": person.language,
        "facts": facts,
    }
