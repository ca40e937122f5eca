"""Questions about what is learned from: labels, samples, models, trainings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from models import (
    ChannelKind,
    Contact,
    Conversation,
    Correction,
    Direction,
    Event,
    EventKind,
    Message,
    MessageLabel,
    RequestType,
    Status,
    TriageModelVersion,
    TriagePrediction,
    TriageSample,
    TriageTraining,
)
from models.base import columns, core

types = columns(RequestType)
samples = columns(TriageSample)
labels = columns(MessageLabel)
corrections = columns(Correction)
contacts = columns(Contact)
conversations = columns(Conversation)
messages = columns(Message)
events = columns(Event)
predictions = columns(TriagePrediction)
versions = columns(TriageModelVersion)
trainings = columns(TriageTraining)

GENERAL = "general"
MOST_LINES = 20  # of a chat


def list_heirs(session: Session) -> dict[str, str]:
    """Return, for each type that is switched off, the active one that has its messages.

    That is the type it was merged into, or that one's heir; else general, else the first.
    """
    rows = session.execute(
        select(types.key, types.is_active, types.heir_key).order_by(types.position)
    ).all()
    active = [row.key for row in rows if row.is_active]
    heir_of = {row.key: row.heir_key for row in rows if not row.is_active}
    last = GENERAL if GENERAL in active else (active[0] if active else GENERAL)
    return {key: _heir(key, heir_of, last) for key in heir_of}


def _heir(key: str, heir_of: Mapping[str, str | None], last: str) -> str:
    seen: set[str] = set()
    found: str | None = key
    while found is not None and found in heir_of and found not in seen:
        seen.add(found)
        found = heir_of[found]
    return last if found is None or found in seen else found


@dataclass(frozen=True, slots=True)
class Label:
    """What people say of a conversation, and its words as the model saw them."""

    conversation_id: int
    language: str
    subject: str
    text: str
    request_type: str
    urgency: str | None
    is_holdout: bool
    product: str | None = None  # its product group, "" for none; None: only a machine says so


def list_labels(
    session: Session, heirs: Mapping[str, str], *, after: int, limit: int
) -> tuple[list[Label], int]:
    """Return the next sampled conversations with labels and words, and the last number seen.

    What holds no words any more (somebody was erased), no label (it was taken back) or is of
    somebody whose data is restricted is left out. The number is 0 at the end.
    """
    found = session.execute(
        select(
            samples.conversation_id,
            samples.is_holdout,
            samples.language,
            conversations.subject,
            conversations.channel,
            conversations.status,
            conversations.product_group,
        )
        .join(core(Conversation), conversations.id == samples.conversation_id)
        .where(
            samples.conversation_id > after,
            conversations.contact_id.not_in(
                select(contacts.id).where(contacts.restricted_at.is_not(None))
            ),
        )
        .order_by(samples.conversation_id)
        .limit(limit)
    ).all()
    numbers = [row.conversation_id for row in found]
    said = latest_words_of_people(session, numbers)
    texts = _texts(session, {row.conversation_id: row.channel for row in found})
    guessed = guessed_products(session, numbers)
    listed = []
    for row in found:
        number = row.conversation_id
        kind, text = said[number].get("request_type"), texts.get(number, "")
        if kind is None or not text.strip() or row.status is Status.SPAM:
            continue
        listed.append(
            Label(
                number,
                row.language,
                row.subject,
                text,
                heirs.get(kind, kind),
                said[number].get("urgency"),
                row.is_holdout,
                None if number in guessed else row.product_group or "",
            )
        )
    return listed, numbers[-1] if len(numbers) == limit else 0


def guessed_products(session: Session, numbers: Iterable[int]) -> set[int]:
    """Return those of which only a model says which product group they are about."""
    rows = session.execute(
        select(events.conversation_id, events.data, events.actor_id)
        .where(events.conversation_id.in_(list(numbers)), events.kind == EventKind.CLASSED)
        .order_by(events.id)
    )
    found: set[int] = set()
    for number, data, actor_id in rows:
        if data.get("field") == "product_group":
            is_guess = actor_id is None and "likely" in data
            (found.add if is_guess else found.discard)(number)
    return found


def list_later_labels(
    session: Session, heirs: Mapping[str, str], *, after: int, limit: int
) -> tuple[list[Label], int]:
    """Return the next later messages that people gave a type of their own; as ``list_labels``.

    What is kept aside for comparing stays out of training with all that was said in it.
    """
    rows = session.execute(
        select(
            labels.message_id,
            labels.conversation_id,
            labels.request_type,
            conversations.language,
            messages.visible_text,
            messages.text,
            conversations.status,
            samples.is_holdout,
        )
        .join(core(Message), messages.id == labels.message_id)
        .join(core(Conversation), conversations.id == labels.conversation_id)
        .outerjoin(core(TriageSample), samples.conversation_id == labels.conversation_id)
        .where(labels.message_id > after)
        .order_by(labels.message_id)
        .limit(limit)
    ).all()
    found = []
    for row in rows:
        text, kind = row.visible_text or row.text, row.request_type
        if text.strip() and row.status is not Status.SPAM and not row.is_holdout:
            kind = heirs.get(kind, kind)
            found.append(Label(row.conversation_id, row.language, "", text, kind, None, False))
    return found, rows[-1].message_id if len(rows) == limit else 0


def latest_words_of_people(
    session: Session, numbers: Iterable[int]
) -> dict[int, dict[str, str]]:
    """Return what people said last of each conversation, by field."""
    said: dict[int, dict[str, str]] = defaultdict(dict)
    rows = session.execute(
        select(corrections.conversation_id, corrections.field, corrections.new)
        .where(corrections.conversation_id.in_(list(numbers)))
        .order_by(corrections.id)
    )
    for number, field, new in rows:
        said[number][field] = new
    return said


def _texts(session: Session, channels: Mapping[int, ChannelKind]) -> dict[int, str]:
    """Return each conversation's words as they were sorted: of a chat, all lines so far."""
    rows = session.execute(
        select(messages.conversation_id, messages.id, messages.visible_text, messages.text)
        .where(
            messages.conversation_id.in_(list(channels)),
            messages.direction == Direction.INBOUND,
            messages.is_machine.is_(False),
        )
        .order_by(messages.conversation_id, messages.id)
    )
    lines: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for number, message_id, visible, text in rows:
        lines[number].append((message_id, visible or text))
    sorted_by = {
        number: last
        for number, last in session.execute(
            select(predictions.conversation_id, func.max(predictions.message_id))
            .where(predictions.conversation_id.in_(list(channels)))
            .group_by(predictions.conversation_id)
        )
    }
    found = {}
    for number, said in lines.items():
        if channels[number] is not ChannelKind.CHAT:
            found[number] = said[0][1]
            continue
        last = sorted_by.get(number, said[0][0])
        kept = [text for message_id, text in said if message_id <= last] or [said[0][1]]
        found[number] = "\n".join(kept[:MOST_LINES])
    return found


