"""Somebody leaves: their accounts go to backups first, and their other work after that."""

from collections import Counter
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlmodel import Session

from inbox.accounts import keeping
from inbox.accounts.keeping import facts_of, note_handed
from inbox.acknowledgement import House
from inbox.clock import utcnow
from inbox.company import handover
from inbox.company.handover import Handed, Plan, find_heir
from inbox.db import Database
from inbox.store.staff import get_agent
from models import Account, Agent, Milestone
from models.base import columns

accounts = columns(Account)
agents = columns(Agent)
milestones = columns(Milestone)

BATCH = 50  # accounts, with the open work of each


async def leave(
    database: Database, agent_id: int, plan: Plan, house: House, *, by: int | None
) -> Handed:
    """Deactivate somebody and hand over what they own.

    Raises
    ------
    Invalid
        If the plan names nobody who can take it.
    Conflict
        If they left already or are the last active administrator.
    """
    await database.write(handover.deactivate, agent_id, plan, by=by, now=utcnow())
    return await hand_over(database, agent_id, plan, house, by=by)


async def hand_over(
    database: Database, agent_id: int, plan: Plan, house: House, *, by: int | None
) -> Handed:
    """Hand over whatever somebody who left still owns: their accounts, then the rest."""
    along: Counter[int | None] = Counter()
    while (
        given := await database.write(give_accounts, agent_id, plan, by=by, now=utcnow())
    ) is not None:
        along += given
    handed = await handover.hand_over(database, agent_id, plan, house, by=by)
    handed.counts += along
    return handed


def give_accounts(
    session: Session, agent_id: int, plan: Plan, *, by: int | None, now: datetime
) -> Counter[int | None] | None:
    """Give some accounts of somebody who left to others; None when they have none any more.

    Returns how many conversations went along, by their new owner. An account goes to its
    backup, who knows it, else to the plan's one heir, else it has no owner and its work goes
    to teams. Where they were the backup there is none then.
    """
    gone = get_agent(session, agent_id)
    heir = find_heir(session, gone, plan)
    theirs = (
        session.execute(
            select(Account)
            .where(or_(accounts.owner_id == agent_id, accounts.backup_id == agent_id))
            .order_by(accounts.id)
            .limit(BATCH)
        )
        .scalars()
        .all()
    )
    here = _who_works(session, {one.backup_id for one in theirs if one.backup_id is not None})
    along: Counter[int | None] = Counter()
    for account in theirs:
        if account.owner_id == agent_id:
            to = account.backup_id if account.backup_id in here else heir
            along[to] += _give(session, account, to, by, now)
        if account.backup_id == agent_id:
            account.backup_id = None
            session.add(account)
    session.flush()
    return along if theirs else None


def _who_works(session: Session, ids: set[int]) -> set[int]:
    query = select(agents.id).where(agents.id.in_(ids), agents.is_active.is_(True))
    return set(session.execute(query).scalars()) if ids else set()


def _give(
    session: Session, account: Account, to: int | None, by: int | None, now: datetime
) -> int:
    """Give an account with its open work; return how many conversations that were."""
    if to is not None:
        return keeping.hand_over(session, [account.id], to, by=by, now=now).conversations
    facts, before = facts_of(account), account.owner_id
    account.owner_id, account.changed_at, account.version = None, now, account.version + 1
    session.add(account)
    session.flush()
    session.execute(
        update(Milestone)
        .where(
            milestones.account_id == account.id,
            milestones.owner_id == before,
            milestones.ended_at.is_(None),
        )
        .values(owner_id=None)
    )
    note_handed(session, account, facts, by, now)
    return 0
