"""Kinds of request: added, renamed, merged, switched off; none leaves a ghost."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlmodel import Session

from inbox import ruling
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid, NotFound
from inbox.rulebook import load_rulebook
from inbox.ruling import IN_WORK
from inbox.store import conversations as rows
from inbox.store.audit import add_entry
from inbox.store.changes import add_event, moved
from inbox.store.learning import GENERAL, list_heirs
from inbox.store.teams import active_team_names
from inbox.templating import N_
from models import (
    AuditAction,
    AuditThing,
    Conversation,
    EventKind,
    RequestType,
    SLAPolicy,
)
from models.base import columns

types = columns(RequestType)
policies = columns(SLAPolicy)
conversations = columns(Conversation)

BATCH = 100
MOST_NAME = 60
MOST_KEY = 40
EMPTY = N_("Please fill this in.")
TOO_LONG = N_("This is too long.")
TAKEN = N_("Another topic has this name.")
NO_TEAM = N_("There is no such team.")
GENERAL_STAYS = N_("This topic takes everything that fits no other; it stays.")
NOT_ITSELF = N_("Choose another topic.")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is typed about a type."""

    name_vi: str
    name_en: str
    team_id: int | None


def list_all(session: Session) -> list[RequestType]:
    """Return every type in menu order, those in use first."""
    query = select(RequestType).order_by(types.is_active.desc(), types.position, types.key)
    return list(session.execute(query).scalars())


