"""The ways in as the settings list them, closed ones too."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from models import ChannelKind, Conversation, Inbox, Mailbox, Status, Team
from models.base import columns, core

inboxes = columns(Inbox)
mailboxes = columns(Mailbox)
conversations = columns(Conversation)
teams = columns(Team)

RECENT = 20_000  # conversations that are looked at for the last message


@dataclass(frozen=True, slots=True)
class Listed:
    """An inbox of the list with how it does; ``last_at`` is None if that is long ago."""

    id: int
    kind: ChannelKind
    handle: str
    name: str
    team: str | None
    is_active: bool
    last_at: datetime | None
    mailboxes: tuple[Mailbox, ...]


def list_inboxes(session: Session) -> list[Listed]:
    """Return every inbox, the open ones first, by kind."""
    newest = select(func.max(conversations.id)).scalar_subquery()
    last = {
        row.inbox_id: row.at
        for row in session.execute(
            select(conversations.inbox_id, func.max(conversations.last_inbound_at).label("at"))
            .where(conversations.id > newest - RECENT)
            .group_by(conversations.inbox_id)
        )
    }
    boxes: dict[int, list[Mailbox]] = {}
    for box in session.execute(select(Mailbox).order_by(mailboxes.id)).scalars():
        boxes.setdefault(box.inbox_id, []).append(box)
    found = session.execute(
        select(Inbox, teams.name)
        .outerjoin(core(Team), teams.id == inboxes.team_id)
        .order_by(inboxes.is_active.desc(), inboxes.id)
    )
    order = list(ChannelKind)
    rows = [
        Listed(
            row.id,
            row.kind,
            row.handle,
            row.name,
            team,
            row.is_active,
            last.get(row.id),
            tuple(boxes.get(row.id, ())),
        )
        for row, team in found
    ]
    return sorted(rows, key=lambda row: (not row.is_active, order.index(row.kind), row.id))


def count_open(session: Session, inbox_id: int) -> int:
    """Count conversations that came in this way and are not done."""
    found = session.execute(
        select(func.count())
        .select_from(core(Conversation))
        .where(
            conversations.inbox_id == inbox_id,
            conversations.status.in_([Status.OPEN, Status.WAITING, Status.SNOOZED]),
        )
    )
    return int(found.scalar_one())
