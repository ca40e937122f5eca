"""A message on its way in: what is known of it, and the conversation it makes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.auth import random_token
from inbox.channels.base import InboundMessage
from inbox.later.rule import Ignored
from inbox.later.spam import PLAIN_HABIT, Habit
from inbox.rulebook import Rulebook
from inbox.store.changes import moved
from inbox.store.company import Door
from inbox.store.raw import Claimed
from inbox.triage.prediction import DEFAULT_COSTS, Guess, Prediction, UrgencyCosts
from inbox.triage.products import NO_PRODUCTS, Catalogue
from inbox.triage.sight import NOTHING_SEEN, Sight
from inbox.triage.worth import worth_of
from models import (
    URGENCY_RANK,
    Contact,
    Conversation,
    ShadowPrediction,
    Triage,
    TriagePrediction,
    Urgency,
)
from models.base import core

LANGUAGES = ("vi", "en")

_REMEMBER = insert(core(TriagePrediction))
_WATCH = insert(core(ShadowPrediction))


@dataclass(frozen=True, slots=True)
class Context:
    """What take-in knows of the company besides the message."""

    rulebook: Rulebook
    doors: dict[int, Door]
    house: House
    language: str  # of the company, for mail in a language that we do not speak
    model_version_id: int | None
    shadow_version_id: int | None = None
    spam: Habit = PLAIN_HABIT
    catalogue: Catalogue = NO_PRODUCTS
    costs: UrgencyCosts = DEFAULT_COSTS  # of a wrong urgency
    ignoring: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A claimed raw message with what was read of it and what triage says."""

    raw: Claimed
    message: InboundMessage
    prediction: Prediction
    watched: Prediction | None = None  # what a model in the shadow says
    sight: Sight = NOTHING_SEEN
    guess: Guess | None = None  # of the product group, where the words name none


def new_conversation(
    incoming: Incoming, context: Context, contact: Contact, group: str | None
) -> Conversation:
    """Make a conversation of what is known before its clocks are."""
    raw, message, said = incoming.raw, incoming.message, incoming.prediction
    return Conversation(
        public_token=raw.public_token or random_token(),
        inbox_id=raw.inbox_id,
        contact_id=contact.id,
        account_id=contact.account_id,
        channel=raw.kind,
        subject=_subject(message),
        language=_language(message, contact, context),
        product_group=group,
        request_type=said.request_type,
        request_type_confidence=said.request_type_confidence,
        second_type=second_type(said),
        urgency=Urgency(said.urgency),
        urgency_rank=URGENCY_RANK[Urgency(said.urgency)],
        urgency_confidence=said.urgency_confidence,
        triage=Triage.NEEDS_REVIEW if said.needs_review else Triage.AUTO,
        review_worth=round(worth_of(said, context.costs), 4),
        created_at=raw.received_at,
        order_at=raw.received_at,  # until its clocks are set up
        last_inbound_at=raw.received_at,
    )


def sorted_as(conversation: Conversation, said: Prediction) -> dict[str, Any]:
    """Return the data of the event that says how it is sorted."""
    kind = {"request_type": said.request_type, "priority": conversation.urgency_rank + 1}
    return kind | moved({}, {"request_type": said.request_type, "urgency": said.urgency})


def product_group(incoming: Incoming) -> tuple[str | None, dict[str, Any]]:
    """Return what it is about, and the data of the event that says why: chosen, or named."""
    chosen = str(incoming.raw.meta.get("product_group") or "")
    named = incoming.sight.products
    if not chosen and not named:
        return _guessed(incoming.guess)
    group = chosen or named[0].group
    data: dict[str, Any] = {"field": "product_group", "old": "", "new": group}
    data |= moved({"product_group": ""}, {"product_group": group})
    if not chosen:
        data["term"] = named[0].term
    others = [one.group for one in named if one.group != group][:3]
    return group, data | ({"others": others} if others else {})


def _guessed(guess: Guess | None) -> tuple[str | None, dict[str, Any]]:
    if guess is None:
        return None, {}
    data: dict[str, Any] = {"field": "product_group", "old": "", "new": guess.group}
    data |= moved({"product_group": ""}, {"product_group": guess.group})
    data["likely"] = round(guess.confidence, 3)
    return guess.group, data


def _words_of_guess(incoming: Incoming) -> list[str] | None:
    """Return the customer's words that a guess rests on; no event keeps them."""
    return [one.term for one in incoming.guess.why][:3] if incoming.guess else None


def _language(message: InboundMessage, contact: Contact, context: Context) -> str:
    spoken = message.language if message.language in LANGUAGES else ""
    return spoken or contact.language or context.language


def _subject(message: InboundMessage) -> str:
    """Return the subject, or the first words of what was written."""
    if message.subject.strip():
        return message.subject.strip()[:300]
    for line in (message.visible_reply or message.text).splitlines():
        if line.strip():
            return line.strip()[:120]
    return ""


def second_type(said: Prediction) -> str | None:
    """Return the second candidate where the first one is unsure."""
    if len(said.candidates) < 2 or said.request_type_confidence >= 0.60:
        return None
    return said.candidates[1][0]


def remember(
    session: Session,
    incoming: Incoming,
    context: Context,
    number: int,
    message_id: int,
    now: datetime,
) -> None:
    """Write down what the models said of a message."""
    said, watched = incoming.prediction, incoming.watched
    values = {
        "conversation_id": number,
        "message_id": message_id,
        "model_version_id": context.model_version_id,
        "request_type": said.request_type,
        "request_type_confidence": said.request_type_confidence,
        "urgency": said.urgency,
        "urgency_confidence": said.urgency_confidence,
        "urgency_reason": said.urgency_reason,
        "candidates": [[key, round(share, 4)] for key, share in said.candidates],
        "why": [[one.term, round(one.weight, 3)] for one in (*said.why, *said.against)],
        "created_at": now,
        "needs_review": said.needs_review,
        "known_share": round(said.known_share, 4),
        "product_why": _words_of_guess(incoming),
    }
    session.execute(_REMEMBER, values)
    if watched is None:
        return
    differs = (watched.request_type, watched.urgency) != (said.request_type, said.urgency)
    shadow = {
        "version_id": context.shadow_version_id,
        "conversation_id": number,
        "message_id": message_id,
        "request_type": watched.request_type,
        "confidence": round(watched.request_type_confidence, 4),
        "urgency": watched.urgency,
        "live_type": said.request_type,
        "live_urgency": said.urgency,
        "differs": differs,
        "created_at": now,
    }
    session.execute(_WATCH, shadow)
