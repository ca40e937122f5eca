"""Of all confirmed conversations, a tenth of each language is kept aside, once and for ever.

Models are compared on these, and never trained on them.
"""

import hashlib
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from inbox.db import insert_into
from models import Conversation, Correction, TriageSample
from models.base import columns, core

samples = columns(TriageSample)
corrections = columns(Correction)
conversations = columns(Conversation)

ONE_OF = 10
BATCH = 500


def is_kept(language: str, position: int) -> bool:
    """Tell whether the confirmed conversation at this place of its language is kept aside.

    One of every ten is, at a place that nobody can foresee from the nine before.
    """
    block, place = divmod(position, ONE_OF)
    digest = hashlib.sha256(f"holdout {language} {block}".encode()).digest()
    return place == int.from_bytes(digest[:8], "big") % ONE_OF


def settle(session: Session, now: datetime) -> int:
    """Decide about confirmed conversations that are not decided yet; return how many.

    A batch a turn, so that nobody waits behind it. Safe to run at the same time twice.
    """
    confirmed = (
        select(corrections.conversation_id)
        .where(corrections.field == "request_type")
        .distinct()
        .subquery()
    )
    found = session.execute(
        select(conversations.id, conversations.language)
        .join(confirmed, confirmed.c.conversation_id == conversations.id)
        .outerjoin(core(TriageSample), samples.conversation_id == conversations.id)
        .where(samples.conversation_id.is_(None))
        .order_by(conversations.id)
        .limit(BATCH)
    ).all()
    next_place: dict[str, int] = {}
    for number, language in found:
        if language not in next_place:
            last = session.execute(
                select(func.max(samples.position)).where(samples.language == language)
            ).scalar_one()
            next_place[language] = 0 if last is None else last + 1
        place = next_place[language]
        next_place[language] += 1
        session.execute(
            insert_into(session, TriageSample)
            .values(
                conversation_id=number,
                language=language,
                position=place,
                is_holdout=is_kept(language, place),
                at=now,
            )
            .on_conflict_do_nothing()
        )
    return len(found)
