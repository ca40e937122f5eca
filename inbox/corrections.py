"""What people say of the sorting: changed or confirmed. Everything that hangs on it follows."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import acknowledgement, chat, clocks, record, routing
from inbox.acknowledgement import House
from inbox.channels.addresses import is_strict
from inbox.channels.base import InboundMessage
from inbox.errors import Conflict, Invalid
from inbox.queue import CLOCKS, OUTBOX
from inbox.rulebook import Promise, Rulebook, load_about, load_candidates
from inbox.sla.promise import corrected_promise
from inbox.store import people
from inbox.store.changes import (
    add_event,
    changed,
    door_address,
    last_inbound_id,
    moved,
    place_of,
)
from inbox.store.people import Person
from inbox.store.wordings import load_words
from inbox.timeline import Happened
from models import (
    URGENCY_RANK,
    ClockKind,
    Conversation,
    Correction,
    Event,
    EventKind,
    OutboxKind,
    Status,
    Triage,
    TriagePrediction,
    Urgency,
)
from models.base import columns

events = columns(Event)
predictions = columns(TriagePrediction)


def correct(  # noqa: PLR0913
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    *,
    request_type: str | None = None,
    urgency: str | None = None,
    by: Person,
    now: datetime,
    because: str = "",
    since: datetime | None = None,
) -> None:
    """Change type or urgency; policy, team, owner, due times and promise follow at once.

    The prediction, the correction, who and when are kept. A promise may only get earlier:
    by more than half an hour and the customer is told, once; a later due stays as promised.
    ``because`` "message": a later message, that came at ``since``, says so; nothing is learnt
    of the first.

    Raises
    ------
    Invalid
        If there is no such type or urgency.
    Conflict
        If it is set apart as spam.
    """
    _check(rulebook, request_type, urgency)
    if conversation.status is Status.SPAM:
        raise Conflict("It is set apart as spam. Say first that it is none.")
    new_type = request_type or conversation.request_type
    new_urgency = urgency or conversation.urgency
    for field, new in (("request_type", request_type), ("urgency", urgency)):
        if new is not None:
            _record(session, conversation, field, new, by, now, because=because)
    values = _said(conversation, request_type, urgency)
    about = load_about(session, conversation)
    may_be = (request_type,) if request_type else _may_be(session, rulebook, conversation)
    promise = rulebook.promise(may_be, new_urgency, about)
    promise = chat.for_chat(session, conversation, promise, now=now)
    route = routing.choose(
        session,
        rulebook,
        routing.work_of(conversation, new_type),
        fallback_team_id=conversation.team_id,
        now=now,
        owner_id=conversation.owner_id,
    )
    if route.owner_id != conversation.owner_id or route.team_id != conversation.team_id:
        data = {"reason": route.reason, **route.data}
        data |= moved(place_of(conversation), route.place)
        add_event(session, conversation.id, EventKind.ASSIGNED, now, data, by=by.id)
    values |= routing.owned_by(conversation, route)
    _follow(session, conversation, promise, house, values, now, since)


def raise_urgency(  # noqa: PLR0913
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    now: datetime,
    *,
    to: Urgency | None = None,
    because: str = "ladder",
    reason: str = "",
    since: datetime | None = None,
) -> Urgency | None:
    """Raise the urgency by one, or ``to`` one; return it, None if that is none higher.

    ``because``: the ladder, a later message (for a ``reason``, the name of a written rule, if
    one says so), another request that became one with it (merged), or that the customer asked
    for the third time (asked_again). ``since``: when that message came.

    Due times and promise follow as with a correction. It stays with whom it is, and is
    nothing to learn from: the words are as urgent as they were.
    """
    old = Urgency(conversation.urgency)
    higher = {rank: urgency for urgency, rank in URGENCY_RANK.items()}
    new = to or higher.get(URGENCY_RANK[old] - 1)
    if new is None or URGENCY_RANK[new] >= URGENCY_RANK[old]:
        return None
    data: dict[str, Any] = {"field": "urgency", "old": old.value, "new": new.value}
    data |= {"by": because, **({"reason": reason} if reason else {})}
    data |= moved({"urgency": old.value}, {"urgency": new.value})
    add_event(session, conversation.id, EventKind.CORRECTED, now, data)
    about = load_about(session, conversation)
    promise = rulebook.promise(_may_be(session, rulebook, conversation), new, about)
    promise = chat.for_chat(session, conversation, promise, now=now)
    values = {"urgency": new, "urgency_rank": URGENCY_RANK[new]}
    _follow(session, conversation, promise, house, values, now, since)
    return new


def _follow(
    session: Session,
    conversation: Conversation,
    promise: Promise,
    house: House,
    values: dict[str, Any],
    now: datetime,
    since: datetime | None = None,
) -> None:
    """Let promise and clocks follow what the policies say now, and change the conversation."""
    told = _promise_again(session, conversation, promise, house, now, since)
    if told:
        values["promised_at"] = conversation.promised_at
    values |= record.keep(
        session, conversation.id, *told, now=now, promise=promise, since=since
    )
    changed(session, conversation.id, CLOCKS, OUTBOX, **values)


def _check(rulebook: Rulebook, request_type: str | None, urgency: str | None) -> None:
    if request_type is not None and request_type not in rulebook.types:
        raise Invalid("There is no such request type.")
    if urgency is not None and urgency not in list(Urgency):
        raise Invalid("Urgency is one of urgent, high, normal, low.")


def _may_be(session: Session, rulebook: Rulebook, row: Conversation) -> tuple[str, ...]:
    """Return the types whose strictest clock holds while nobody has said which it is."""
    kinds = load_candidates(session, [row])[row.id]
    return tuple(key for key in kinds if key in rulebook.types) or (row.request_type,)


def _said(
    conversation: Conversation, request_type: str | None, urgency: str | None
) -> dict[str, Any]:
    """Return the columns that hold what a person said of the sorting."""
    values: dict[str, Any] = {}
    if urgency is not None:
        values |= {
            "urgency": Urgency(urgency),
            "urgency_rank": URGENCY_RANK[Urgency(urgency)],
            "urgency_confidence": 1.0,
        }
    if request_type is None:  # the type itself was not looked at
        return values
    same = request_type == conversation.request_type
    return values | {
        "triage": Triage.CONFIRMED if same else Triage.CORRECTED,
        "second_type": None,
        "proposed_type": None,
        "request_type": request_type,
        "request_type_confidence": 1.0,
    }


def agree(session: Session, conversation: Conversation, *, by: Person, now: datetime) -> None:
    """Say that type and urgency are right; the model learns from this too."""
    if conversation.triage in (Triage.CONFIRMED, Triage.CORRECTED):
        return
    _confirm(session, conversation, by, now)


def _confirm(session: Session, conversation: Conversation, by: Person, now: datetime) -> None:
    for field in ("request_type", "urgency"):
        _record(session, conversation, field, getattr(conversation, field), by, now, quiet=True)
    data = moved({"triage": conversation.triage.value}, {"triage": Triage.CONFIRMED.value})
    add_event(session, conversation.id, EventKind.CONFIRMED, now, data, by=by.id)
    changed(session, conversation.id, triage=Triage.CONFIRMED, second_type=None)


def decide(
    session: Session,
    conversation: Conversation,
    rulebook: Rulebook,
    house: House,
    *,
    request_type: str,
    urgency: str,
    by: Person,
    now: datetime,
) -> None:
    """Say both at once, as the review page does: what differs is corrected, the rest confirmed.

    Raises
    ------
    Invalid
        If there is no such type or urgency.
    """
    _check(rulebook, request_type, urgency)
    new_type = request_type if request_type != conversation.request_type else None
    new_urgency = urgency if urgency != conversation.urgency else None
    if new_type is None and new_urgency is None:
        _confirm(session, conversation, by, now)
        return
    kept = "urgency" if new_urgency is None else "request_type"
    if new_type is None or new_urgency is None:
        _record(session, conversation, kept, getattr(conversation, kept), by, now, quiet=True)
    was_review = conversation.triage
    correct(
        session,
        conversation,
        rulebook,
        house,
        request_type=new_type,
        urgency=new_urgency,
        by=by,
        now=now,
    )
    if new_type is None:
        data = moved({"triage": was_review.value}, {"triage": Triage.CONFIRMED.value})
        add_event(session, conversation.id, EventKind.CONFIRMED, now, data, by=by.id)
        changed(session, conversation.id, triage=Triage.CONFIRMED, second_type=None)


def _promise_again(
    session: Session,
    conversation: Conversation,
    promise: Promise,
    house: House,
    now: datetime,
    since: datetime | None,
) -> list[Happened]:
    """Make and send a new promise, if there is one; one at most in a conversation."""
    live = clocks.list_live(session, conversation.id, [ClockKind.FIRST_RESPONSE])
    if not live or conversation.promised_at is None:
        return []
    target_s = clocks.target_of(promise, ClockKind.FIRST_RESPONSE)
    start = max(live[0].started_at, since) if since is not None else live[0].started_at
    due = promise.calendar.due_at(start, target_s) if target_s else None
    if due is None:
        return []
    decision = corrected_promise(conversation.promised_at, due)
    if not decision.send or decision.promised_at is None or decision.promised_at <= now:
        return []
    if _was_promised_again(session, conversation.id):
        return []
    before = conversation.promised_at.isoformat()
    conversation.promised_at = decision.promised_at
    first = InboundMessage(
        from_address=(
            people.list_identities(session, conversation.contact_id).get("email") or [""]
        )[0],
        message_id=last_inbound_id(session, conversation),
    )
    mail = acknowledgement.compose(
        conversation,
        first,
        promise,
        house,
        door_address=door_address(session, conversation),
        kind=OutboxKind.PROMISE,
        now=now,
        own=load_words(session),
    )
    if mail is not None and is_strict(first.from_address):
        session.add(mail)
    data: dict[str, Any] = {"promised_at": decision.promised_at.isoformat()}
    data |= moved({"promised_at": before}, data)
    return [Happened(EventKind.PROMISED_AGAIN, now, data)]


def _was_promised_again(session: Session, number: int) -> bool:
    found = session.execute(
        select(events.id).where(
            events.conversation_id == number, events.kind == EventKind.PROMISED_AGAIN
        )
    ).first()
    return found is not None


def _record(
    session: Session,
    conversation: Conversation,
    field: str,
    new: str,
    by: Person,
    now: datetime,
    *,
    quiet: bool = False,
    because: str = "",
) -> None:
    old = str(getattr(conversation, field))
    if because:
        data = {"field": field, "old": old, "new": new, "by": because}
        data |= moved({field: old}, {field: new})
        add_event(session, conversation.id, EventKind.CORRECTED, now, data, by=by.id)
        return
    version = session.execute(
        select(predictions.model_version_id)
        .where(predictions.conversation_id == conversation.id)
        .order_by(predictions.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    session.add(
        Correction(
            conversation_id=conversation.id,
            field=field,
            old=old,
            new=new,
            agent_id=by.id,
            model_version_id=version,
            at=now,
        )
    )
    if not quiet:
        data = {"field": field, "old": old, "new": new, **moved({field: old}, {field: new})}
        add_event(session, conversation.id, EventKind.CORRECTED, now, data, by=by.id)
