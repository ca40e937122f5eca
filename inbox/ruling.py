"""Open conversations follow the rules: when tier, product group or the rules have changed.

Running clocks are counted again from their arrival, with their pauses; a breach stays one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlmodel import Session

from inbox import record, routing
from inbox.db import after_commit
from inbox.errors import Invalid, NotFound
from inbox.queue import CLOCKS, conversation_name
from inbox.record import Told
from inbox.rulebook import Promise, Rulebook, about_of, load_candidates, load_rulebook
from inbox.sla.chat import chat_targets, is_hastened
from inbox.store.changes import add_event, changed, moved, place_of
from inbox.store.learning import guessed_products
from inbox.store.routes import list_rules
from inbox.templating import N_
from inbox.timeline import Happened, Terms, last_rule, terms_of
from models import ChannelKind, Contact, Conversation, EventKind, Status
from models.base import columns

contacts = columns(Contact)
conversations = columns(Conversation)

STANDARD = "standard"  # the tier of whoever has none of their own
MOST_NAME = 60  # characters of a tier or product group
TOO_LONG = N_("This is too long.")
IN_WORK = (Status.OPEN, Status.WAITING, Status.SNOOZED)

Concerns = Callable[[Terms, Promise], bool]


def set_tier(
    session: Session, contact_id: int, tier: str, *, by: int | None, now: datetime
) -> bool:
    """Say how much a customer counts; all their open conversations follow at once.

    Empty is the standard tier. Nobody is written to, even where an answer is due earlier.
    False if nothing changed.

    Raises
    ------
    Invalid
        If the name is too long.
    """
    tier = _named(tier, "tier") or STANDARD
    contact = session.get(Contact, contact_id, with_for_update=True, populate_existing=True)
    if contact is None:
        raise NotFound("There is no such customer.")
    before = contact.tier
    if before == tier:
        return False
    contact.tier = tier
    session.flush()
    theirs = conversations.contact_id == contact_id
    _class(session, _in_work(session, theirs), "tier", before, tier, by, now)
    return True


def set_tiers(
    session: Session, account_id: int, tier: str, *, by: int | None, now: datetime
) -> None:
    """Say it of all contacts of an account; all their open conversations follow at once.

    Raises
    ------
    Invalid
        If the name is too long.
    """
    tier = _named(tier, "tier") or STANDARD
    others = (contacts.account_id == account_id, contacts.tier != tier)
    found = session.execute(
        select(contacts.id, contacts.tier)
        .where(*others)
        .order_by(contacts.id)
        .with_for_update()
    )
    before = {row.id: row.tier for row in found}
    session.execute(update(Contact).where(*others).values(tier=tier))
    work = _in_work(session, conversations.account_id == account_id) if before else []
    for old in sorted(set(before.values())):
        some = [one for one in work if before.get(one.contact_id) == old]
        _class(session, some, "tier", old, tier, by, now)


def follow_tier(
    session: Session,
    numbers: Sequence[int],
    before: str,
    tier: str,
    *,
    by: int | None,
    now: datetime,
) -> None:
    """Let conversations follow another tier than they had: they are somebody else's now."""
    if before != tier and numbers:
        found = _in_work(session, conversations.id.in_(list(numbers)))
        _class(session, found, "tier", before, tier, by, now)


def _in_work(session: Session, which: ColumnElement[bool]) -> list[Conversation]:
    """Return unfinished conversations, locked to be changed."""
    query = select(Conversation).where(which, conversations.status.in_(IN_WORK))
    ordered = query.order_by(conversations.id).with_for_update()
    return list(session.execute(ordered.execution_options(populate_existing=True)).scalars())


def set_product_group(
    session: Session, conversation: Conversation, group: str, *, by: int, now: datetime
) -> bool:
    """Say what product or service it is about; empty is none. False if nothing changed.

    Raises
    ------
    Invalid
        If the name is too long.
    """
    new = _named(group, "product_group") or None
    before = conversation.product_group
    if before == new:
        if new and guessed_products(session, [conversation.id]):  # a person says so too
            data = {"field": "product_group", "old": new, "new": new}
            add_event(session, conversation.id, EventKind.CLASSED, now, data, by=by)
            changed(session, conversation.id)
        return False
    conversation.product_group = new
    session.flush()
    _class(session, [conversation], "product_group", before or "", new or "", by, now)
    _send_on(session, conversation, by, now)
    return True


