"""What take-in and the pages look things up in: types, policies, calendars, the live model."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session

from inbox.store.kept import kept
from inbox.store.teams import active_team_names
from models import (
    Calendar,
    CalendarVersion,
    Correction,
    RequestType,
    SLAPolicy,
    TriageModelVersion,
)
from models.base import columns

types = columns(RequestType)
policies = columns(SLAPolicy)
calendars = columns(Calendar)
calendar_versions = columns(CalendarVersion)
versions = columns(TriageModelVersion)
corrections = columns(Correction)
ENOUGH_CONFIRMED = 200


@dataclass(frozen=True, slots=True)
class Type:
    """A request type as pages and routing use it."""

    key: str
    name_vi: str
    name_en: str
    team_id: int | None
    is_active: bool = True

    def name(self, language: str) -> str:
        """Return the name in a language."""
        return self.name_vi if language == "vi" else self.name_en


@dataclass(frozen=True, slots=True)
class Rules:
    """The company's rules as rows: types in menu order, policies as entered, calendars."""

    types: Mapping[str, Type]
    policies: tuple[SLAPolicy, ...]
    calendars: dict[int, dict[str, Any]]  # id -> spec
    default_calendar_id: int
    teams: Mapping[int, str]  # id -> name, of those that get work
    versions: dict[int, int]  # calendar id -> the version of its content


_CALENDARS = select(
    calendars.id,
    calendars.spec,
    calendars.is_default,
    select(func.max(calendar_versions.id))
    .where(calendar_versions.calendar_id == calendars.id)
    .scalar_subquery()
    .label("version"),
)


def load_rules(session: Session) -> Rules:
    """Load the company's rules: four small queries."""
    rules = session.execute(select(SLAPolicy).order_by(policies.id)).scalars().all()
    found = session.execute(_CALENDARS).all()
    default = next((row.id for row in found if row.is_default), found[0].id if found else 0)
    return Rules(
        types={kind.key: kind for kind in list_types(session)},
        policies=tuple(rules),
        calendars={row.id: row.spec for row in found},
        default_calendar_id=default,
        teams=active_team_names(session),
        versions={row.id: row.version for row in found},
    )


_TYPES = (
    select(types.key, types.name_vi, types.name_en, types.team_id)
    .where(types.is_active.is_(True))
    .order_by(types.position)
)


def list_types(session: Session) -> list[Type]:
    """Return the active request types in menu order."""
    return [Type(*row) for row in session.execute(_TYPES)]


_EVER = select(
    types.key, types.name_vi, types.name_en, types.team_id, types.is_active
).order_by(types.is_active.desc(), types.position)


@kept
def named_types(session: Session) -> Mapping[str, Type]:
    """Return every type there ever was, by key: what was sorted once keeps its name."""
    return MappingProxyType({row.key: Type(*row) for row in session.execute(_EVER)})


@dataclass(frozen=True, slots=True)
class LiveModel:
    """Which trained model answers now."""

    id: int
    path: str
    sha256: str
    is_starter: bool


_ANSWERING = (
    select(versions.id, versions.path, versions.sha256, versions.is_starter)
    .where(versions.promoted_at.is_not(None) | versions.is_live, versions.problem == "")
    .order_by(versions.is_live.desc(), versions.promoted_at.desc(), versions.id.desc())
    .limit(1)
)
_CHOSEN = select(
    versions.id, versions.path, versions.sha256, versions.is_starter, versions.problem
).where(versions.is_live.is_(True))


def find_live_model(session: Session) -> LiveModel | None:
    """Return the model that answers now, or None when written rules have to do.

    While the chosen one's files are not what they were, that is the one before it.
    """
    chosen = session.execute(_CHOSEN).first()
    if chosen is None or not chosen.problem:
        return None if chosen is None else LiveModel(*chosen[:4])
    row = session.execute(_ANSWERING).first()
    return None if row is None else LiveModel(*row)


def find_problem(session: Session) -> str:
    """Return why the model that is to answer does not, or ""."""
    chosen = session.execute(_CHOSEN).first()
    return str(chosen.problem) if chosen is not None else ""


def find_chosen_model(session: Session) -> LiveModel | None:
    """Return the model that is to answer, whether or not its files still are what they were."""
    chosen = session.execute(_CHOSEN).first()
    return None if chosen is None else LiveModel(*chosen[:4])


def find_shadow(session: Session) -> LiveModel | None:
    """Return the model that predicts without being heard."""
    row = session.execute(
        select(versions.id, versions.path, versions.sha256, versions.is_starter).where(
            versions.is_shadow.is_(True), versions.problem == ""
        )
    ).first()
    return None if row is None else LiveModel(*row)


_CONFIRMED = (
    select(corrections.conversation_id).where(corrections.field == "request_type").distinct()
)


def confirmed_count() -> ColumnElement[int]:
    """Return what ``count_confirmed`` counts as part of another statement."""
    found = _CONFIRMED.limit(ENOUGH_CONFIRMED).subquery()
    return select(func.count()).select_from(found).scalar_subquery()


_HOW_MANY_CONFIRMED = select(confirmed_count())


def count_confirmed(session: Session) -> int:
    """Count, up to ``ENOUGH_CONFIRMED``, whose type a person confirmed or corrected."""
    return int(session.execute(_HOW_MANY_CONFIRMED).scalar_one())
