"""The company and its doors."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlmodel import Session

from models import ChannelKind, Company, Inbox
from models.base import columns, core

inboxes = columns(Inbox)


_COMPANY = select(Company)


def find_company(session: Session) -> Company | None:
    """Return the company, or None before the first visit."""
    found: Company | None = session.execute(_COMPANY).scalars().first()
    return found


@dataclass(frozen=True, slots=True)
class Door:
    """An inbox as the channels see it."""

    id: int
    kind: ChannelKind
    handle: str
    name: str
    team_id: int | None
    authserv_id: str = ""  # whose word on a mail's sender is believed


_DOORS = (
    select(
        inboxes.id,
        inboxes.kind,
        inboxes.handle,
        inboxes.name,
        inboxes.team_id,
        inboxes.settings["authserv_id"].as_string(),
    )
    .where(inboxes.is_active.is_(True))
    .order_by(inboxes.id)
)
_DOORS_OF_KIND = _DOORS.where(inboxes.kind == bindparam("kind"))
_HOUSE = (  # a row for each mail inbox that is open
    select(Company, inboxes.handle)
    .outerjoin(
        core(Inbox), and_(inboxes.is_active.is_(True), inboxes.kind == ChannelKind.EMAIL)
    )
    .order_by(inboxes.id)
)


def find_house(session: Session) -> tuple[Company, list[str]] | None:
    """Return the company and the addresses of its open mail inboxes, if it is there."""
    found = session.execute(_HOUSE).all()
    if not found:
        return None
    return found[0][0], [handle for _, handle in found if handle is not None]


def list_doors(session: Session, kind: ChannelKind | None = None) -> list[Door]:
    """Return the open inboxes, of one kind or of all."""
    if kind is None:
        found = session.execute(_DOORS)
    else:
        found = session.execute(_DOORS_OF_KIND, {"kind": kind})
    return [
        Door(row.id, row.kind, row.handle, row.name, row.team_id, row[5] or "") for row in found
    ]


def find_door(session: Session, kind: ChannelKind, handle: str) -> Door | None:
    """Return the open inbox of this kind under this handle."""
    row = session.execute(
        select(inboxes.id, inboxes.kind, inboxes.handle, inboxes.name, inboxes.team_id).where(
            inboxes.is_active.is_(True), inboxes.kind == kind, inboxes.handle == handle
        )
    ).one_or_none()
    return None if row is None else Door(*row)


def find_door_team(session: Session, inbox_id: int) -> int | None:
    """Return the team of an inbox, open or closed."""
    found = session.execute(select(inboxes.team_id).where(inboxes.id == inbox_id))
    return found.scalar_one_or_none()


def find_settings(session: Session, inbox_id: int) -> dict[str, Any]:
    """Return what an inbox's kind keeps about it; empty if there is nothing."""
    found = session.execute(select(inboxes.settings).where(inboxes.id == inbox_id))
    return dict(found.scalar_one_or_none() or {})