# ---- models and trainings ------------------------------------------------------------

_SHOWN = (
    versions.id,
    versions.name,
    versions.sha256,
    versions.is_starter,
    versions.is_live,
    versions.is_shadow,
    versions.metrics,
    versions.created_at,
    versions.made_by_id,
    versions.data_sha256,
    versions.problem,
    versions.promoted_at,
)


@dataclass(frozen=True, slots=True)
class Version:
    """A trained model without what is heavy."""

    id: int
    name: str
    sha256: str
    is_starter: bool
    is_live: bool
    is_shadow: bool
    metrics: dict[str, Any]
    created_at: datetime
    made_by_id: int | None
    data_sha256: str
    problem: str
    promoted_at: datetime | None


def list_versions(session: Session, limit: int = 50) -> list[Version]:
    """Return the newest models, and the live one wherever it stands."""
    query = select(*_SHOWN).order_by(versions.is_live.desc(), versions.id.desc()).limit(limit)
    found = [Version(*row) for row in session.execute(query)]
    return sorted(found, key=lambda one: -one.id)


def find_version(session: Session, version_id: int) -> Version | None:
    """Return one model."""
    row = session.execute(select(*_SHOWN).where(versions.id == version_id)).first()
    return None if row is None else Version(*row)


def outcomes_of(session: Session, version_id: int) -> list[Any]:
    """Return what a model said of the holdout: [conversation, true, said, confidence]."""
    found = session.execute(select(versions.outcomes).where(versions.id == version_id))
    return list(found.scalar_one_or_none() or [])


def find_unfinished(session: Session) -> TriageTraining | None:
    """Return the training that waits or runs."""
    query = select(TriageTraining).where(trainings.finished_at.is_(None))
    return session.execute(query).scalars().first()


def find_training(session: Session, training_id: int) -> TriageTraining:
    """Return one training as it is now."""
    return session.get_one(TriageTraining, training_id, populate_existing=True)


def find_last(session: Session) -> TriageTraining | None:
    """Return the newest training that has ended."""
    query = select(TriageTraining).where(trainings.finished_at.is_not(None))
    return session.execute(query.order_by(trainings.id.desc()).limit(1)).scalars().first()


def count_new_words(session: Session, since: datetime | None, most: int) -> tuple[int, int]:
    """Return how many types were said since then, up to ``most``: all, and those changed."""
    query = select(corrections.old, corrections.new).where(corrections.field == "request_type")
    if since is not None:
        query = query.where(corrections.at > since)
    rows = session.execute(query.order_by(corrections.at.desc()).limit(most)).all()
    return len(rows), sum(row.old != row.new for row in rows)


def count_samples(session: Session) -> tuple[int, int]:
    """Return how many conversations are for training, and how many are kept aside."""
    kept = session.execute(
        select(func.count()).where(samples.is_holdout.is_(True))
    ).scalar_one()
    said = session.execute(
        select(func.count(corrections.conversation_id.distinct())).where(
            corrections.field == "request_type"
        )
    ).scalar_one()
    return max(int(said) - int(kept), 0), int(kept)