def get_type(session: Session, key: str) -> RequestType:
    """Return a type to be changed; raises ``NotFound``."""
    found = session.get(RequestType, key, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound("There is no such topic.")
    return found


def add_type(session: Session, draft: Draft, *, by: int, now: datetime) -> RequestType:
    """Add a type, with the times of general until somebody gives it its own.

    Raises
    ------
    Invalid
        If a name is missing, too long or taken, or there is no such team.
    """
    draft = _checked(session, draft, None)
    last = session.execute(select(func.max(types.position))).scalar_one()
    made = RequestType(
        key=_free_key(session, draft.name_en),
        name_vi=draft.name_vi,
        name_en=draft.name_en,
        team_id=draft.team_id,
        position=(last or 0) + 1,
    )
    session.add(made)
    session.flush()
    _give_times(session, made)
    _write_down(session, made.key, AuditAction.CREATED, by, now, {}, _values(made))
    after_commit(session, "list")
    return made


def rename(session: Session, key: str, draft: Draft, *, by: int, now: datetime) -> None:
    """Change a type's names or team; its key and all that was learned stay."""
    draft = _checked(session, draft, key)
    row = get_type(session, key)
    before = _values(row)
    row.name_vi, row.name_en, row.team_id = draft.name_vi, draft.name_en, draft.team_id
    session.flush()
    _write_down(session, key, AuditAction.CHANGED, by, now, before, _values(row))
    after_commit(session, "list")


def merge(session: Session, key: str, into: str, *, by: int, now: datetime) -> None:
    """Let another type have its messages from now on, and what people said of it.

    Raises
    ------
    Conflict
        If it is general, which stays, or the other one is not in use.
    """
    row, heir = get_type(session, key), get_type(session, into)
    if key == into or not heir.is_active:
        raise Conflict(NOT_ITSELF)
    _switch_off(session, row, into, by, now)


def switch(session: Session, key: str, *, on: bool, by: int, now: datetime) -> None:
    """Take a type out of use, its messages are general's then; or take it back."""
    row = get_type(session, key)
    if row.is_active == on:
        return
    if not on:
        _switch_off(session, row, None, by, now)
        return
    before = _values(row)
    row.is_active, row.heir_key = True, None
    session.flush()
    _give_times(session, row)
    _write_down(session, key, AuditAction.ACTIVATED, by, now, before, _values(row))
    after_commit(session, "list")


def _switch_off(
    session: Session, row: RequestType, heir: str | None, by: int, now: datetime
) -> None:
    if row.key == GENERAL:
        raise Conflict(GENERAL_STAYS)
    before = _values(row)
    row.is_active, row.heir_key = False, heir
    session.flush()
    _write_down(session, row.key, AuditAction.DEACTIVATED, by, now, before, _values(row))
    after_commit(session, "list")


# ---- open work follows ---------------------------------------------------------------


def strays(session: Session, heirs: Mapping[str, str]) -> bool:
    """Tell whether an unfinished conversation is of a type that is no more."""
    return bool(heirs) and session.execute(_strays(heirs, 1)).first() is not None


def _strays(heirs: Mapping[str, str], limit: int) -> Select[int]:
    return (
        select(conversations.id)
        .where(conversations.status.in_(IN_WORK), conversations.request_type.in_(sorted(heirs)))
        .limit(limit)
    )


def rehome(session: Session, now: datetime) -> int:
    """Move unfinished conversations of types that are no more to their heirs; return how many.

    They stay with whom they are; their deadlines follow the new type.
    """
    heirs = list_heirs(session)
    if not heirs:
        return 0
    found = list(
        session.execute(
            select(Conversation)
            .where(conversations.id.in_(_strays(heirs, BATCH)))
            .order_by(conversations.id)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    for row in found:
        old, new = row.request_type, heirs[row.request_type]
        second = heirs.get(row.second_type, row.second_type) if row.second_type else None
        second = None if second == new else second
        data = {"field": "request_type", "old": old, "new": new, "by": "types"}
        data |= moved({"request_type": old}, {"request_type": new})
        add_event(session, row.id, EventKind.CORRECTED, now, data)
        rows.change(session, row.id, request_type=new, second_type=second)
    session.flush()
    for row in found:
        session.refresh(row)
    if found:
        ruling.follow(session, found, load_rulebook(session), now)
        after_commit(session, "list")
    return len(found)


# ---- parts -----------------------------------------------------------------------------


def _checked(session: Session, draft: Draft, key: str | None) -> Draft:
    names = {"name_vi": draft.name_vi.strip(), "name_en": draft.name_en.strip()}
    others = [one for one in list_all(session) if one.key != key]
    wrong = {}
    for field, name in names.items():
        sentence = _wrong_name(name, [getattr(one, field) for one in others])
        if sentence:
            wrong[field] = sentence
    if draft.team_id is not None and draft.team_id not in active_team_names(session):
        wrong["team_id"] = NO_TEAM
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    return Draft(names["name_vi"], names["name_en"], draft.team_id)


def _wrong_name(name: str, others: list[str]) -> str:
    if not name:
        return EMPTY
    if len(name) > MOST_NAME:
        return TOO_LONG
    return TAKEN if name.casefold() in {one.casefold() for one in others} else ""


def _free_key(session: Session, name: str) -> str:
    """Return a key made from the name that no type has or had."""
    plain = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    stem = re.sub(r"[^a-z0-9]+", "_", "".join(c for c in plain if c.isascii())).strip("_")
    stem = stem[:MOST_KEY] or "topic"
    known = set(session.execute(select(types.key)).scalars())
    number, key = 1, stem
    while key in known:
        number += 1
        key = f"{stem}_{number}"
    return key


def _give_times(session: Session, made: RequestType) -> None:
    """Give a type without a rule of its own the times and hours of general."""
    known = session.execute(
        select(policies.id).where(policies.request_type == made.key).limit(1)
    ).first()
    usual = session.execute(
        select(SLAPolicy).where(policies.request_type == GENERAL).order_by(policies.id).limit(1)
    ).scalar_one_or_none()
    if known is not None or usual is None:
        return
    values = usual.model_dump(exclude={"id"}) | {"name": made.name_vi, "request_type": made.key}
    session.add(SLAPolicy(**values))
    session.flush()


def _values(row: RequestType) -> dict[str, str | int | bool | None]:
    return {
        "name_vi": row.name_vi,
        "name_en": row.name_en,
        "team": row.team_id,
        "active": row.is_active,
        "heir": row.heir_key,
    }


def _write_down(
    session: Session,
    key: str,
    action: AuditAction,
    by: int,
    now: datetime,
    before: dict[str, str | int | bool | None],
    after: dict[str, str | int | bool | None],
) -> None:
    add_entry(
        session, AuditThing.REQUEST_TYPE, key, action, now, by=by, before=before, after=after
    )
