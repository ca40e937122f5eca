"""From rows to what the API gives."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import func, select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.store import people
from inbox.store.pages import Thread, load_thread
from inbox.store.people import Colleague
from inbox.views.api import shapes
from models import (
    ChannelKind,
    Contact,
    ContactIdentity,
    Conversation,
    DeliveryState,
    Event,
    Message,
    SLAState,
)
from models.base import columns

contacts = columns(Contact)
identities = columns(ContactIdentity)
messages = columns(Message)
Colleagues = Mapping[int, Colleague]


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _maybe(at: datetime | None) -> datetime | None:
    return None if at is None else _second(at)


def _email(person_id: int | None, colleagues: Colleagues) -> str | None:
    found = colleagues.get(person_id or 0)
    return found.email if found else None


def present_item(
    row: Conversation,
    contact: shapes.Contact,
    team: str | None,
    owner: str | None,
    now: datetime,
) -> shapes.ConversationItem:
    """Return a conversation as lists have it."""
    late = row.next_due_at is not None and row.next_due_at <= now
    return shapes.ConversationItem(
        number=row.id,
        subject=row.subject,
        channel=row.channel,
        status=row.status,
        language=row.language,
        contact=contact,
        request_type=row.request_type,
        request_type_confidence=round(row.request_type_confidence, 4),
        urgency=row.urgency,
        urgency_confidence=round(row.urgency_confidence, 4),
        triage=row.triage,
        product_group=row.product_group,
        asked_again=row.asked_again,
        team=team,
        owner=owner,
        first_response_due_at=_maybe(row.first_response_due_at),
        next_response_due_at=_maybe(row.next_response_due_at),
        resolution_due_at=_maybe(row.resolution_due_at),
        next_due_at=_maybe(row.next_due_at),
        promised_at=_maybe(row.promised_at),
        waiting_until=row.waiting_until,
        sla_state=SLAState.BREACHED if late else row.sla_state,
        created_at=_second(row.created_at),
        first_responded_at=_maybe(row.first_responded_at),
        resolved_at=_maybe(row.resolved_at),
    )


def present_items(
    session: Session, found: Sequence[Conversation]
) -> list[shapes.ConversationItem]:
    """Present conversations in a fixed number of queries."""
    who = _contacts(session, {row.contact_id for row in found})
    typed = _typed(session, [row for row in found if row.channel is ChannelKind.CHAT])
    teams = people.team_names(session)
    colleagues = people.list_colleagues(session)
    now = utcnow()
    return [
        present_item(
            row,
            _addressed(who[row.contact_id], typed.get(row.id, "")),
            teams.get(row.team_id or 0),
            _email(row.owner_id, colleagues),
            now,
        )
        for row in found
    ]


def _contacts(session: Session, ids: set[int]) -> dict[int, shapes.Contact]:
    address: dict[int, str] = {}
    for one in session.execute(
        select(identities.contact_id, identities.value)
        .where(identities.contact_id.in_(ids), identities.kind.in_(["email", "phone"]))
        .order_by(identities.kind, identities.id)
    ):
        address.setdefault(one.contact_id, one.value)
    named = session.execute(
        select(contacts.id, contacts.name, contacts.tier).where(contacts.id.in_(ids))
    )
    return {
        row.id: shapes.Contact(row.name, address.get(row.id, ""), row.tier) for row in named
    }


def _typed(session: Session, chats: Sequence[Conversation]) -> dict[int, str]:
    """Return the addresses that visitors of chats say are theirs, by conversation."""
    if not chats:
        return {}
    found = session.execute(
        select(messages.conversation_id, func.max(messages.sender_address).label("address"))
        .where(messages.conversation_id.in_([row.id for row in chats]))
        .group_by(messages.conversation_id)
    )
    return {row.conversation_id: row.address or "" for row in found}


def _addressed(contact: shapes.Contact, typed: str) -> shapes.Contact:
    return contact if contact.address else replace(contact, address=typed)


def present_conversation(session: Session, row: Conversation) -> shapes.Conversation:
    """Return a conversation with all that was said and done."""
    thread = load_thread(session, row)
    (item,) = present_items(session, [row])
    colleagues = people.list_colleagues(session)
    teams = people.team_names(session)
    shared: dict[str, Any] = {
        name: getattr(item, name) for name in shapes.ConversationItem.__struct_fields__
    }
    return shapes.Conversation(
        **shared,
        merged_into=row.merged_into_id,
        merged=[one.number for one in thread.parts],
        messages=[present_message(one, thread, colleagues) for one in thread.messages],
        events=[_event(one, colleagues, teams) for one in thread.events],
    )


def present_message(one: Message, thread: Thread, colleagues: Colleagues) -> shapes.Message:
    """Return a message with its files and where it is on its way."""
    sent = thread.deliveries.get(one.id)
    return shapes.Message(
        id=one.id,
        direction=one.direction,
        channel=one.channel,
        author=_email(one.author_id, colleagues) or one.sender_address or None,
        text=one.text,
        visible_text=one.visible_text,
        automatic=one.is_machine,
        at=_second(one.created_at),
        delivery=DeliveryState(sent.state) if sent else None,
        delivery_error=(sent.error if sent else "") or None,
        attachments=[
            shapes.Attachment(blob, name, size)
            for blob, name, size in thread.files.get(one.id, [])
        ],
    )


def _named(
    fields: dict[str, Any], colleagues: Colleagues, teams: Mapping[int, str]
) -> dict[str, Any]:
    """Return the fields of a change with addresses and names in place of ids."""
    named = dict(fields)
    if "owner" in fields:
        named["owner"] = _email(fields["owner"], colleagues)
    if "team" in fields:
        named["team"] = teams.get(fields["team"] or 0)
    return named


def _event(one: Event, colleagues: Colleagues, teams: Mapping[int, str]) -> shapes.Event:
    people_in_it: dict[str, Any] = {
        name: _email(one.data[name], colleagues)
        for name in ("owner", "before")
        if name in one.data
    }
    for side in ("from", "to"):
        if side in one.data:
            people_in_it[side] = _named(one.data[side], colleagues, teams)
    return shapes.Event(
        kind=one.kind,
        at=_second(one.at),
        actor=_email(one.actor_id, colleagues),
        data={**one.data, **people_in_it},
    )
