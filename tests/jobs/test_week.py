"""A simulated day of the week that benchmarks/bench_week.py lives through in full."""

from datetime import UTC, datetime, timedelta

import pytest

from inbox.db import Database
from inbox.settings import Settings
from tests.factories import Firm
from tests.week import HERE, Trouble, Week, hire, write_letters

MONDAY = datetime(2026, 3, 2, tzinfo=HERE).astimezone(UTC)
HOUR = timedelta(hours=1)
KILLS = ["intake.taken", "ladder.fired", "outbox.handed_over", "ladder.committed"]


@pytest.mark.one_database
async def test_a_day_without_anything_forgotten(
    database: Database, firm: Firm, settings: Settings
) -> None:
    """F117, R14, R22: 200 messages on all channels, no Redis, four dead workers, an absence.

    No message stands without owner or date for a minute, and every step is told once.
    """
    staff = await database.write(hire, firm)
    staff[0].away = (MONDAY + 10 * HOUR, MONDAY + 17 * HOUR)
    troubles = [
        Trouble(MONDAY + (9 + number) * HOUR, failpoint=name)
        for number, name in enumerate(KILLS)
    ]
    week = Week(database, settings, firm, write_letters(200, [MONDAY], 7), staff, troubles)

    seen = await week.run(MONDAY + 21 * HOUR, every=timedelta(minutes=4))

    assert seen.deaths == KILLS
    assert (seen.lost, seen.doubled) == (0, 0)
    assert (seen.waiting, seen.unowned, seen.undated) == (0, 0, 0)
    assert seen.all_full == 0
    assert (seen.steps_twice, seen.steps_missed) == (0, 0)
    assert seen.unconfirmed <= 1  # of the one that died between the server's yes and its note
    assert seen.steps > 20
    assert seen.moved > 0
    assert seen.answered == seen.decided > 150
    assert seen.share > 0.8
