"""Conversations that people have confirmed, by the hundred, without taking each one in."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from inbox.auth import random_token
from models import (
    Conversation,
    Correction,
    Message,
    Triage,
    TriagePrediction,
)
from tests.factories import NOW, Firm, arrive, conversation, messages_of

WORDS = {
    "order_delivery": "đơn hàng số {n} bao giờ giao tới, shipper chưa gọi",
    "billing_payment": "hoá đơn {n} bị tính tiền hai lần, cho tôi xem lại phí",
    "technical_support": "máy lỗi màn hình, bật không lên, báo lỗi {n}",
}


def confirm_many(
    session: Session, firm: Firm, count: int, *, at: datetime = NOW, **how: Any
) -> list[int]:
    """Make ``count`` conversations with Dung's word on each; see ``confirm_like``."""
    return confirm_like(session, arrive(session, firm, at=at), firm.dung.id, count, at, **how)


def confirm_like(
    session: Session,
    like: int,
    agent_id: int,
    count: int,
    at: datetime,
    *,
    words: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    urgency: str = "normal",
    language: str = "vi",
) -> list[int]:
    """Make ``count`` conversations like one that is there, with a person's word on each.

    ``words`` are sentences by type, taken in turn; ``labels`` says of a type what people say
    instead. What the model said is "general" of all of them. Return their numbers.
    """
    row, said = conversation(session, like), messages_of(session, like)[0]
    plain = row.model_dump(exclude={"id", "public_token"})
    message = said.model_dump(exclude={"id", "conversation_id", "client_key", "raw_id"})
    kinds = list((words or WORDS).items())
    numbers = []
    for n in range(count):
        kind, sentence = kinds[n % len(kinds)]
        label = (labels or {}).get(kind, kind)
        text = sentence.format(n=1000 + n)
        made = Conversation(
            **plain
            | {
                "public_token": random_token(),
                "language": language,
                "subject": "",
                "request_type": label,
                "triage": Triage.CORRECTED,
            }
        )
        session.add(made)
        session.flush()
        numbers.append(made.id)
        values = message | {"conversation_id": made.id, "text": text, "visible_text": text}
        own = Message(**values | {"email_message_id": None})
        session.add(own)
        session.flush()
        later = at + timedelta(seconds=n)
        session.add(
            TriagePrediction(
                conversation_id=made.id,
                message_id=own.id,
                request_type="general",
                request_type_confidence=0.5,
                urgency="normal",
                urgency_confidence=0.5,
                candidates=[["general", 0.5], [kind, 0.3]],
                why=[],
                created_at=later,
                needs_review=True,
                known_share=1.0,
            )
        )
        for field, old, new in (
            ("request_type", "general", label),
            ("urgency", "normal", urgency),
        ):
            session.add(
                Correction(
                    conversation_id=made.id,
                    field=field,
                    old=old,
                    new=new,
                    agent_id=agent_id,
                    at=later,
                )
            )
    session.flush()
    return numbers