def _send_on(session: Session, conversation: Conversation, by: int, now: datetime) -> None:
    """Give it to another team where a route says so; nothing else moves it."""
    if all(one.product_group is None for one in list_rules(session)):
        return
    route = routing.choose(
        session,
        load_rulebook(session),
        routing.work_of(conversation, conversation.request_type),
        fallback_team_id=conversation.team_id,
        now=now,
        owner_id=conversation.owner_id,
    )
    place = moved(place_of(conversation), route.place)
    if "rule" in route.data and place:
        data = {"reason": route.reason, **route.data, **place}
        add_event(session, conversation.id, EventKind.ASSIGNED, now, data, by=by)
        changed(session, conversation.id, **routing.owned_by(conversation, route))


def _named(text: str, field: str) -> str:
    if len(text.strip()) > MOST_NAME:
        raise Invalid(TOO_LONG, {field: TOO_LONG})
    return text.strip()


def _class(
    session: Session,
    found: Sequence[Conversation],
    field: str,
    before: str,
    new: str,
    by: int | None,
    now: datetime,
) -> None:
    """Write down what changed of conversations, and let them follow."""
    if not found:
        return
    change = {"field": field, "old": before, "new": new}
    data = change | moved({field: before}, {field: new})
    said = Happened(EventKind.CLASSED, now, data, by)
    follow(session, found, load_rulebook(session), now, by=by, because=said)


def follow(
    session: Session,
    found: Sequence[Conversation],
    book: Rulebook,
    now: datetime,
    *,
    by: int | None = None,
    because: Happened | None = None,
    concerns: Concerns | None = None,
) -> int:
    """Let conversations, locked to be changed, follow the rules; return how many changed.

    ``because`` is written down of each. ``concerns(held, promise)`` says of the rule that held
    and of what the rules say now whether it is meant.
    """
    told = record.load(session, [one.id for one in found], now)
    promises = promises_of(session, book, found)
    moving: list[Told] = []
    for row, one in zip(found, told, strict=True):
        if because is not None:
            one.tell(because)
        promise = promises[row.id]
        last = last_rule(one.happened)
        if last is not None:
            held = terms_of(last.data)
            promise = hastened(row, promise, held.targets[0])
            if concerns is None or concerns(held, promise):
                why = "" if because is not None else "rules"
                record.rule(session, one, promise, now, by=by, why=why)
        if one.new:
            moving.append(one)
    record.settle(session, moving, now)
    record.show(session, moving)
    after_commit(session, "list", CLOCKS, *(conversation_name(one.number) for one in moving))
    return len(moving)


def promises_of(
    session: Session, book: Rulebook, found: Sequence[Conversation]
) -> Mapping[int, Promise]:
    """Return what the rules say of each conversation, by number, in two questions."""
    kinds = load_candidates(session, found)
    tiers: dict[int, str] = {
        row.id: row.tier
        for row in session.execute(
            select(contacts.id, contacts.tier).where(
                contacts.id.in_({one.contact_id for one in found})
            )
        )
    }
    said: dict[int, Promise] = {}
    for one in found:
        may_be = tuple(key for key in kinds[one.id] if key in book.types)
        about = about_of(one, tiers[one.contact_id])
        said[one.id] = book.promise(may_be or (one.request_type,), one.urgency, about)
    return said


def hastened(row: Conversation, promise: Promise, first_s: int | None) -> Promise:
    """Return the promise of a conversation whose first answer had ``first_s`` so far.

    A chat that began with both sides there keeps its five minutes.
    """
    if row.channel is not ChannelKind.CHAT or not is_hastened(first_s):
        return promise
    targets = chat_targets(promise.targets, is_open=True, on_duty=True, there=True)
    return replace(promise, targets=targets)
