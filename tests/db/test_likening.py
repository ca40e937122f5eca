"""What began much alike: coded, compared and kept by a worker; forgotten with the customer."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox.db import Database
from inbox.learning import likening, versions
from inbox.learning.forgetting import forget
from inbox.learning.likening import Liken
from inbox.learning.serving import Serving
from inbox.store.similar import list_answered, twins_of
from inbox.triage.features import Features
from inbox.triage.model import Head, TriageModel
from inbox.triage.text import prepare
from models import (
    Direction,
    Message,
    MessageCode,
    RawMessage,
    RawState,
    SimilarMessage,
    TriagePrediction,
)
from models.base import columns
from tests.db.test_later import reply
from tests.db.test_learning import add_model
from tests.factories import NOW, Firm, conversation, make_mail, stage_mail
from tests.learned import WORDS, confirm_many

codes = columns(MessageCode)
alike = columns(SimilarMessage)
messages = columns(Message)
predictions = columns(TriagePrediction)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make two models of one vocabulary, whose codes are told apart by their version."""
    texts = [sentence.format(n=n) for sentence in WORDS.values() for n in (1, 2)]
    features = Features.fit([prepare("", text).forms for text in texts])
    made = {}
    for name, bias in (("billing", (1.0, 0.0)), ("delivery", (0.0, 1.0))):
        kinds = ("billing_payment", "order_delivery")
        flat = np.zeros((len(features), 2), np.float32)
        made[name] = tmp_path_factory.mktemp(name) / "model"
        TriageModel(features, Head(kinds, flat, np.array(bias, np.float32), 1.0)).save(
            made[name]
        )
    return made


async def work_off(worker: Liken) -> None:
    """Let a worker do all there is."""
    worker._looked = -10.0
    while await worker.once():
        pass


async def test_the_nearest_answered_ones_are_found_and_forgotten_with_the_customer(
    database: Database, firm: Firm, models: dict[str, Path], tmp_path: Path
) -> None:
    """F106: the words that weighed most, and the codes, go too."""
    first = await database.write(add_model, models["delivery"])
    await database.write(versions.promote, first, by=firm.dung.id, now=NOW)
    numbers = await database.write(confirm_many, firm, 9)
    same = numbers[::3]  # of one type, in much the same words

    def answer(session: Session) -> None:
        reply(session, firm, same[0], NOW, "Dạ mai giao ạ.")

    await database.write(answer)
    worker = Liken(database, Serving(database, tmp_path))
    await work_off(worker)

    def found(session: Session) -> list[tuple[int, str]]:
        return [(one.number, one.answer) for one in list_answered(session, same[2], firm.dung)]

    assert await database.read(found) == [(same[0], "Dạ mai giao ạ.")]
    assert same[1] in await database.read(twins_of, same[2])
    assert not set(numbers[1::3]) & await database.read(twins_of, same[2])

    # What comes later is compared with all that was there, and another model codes anew.
    later = await database.write(confirm_many, firm, 3)
    await work_off(worker)
    assert same[0] in await database.read(twins_of, later[0])
    other = await database.write(add_model, models["billing"])
    await database.write(versions.promote, other, by=firm.dung.id, now=NOW)
    await work_off(worker)

    def coded(session: Session) -> set[int]:
        return set(session.execute(select(codes.version_id)).scalars())

    assert await database.read(coded) == {other}

    def erase(session: Session) -> None:
        gone = messages.conversation_id == same[0], messages.direction == Direction.INBOUND
        session.execute(update(Message).where(*gone).values(text="", visible_text=""))
        forget(session, [same[0]])

    await database.write(erase)

    def left(session: Session) -> tuple[list[object], int, int]:
        why = session.execute(
            select(predictions.why).where(predictions.conversation_id == same[0])
        ).scalars()
        kept = session.execute(select(codes.code).where(codes.conversation_id == same[0]))
        rows = session.execute(select(alike.likeness).where(alike.other_id == same[0]))
        return list(why), len(kept.all()), len(rows.all())

    assert await database.read(left) == ([[]], 0, 0)
    assert (await database.read(conversation, same[0])).id == same[0]


@pytest.mark.parametrize("count", [0, 1])
async def test_with_nothing_or_one_to_compare_it_rests(
    database: Database, firm: Firm, models: dict[str, Path], tmp_path: Path, count: int
) -> None:
    if count:
        first = await database.write(add_model, models["delivery"])
        await database.write(versions.promote, first, by=firm.dung.id, now=NOW)
        await database.write(confirm_many, firm, count)
    await work_off(Liken(database, Serving(database, tmp_path)))
    assert await database.read(twins_of, 1001) == frozenset()


def _nobody_waits(session: Session) -> None:
    waits = columns(RawMessage).state == RawState.PENDING
    session.execute(update(RawMessage).where(waits).values(state=RawState.DONE))


async def test_while_many_messages_wait_nothing_is_compared(
    database: Database, firm: Firm, models: dict[str, Path], tmp_path: Path
) -> None:
    first = await database.write(add_model, models["delivery"])
    await database.write(versions.promote, first, by=firm.dung.id, now=NOW)
    numbers = await database.write(confirm_many, firm, 6)

    def crowd(session: Session) -> None:
        for number in range(likening.BUSY):
            stage_mail(session, firm, make_mail(f"line {number}"))

    await database.write(crowd)
    worker = Liken(database, Serving(database, tmp_path))
    await work_off(worker)
    assert await database.read(twins_of, numbers[0]) == frozenset()

    await database.write(_nobody_waits)
    await work_off(worker)
    assert await database.read(twins_of, numbers[0]) != frozenset()
