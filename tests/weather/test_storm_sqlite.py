"""Five hundred messages on SQLite while every part is killed: nothing lost, nothing doubled."""

from pathlib import Path

import pytest

from tests.weather.history import ON_A_BUSY_MACHINE_S, lateness, share
from tests.weather.storm import SMALL, demand_good, storm

pytestmark = pytest.mark.slow

SEED = 4


def test_nothing_is_lost_or_doubled_whatever_dies(tmp_path: Path) -> None:
    """G1, G2, R1, R2, R5, R7, R12, R13, R18, R22, F45, F46, F111.

    Worker, web, mail receiver and Redis are killed three times each, Redis is also killed
    with its files deleted, and emptied while it runs.
    """
    with storm(tmp_path, SEED) as weather:
        history = weather.run(SMALL)
    demand_good(history, SEED)
    assert history.worker_kills == SMALL.rounds
    assert len(history.tried) >= 500
    assert len(history.told) > len(history.tried) * 1.05  # some were sent again on purpose
    assert weather.log.tries > len(history.told)  # and the kills were felt
    assert len({one.clock for one in history.steps}) >= SMALL.clocks_due
    assert share(lateness(history), 1.0) <= ON_A_BUSY_MACHINE_S
