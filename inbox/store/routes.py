"""Rules that send work to a team before its type does; kept in the company's settings."""

from typing import Any

import msgspec
from sqlalchemy import select
from sqlmodel import Session

from models import Company, Inbox, Team
from models.base import columns, core

company = columns(Company)
inboxes = columns(Inbox)
teams = columns(Team)

KEY = "routes"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has all that is named here goes to the team; None asks for nothing."""

    team_id: int
    name: str = ""
    request_type: str | None = None
    product_group: str | None = None
    language: str | None = None
    inbox_id: int | None = None
    department: str | None = None  # of the team that its inbox belongs to


_SETTINGS = select(company.settings).limit(1)


def list_rules(session: Session) -> list[Rule]:
    """Return the rules in the order in which they are asked; read once in a unit of work."""
    found: list[Rule] | None = session.info.get(KEY)
    if found is None:
        settings = session.execute(_SETTINGS).scalar_one_or_none() or {}
        found = msgspec.convert(settings.get(KEY, []), list[Rule])
        session.info[KEY] = found
    return found


def list_departments(session: Session) -> dict[int, str]:
    """Return the department of each inbox's team, by inbox; read once in a unit of work."""
    found: dict[int, str] | None = session.info.get("departments")
    if found is None:
        query = select(inboxes.id, teams.department).join(
            core(Team), teams.id == inboxes.team_id
        )
        found = {row.id: row.department for row in session.execute(query)}
        session.info["departments"] = found
    return found


def save_rules(session: Session, rules: list[Rule]) -> tuple[Any, Any]:
    """Replace the rules; return them as they were and as they are, for the audit trail."""
    one = session.execute(select(Company).with_for_update()).scalars().one()
    before = one.settings.get(KEY, [])
    after = msgspec.to_builtins(rules)
    one.settings = {**one.settings, KEY: after}
    session.add(one)
    session.flush()
    session.info.pop(KEY, None)
    return before, after
