"""How the sorting goes: agreement, what went alone, drift against the company's own past."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.db import Database
from inbox.learning import watching
from inbox.learning.habits import Habits, save_habits
from inbox.triage.drift import Alarm
from models import Conversation, Correction, Triage, TriagePrediction
from models.base import columns
from tests.factories import NOW, Firm, arrive, conversation, messages_of
from tests.learned import confirm_many

said = columns(Correction)
predictions = columns(TriagePrediction)
conversations = columns(Conversation)
LATER = NOW + timedelta(hours=1)


def keep(session: Session, numbers: list[int]) -> None:
    """Let people have agreed about these."""
    session.execute(
        update(Correction)
        .where(said.conversation_id.in_(numbers), said.field == "request_type")
        .values(old=said.new)
    )


async def test_a_notice_appears_when_people_change_too_much(
    database: Database, firm: Firm
) -> None:
    """F67: below the set value over the last 200, and not before there are 200."""
    numbers = await database.write(confirm_many, firm, 199)
    await database.write(keep, numbers[:150])
    assert Alarm.AGREEMENT not in await database.read(watching.alarms, LATER)
    numbers += await database.write(confirm_many, firm, 1)
    assert Alarm.AGREEMENT in await database.read(watching.alarms, LATER)
    await database.write(save_habits, Habits(agreement_below=0.7), by=firm.dung.id, now=NOW)
    assert Alarm.AGREEMENT not in await database.read(watching.alarms, LATER)
    found = await database.read(watching.watch, LATER)
    assert found.last_7 == (200, 150)
    assert sum(week.decided for week in found.weeks) == 200
    assert {pair[0] for pair in found.confused} == {"general"}


async def test_more_unknown_words_than_in_the_last_thousand_are_noticed(
    database: Database, firm: Firm
) -> None:
    def predict(session: Session, count: int, known: float) -> None:
        number = arrive(session, firm)
        message = messages_of(session, number)[0]
        session.add_all(
            TriagePrediction(
                conversation_id=number,
                message_id=message.id,
                request_type="general",
                request_type_confidence=0.8,
                urgency="normal",
                urgency_confidence=0.8,
                candidates=[],
                why=[],
                created_at=NOW,
                needs_review=place % 4 == 0,
                known_share=known - (place % 5) / 100,
            )
            for place in range(count)
        )

    await database.write(predict, 300, 0.95)
    assert await database.read(watching.alarms, LATER) == ()
    await database.write(predict, 100, 0.75)
    assert await database.read(watching.alarms, LATER) == (Alarm.UNKNOWN_WORDS,)
    figures = (await database.read(watching.watch, LATER)).drift.figures
    assert figures["unknown"] > figures["unknown_before"]


async def test_what_stood_alone_is_counted_and_how_often_it_was_right(
    database: Database, firm: Firm
) -> None:
    numbers = await database.write(confirm_many, firm, 30)

    def stand_alone(session: Session) -> None:
        some = predictions.conversation_id.in_(numbers[:20])
        session.execute(update(TriagePrediction).where(some).values(needs_review=False))
        for number in session.execute(
            select(conversations.id).where(conversations.id.in_(numbers[:5]))
        ).scalars():
            conversation(session, number).request_type = "general"
        undecided = conversations.id.in_(numbers[10:20])
        session.execute(update(Conversation).where(undecided).values(triage=Triage.AUTO))

    await database.write(stand_alone)
    found = await database.read(watching.watch, LATER)
    assert found.auto == (31, 21)  # with the one that they were copied from
    assert found.auto_checked == (10, 5)
