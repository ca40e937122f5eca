"""How customers of the sample company say that it did."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from inbox.store import satisfaction
from models import Conversation, Satisfaction, Score, Status
from models.base import columns

conversations = columns(Conversation)

G, F, B = Score.GOOD, Score.FAIR, Score.BAD
SAID = (G, G, None, F, G, None, G, B, G, None, G, G)
"""What one after the other says; None: nothing."""
WORDS = {
    "vi": {
        G: ("Trả lời nhanh, cảm ơn shop.", "", "Nhân viên nhiệt tình."),
        F: ("Xong việc nhưng phải gọi thêm một lần.",),
        B: ("Chờ lâu quá, tôi phải hỏi lại.",),
    },
    "en": {
        G: ("Quick and friendly.", "", "Exactly what I needed."),
        F: ("It took two tries.",),
        B: ("I had to ask twice.",),
    },
}


def create(session: Session, now: datetime) -> None:
    """Let those whose request was done days ago have been asked, once; some answered."""
    if session.execute(select(columns(Satisfaction).id).limit(1)).first() is not None:
        return
    query = (
        select(Conversation)
        .where(
            conversations.status == Status.RESOLVED,
            conversations.first_responded_at.is_not(None),
            conversations.resolved_at < now - satisfaction.LOOKED_AT,
        )
        .order_by(conversations.id)
    )
    asked: set[int] = set()
    for place, one in enumerate(session.execute(query).scalars().all()):
        if one.contact_id in asked or one.resolved_at is None:
            continue
        asked.add(one.contact_id)
        score = SAID[place % len(SAID)]
        words = WORDS.get(one.language, WORDS["en"]).get(score, ("",)) if score else ("",)
        at = one.resolved_at + timedelta(days=1)
        session.add(
            Satisfaction(
                conversation_id=one.id,
                contact_id=one.contact_id,
                agent_id=satisfaction.last_author(session, one.id),
                team_id=one.team_id,
                request_type=one.request_type,
                channel=one.channel,
                asked_at=at,
                score=score,
                comment=words[place % len(words)],
                answered_at=at + timedelta(hours=2) if score else None,
            )
        )
