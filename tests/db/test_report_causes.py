"""Why a deadline was missed, from rows, and what leaves the denominator (F96, F118)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import Session

from inbox import closing, conversations, corrections
from inbox.db import Database
from inbox.reporting import words
from inbox.reporting.closing import open_facts
from inbox.rulebook import load_rulebook
from inbox.sla.stages import Cause
from inbox.store import reports
from models import Absence, Counted, Outcome
from tests.factories import NOW, Firm, arrive, conversation

MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(hours=26)


def _nothing(session: Session, firm: Firm, number: int) -> None:
    """Let it pass."""


def _away(session: Session, firm: Firm, number: int) -> None:
    begins = NOW + 10 * MINUTE
    session.add(
        Absence(
            agent_id=firm.an.id, starts_at=begins, ends_at=NOW + 3 * 60 * MINUTE, created_at=NOW
        )
    )


def _disown(session: Session, firm: Firm, number: int) -> None:
    row = conversation(session, number)
    conversations.assign(session, row, None, by=firm.dung, now=NOW + MINUTE)


def _retype(session: Session, firm: Firm, number: int) -> None:
    row, book = conversation(session, number), load_rulebook(session)
    at = NOW + 20 * MINUTE
    corrections.correct(
        session, row, book, firm.house, request_type="order_delivery", by=firm.an, now=at
    )


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        (_nothing, Cause.NOT_ANSWERED),
        (_away, Cause.OWNER_ABSENT),
        (_disown, Cause.NOBODY_ON_DUTY),
        (_retype, Cause.RETYPED),
    ],
)
async def test_the_cause_of_a_missed_deadline(
    database: Database,
    firm: Firm,
    happens: Callable[[Session, Firm, int], None],
    cause: Cause,
) -> None:
    """F96: one of a closed list with the moment that shows it, each with words."""
    number = await database.write(arrive, firm)
    await database.write(happens, firm, number)
    facts = await database.read(open_facts, LATER)
    (late,) = [one for one in facts if one.what is Counted.FIRST_RESPONSE]
    assert (late.outcome, late.cause) == (Outcome.MISSED, cause.value)
    assert late.cause_at is not None
    assert set(words.CAUSES) == set(Cause)


async def test_what_needs_no_answer_leaves_the_denominator(
    database: Database, firm: Firm
) -> None:
    """F118: a stated reason is neither in time nor late, and stands as a number of its own."""
    numbers = [await database.write(arrive, firm) for _ in closing.REASONS]

    def finish(session: Session) -> None:
        for number, reason in zip(numbers, closing.REASONS, strict=True):
            row = conversation(session, number)
            closing.resolve(session, row, by=firm.an, now=NOW + MINUTE, reason=reason)

    await database.write(finish)
    facts = await database.read(open_facts, LATER)
    sums = reports.Sums()
    for fact in facts:
        sums.take(fact)
    assert sums.counts["first_response_excused"] == len(closing.REASONS)
    assert sums.decided("first_response") == 0
    assert sums.share("first_response") is None
