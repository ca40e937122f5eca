"""Mail that a rule keeps away: it stays in the ledger and can be taken in from there."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.addressing import conversation_of
from inbox.db import after_commit
from inbox.errors import Conflict, Invalid, NotFound
from inbox.later.incoming import Context, Incoming
from inbox.later.rule import Ignored
from inbox.queue import INTAKE
from inbox.store import ledger
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import (
    AuditAction,
    AuditThing,
    ChannelKind,
    Inbox,
    LedgerState,
    MailRule,
    RawMessage,
    RawState,
    RuleField,
)
from models.base import columns

raws = columns(RawMessage)
rules = columns(MailRule)

MOST_RULES = 200
MOST_CHARS, LEAST_CHARS = 200, 3
LOOK_AGAIN = N_("Please look at the marked answers.")
TAKEN = "taken_by"  # in a raw row's meta: a person wants it, whatever rules say


def load_rules(session: Session) -> tuple[Ignored, ...]:
    """Return all rules, oldest first."""
    found = session.execute(
        select(rules.inbox_id, rules.field, rules.pattern, rules.reason).order_by(rules.id)
    )
    return tuple(Ignored(*row) for row in found)


def ignore(session: Session, incoming: Incoming, context: Context) -> bool:
    """Keep a mail away if a rule says so; never an answer to something that we sent."""
    raw, message = incoming.raw, incoming.message
    if raw.kind is not ChannelKind.EMAIL or not context.ignoring or TAKEN in raw.meta:
        return False
    rule = next((one for one in context.ignoring if one.fits(raw.inbox_id, message)), None)
    if rule is None or _answers_us(incoming, context.house.secret):
        return False
    done = session.execute(
        update(RawMessage)
        .where(raws.id == raw.id, raws.state == RawState.PENDING)
        .values(state=RawState.IGNORED, error="")
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return True  # somebody else has dealt with it
    sender, subject = message.from_address, message.subject
    state, why = LedgerState.IGNORED, rule.reason
    ledger.settle(session, raw.id, state, sender=sender, subject=subject, reason=why)
    return True


def _answers_us(incoming: Incoming, secret: bytes) -> bool:
    message = incoming.message
    ids = [one for one in (message.in_reply_to, *message.references) if one]
    envelope = [str(one) for one in incoming.raw.meta.get("rcpt", [])]
    return conversation_of(secret, ids, [*envelope, *message.to]) is not None


def take(session: Session, raw_id: int, *, by: int, now: datetime) -> bool:
    """Take in what a rule kept away; False if it is not ignored any more."""
    row = session.execute(
        select(RawMessage).where(raws.id == raw_id).with_for_update()
    ).scalar_one_or_none()
    if row is None or row.state is not RawState.IGNORED:
        return False
    row.meta = {**row.meta, TAKEN: by}
    row.state, row.attempts, row.failures = RawState.PENDING, 0, 0
    row.leased_until = now
    session.add(row)
    session.flush()
    ledger.move(session, raw_id, LedgerState.WAITING)
    before, after = {"state": RawState.IGNORED.value}, {"state": RawState.PENDING.value}
    _note(session, AuditThing.MESSAGE, raw_id, AuditAction.CHANGED, now, by, before, after)
    after_commit(session, INTAKE)
    return True


def add_rule(
    session: Session,
    field: str,
    pattern: str,
    reason: str,
    inbox_id: int | None,
    *,
    by: int,
    now: datetime,
) -> int:
    """Enter a rule for mail that comes from now on; return its number.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    Conflict
        If it is there already, or there are too many.
    """
    pattern, reason = " ".join(pattern.lower().split()), " ".join(reason.split())
    _check(session, field, pattern, reason, inbox_id)
    known = session.execute(select(rules.field, rules.pattern, rules.inbox_id)).all()
    if (field, pattern, inbox_id) in [(row[0].value, row[1], row[2]) for row in known]:
        raise Conflict(N_("This rule is there already."))
    if len(known) >= MOST_RULES:
        raise Conflict(N_("There are very many rules already. Remove some first."))
    row = MailRule(
        inbox_id=inbox_id,
        field=RuleField(field),
        pattern=pattern,
        reason=reason,
        made_by_id=by,
        created_at=now,
    )
    session.add(row)
    session.flush()
    after = _facts(row)
    _note(session, AuditThing.RULE, row.id, AuditAction.CREATED, now, by, None, after)
    return row.id


def _check(
    session: Session, field: str, pattern: str, reason: str, inbox_id: int | None
) -> None:
    wrong = _wrong_pattern(field, pattern)
    if not reason or len(reason) > MOST_CHARS:
        wrong["reason"] = N_("Say in a few words why, for whoever wonders later.")
    if inbox_id is not None:
        found = session.get(Inbox, inbox_id)
        if found is None or found.kind is not ChannelKind.EMAIL:
            wrong["inbox"] = N_("There is no such inbox.")
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)


def _wrong_pattern(field: str, pattern: str) -> dict[str, str]:
    wrong = {}
    if field not in [one.value for one in RuleField]:
        wrong["field"] = N_("Choose sender or subject.")
    elif field == RuleField.SENDER and (
        "@" not in pattern or " " in pattern or len(pattern.rpartition("@")[2]) < LEAST_CHARS
    ):
        wrong["pattern"] = N_("Write an address, or @ and a domain.")
    elif len(pattern) < LEAST_CHARS:
        wrong["pattern"] = N_("Write at least three characters.")
    if len(pattern) > MOST_CHARS:
        wrong["pattern"] = N_("That is too long.")
    return wrong


def remove_rule(session: Session, rule_id: int, *, by: int, now: datetime) -> None:
    """End a rule; what it kept away stays in the ledger. Raises ``NotFound``."""
    row = session.get(MailRule, rule_id)
    if row is None:
        raise NotFound("There is no such rule.")
    before = _facts(row)
    _note(session, AuditThing.RULE, row.id, AuditAction.REMOVED, now, by, before, None)
    session.delete(row)


def list_rules(session: Session) -> Sequence[MailRule]:
    """Return all rules, newest first."""
    return session.execute(select(MailRule).order_by(rules.id.desc())).scalars().all()


def _facts(row: MailRule) -> dict[str, object]:
    facts: dict[str, object] = {"field": row.field.value}
    return facts | {name: getattr(row, name) for name in ("pattern", "reason", "inbox_id")}


def _note(
    session: Session,
    thing: AuditThing,
    number: int,
    action: AuditAction,
    now: datetime,
    by: int,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    add_entry(session, thing, number, action, now, by=by, before=before, after=after)
