"""Work that nobody could be given when it came is given out once somebody can take it.

Somebody comes to work, a shift begins, a cap has room again: whatever it is, the next look
sees it. What people left without an owner on purpose stays so.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database, after_commit
from inbox.duty import open_calendars
from inbox.failpoints import failpoint
from inbox.queue import conversation_name
from inbox.routing import Desk, Desks, Work
from inbox.rulebook import Rulebook, load_rulebook
from inbox.store import candidates
from inbox.store.changes import add_happened, moved
from inbox.store.running import clocks_for
from inbox.telling import Alert, Telling, tell_all
from models import Account, Agent, Conversation, Event, EventKind, Status, Team
from models.base import columns, core

conversations = columns(Conversation)
events = columns(Event)
accounts = columns(Account)
agents = columns(Agent)
teams = columns(Team)

log = logging.getLogger(__name__)

BATCH = 100
ON_PURPOSE = ("unassigned", "left_to_team")  # what people decided

_LAST_REASON = (
    select(events.data["reason"].as_string())
    .where(
        events.conversation_id == conversations.id,
        events.kind.in_([EventKind.ASSIGNED, EventKind.COVERED, EventKind.PASSED_ON]),
    )
    .order_by(events.id.desc())
    .limit(1)
    .correlate(Conversation)
    .scalar_subquery()
)
WAITING = and_(
    conversations.owner_id.is_(None),
    conversations.status == Status.OPEN,
    func.coalesce(_LAST_REASON, "").not_in(ON_PURPOSE),
)


# Teams where work waits from an account that somebody at work, of whatever team, looks after.
_KEPT = (
    select(conversations.team_id)
    .join(core(Account), accounts.id == conversations.account_id)
    .join(core(Agent), or_(agents.id == accounts.owner_id, agents.id == accounts.backup_id))
    .where(WAITING, candidates.HAS_ROOM)
    .distinct()
)


class Give:
    """Gives out what waits, a batch at a turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self) -> bool:
        """Give out one batch; True if there may be more."""
        if not await self._database.read(teams_to_serve, utcnow()):
            return False
        given = await self._database.write(_give_out_now)
        failpoint("giving.committed")
        return given > 0


def _give_out_now(session: Session) -> int:
    return give_out(session, utcnow())


def teams_to_serve(session: Session, now: datetime) -> list[int]:
    """Return the teams where something waits and somebody could take it."""
    waiting = (
        select(conversations.id)
        .where(conversations.team_id == teams.id, WAITING)
        .correlate(Team)
        .exists()
    )
    found = session.execute(select(teams.id).where(teams.is_active.is_(True), waiting))
    ids = list(found.scalars())
    if not ids:
        return []
    open_ids = open_calendars(session, now)
    able = candidates.teams_with_room(session, now, open_ids)
    if not able.issuperset(ids):
        able |= set(session.execute(_KEPT, {"now": now, "open_ids": open_ids}).scalars())
    return [one for one in ids if one in able]


def give_out(session: Session, now: datetime, limit: int = BATCH) -> int:
    """Give out a batch of each team's waiting work, what is due first first; return how many.

    Caps hold, and who was silent about one does not get it again.
    """
    book = load_rulebook(session)
    given = 0
    for team_id in teams_to_serve(session, now):
        rows = session.execute(
            select(
                *(conversations.id, conversations.team_id, conversations.covered_for_id),
                *(conversations.request_type, conversations.language),
                *(conversations.product_group, conversations.inbox_id),
                conversations.account_id,
            )
            .where(conversations.team_id == team_id, WAITING)
            .order_by(conversations.order_at, conversations.id)
            .limit(limit)
            .with_for_update(of=Conversation, skip_locked=True)
        ).all()
        if rows:
            given += _give(session, book, team_id, rows, now)
    return given


def _choose(
    desks: Desks, desk: Desk, row: Any, now: datetime
) -> tuple[str, dict[str, Any]] | None:
    """Choose who gets one: who looks after its account, else whoever of the team it is."""
    besides = row.covered_for_id
    keepers = desks.keepers_of(row.account_id)
    about = {"account": row.account_id} if keepers is not None else {}
    keeping = desks.take_keeper(keepers, besides)
    if keeping is not None:
        return keeping[0], {**about, **keeping[1]}
    work = Work(row.request_type, row.language, row.product_group, row.inbox_id)
    # Nobody's request is nobody's: with nobody else left it is theirs again who were silent.
    chosen = desk.take(work, now, besides) or desk.take(work, now)
    return None if chosen is None else (desk.gives_by, {**about, "owner": chosen.id})


def _give(
    session: Session, book: Rulebook, team_id: int, rows: Sequence[Any], now: datetime
) -> int:
    desks = Desks(session, book, now)
    desks.know(row.account_id for row in rows)
    desk = desks.desk(team_id)
    owners: dict[int, list[int]] = {}
    happened = []
    for row in rows:
        found = _choose(desks, desk, row, now)
        if found is None:
            continue
        reason, said = found
        owner_id = said["owner"]
        owners.setdefault(owner_id, []).append(row.id)
        kind = book.types.get(row.request_type)
        data = {
            "reason": reason,
            "later": True,
            **said,
            "team": book.teams[desk.team_id],
            "type_vi": kind.name_vi if kind else "",
            "type_en": kind.name_en if kind else "",
            **moved({"owner": None}, {"owner": owner_id}),
        }
        happened.append((row.id, EventKind.ASSIGNED, now, data, None))
    for owner, numbers in owners.items():
        session.execute(_owned(numbers, owner))
    desk.remember(session)
    add_happened(session, happened)
    covered = {row.id: row.covered_for_id for row in rows if row.covered_for_id is not None}
    late = [(number, owner) for owner, some in owners.items() for number in some]
    others = [one for one in late if covered.get(one[0]) not in (None, one[1])]
    _tell(session, others, covered, now)
    after_commit(session, "list", *(conversation_name(number) for number, *_ in happened))
    if happened:
        log.info("%d conversations were given out in team %d", len(happened), desk.team_id)
    return len(happened)


def _tell(
    session: Session, given: Sequence[tuple[int, int]], before: dict[int, int], now: datetime
) -> None:
    """Tell who now has what somebody else was too silent about, or away for."""
    clock_of = clocks_for(session, [number for number, _ in given]) if given else {}
    tellings = [
        Telling(
            {owner: "owner"},
            number,
            clock_of[number],
            "given",
            Alert.HANDED_OVER,
            data={"handed_from": before[number], "handed_to": owner},
        )
        for number, owner in given
        if number in clock_of
    ]
    tell_all(session, tellings, now)


def _owned(numbers: list[int], owner: int) -> Any:
    still: ColumnElement[bool] = conversations.owner_id.is_(None)
    return (
        update(Conversation)
        .where(conversations.id.in_(numbers), still)
        .values(
            owner_id=owner,
            covered_for_id=func.nullif(conversations.covered_for_id, owner),
            version=conversations.version + 1,
        )
    )
