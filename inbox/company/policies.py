"""The rules of the promise: what is entered, what may be saved, and what a request would get.

Conversations that are taken in from now on follow the rules as saved; for those that are open,
see ``inbox.company.policy_work``.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import distinct, func, select
from sqlmodel import Session

from inbox.company.installation import MOST_NAME
from inbox.company.staff import FILL_IN, LOOK_AGAIN
from inbox.errors import Conflict, Invalid, NotFound
from inbox.rulebook import BETWEEN, NOTHING, About, Promise, Rulebook, load_rulebook
from inbox.sla.policy import rank
from inbox.store.audit import add_entry
from inbox.templating import N_
from models import (
    AuditAction,
    AuditThing,
    Calendar,
    ChannelKind,
    ClockKind,
    Conversation,
    Inbox,
    Ladder,
    RequestType,
    SLAClock,
    SLAPolicy,
    Urgency,
)
from models.base import columns

policies = columns(SLAPolicy)
live = columns(SLAClock)
conversations = columns(Conversation)

MOST_TARGET_S = 1000 * 3600  # of working time: about half a year
TIMES = ("first_response_s", "next_response_s", "resolution_s")
TOO_LONG = N_("This is too long.")
TAKEN = N_("Another rule has this name.")
NO_BETWEEN = N_("A name has no “ · ” in it: that stands between the names of two rules.")
WRONG_TARGET = N_("Write a number above nought, and 1000 hours at most.")
SAYS_NOTHING = N_("Give a time, working hours or a ladder: a rule says at least one of them.")
UNKNOWN = N_("There is none of this name. Choose one of the list.")
UNCOVERED = N_(
    "Then no rule would give a time for “%(type)s”. Every request type needs one that asks for "
    "nothing else; add that first."
)
STILL_RUNS = N_("Open conversations still run by it. Let them follow the other rules first.")
SWITCH_OFF_FIRST = N_("Switch it off first, and let open conversations follow.")


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as entered; None asks nothing and states nothing. Times are working seconds."""

    name: str
    request_type: str | None = None
    urgency: str | None = None
    tier: str | None = None
    channel: str | None = None
    product_group: str | None = None
    inbox_id: int | None = None
    calendar_id: int | None = None
    ladder_id: int | None = None
    resumes: bool = True
    first_response_s: int | None = None
    next_response_s: int | None = None
    resolution_s: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A rule in its place; ``open`` counts conversations whose running clocks name it."""

    rule: SLAPolicy
    open: int


@dataclass(frozen=True, slots=True)
class Due:
    """One clock of an example: its target, and when it would be due."""

    kind: ClockKind
    target_s: int
    due_at: datetime | None


class Uncovered(Invalid):
    """Without this rule a request type would have no time at all."""

    def __init__(self, request_type: str) -> None:
        """Say which type that is, by its key."""
        super().__init__(UNCOVERED % {"type": request_type})
        self.request_type = request_type


def draft_of(rule: SLAPolicy) -> Draft:
    """Return a saved rule as it would be entered."""
    values = {name: getattr(rule, name) for name in Draft.__slots__}
    return Draft(**{**values, "urgency": rule.urgency.value if rule.urgency else None})


def list_policies(session: Session) -> list[Listed]:
    """Return the rules in the order in which they are asked, those switched off at the end."""
    rules = session.execute(select(SLAPolicy)).scalars().all()
    ordered = sorted(rules, key=lambda rule: (not rule.is_active, *rank(rule), rule.id))
    counts = _running(session)
    return [Listed(rule, counts.get(rule.name, 0)) for rule in ordered]


def _running(session: Session) -> dict[str, int]:
    """Return how many conversations run by each rule, by its name on their clocks."""
    found = session.execute(
        select(live.policy, func.count(distinct(live.conversation_id)))
        .where(live.met_at.is_(None), live.cancelled_at.is_(None))
        .group_by(live.policy)
    )
    counts: dict[str, int] = {}
    for names, count in found:
        for name in names.split(BETWEEN):
            counts[name] = counts.get(name, 0) + count
    return counts


def get_policy(session: Session, policy_id: int, *, to_change: bool = False) -> SLAPolicy:
    """Return a rule; raises ``NotFound``. ``to_change`` locks all rules against others."""
    if to_change:
        # What one may take out hangs on the others: whoever changes rules takes turns.
        session.execute(select(policies.id).order_by(policies.id).with_for_update()).all()
    found = session.get(SLAPolicy, policy_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such rule.")
    return found


# ---- what may be saved -----------------------------------------------------------------


def check(session: Session, draft: Draft, policy_id: int | None = None) -> None:
    """Raise ``Invalid`` with a sentence for each field that is wrong."""
    wrong = _wrong_name(session, draft.name, policy_id)
    wrong |= _unknown(session, draft) | _wrong_times(draft)
    stated = (*(getattr(draft, field) for field in TIMES), draft.calendar_id, draft.ladder_id)
    if all(value is None for value in stated) and not wrong:
        wrong["first_response_s"] = SAYS_NOTHING
    if wrong:
        raise Invalid(LOOK_AGAIN, wrong)


def _unknown(session: Session, draft: Draft) -> dict[str, str]:
    """Return the fields that name what is not there."""
    known: tuple[tuple[str, type[Any], Any], ...] = (
        ("request_type", RequestType, draft.request_type),
        ("inbox_id", Inbox, draft.inbox_id),
        ("calendar_id", Calendar, draft.calendar_id),
        ("ladder_id", Ladder, draft.ladder_id),
    )
    wrong = {
        field: UNKNOWN
        for field, table, key in known
        if key is not None and session.get(table, key) is None
    }
    for field, kinds in (("urgency", Urgency), ("channel", ChannelKind)):
        value = getattr(draft, field)
        if value is not None and value not in list(kinds):
            wrong[field] = UNKNOWN
    for field in ("tier", "product_group"):
        if len(getattr(draft, field) or "") > MOST_NAME:
            wrong[field] = TOO_LONG
    return wrong


def _wrong_times(draft: Draft) -> dict[str, str]:
    times = {field: getattr(draft, field) for field in TIMES}
    return {
        field: WRONG_TARGET
        for field, seconds in times.items()
        if seconds is not None and not 0 < seconds <= MOST_TARGET_S
    }


def _wrong_name(session: Session, name: str, policy_id: int | None) -> dict[str, str]:
    if not name.strip():
        return {"name": FILL_IN}
    if len(name) > MOST_NAME:
        return {"name": TOO_LONG}
    if BETWEEN.strip() in name:
        return {"name": NO_BETWEEN}
    taken = session.execute(
        select(policies.id).where(
            policies.name == name.strip(), policies.id != (policy_id or 0)
        )
    ).first()
    return {"name": TAKEN} if taken else {}


def check_covered(book: Rulebook) -> None:
    """Raise ``Uncovered`` unless each type has a time, whoever writes and by whatever way."""
    for key in book.types:
        for urgency in Urgency:
            try:
                book.promise((key,), urgency.value, NOTHING)
            except Invalid as error:
                raise Uncovered(key) from error


def with_draft(session: Session, draft: Draft, policy_id: int | None = None) -> Rulebook:
    """Return the rules as they would be with a draft in place of a rule, or added."""
    rules = session.execute(select(SLAPolicy)).scalars().all()
    others = [rule for rule in rules if rule.id != policy_id]
    own = next((rule for rule in rules if rule.id == policy_id), None)
    drafted = SLAPolicy(**_values(draft), id=policy_id or 1 + max(one.id for one in rules))
    drafted.is_active = own.is_active if own is not None else True
    return load_rulebook(session).with_rules([*others, drafted])


def _values(draft: Draft) -> dict[str, Any]:
    values = {**asdict(draft), "name": draft.name.strip()}
    values["urgency"] = Urgency(draft.urgency) if draft.urgency else None
    return values


# ---- changing --------------------------------------------------------------------------


def add_policy(session: Session, draft: Draft, *, by: int, now: datetime) -> SLAPolicy:
    """Add a rule; new conversations follow it. Raises ``Invalid`` as ``check`` does."""
    check(session, draft)
    made = SLAPolicy(**_values(draft))
    session.add(made)
    session.flush()
    _write_down(session, made.id, AuditAction.CREATED, {}, asdict(draft_of(made)), by, now)
    return made


def save_policy(
    session: Session, policy_id: int, draft: Draft, *, by: int, now: datetime
) -> bool:
    """Change a rule for new conversations; False if nothing differs.

    Raises
    ------
    Invalid
        As ``check`` does, and where a request type would be left without a time.
    """
    rule = get_policy(session, policy_id, to_change=True)
    check(session, draft, policy_id)
    before = asdict(draft_of(rule))
    for name, value in _values(draft).items():
        if getattr(rule, name) != value:
            setattr(rule, name, value)
    session.flush()
    after = asdict(draft_of(rule))
    if before == after:
        return False
    check_covered(load_rulebook(session))
    _write_down(session, rule.id, AuditAction.CHANGED, before, after, by, now)
    return True


def set_active(
    session: Session, policy_id: int, active: bool, *, by: int, now: datetime
) -> None:
    """Switch a rule on or off for new conversations; raises ``Uncovered``."""
    rule = get_policy(session, policy_id, to_change=True)
    if rule.is_active is active:
        return
    rule.is_active = active
    session.flush()
    check_covered(load_rulebook(session))
    action = AuditAction.ACTIVATED if active else AuditAction.DEACTIVATED
    before, after = {"is_active": not active}, {"is_active": active}
    _write_down(session, rule.id, action, before, after, by, now)


def remove_policy(session: Session, policy_id: int, *, by: int, now: datetime) -> None:
    """Take a rule out for good. What ran by it keeps its name and its times.

    Raises
    ------
    Conflict
        If it is switched on, or open conversations run by it.
    """
    rule = get_policy(session, policy_id, to_change=True)
    if rule.is_active:
        raise Conflict(SWITCH_OFF_FIRST)
    if _running(session).get(rule.name):
        raise Conflict(STILL_RUNS)
    before = asdict(draft_of(rule))
    session.delete(rule)
    session.flush()
    _write_down(session, policy_id, AuditAction.REMOVED, before, {}, by, now)


def _write_down(
    session: Session,
    policy_id: int,
    action: AuditAction,
    before: dict[str, Any],
    after: dict[str, Any],
    by: int,
    now: datetime,
) -> None:
    add_entry(
        session,
        AuditThing.POLICY,
        policy_id,
        action,
        now,
        by=by,
        before=before,
        after=after,
    )


# ---- examples --------------------------------------------------------------------------


def example(
    book: Rulebook, candidates: Sequence[str], urgency: str, about: About, arrival: datetime
) -> tuple[Promise, list[Due]]:
    """Return what a request that arrives then would get, and when that would be."""
    promise = book.promise(candidates, urgency, about)
    targets = (
        (ClockKind.FIRST_RESPONSE, promise.targets.first_response_s),
        (ClockKind.NEXT_RESPONSE, promise.targets.next_response_s),
        (ClockKind.RESOLUTION, promise.targets.resolution_s),
    )
    dues = [
        Due(kind, target_s, promise.calendar.due_at(arrival, target_s))
        for kind, target_s in targets
        if target_s is not None
    ]
    return promise, dues
