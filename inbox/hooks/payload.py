"""What a webhook is told: codes, numbers and times that the API shows too, and no words.

Nothing that a customer wrote or is called leaves by itself: whoever may read it asks the API
for the conversation. So nothing here has to be erased with a person, either.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlmodel import Session

from inbox.store import hooks, people
from inbox.store.people import Colleague
from models import Conversation, SLAState, Status, WebhookDelivery
from models.base import columns

conversations = columns(Conversation)

VERSION = 1
PLAIN = (
    *("channel", "status", "language", "request_type", "urgency", "triage", "product_group"),
    "asked_again",
)
TIMES = (
    *("first_response_due_at", "next_response_due_at", "resolution_due_at", "next_due_at"),
    *("promised_at", "waiting_until", "created_at", "first_responded_at", "resolved_at"),
)


def bodies_of(
    session: Session, rows: Sequence[WebhookDelivery], now: datetime
) -> dict[int, str]:
    """Return what is sent of events, by row; "" of those that are not to be told any more.

    It says how the conversation stands now, a moment after the event.
    """
    if not rows:
        return {}
    numbers = {row.conversation_id for row in rows if row.conversation_id is not None}
    found = session.execute(select(Conversation).where(conversations.id.in_(numbers)))
    about = {row.id: row for row in found.scalars()}
    teams = people.team_names(session)
    colleagues = people.list_colleagues(session)
    made = {}
    for row in rows:
        conversation = about.get(row.conversation_id or 0)
        if conversation is not None and _is_hidden(row, conversation):
            made[row.id] = ""
            continue
        data: dict[str, Any] = {"actor": _email(row.actor_id, colleagues)}
        if conversation is not None:
            data["conversation"] = _shown(conversation, teams, colleagues, now)
        data |= _details(row.details, teams, colleagues)
        body = {"type": row.kind, "version": VERSION, "timestamp": _moment(row.at)}
        made[row.id] = msgspec.json.encode({**body, "data": data}).decode()
    return made


def _is_hidden(row: WebhookDelivery, conversation: Conversation) -> bool:
    """Tell whether nothing is told of it: what waits apart as spam, but for that it does."""
    return conversation.status is Status.SPAM and row.kind != hooks.SPAM


def _email(person_id: int | None, colleagues: Mapping[int, Colleague]) -> str | None:
    found = colleagues.get(person_id or 0)
    return found.email if found is not None else None


def _moment(at: datetime | None) -> str | None:
    """Write a moment as the API does: UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at is not None else None


def _shown(
    row: Conversation,
    teams: Mapping[int, str],
    colleagues: Mapping[int, Colleague],
    now: datetime,
) -> dict[str, Any]:
    late = row.next_due_at is not None and row.next_due_at <= now
    return {
        "number": row.id,
        **{name: getattr(row, name) for name in PLAIN},
        "team": teams.get(row.team_id or 0),
        "owner": _email(row.owner_id, colleagues),
        "sla_state": SLAState.BREACHED if late else row.sla_state,
        **{name: _moment(getattr(row, name)) for name in TIMES},
    }


def _details(
    data: Mapping[str, Any], teams: Mapping[int, str], colleagues: Mapping[int, Colleague]
) -> dict[str, Any]:
    """Name people and teams instead of their ids, and the clock that a step is of."""
    said: dict[str, Any] = {}
    for name, value in data.items():
        if name in ("from", "to"):
            said[name] = {
                "team": teams.get(value.get("team") or 0),
                "owner": _email(value.get("owner"), colleagues),
            }
        else:
            said["clock" if name == "of" else name] = value
    return said
