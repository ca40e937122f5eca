"""How long conversations are kept: rules by inbox and state, shown before anything goes.

A rule makes a run: the conversations that are old enough, by number. It stands on the
settings page for three days, can be stopped, and then takes away just those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session

from inbox.errors import Conflict, Invalid, NotFound
from inbox.privacy import erasing
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import (
    AccountNote,
    AuditAction,
    AuditThing,
    Contact,
    Conversation,
    Inbox,
    LegalHold,
    RetentionRule,
    RetentionRun,
    Status,
)
from models.base import columns

contacts = columns(Contact)
conversations = columns(Conversation)
holds = columns(LegalHold)
notes = columns(AccountNote)
rules = columns(RetentionRule)
runs = columns(RetentionRun)

STATES = (Status.RESOLVED, Status.SPAM)
"""What a rule may be for: nothing that somebody still works on."""
SHOWN = timedelta(days=3)
EVERY = timedelta(hours=20)
BATCH = 50  # conversations in one transaction
MOST = 5000  # of one run
LEAST_DAYS, MOST_DAYS = 1, 36500
WRONG_DAYS = N_("Between 1 and 36,500 days.")
WRONG_STATE = N_("Only what is done, or spam, is deleted by age.")
NO_INBOX = N_("There is no such way in.")
STARTED = N_("It has begun, or is over.")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would take away now."""

    count: int
    oldest_at: datetime | None
    numbers: list[int]  # the first of them


def _is_old(
    inbox_id: int | None, status: Status, cutoff: datetime, apart: Sequence[int]
) -> ColumnElement[bool]:
    """Return the condition for conversations that a rule takes.

    ``apart`` are inboxes that have a rule of their own for this state.
    """
    kept = select(holds.contact_id).where(holds.lifted_at.is_(None))
    restricted = select(contacts.id).where(contacts.restricted_at.is_not(None))
    place = (
        conversations.inbox_id.not_in(apart)
        if inbox_id is None
        else conversations.inbox_id == inbox_id
    )
    return and_(
        conversations.status == status,
        conversations.erased_at.is_(None),
        conversations.created_at < cutoff,
        func.coalesce(conversations.last_inbound_at, conversations.created_at) < cutoff,
        func.coalesce(conversations.resolved_at, conversations.created_at) < cutoff,
        func.coalesce(conversations.spam_at, conversations.created_at) < cutoff,
        conversations.contact_id.not_in(kept),
        conversations.contact_id.not_in(restricted),
        place,
    )


def _apart(session: Session, inbox_id: int | None, status: Status) -> list[int]:
    if inbox_id is not None:
        return []
    own = select(rules.inbox_id).where(
        rules.status == status, rules.is_active.is_(True), rules.inbox_id.is_not(None)
    )
    return list(session.execute(own).scalars())


def preview(
    session: Session, inbox_id: int | None, status: Status, keep_days: int, now: datetime
) -> Preview:
    """Return what a rule would take away if it held now; nothing is changed."""
    cutoff = now - timedelta(days=keep_days)
    old = _is_old(inbox_id, status, cutoff, _apart(session, inbox_id, status))
    count, oldest = session.execute(
        select(func.count(), func.min(conversations.created_at)).where(old)
    ).one()
    first = select(conversations.id).where(old).order_by(conversations.id).limit(20)
    return Preview(int(count), oldest, list(session.execute(first).scalars()))


def check(session: Session, inbox_id: int | None, status: str, keep_days: int) -> Status:
    """Check what somebody entered; return the state.

    Raises
    ------
    Invalid
        If there is no such inbox or state, or the days are out of range.
    """
    wrong = {}
    if status not in STATES:
        wrong["status"] = WRONG_STATE
    if not LEAST_DAYS <= keep_days <= MOST_DAYS:
        wrong["keep_days"] = WRONG_DAYS
    if inbox_id is not None and session.get(Inbox, inbox_id) is None:
        wrong["inbox_id"] = NO_INBOX
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    return Status(status)


def set_rule(
    session: Session,
    inbox_id: int | None,
    status: str,
    keep_days: int,
    *,
    by: int | None,
    now: datetime,
) -> int:
    """Enter a rule, in the place of one for the same inbox and state; return its number.

    Raises
    ------
    Invalid
        See ``check``.
    """
    state = check(session, inbox_id, status, keep_days)
    for old in list_rules(session):
        if (old.inbox_id, old.status) == (inbox_id, state):
            end_rule(session, old.id, by=by, now=now)
    made = RetentionRule(
        inbox_id=inbox_id,
        status=state,
        keep_days=keep_days,
        made_by_id=by,
        created_at=now,
        changed_at=now,
    )
    session.add(made)
    session.flush()
    after = {"rule": made.id, "inbox": inbox_id, "status": state.value, "days": keep_days}
    add_entry(
        session, AuditThing.PRIVACY, "retention", AuditAction.CREATED, now, by=by, after=after
    )
    return made.id


