"""The long runs: ten thousand messages, twenty kills of every kind, on either database.

`make test-long` runs them; what they showed, and when, is in docs/benchmarks.md.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.postgres import start_cluster
from tests.weather.history import ON_A_BUSY_MACHINE_S, lateness, share
from tests.weather.storm import LARGE, demand_good, report, storm

pytestmark = [pytest.mark.slow, pytest.mark.long]

SEED = int(os.environ.get("WEATHER_SEED", "1"))  # another one is another order of kills


def _run(folder: Path, url: str | None) -> None:
    with storm(folder, SEED, url) as weather:
        history = weather.run(LARGE)
    (folder / "report.txt").write_text(report(history, SEED) + "\n")
    demand_good(history, SEED)
    assert history.worker_kills == LARGE.rounds
    assert len(history.tried) >= 10_000
    assert share(lateness(history), 0.99) <= ON_A_BUSY_MACHINE_S


def test_ten_thousand_messages_on_sqlite(tmp_path: Path) -> None:
    """G1, G2, R1, R2, R5, R7, R12, R13, R22, F45, F111."""
    _run(tmp_path, None)


def test_ten_thousand_messages_on_postgresql(tmp_path: Path) -> None:
    """G1, G2, R1, R2, R5, R7, R12, R13, R22, F45, F111."""
    with start_cluster() as cluster:
        asyncio.run(cluster.server.execute("CREATE DATABASE storm"))
        _run(tmp_path, cluster.server.url("storm"))
