"""What a new installation begins with, as the first lines of its audit trail."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.audit import add_entry
from models import (
    Agent,
    ApiToken,
    AuditAction,
    AuditThing,
    Calendar,
    Company,
    Inbox,
    RequestType,
    SLAPolicy,
    Team,
)

# What is written down of each; never a password's or a token's hash.
_FIELDS: tuple[tuple[AuditThing, type[Any], tuple[str, ...]], ...] = (
    (AuditThing.COMPANY, Company, ("name", "time_zone", "language", "settings")),
    (AuditThing.TEAM, Team, ("name",)),
    (AuditThing.PERSON, Agent, ("name", "email", "role", "language", "open_cap", "backup_id")),
    (AuditThing.TOKEN, ApiToken, ("name", "agent_id", "scope")),
    (AuditThing.INBOX, Inbox, ("kind", "handle", "name", "team_id")),
    (AuditThing.CALENDAR, Calendar, ("name", "spec", "is_default")),
    (
        *(AuditThing.REQUEST_TYPE, RequestType),
        ("name_vi", "name_en", "team_id", "is_active"),
    ),
    (
        *(AuditThing.POLICY, SLAPolicy),
        (
            *("name", "request_type", "urgency", "calendar_id"),
            *("first_response_s", "next_response_s", "resolution_s"),
        ),
    ),
)


def write_down(session: Session, now: datetime, *, by: int | None) -> None:
    """Enter everything that there is as created now, by whoever founded the company."""
    session.flush()
    for thing, table, fields in _FIELDS:
        key = _key_of(thing)
        for row in session.execute(select(table)).scalars():
            after = {name: getattr(row, name) for name in fields}
            add_entry(session, thing, key(row), AuditAction.CREATED, now, by=by, after=after)


def _key_of(thing: AuditThing) -> Callable[[Any], int | str]:
    if thing is AuditThing.REQUEST_TYPE:
        return lambda row: str(row.key)
    return lambda row: int(row.id)
