"""The register of who looked at whose data: the first time on a day, in each way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.db import insert_into
from models import Look
from models.base import columns

looks = columns(Look)

CONVERSATION, CONTACT, FILE, EXPORT = "conversation", "contact", "file", "export"


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: who, at whom, how."""

    agent_id: int
    contact_id: int
    what: str
    conversation_id: int | None = None


def note(session: Session, seen: Seen, now: datetime) -> None:
    """Write down a look, unless it was written down today already."""
    session.execute(
        insert_into(session, Look)
        .values(
            agent_id=seen.agent_id,
            contact_id=seen.contact_id,
            what=seen.what,
            conversation_id=seen.conversation_id,
            day=now.date(),
            at=now,
        )
        .on_conflict_do_nothing()
    )


def list_of(session: Session, contact_ids: Sequence[int], most: int = 200) -> list[Look]:
    """Return who looked at a person, the latest first."""
    return list(
        session.execute(
            select(Look)
            .where(looks.contact_id.in_(list(contact_ids)))
            .order_by(looks.at.desc(), looks.id.desc())
            .limit(most)
        ).scalars()
    )