def end_rule(session: Session, rule_id: int, *, by: int | None, now: datetime) -> None:
    """End a rule, and what it was about to take away.

    Raises
    ------
    NotFound
        If there is none.
    """
    done = session.execute(
        update(RetentionRule)
        .where(rules.id == rule_id, rules.is_active.is_(True))
        .values(is_active=False, changed_at=now)
        .returning(rules.status, rules.keep_days)
    ).one_or_none()
    if done is None:
        raise NotFound("There is no such rule.")
    session.execute(
        update(RetentionRun)
        .where(runs.rule_id == rule_id, runs.finished_at.is_(None))
        .values(finished_at=now, stopped_by_id=by)
    )
    before = {"rule": rule_id, "status": str(done.status), "days": done.keep_days}
    add_entry(
        session, AuditThing.PRIVACY, "retention", AuditAction.REMOVED, now, by=by, before=before
    )


def list_rules(session: Session) -> list[RetentionRule]:
    """Return the rules that hold."""
    found = select(RetentionRule).where(rules.is_active.is_(True)).order_by(rules.id)
    return list(session.execute(found).scalars())


def list_runs(session: Session, most: int = 20) -> list[RetentionRun]:
    """Return what is about to go, and what went, the latest first."""
    found = select(RetentionRun).order_by(runs.id.desc()).limit(most)
    return list(session.execute(found).scalars())


def stop_run(session: Session, run_id: int, *, by: int | None, now: datetime) -> None:
    """Keep what a run would take away; the rule makes another one the next day.

    Raises
    ------
    Conflict
        If it has begun, or is over.
    """
    done = session.execute(
        update(RetentionRun)
        .where(runs.id == run_id, runs.finished_at.is_(None), runs.done == 0)
        .values(finished_at=now, stopped_by_id=by)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(STARTED)
    after = {"run": run_id, "stopped": True}
    add_entry(
        session, AuditThing.PRIVACY, "retention", AuditAction.CHANGED, now, by=by, after=after
    )


# ---- the worker's part -----------------------------------------------------------------


def plan(session: Session, now: datetime) -> int:
    """Make a run for each rule that has something to take away; return how many."""
    made = 0
    for rule in list_rules(session):
        lately = select(runs.id).where(
            runs.rule_id == rule.id,
            or_(runs.finished_at.is_(None), runs.made_at > now - EVERY),
        )
        if session.execute(lately.limit(1)).first() is not None:
            continue
        cutoff = now - timedelta(days=rule.keep_days)
        old = _is_old(rule.inbox_id, rule.status, cutoff, _apart_of(session, rule))
        found = select(conversations.id).where(old).order_by(conversations.id).limit(MOST)
        numbers = list(session.execute(found).scalars())
        if not numbers:
            continue
        session.add(
            RetentionRun(
                rule_id=rule.id,
                made_at=now,
                cutoff_at=cutoff,
                acts_at=now + SHOWN,
                numbers=numbers,
            )
        )
        session.flush()
        made += 1
    return made


def _apart_of(session: Session, rule: RetentionRule) -> list[int]:
    return _apart(session, rule.inbox_id, rule.status)


def is_due(session: Session, now: datetime) -> bool:
    """Tell whether a run is to take something away now."""
    due = select(runs.id).where(runs.finished_at.is_(None), runs.acts_at <= now)
    return session.execute(due.limit(1)).first() is not None


def act(session: Session, now: datetime) -> bool:
    """Take away the next conversations of a run that is due; True if that ended it.

    Whatever is no longer as it was shown (opened again, held, newer) is left alone.
    """
    run = session.execute(
        select(RetentionRun)
        .where(runs.finished_at.is_(None), runs.acts_at <= now)
        .order_by(runs.id)
        .limit(1)
        .with_for_update()
    ).scalar_one_or_none()
    if run is None:
        return False
    rule = session.get_one(RetentionRule, run.rule_id)
    some = [int(one) for one in run.numbers[run.done : run.done + BATCH]]
    old = _is_old(rule.inbox_id, rule.status, run.cutoff_at, _apart_of(session, rule))
    still = list(
        session.execute(
            select(conversations.id).where(conversations.id.in_(some), old)
        ).scalars()
    )
    if still:
        found = erasing.look_at(session, still)
        erasing.wipe(session, found, now, by=None)
        _forget_people(session, still, now)
    run.done += len(some)
    run.erased += len(still)
    if run.done >= len(run.numbers):
        run.finished_at = now
        after = {"run": run.id, "rule": rule.id, "erased": run.erased, "of": run.done}
        add_entry(
            session,
            AuditThing.PRIVACY,
            "retention",
            AuditAction.REMOVED,
            now,
            by=None,
            after=after,
        )
    session.flush()
    return run.finished_at is not None


def _forget_people(session: Session, numbers: list[int], now: datetime) -> None:
    """Take away those of whom nothing else is kept; they may come back at any time."""
    left = (
        select(conversations.id)
        .where(conversations.contact_id == contacts.id, conversations.erased_at.is_(None))
        .correlate(Contact)
        .exists()
    )
    noted = select(notes.id).where(notes.contact_id == contacts.id).correlate(Contact).exists()
    theirs = select(conversations.contact_id).where(conversations.id.in_(numbers))
    gone = session.execute(
        select(contacts.id).where(
            contacts.id.in_(theirs),
            contacts.account_id.is_(None),
            contacts.joined_into_id.is_(None),
            contacts.erased_at.is_(None),
            ~left,
            ~noted,
        )
    ).scalars()
    for contact_id in gone.all():
        found = erasing.look(session, contact_id)
        erasing.wipe(session, found, now, by=None, for_good=False)
