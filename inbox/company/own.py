"""What a person chooses for themselves: how their pages speak, look and listen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.company.installation import is_zone
from inbox.company.profile import WRONG_ZONE
from inbox.company.staff import FILL_IN, LOOK_AGAIN, note_change
from inbox.errors import Invalid
from inbox.store import staff
from inbox.store.company import find_company
from inbox.templating import LANGUAGES, N_
from models import Agent, AuditAction

THEMES = ("", "light", "dark")
DENSITIES = ("", "compact")
WRONG_CHOICE = N_("Choose one of the list.")
SWITCHES = ("language", "theme", "density", "single_keys")  # one click, without a form


@dataclass(frozen=True, slots=True)
class Own:
    """What somebody chose; an empty zone is the company's, an empty theme the system's."""

    name: str
    language: str
    theme: str = ""
    time_zone: str = ""
    density: str = ""
    single_keys: bool = True


def save_own(session: Session, agent_id: int, own: Own, now: datetime) -> None:
    """Let somebody change how their own pages are.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    chosen = {name: getattr(own, name) for name in Own.__slots__}
    company = find_company(session)
    if company is not None and own.time_zone.strip() == company.time_zone:
        chosen["time_zone"] = ""  # follows, should the company move
    _change(session, agent_id, chosen, now)


def switch_own(
    session: Session, agent_id: int, chosen: Mapping[str, Any], now: datetime
) -> None:
    """Change some of ``SWITCHES`` and leave the rest as it is; raises ``Invalid``."""
    _change(session, agent_id, {key: chosen[key] for key in SWITCHES if key in chosen}, now)


def _change(session: Session, agent_id: int, chosen: dict[str, Any], now: datetime) -> None:
    for name in ("name", "time_zone"):
        if name in chosen:
            chosen[name] = chosen[name].strip()
    _check(chosen)
    agent: Agent = staff.get_agent(session, agent_id, to_change=True)
    before = {key: getattr(agent, key) for key in chosen}
    if chosen == before:
        return
    for key, value in chosen.items():
        setattr(agent, key, value)
    session.add(agent)
    note_change(
        session, agent_id, AuditAction.CHANGED, now, by=agent_id, before=before, after=chosen
    )


def _check(chosen: Mapping[str, Any]) -> None:
    wrong = {}
    if "name" in chosen and not chosen["name"]:
        wrong["name"] = FILL_IN
    if chosen.get("time_zone") and not is_zone(chosen["time_zone"]):
        wrong["time_zone"] = WRONG_ZONE
    known = {"language": LANGUAGES, "theme": THEMES, "density": DENSITIES}
    wrong |= {
        key: WRONG_CHOICE
        for key, choices in known.items()
        if key in chosen and chosen[key] not in choices
    }
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)
