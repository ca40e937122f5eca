"""The same five hundred messages on PostgreSQL."""

import asyncio
from pathlib import Path

import pytest

from tests.postgres import start_cluster
from tests.weather.history import ON_A_BUSY_MACHINE_S, lateness, share
from tests.weather.storm import SMALL, demand_good, storm

pytestmark = pytest.mark.slow

SEED = 5


def test_nothing_is_lost_or_doubled_whatever_dies(tmp_path: Path) -> None:
    """G1, G2, R1, R2, R5, R7, R12, R13, R18, R22, F45, F46, F111."""
    with start_cluster() as cluster:
        asyncio.run(cluster.server.execute("CREATE DATABASE storm"))
        with storm(tmp_path, SEED, cluster.server.url("storm")) as weather:
            history = weather.run(SMALL)
    demand_good(history, SEED)
    assert history.worker_kills == SMALL.rounds
    assert len(history.tried) >= 500
    assert weather.log.tries > len(history.told)
    assert len({one.clock for one in history.steps}) >= SMALL.clocks_due
    assert share(lateness(history), 1.0) <= ON_A_BUSY_MACHINE_S
