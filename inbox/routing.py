"""Who answers for it: the type's team, and in it whoever has least open work under the cap."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from inbox.rulebook import Rulebook
from inbox.store import people


@dataclass(frozen=True, slots=True)
class Route:
    """A team and perhaps an owner, and why."""

    team_id: int | None
    owner_id: int | None
    reason: str  # least_open, kept, nobody_on_duty, all_full
    data: dict[str, Any]

    @property
    def place(self) -> dict[str, Any]:
        """Who answers for it then, as an event says it."""
        return {"team": self.team_id, "owner": self.owner_id}


def choose(
    session: Session,
    rulebook: Rulebook,
    request_type: str,
    *,
    fallback_team_id: int | None,
    owner_id: int | None = None,
) -> Route:
    """Choose team and owner; an owner who belongs to the team keeps the conversation."""
    kind = rulebook.types[request_type]
    wished = (kind.team_id, fallback_team_id, *rulebook.teams)
    team_id = next((one for one in wished if one in rulebook.teams), None)
    data: dict[str, Any] = {
        "team": rulebook.teams.get(team_id or 0, ""),
        "type_vi": kind.name_vi,
        "type_en": kind.name_en,
    }
    if team_id is None:
        return Route(None, None, "nobody_on_duty", data)
    candidates = people.list_candidates(session, team_id)
    if owner_id is not None and any(one.id == owner_id for one in candidates):
        return Route(team_id, owner_id, "kept", {**data, "owner": owner_id})
    if not candidates:
        return Route(team_id, None, "nobody_on_duty", data)
    free = [one for one in candidates if one.open_count < one.cap]
    if not free:
        return Route(team_id, None, "all_full", data)
    return Route(team_id, free[0].id, "least_open", {**data, "owner": free[0].id})
