"""How the sorting goes: agreement with people, what went without a person, and drift."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session

from inbox.learning.habits import Habits, habits_of
from inbox.store.company import find_company
from inbox.triage.drift import (
    AGREEMENT_OF,
    REFERENCE,
    Alarm,
    Drift,
    Seen,
    compare,
    disagrees,
)
from models import Conversation, Correction, ShadowPrediction, Triage, TriagePrediction
from models.base import columns, core

said = columns(Correction)
predictions = columns(TriagePrediction)
conversations = columns(Conversation)
shadows = columns(ShadowPrediction)

WINDOW = 300  # the newest messages, compared with the thousand before them
MOST_WORDS = 20_000
WEEKS = 12
AUTO_FOR = timedelta(days=30)
SHADOW_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Word:
    """A person's first word on a conversation's type: ``kept`` if it is what was said."""

    conversation_id: int
    at: datetime
    old: str
    new: str

    @property
    def kept(self) -> bool:
        """Whether the person agreed."""
        return self.old == self.new


@dataclass(frozen=True, slots=True)
class Week:
    """A week of the company's own calendar, its Monday first."""

    monday: str
    decided: int
    kept: int


@dataclass(frozen=True, slots=True)
class Watch:
    """How it goes. Shares are in [0, 1], None where nothing was there to count."""

    weeks: list[Week]
    last_7: tuple[int, int]  # decided, kept
    before_7: tuple[int, int]
    confused: list[tuple[str, str, int]]  # what was said, what is true, how often
    auto: tuple[int, int]  # predictions of 30 days, of them without a person
    auto_checked: tuple[int, int]  # of those, looked at later; of these, right
    drift: Drift
    agreement: float | None  # of the last 200, if it is below what the company wants
    habits: Habits

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What changed."""
        low = (Alarm.AGREEMENT,) if self.agreement is not None else ()
        return (*low, *self.drift.alarms)


def watch(session: Session, now: datetime) -> Watch:
    """Look at everything."""
    company = find_company(session)
    habits = habits_of(company)
    words = first_words(session, now - timedelta(weeks=WEEKS))
    week = timedelta(days=7)
    last = [one for one in words if one.at > now - week]
    before = [one for one in words if now - 2 * week < one.at <= now - week]
    pairs = Counter((one.old, one.new) for one in words if not one.kept)
    total, auto, checked, right = _auto(session, now)
    return Watch(
        weeks=_weeks(words, ZoneInfo(company.time_zone if company is not None else "UTC")),
        last_7=(len(last), sum(one.kept for one in last)),
        before_7=(len(before), sum(one.kept for one in before)),
        confused=[(old, new, n) for (old, new), n in pairs.most_common(5)],
        auto=(total, auto),
        auto_checked=(checked, right),
        drift=compare(*_windows(session)),
        agreement=disagrees(
            [one.kept for one in words[-AGREEMENT_OF:]], habits.agreement_below
        ),
        habits=habits,
    )


def alarms(session: Session, now: datetime) -> tuple[Alarm, ...]:
    """Return only what changed, for pages that just warn."""
    del now
    habits = habits_of(find_company(session))
    words = first_words(session, None, 3 * AGREEMENT_OF)[-AGREEMENT_OF:]
    low = disagrees([one.kept for one in words], habits.agreement_below)
    found = compare(*_windows(session)).alarms
    return found if low is None else (Alarm.AGREEMENT, *found)


def first_words(
    session: Session, since: datetime | None, limit: int = MOST_WORDS
) -> list[Word]:
    """Return people's first words on types, the oldest first."""
    query = select(said.conversation_id, said.at, said.old, said.new).where(
        said.field == "request_type"
    )
    if since is not None:
        query = query.where(said.at > since)
    rows = session.execute(query.order_by(said.at.desc(), said.id.desc()).limit(limit)).all()
    first: dict[int, Word] = {}
    for row in rows:  # the newest first: what stays is each conversation's oldest
        first[row.conversation_id] = Word(*row)
    return sorted(first.values(), key=lambda one: one.at)


def _weeks(words: list[Word], zone: ZoneInfo) -> list[Week]:
    found: dict[str, list[bool]] = defaultdict(list)
    for one in words:
        day = one.at.astimezone(zone).date()
        found[(day - timedelta(days=day.weekday())).isoformat()].append(one.kept)
    return [Week(monday, len(kept), sum(kept)) for monday, kept in sorted(found.items())]


def _auto(session: Session, now: datetime) -> tuple[int, int, int, int]:
    """Count predictions, those that stood alone, those of them checked later, those right."""
    recent = (predictions.created_at > now - AUTO_FOR, predictions.needs_review.is_not(None))
    rows = session.execute(
        select(predictions.needs_review, func.count())
        .where(*recent)
        .group_by(predictions.needs_review)
    )
    counts = {bool(asked): int(count) for asked, count in rows}
    checked = session.execute(
        select(predictions.request_type, conversations.request_type, conversations.triage)
        .join(core(Conversation), conversations.id == predictions.conversation_id)
        .where(
            *recent,
            predictions.needs_review.is_(False),
            conversations.triage.in_((Triage.CONFIRMED, Triage.CORRECTED)),
        )
        .order_by(predictions.id.desc())
        .limit(MOST_WORDS)
    ).all()
    right = sum(row[0] == row[1] for row in checked)
    return sum(counts.values()), counts.get(False, 0), len(checked), right


def _windows(session: Session) -> tuple[list[Seen], list[Seen]]:
    rows = session.execute(
        select(
            predictions.request_type,
            predictions.request_type_confidence,
            predictions.known_share,
        )
        .where(predictions.known_share.is_not(None))
        .order_by(predictions.id.desc())
        .limit(WINDOW + REFERENCE)
    ).all()
    seen = [Seen(*row) for row in reversed(rows)]
    # With few messages, the newest hundred are compared with what there is.
    newest = WINDOW if len(seen) >= 2 * WINDOW else min(100, len(seen))
    return seen[: len(seen) - newest], seen[len(seen) - newest :]


# ---- the model in the shadow ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shadow:
    """How a model that only watches compares with what was said."""

    messages: int
    differs: int
    decided: int  # of those that differ, people have spoken of
    live_right: int
    shadow_right: int
    examples: list[dict[str, Any]]


def shadow_report(session: Session, version_id: int) -> Shadow:
    """Compare a model's unheard predictions with the live one's, and with people's words."""
    mine = shadows.version_id == version_id
    total = session.execute(select(func.count()).where(mine)).scalar_one()
    rows = session.execute(
        select(
            shadows.conversation_id,
            shadows.request_type,
            shadows.live_type,
            shadows.urgency,
            shadows.live_urgency,
            shadows.created_at,
            conversations.subject,
            conversations.request_type.label("true_type"),
            conversations.triage,
        )
        .join(core(Conversation), conversations.id == shadows.conversation_id)
        .where(mine, shadows.differs.is_(True))
        .order_by(shadows.id.desc())
        .limit(MOST_WORDS)
    ).all()
    decided = [
        row
        for row in rows
        if row.triage in (Triage.CONFIRMED, Triage.CORRECTED)
        and row.request_type != row.live_type
    ]
    return Shadow(
        messages=int(total),
        differs=len(rows),
        decided=len(decided),
        live_right=sum(row.live_type == row.true_type for row in decided),
        shadow_right=sum(row.request_type == row.true_type for row in decided),
        examples=[dict(row._mapping) for row in rows[:SHADOW_SHOWN]],
    )
